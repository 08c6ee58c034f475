"""From the request to the result, one after the other, on a system that does nothing else."""

import statistics
import time

from bench.deployed import deploy
from bench.figures import Figure
from bench.instance import Instance, helper
from bench.measures.cold import started, starter
from bench.measures.warm import SCRIPT, bare
from bench.wire import Connection


async def measure(instance: Instance, quick: bool) -> list[Figure]:
    """Warm against the bare loop's time for a job; cold against one start of Python in bubblewrap."""
    return [*await _warm(instance, quick), *await _cold(instance, quick)]


async def _warm(instance: Instance, quick: bool) -> list[Figure]:
    count, rounds = (40, 2) if quick else (200, 5)
    p50, p99, raw = [], [], []
    loop = await helper("warm", instance.dsn, SCRIPT)
    try:
        async with instance.server(), instance.worker(), instance.client() as client:
            path = await deploy(client, "u/admin/warm")
            await times_of(client, path, 20)
            await bare(instance, [loop], 20)
            for _ in range(rounds):
                raw.append((await bare(instance, [loop], count))[1] * 1000)
                times = await times_of(client, path, count)
                p50.append(statistics.median(times))
                p99.append(_p99(times))
    finally:
        await loop.close()
    against = "the bare loop's median time for a job"
    return [
        Figure(
            name="latency_warm_p50", title="request to result, warm, p50", unit="ms", ours=p50, raw=raw,
            against=against, more_is_better=False, aim=3.0,
        ),
        Figure(
            name="latency_warm_p99", title="request to result, warm, p99", unit="ms", ours=p99, raw=raw,
            against=against, more_is_better=False,
        ),
    ]  # fmt: skip


async def _cold(instance: Instance, quick: bool) -> list[Figure]:
    count, rounds = (10, 2) if quick else (40, 5)
    p50, p99, raw = [], [], []
    bwrap = await starter(1)
    try:
        async with instance.server(), instance.worker(warm_sandboxes="0"), instance.client() as client:
            path = await deploy(client, "u/admin/cold")
            await times_of(client, path, 3)
            await started(bwrap, 3)
            for _ in range(rounds):
                raw.append(statistics.median((await started(bwrap, count))[1]) * 1000)
                times = await times_of(client, path, count)
                p50.append(statistics.median(times))
                p99.append(_p99(times))
    finally:
        await bwrap.close()
    against = "one `bwrap … python -I -c pass`"
    return [
        Figure(
            name="latency_cold_p50", title="request to result, cold, p50", unit="ms", ours=p50, raw=raw,
            against=against, more_is_better=False, aim=60.0, aim_is_absolute=True,
        ),
        Figure(
            name="latency_cold_p99", title="request to result, cold, p99", unit="ms", ours=p99, raw=raw,
            against=against, more_is_better=False,
        ),
    ]  # fmt: skip


async def times_of(client: Connection, path: str, count: int) -> list[float]:
    """Milliseconds of each of `count` requests that wait for their result."""
    times = []
    for _ in range(count):
        began = time.perf_counter()
        status, body = await client.post(f"/api/w/main/jobs/run_wait_result/p/{path}", b'{"text":"b"}')
        times.append((time.perf_counter() - began) * 1000)
        if (status, body) != (200, b'"b"'):
            raise RuntimeError(f"The job did not give its result: {status} {body[:300]!r}")
    return times


def _p99(times: list[float]) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * 0.99))]
