"""What each step does, and how a program is asked for flows. Standard library only."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

READY_S = 180.0


def fib(n: int) -> int:
    """What a step does."""
    return n if n < 2 else fib(n - 1) + fib(n - 2)


_FORKS = """
import os, sys
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
for line in sys.stdin:
    child = os.fork()
    if not child:
        os.write(1, b"%d\\n" % fib(int(line)))
        os._exit(0)
    os.waitpid(child, 0)
"""
_forks: list[subprocess.Popen[str]] = []


def fib_apart(n: int) -> int:
    """The same in a process that is there for this step alone, forked from one that is as small as can be."""
    if not _forks:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        _forks.append(subprocess.Popen([sys.executable, "-I", "-S", "-c", _FORKS], text=True, bufsize=1, **pipes))
    server = _forks[0]
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(f"{n}\n")
    server.stdin.flush()
    return int(server.stdout.readline())


STEPS: dict[str, Callable[[int], int]] = {"apart": fib_apart, "inside": fib}
"""How a step runs: in a process for itself, or inside of the worker."""


def orders() -> Iterator[tuple[int, int, str]]:
    """The flows that are asked for on standard input: how many steps, of which fib, how run."""
    sys.stdout.flush()
    for line in sys.stdin:
        steps, number, mode = line.split()
        yield int(steps), int(number), mode


def tell(message: object) -> None:
    """One line for who asks."""
    os.write(_out, json.dumps(message).encode() + b"\n")


_out = os.dup(1)
os.dup2(2, 1)  # whatever a peer prints is not for who asks


@contextmanager
def timed() -> Iterator[None]:
    """Tell how long the block took."""
    began = time.perf_counter()
    yield
    tell(time.perf_counter() - began)


def directory() -> Path:
    """Where the peer may keep its data."""
    return Path(os.environ["PEER_DIRECTORY"])


def dsn() -> str:
    """A database of Postgres for the peer alone, durable as ours."""
    return os.environ["PEER_DSN"]


def until(condition: Callable[[], bool], *, what: str, pause_s: float = 0.05) -> None:
    """Wait for something to come up."""
    ends_at = time.monotonic() + READY_S
    while not condition():
        if time.monotonic() > ends_at:
            raise TimeoutError(f"{what} did not come up within {READY_S:g} s.")
        time.sleep(pause_s)
