"""No-op jobs: what the queue and the worker's loop cost. A backlog is there before, and the workers are idle."""

import asyncio

from bench.backlog import fill, worked_off
from bench.figures import Figure
from bench.instance import Helper, Instance, helper
from tidemill.model.job import STANDARD_TAGS


async def measure(instance: Instance, quick: bool) -> list[Figure]:
    """1 and 2 workers against as many processes that claim and complete one by one."""
    count, rounds = (600, 2) if quick else (3000, 5)
    tags = ",".join(STANDARD_TAGS)
    figures: dict[int, tuple[list[float], list[float]]] = {1: ([], []), 2: ([], [])}
    raw = [await helper("queue", instance.dsn) for _ in range(2)]
    try:
        async with (
            await instance.connect() as connection,
            instance.worker(tags=f"one,both,{tags}"),
            instance.worker(tags=f"both,{tags},six"),
        ):
            for number in (1, 2) * 2:  # warm up: plans, caches
                await _raw(instance, raw[:number], 100)
            await worked_off(connection, await fill(connection, tag="both", count=100))
            for _ in range(rounds):
                for number, (ours, theirs) in figures.items():
                    theirs.append(await _raw(instance, raw[:number], count))
                    batch = await fill(connection, tag="one" if number == 1 else "both", count=count)
                    ours.append(await worked_off(connection, batch))
    finally:
        for each in raw:
            await each.close()
    return [
        Figure(
            name=f"noop_{number}_worker",
            title=f"no-op jobs, {number} worker{'s' * (number > 1)}",
            unit="jobs/s",
            ours=ours,
            raw=theirs,
            against=f"claim and complete, two commits a job, {number} process{'es' * (number > 1)}",
            aim=0.5,
            floor=0.25,
        )
        for number, (ours, theirs) in figures.items()
    ]


async def _raw(instance: Instance, processes: list[Helper], count: int) -> float:
    async with await instance.connect() as connection:
        batch = await fill(connection, tag="raw", count=count, notify=False)
        for each in processes:
            each.go(batch.tag)
        await asyncio.gather(*(each.hear() for each in processes))
        return await worked_off(connection, batch)
