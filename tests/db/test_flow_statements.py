"""What a step of a flow costs the database: one statement."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.flow_workers import result_of, start_flow, worker_parts
from tidemill.db.listener import Listener
from tidemill.db.pool import Database, SingleStatements
from tidemill.db.queries import Query
from tidemill.db.queue import JOB_CHANNEL
from tidemill.worker.loop import Worker


class Counting(Database):
    """Counts the statements that are sent on their own, by name."""

    counted: ClassVar[Counter[str]] = Counter()

    @property
    def single(self) -> SingleStatements:
        counted = self.counted

        class Statements(SingleStatements):
            async def _run(
                self, query: Query, row_type: type[Any] | None, parameters: Mapping[str, object]
            ) -> tuple[list[Any], int]:
                counted[query.name] += 1
                return await super()._run(query, row_type, parameters)

        return Statements(self._singles)


def steps(count: int) -> dict[str, object]:
    """`count` steps one after the other, each with the result of the one before."""
    inputs = {"before": {"type": "javascript", "expr": "previous_result"}}
    script = {"type": "rawscript", "language": "bash", "content": 'before="$1"\necho 1 > result.json', "lock": ""}
    return {"modules": [{"id": f"s{at}", "value": {**script, "input_transforms": inputs}} for at in range(count)]}


def loop(count: int) -> dict[str, object]:
    """A loop with `count` iterations of one step, four at once."""
    each = {"type": "rawscript", "language": "bash", "content": "echo 1 > result.json", "lock": ""}
    items = {"type": "static", "value": list(range(count))}
    value = {"type": "forloopflow", "iterator": items, "parallel": True, "parallelism": 4}
    return {"modules": [{"id": "loop", "value": {**value, "modules": [{"id": "each", "value": each}]}}]}


@pytest.mark.parametrize("postgres_kind", ["embedded"], scope="session")
async def test_iterations_of_a_full_worker_are_at_most_one_statement_each(database_dsn: str, tmp_path: Path) -> None:
    async with (
        Counting(database_dsn) as database,
        Listener(database_dsn, application="test") as listener,
        worker_parts(database, tmp_path, worker_tags="flow,bash", worker_slots="2") as parts,
        asyncio.TaskGroup() as group,
        asyncio.timeout(60),
    ):
        worker = Worker(parts, listener)
        group.create_task(worker.run())
        with listener.subscribe(JOB_CHANNEL) as told:
            database.counted.clear()
            job = await start_flow(database, loop(60), {})
            while (ended := await result_of(database, job)) is None:
                await anext(aiter(told))
        worker.drain()
    assert ended == ("success", [1] * 60)
    assert database.counted["flow_runs.advance"] <= 62
    # What ends makes room for what follows it, so that there is nothing to look for; what the loop goes through stays.
    assert database.counted["queue.turn"] < 20
    assert database.counted["flow_runs.items"] <= 1


@pytest.mark.parametrize("postgres_kind", ["embedded"], scope="session")
async def test_a_step_is_one_statement_for_its_worker(database_dsn: str, tmp_path: Path) -> None:
    async with (
        Counting(database_dsn) as database,
        Listener(database_dsn, application="test") as listener,
        worker_parts(database, tmp_path, worker_tags="flow,bash") as parts,
        asyncio.TaskGroup() as group,
        asyncio.timeout(60),
    ):
        worker = Worker(parts, listener)
        group.create_task(worker.run())
        with listener.subscribe(JOB_CHANNEL) as told:
            counts = []
            for count in (2, 2, 12):
                database.counted.clear()
                job = await start_flow(database, steps(count), {})
                while (ended := await result_of(database, job)) is None:
                    await anext(aiter(told))
                assert ended[0] == "success"
                counts.append(Counter(database.counted))
        worker.drain()
    more = counts[2] - counts[1]
    assert more.pop("flow_runs.advance") == 10
    # It looks for other work when it is told of some, and now and then; not after each step.
    assert more.pop("queue.turn", 0) < 5
    assert more.keys() <= {"flow_workers.result", "queue.heartbeat", "workers.ping"}
