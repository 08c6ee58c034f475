"""Our own flows, and the bare loop, as the peers run theirs: from the request until the result is known."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.instance import Helper, Instance, helper
from bench.measures.flows import FIB, step
from bench.measures.warm import bare_seconds


class Ours:
    """A server with one worker, and a bare loop for each script."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._loops: dict[int, Helper] = {}

    async def flow(self, steps: int, number: int) -> float:
        """Run a flow of so many steps of `fib(number)`, one after the other; how long it took."""
        script = FIB.format(n=number)
        modules = [step(f"s{at}", script, n="flow_input.n", before="previous_result") for at in range(steps)]
        body = json.dumps({"value": {"modules": modules}, "args": {"n": number}}).encode()
        async with self._instance.client() as client:  # anew: while a peer ran, an idle one was closed
            began = time.perf_counter()
            status, answer = await client.post("/api/w/main/jobs/run_wait_result/preview_flow", body)
            took = time.perf_counter() - began
        if status != 200:
            raise RuntimeError(f"The flow failed: {status} {answer[:300]!r}")
        return took

    async def bare(self, steps: int, number: int) -> float:
        """As many jobs in a bare loop."""
        if number not in self._loops:
            self._loops[number] = await helper("warm", self._instance.dsn, FIB.format(n=number))
        return await bare_seconds(self._instance, self._loops[number], steps)

    async def close(self) -> None:
        """End the loops."""
        await asyncio.gather(*(loop.close() for loop in self._loops.values()))


@asynccontextmanager
async def running(instance: Instance) -> AsyncIterator[Ours]:
    """Server and worker, during the block."""
    async with instance.server(), instance.worker():
        ours = Ours(instance)
        try:
            yield ours
        finally:
            await ours.close()
