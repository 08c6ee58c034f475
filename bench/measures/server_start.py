"""`tidemill server` on a database that is there: processor time and time until it answers."""

import os
import time
from pathlib import Path

from bench.figures import Figure
from bench.instance import Instance, Process, helper

_TICKS = os.sysconf("SC_CLK_TCK")


async def measure(instance: Instance, quick: bool) -> list[Figure]:
    """The baseline is the framework alone: one route, and a connection to the same database."""
    ours: list[tuple[float, float]] = []
    raw: list[tuple[float, float]] = []
    for _ in range(1 if quick else 7):
        began = time.perf_counter()
        bare = await helper("bare_fastapi", instance.dsn)
        raw.append((_cpu_s(bare.process), time.perf_counter() - began))
        await bare.close()
        began = time.perf_counter()
        async with instance.server() as process:
            ours.append((_cpu_s(process), time.perf_counter() - began))
    return [
        Figure(
            name=f"server_start_{name}",
            title=f"`tidemill server`, {title}",
            unit="s",
            ours=[each[index] for each in ours],
            raw=[each[index] for each in raw],
            against="FastAPI, uvicorn and psycopg with one route",
            more_is_better=False,
        )
        for index, (name, title) in enumerate(
            (("cpu", "processor time until it answers"), ("wall", "until it answers"))
        )
    ]


def _cpu_s(process: Process) -> float:
    """What the process has used until now, in its own and in the system's code."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
