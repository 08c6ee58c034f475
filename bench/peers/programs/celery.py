"""Celery: a chain of tasks over Redis that syncs each write; one process works, and acknowledges what is done."""

import socket
import subprocess
import sys

import redis
from celery import Celery, chain

from bench.peers.programs.work import STEPS, directory, orders, tell, timed, until

URL = f"redis+socket://{directory()}/redis.sock"
app = Celery("peers", broker=URL, backend=URL)
app.conf.update(
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    task_ignore_result=False,
    broker_connection_retry_on_startup=True,
    result_backend_always_retry=False,
)


@app.task(name="step")
def step(number: int, mode: str) -> int:
    """One step."""
    return STEPS[mode](number)


def main() -> None:
    """Start Redis and a worker, and a chain for each order."""
    path = str(directory() / "redis.sock")
    options = ("--port", "0", "--unixsocket", path, "--appendonly", "yes", "--appendfsync", "always")
    server = subprocess.Popen(["redis-server", *options, "--dir", str(directory())], stdout=subprocess.DEVNULL)
    worker = None
    try:
        until(lambda: _answers(path), what="Redis")
        worker = subprocess.Popen(
            [
                *(
                    sys.executable,
                    "-m",
                    "celery",
                    "-A",
                    "bench.peers.programs.celery",
                    "worker",
                    "--loglevel",
                    "warning",
                ),
                *("--pool", "prefork", "--concurrency", "1", "--without-gossip"),
                *("--without-mingle", "--hostname", f"peers@{socket.gethostname()}"),
            ],
        )
        step.delay(1, "inside").get(timeout=60)
        tell({"modes": ["apart", "inside"]})
        for steps, number, mode in orders():
            with timed():
                chain(step.si(number, mode) for _ in range(steps))().get(timeout=600)
    finally:
        for process in (worker, server):
            if process is not None:
                process.terminate()
                process.wait()


def _answers(path: str) -> bool:
    try:
        return bool(redis.Redis(unix_socket_path=path).ping())
    except redis.ConnectionError:
        return False


if __name__ == "__main__":
    main()
