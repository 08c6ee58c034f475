"""Transactions with nothing to do: server and one worker, counted by the database itself."""

import asyncio

from bench.figures import Figure
from bench.instance import Instance

_FLUSH_S = 12.0
"""A connection that falls idle tells its counters at most 10 s later."""


async def measure(instance: Instance, quick: bool) -> list[Figure]:
    """Commits and rollbacks in `pg_stat_database`; the baseline is the database with nobody connected."""
    window_s, rounds = (10.0, 1) if quick else (20.0, 2)
    ours, raw = [], []
    for _ in range(rounds):
        await asyncio.sleep(_FLUSH_S)
        raw.append(await _rate(instance, window_s))
        async with instance.server(), instance.worker():
            await asyncio.sleep(_FLUSH_S)
            ours.append(await _rate(instance, window_s))
    return [
        Figure(
            name="idle_transactions",
            title="transactions with nothing to do, server and worker",
            unit="/s",
            ours=ours,
            more_is_better=False,
            aim=2.0,
            note=f"the database by itself: {max(raw):.2f} /s",
        )
    ]


async def _rate(instance: Instance, window_s: float) -> float:
    loop = asyncio.get_running_loop()
    began, before = loop.time(), await instance.transactions()
    await asyncio.sleep(window_s)
    return (await instance.transactions() - before) / (loop.time() - began)
