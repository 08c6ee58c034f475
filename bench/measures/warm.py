"""Warm Python: every job in a fresh process forked from a parked interpreter, inside its sandbox."""

import asyncio
import json
import statistics

from bench.backlog import fill, worked_off
from bench.figures import Figure
from bench.instance import Helper, Instance, helper

SCRIPT = "def main():\n    return 1\n"


async def measure(instance: Instance, quick: bool) -> list[Figure]:
    """One worker against one bare loop, and against one for each core."""
    count, rounds = (100, 2) if quick else (400, 5)
    ours, one, both = [], [], []
    raw = [await helper("warm", instance.dsn, SCRIPT) for _ in range(2)]
    try:
        async with await instance.connect() as connection, instance.worker(tags="warm"):
            await worked_off(connection, await fill(connection, tag="warm", count=40, content=SCRIPT))
            await bare(instance, raw, 40)
            for _ in range(rounds):
                one.append((await bare(instance, raw[:1], count))[0])
                ours.append(
                    await worked_off(connection, await fill(connection, tag="warm", count=count, content=SCRIPT))
                )
                both.append((await bare(instance, raw, count))[0])
    finally:
        for each in raw:
            await each.close()
    title = "Python jobs, warm, a fresh isolated process each, 1 worker"
    return [
        Figure(
            name="warm_python",
            title=title,
            unit="jobs/s",
            ours=ours,
            raw=one,
            against="a bare loop: claim, hand to a child forked ahead, commit",
            aim=0.8,
            floor=0.5,
        ),
        Figure(
            name="warm_python_2",
            title=title,
            unit="jobs/s",
            ours=ours,
            raw=both,
            against="two bare loops",
        ),
    ]


async def bare(instance: Instance, loops: list[Helper], count: int) -> tuple[float, float]:
    """Jobs a second of bare loops, and their median time for a job in seconds."""
    async with await instance.connect() as connection:
        batch = await fill(connection, tag="bare", count=count, content=SCRIPT, notify=False)
        for each in loops:
            each.go(batch.tag)
        times = await asyncio.gather(*(each.hear() for each in loops))
        rate = await worked_off(connection, batch)
    return rate, statistics.median([second for line in times for second in json.loads(line)] or [0.0])


async def bare_seconds(instance: Instance, loop: Helper, count: int) -> float:
    """How long one bare loop takes for `count` jobs, from the first claim to the last end."""
    rate, _ = await bare(instance, [loop], count)
    return count / rate
