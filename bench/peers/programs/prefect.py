"""Prefect: a flow of tasks whose results are kept, with a server of its own on SQLite."""

import os
import socket
import subprocess
import sys
import urllib.request

from bench.peers.programs.work import STEPS, directory, orders, tell, timed, until

with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    PORT = probe.getsockname()[1]
os.environ |= {
    "PREFECT_HOME": str(directory()),
    "PREFECT_API_URL": f"http://127.0.0.1:{PORT}/api",
    "PREFECT_LOGGING_LEVEL": "ERROR",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "true",
    "DO_NOT_TRACK": "1",
}

import prefect  # it reads the variables as it is imported
from prefect.cache_policies import NO_CACHE


@prefect.task(cache_policy=NO_CACHE, persist_result=True)
def step(number: int, mode: str) -> int:
    """One step."""
    return STEPS[mode](number)


@prefect.flow
def flow(steps: int, number: int, mode: str) -> int:
    """Step after step."""
    found = 0
    for _ in range(steps):
        found = step(number, mode)
    return found


def main() -> None:
    """Start the server, and a flow for each order."""
    server = subprocess.Popen(
        [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(PORT), "--no-ui"],
        stdout=subprocess.DEVNULL,
    )
    try:
        until(_answers, what="Prefect's server")
        tell({"modes": ["apart", "inside"]})
        for steps, number, mode in orders():
            with timed():
                flow(steps, number, mode)
    finally:
        server.terminate()
        server.wait()


def _answers() -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/api/health") as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


if __name__ == "__main__":
    main()
