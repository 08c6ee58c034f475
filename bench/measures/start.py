"""`tidemill up` on a new directory and on one that is there: until it answers, and until a first job has its result."""

import asyncio
import json
import shutil
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bench.figures import Figure
from bench.instance import Instance, answering, new_directory, plain_environment, stop
from bench.wire import Connection
from tidemill.db.embedded import EmbeddedPostgres

T = TypeVar("T")

_LIMIT_S = 120.0
_PREVIEW = json.dumps({"language": "python3", "content": "def main():\n    return 1\n", "args": {}}).encode()


@dataclass(frozen=True)
class Times:
    """Seconds since the command was given."""

    answers: float
    result: float


async def measure(instance: Instance, quick: bool) -> list[Figure]:
    """The baseline is the embedded database alone, made and started, and started again."""
    rounds = 1 if quick else 3
    ours: list[tuple[Times, Times]] = []
    raw: list[tuple[float, float]] = []
    for _ in range(rounds):
        raw.append(await _in_new_directory(_postgres_twice))
        ours.append(await _in_new_directory(lambda directory: _up_twice(directory, instance.port)))
    figures = []
    for index, which in enumerate(("first", "second")):
        for name, title in (("answers", "until it answers"), ("result", "until a first job has its result")):
            figures.append(
                Figure(
                    name=f"up_{which}_{name}",
                    title=f"`tidemill up`, {which} start, {title}",
                    unit="s",
                    ours=[getattr(each[index], name) for each in ours],
                    raw=[each[index] for each in raw],
                    against="the embedded database alone",
                    more_is_better=False,
                )
            )
    return figures


async def _in_new_directory(work: Callable[[Path], Awaitable[T]]) -> T:
    directory = new_directory()
    try:
        return await work(directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


async def _postgres_twice(directory: Path) -> tuple[float, float]:
    times = []
    for _ in range(2):
        began = time.perf_counter()
        async with EmbeddedPostgres(directory):
            times.append(time.perf_counter() - began)
    return times[0], times[1]


async def _up_twice(directory: Path, port: int) -> tuple[Times, Times]:
    return await _up(directory, port), await _up(directory, port)


async def _up(directory: Path, port: int) -> Times:
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tidemill", "up", "--json", "--port", str(port), "--data-dir", str(directory)),
        env=plain_environment() | {"TIDEMILL_LOG_LEVEL": "error"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await answering(port, process)
        answers = time.perf_counter() - began
        assert process.stdout is not None
        async with asyncio.timeout(_LIMIT_S):
            login = json.loads(await process.stdout.readline())
            client = await Connection.open(port, token=login["token"])
            status, body = await client.post("/api/w/main/jobs/run_wait_result/preview", _PREVIEW)
        if (status, body) != (200, b"1"):
            raise RuntimeError(f"The first job did not give its result: {status} {body[:300]!r}")
        result = time.perf_counter() - began
        client.close()
    finally:
        await stop(process)
    return Times(answers, result)
