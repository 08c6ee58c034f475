"""Airflow: a DAG of Python tasks; LocalExecutor, which starts a process for each task; metadata in Postgres."""

import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psycopg2

from bench.peers.programs.work import directory, dsn, orders, tell, until

_SPAN = "select state, extract(epoch from end_date - queued_at)::float8 from dag_run where run_id = %s"
DAG = """
from airflow.sdk import DAG, task


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


for steps, number in ((40, 10), (10, 33), (2, 10)):
    with DAG(dag_id=f"flow_{steps}_{number}", schedule=None, is_paused_upon_creation=False):
        before = None
        for at in range(steps):
            each = task(task_id=f"s{at}")(fib)(number)
            if before is not None:
                before >> each
            before = each
"""


def main() -> None:
    """Start the server, the scheduler and the processor of DAGs, and a run for each order."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (directory() / "dags").mkdir()
    (directory() / "dags" / "flows.py").write_text(DAG)
    secret = secrets.token_urlsafe(48)
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "AIRFLOW_HOME": str(directory()),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": dsn(),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": secret,
        "AIRFLOW__API_AUTH__JWT_SECRET": secret,
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }

    def airflow(*arguments: str) -> str:
        return subprocess.run(
            ["airflow", *arguments], env=environment, check=True, stdout=subprocess.PIPE, text=True
        ).stdout

    airflow("db", "migrate")
    processes = [
        subprocess.Popen(["airflow", *command], env=environment, stdout=subprocess.DEVNULL)
        for command in (("api-server",), ("scheduler",), ("dag-processor",))
    ]
    try:
        until(lambda: _answers(port), what="Airflow's server")
        until(lambda: "flow_40_10" in airflow("dags", "list"), what="the DAGs", pause_s=1.0)
        tell({"modes": ["apart"]})
        for steps, number, _ in orders():
            dag, run = f"flow_{steps}_{number}", f"run-{time.time_ns()}"
            airflow("dags", "trigger", dag, "--run-id", run)
            tell(_awaited_s(run))
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def _awaited_s(run: str) -> float:
    until(lambda: _took_s(run) > 0, what="the run", pause_s=0.2)
    return _took_s(run)


def _took_s(run: str) -> float:
    """How long the run took, by its own record: to trigger one starts an interpreter. 0: it is not over."""
    with psycopg2.connect(dsn()) as connection, connection.cursor() as cursor:
        cursor.execute(_SPAN, [run])
        row = cursor.fetchone()
    if row is None or row[0] not in {"success", "failed"}:
        return 0.0
    if row[0] == "failed":
        raise RuntimeError("The run failed.")
    return float(row[1])


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v2/version") as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


if __name__ == "__main__":
    main()
