"""Flows: what lies between two steps, against bare loops of as many jobs; wide loops, large results, sleeping flows."""

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Final

import psycopg
from psycopg.rows import TupleRow

from bench.figures import Figure
from bench.instance import Instance, helper
from bench.measures.warm import bare_seconds
from bench.processes import cpu_s, peak_mib, tree
from bench.wire import Connection

FIB: Final = """
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def main(n: int = {n}, before: int | None = None):
    return fib(n)
"""
CODE: Final = """
from wmill import task, workflow


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


@task
def calculate(n: int, before: int | None):
    return fib(n)


@workflow
async def main(n: int, steps: int):
    before = None
    for _ in range(steps):
        before = await calculate(n, before)
    return before
"""
ITEM: Final = "def main(n: int = 1):\n    return n\n"
LARGE_BYTES: Final = 50 * 1024 * 1024
MAKES: Final = "def main(size: int):\n    return 'x' * size\n"
TAKES: Final = "def main(text: str):\n    return len(text)\n"
_FLUSH_S: Final = 12.0
"""A connection that falls idle tells its counters at most 10 s later."""
_CLIENTS: Final = 4
_STARTING_S: Final = 60.0
_ASLEEP_S: Final = 60.0
"""Flows sleep within so long of the last request."""
_SPAN: Final = """
select status, extract(epoch from completed_at - started_at)::float8, left(result::text, 300)
from job_completed where id = %s
"""
_ASLEEP: Final = "select count(*) from flow_run f join job_queue q on q.id = f.job_id where q.state = 'waiting'"


async def measure(instance: Instance, quick: bool) -> list[Figure]:
    """All of it, on one server with one worker."""
    figures: list[Figure] = []
    async with (
        await instance.connect() as connection,
        instance.server(),
        instance.client() as client,
        instance.worker() as worker,
    ):
        bench = _Bench(instance, connection, client, worker.pid, quick)
        figures += await bench.sequence(steps=40, number=10, rounds=2 if quick else 8)
        figures += await bench.sequence(steps=10, number=24 if quick else 33, rounds=1 if quick else 3, warmups=1)
        figures += await bench.in_code(steps=40, number=10, rounds=1 if quick else 4)
        figures += await bench.wide(count=100 if quick else 1000, rounds=1 if quick else 3)
        figures += await bench.large()
        figures += await bench.sleeping(count=100 if quick else 10_000)
    return figures


class _Bench:
    """The flows of one instance, run one after the other."""

    def __init__(
        self,
        instance: Instance,
        connection: psycopg.AsyncConnection[TupleRow],
        client: Connection,
        worker_pid: int,
        quick: bool,
    ) -> None:
        self._instance = instance
        self._connection = connection
        self._client = client
        self._worker_pid = worker_pid
        self._quick = quick

    async def sequence(self, *, steps: int, number: int, rounds: int, warmups: int = 2) -> list[Figure]:
        """Steps one after the other, each with the result of the one before."""
        script = FIB.format(n=number)
        value = {"modules": [step(f"s{at}", script, n="flow_input.n", before="previous_result") for at in range(steps)]}
        args = {"n": number}
        loop = await helper("warm", self._instance.dsn, script)
        ours, raw, cpu = [], [], []
        try:
            for at in range(rounds + warmups):
                bare = await bare_seconds(self._instance, loop, steps)
                before_s = self._cpu_s()
                took = await self._run(value, args)
                if at < warmups:  # warms up: plans, the environment, the parked interpreter
                    continue
                raw.append(bare)
                ours.append(took)
                cpu.append((self._cpu_s() - before_s) / steps * 1000)
        finally:
            await loop.close()
        title = f"a flow of {steps} steps of fib({number}), one after the other"
        name = f"flow_{steps}_fib_{number}"
        against = "a bare loop: claim, hand to a child forked ahead, commit"
        return [
            Figure(
                name=name, title=title, unit="s", ours=ours, raw=raw, against=against, more_is_better=False, aim=1.5
            ),
            Figure(
                name=f"{name}_cpu",
                title="processor time of a step, worker, sandbox and database together",
                unit="ms",
                ours=cpu,
                more_is_better=False,
            ),
        ]

    async def in_code(self, *, steps: int, number: int, rounds: int) -> list[Figure]:
        """A workflow in code with one task after the other: between two tasks its script runs up to the next."""
        body = json.dumps(
            {"content": CODE, "language": "python3", "lock": "", "args": {"n": number, "steps": steps}}
        ).encode()
        loop = await helper("warm", self._instance.dsn, FIB.format(n=number))
        ours, raw, cpu = [], [], []
        try:
            for at in range(rounds + 1):
                bare = await bare_seconds(self._instance, loop, steps)
                before_s = self._cpu_s()
                took = await self._ended(await self._post(body, path="jobs/run/preview"))
                if at:
                    raw.append(bare)
                    ours.append(took)
                    cpu.append((self._cpu_s() - before_s) / steps * 1000)
        finally:
            await loop.close()
        return [
            Figure(
                name="workflow",
                title=f"a workflow in code of {steps} tasks of fib({number}), one after the other",
                unit="s",
                ours=ours,
                raw=raw,
                against="as many jobs in a bare loop, though each task takes two here",
                more_is_better=False,
            ),
            Figure(
                name="workflow_cpu",
                title="processor time of a task with the round behind it",
                unit="ms",
                ours=cpu,
                more_is_better=False,
            ),
        ]

    async def wide(self, *, count: int, rounds: int) -> list[Figure]:
        """A loop of parallel iterations with one step each."""
        loop_value = {
            "type": "forloopflow",
            "parallel": True,
            "iterator": {"type": "javascript", "expr": "flow_input.items"},
            "modules": [step("each", ITEM, n="flow_input.iter.value")],
        }
        value, args = {"modules": [{"id": "many", "value": loop_value}]}, {"items": list(range(count))}
        bare_loop = await helper("warm", self._instance.dsn, ITEM)
        ours, raw = [], []
        try:
            for at in range(rounds + 1):
                bare = await bare_seconds(self._instance, bare_loop, count)
                took = await self._run(value, args)
                if at:
                    raw.append(bare)
                    ours.append(took)
        finally:
            await bare_loop.close()
        title = f"a flow with a loop of {count:,} parallel iterations"
        against = "as many jobs in a bare loop"
        return [
            Figure(name="flow_wide", title=title, unit="s", ours=ours, raw=raw, against=against, more_is_better=False)
        ]

    async def large(self) -> list[Figure]:
        """50 MB from one step to the next; the peak is that of the worker process in its whole life until here."""
        value = {
            "modules": [
                step("makes", MAKES, size="flow_input.size"),
                step("takes", TAKES, text="results.makes"),
            ]
        }
        took = await self._run(value, {"size": LARGE_BYTES})
        return [
            Figure(name="flow_large", title="50 MB from one step to the next", unit="s", ours=[took]),
            Figure(
                name="flow_large_memory",
                title="most memory of the worker meanwhile",
                unit="MiB",
                ours=[peak_mib(self._worker_pid)],
                more_is_better=False,
                aim=200,
            ),
        ]

    async def sleeping(self, *, count: int) -> list[Figure]:
        """Flows that wait for an hour: what they cost while they do. Fewer where starting them takes too long."""
        first = {"id": "a", "value": {"type": "identity"}, "sleep": _static(3600)}
        value = {"modules": [first, step("b", ITEM)]}
        body = json.dumps({"value": value, "args": {}}).encode()
        count = await self._post_many(body, count)
        try:
            async with asyncio.timeout(_ASLEEP_S):
                while await self._count() < count:
                    await asyncio.sleep(0.2)
        except TimeoutError as error:
            raise RuntimeError(f"Of {count:,} flows only {await self._count():,} sleep.") from error
        await asyncio.sleep(_FLUSH_S)
        window_s = 5.0 if self._quick else 20.0
        before, before_s = await self._instance.transactions(), self._cpu_s()
        await asyncio.sleep(window_s)
        rate = (await self._instance.transactions() - before) / window_s
        busy = (self._cpu_s() - before_s) / window_s * 100
        return [
            Figure(
                name="flow_sleeping",
                title=f"transactions while {count:,} flows sleep, server and worker",
                unit="/s",
                ours=[rate],
                more_is_better=False,
                aim=2.0,
                note=f"worker and database: {busy:.2f} % of one core",
            )
        ]

    async def _run(self, value: Mapping[str, object], args: Mapping[str, object]) -> float:
        """How long a flow took, by the database's clock: from its claim to its end."""
        return await self._ended(await self._post(json.dumps({"value": value, "args": args}).encode()))

    async def _ended(self, job_id: str) -> float:
        async with asyncio.timeout(300):
            while True:
                cursor = await self._connection.execute(_SPAN, [job_id])
                row = await cursor.fetchone()
                if row is not None:
                    break
                await asyncio.sleep(0.02)
        status, took, result = row
        if status != "success":
            raise RuntimeError(f"The flow ended as {status}: {result}")
        return float(took)

    async def _post_many(self, body: bytes, count: int) -> int:
        """Start up to `count` flows, within a time; how many."""
        ids = iter(range(count))
        give_up_at_s = time.monotonic() + _STARTING_S

        async def post() -> int:
            posted = 0
            async with self._instance.client() as client:
                while time.monotonic() < give_up_at_s and next(ids, None) is not None:
                    await self._post(body, client)
                    posted += 1
            return posted

        return sum(await asyncio.gather(*(post() for _ in range(_CLIENTS))))

    async def _post(self, body: bytes, client: Connection | None = None, *, path: str = "jobs/run/preview_flow") -> str:
        status, answer = await (client or self._client).post(f"/api/w/main/{path}", body)
        if status != 201:
            raise RuntimeError(f"The flow was refused: {status} {answer[:300]!r}")
        return answer.decode()

    async def _count(self) -> int:
        cursor = await self._connection.execute(_ASLEEP)
        row = await cursor.fetchone()
        assert row is not None
        return int(row[0])

    def _cpu_s(self) -> float:
        return cpu_s([*tree(self._worker_pid), *tree(self._instance.postgres_pid)])


def step(step_id: str, content: str, **inputs: str) -> dict[str, object]:
    """A Python step; `inputs` are expressions."""
    transforms = {name: {"type": "javascript", "expr": text} for name, text in inputs.items()}
    value = {"type": "rawscript", "language": "python3", "content": content, "lock": "", "input_transforms": transforms}
    return {"id": step_id, "value": value}


def _static(value: object) -> dict[str, object]:
    return {"type": "static", "value": value}
