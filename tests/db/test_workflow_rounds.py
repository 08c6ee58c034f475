"""A task of a workflow in code and the round behind it: what they cost the database, and who runs the round."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
from msgspec import Raw

from tests.db.test_flow_statements import Counting
from tests.flow_workers import EMAIL, WORKSPACE, worker_parts
from tidemill.db import intake, prune, queue
from tidemill.db.pool import Database, Json
from tidemill.db.queries import inline
from tidemill.db.queue import ClaimedJob, Ended
from tidemill.db.values import Kept
from tidemill.engine.workflow import TaskCall, Tasks
from tidemill.model.ids import new_id
from tidemill.worker.context import WorkerParts
from tidemill.worker.flows.flows import Flows
from tidemill.worker.flows.workflows import Suspended
from tidemill.worker.rounds import begin_round

WORKFLOW = "from wmill import task, workflow\n\n@workflow\nasync def main():\n    pass\n"
STATE = inline("select state, worker, attempt from job_queue where id = :id", name="test.state")

PLANS = inline("select statement as name, custom_plans from pg_prepared_statements", name="test.plans")


class Rounds:
    """A worker that runs one workflow, whose rounds are told here."""

    def __init__(self, parts: WorkerParts, *, room: int) -> None:
        self.parts, self._tasks = parts, 0
        self._flows = Flows(parts, lambda: room)

    async def begin(self) -> ClaimedJob:
        """The workflow, claimed for its first round."""
        job = intake.NewJob(
            id=new_id(time.time_ns() // 1_000_000),
            workspace_id=WORKSPACE,
            kind="preview",
            language="python3",
            content=WORKFLOW,
            lock="",
            tag="python3",
            created_by="ann",
            permissioned_as="u/ann",
            email=EMAIL,
            args=Kept(inline=Json(b"{}")),
        )
        await intake.take_in(self.parts.database.single, job)
        return await self.claim()

    async def claim(self) -> ClaimedJob:
        """The next job of the queue."""
        single, name = self.parts.database.single, self.parts.options.name
        turn = await queue.turn(single, worker=name, ended=[], tags=["python3"], limit=1)
        [job] = turn.claimed
        return job

    async def round(self, job: ClaimedJob) -> list[ClaimedJob]:
        """A round of the workflow comes to one more task; what the worker takes with that."""
        begun = await begin_round(self.parts, job)
        assert begun is not None
        assert begun.checkpoint.count(b'"task_') == self._tasks
        self._tasks += 1
        told = Tasks(steps=[TaskCall(key=f"task_{self._tasks}", name="task", args=Raw(b"{}"))])
        return await self._taken(await self._flows.suspend(job, Suspended(told=told, lock="")))

    async def end(self, task: ClaimedJob) -> list[ClaimedJob]:
        """The task ends; what the worker takes with that."""
        begun = await begin_round(self.parts, task)
        assert begun is not None
        assert begun.args == b"{}"
        ended = Ended(id=task.id, attempt=task.attempt, status="success", result=Kept(inline=Json(b"1")))
        return await self._taken(await self._flows.end(task, ended))

    async def _taken(self, answer: object) -> list[ClaimedJob]:
        assert isinstance(answer, list)
        return answer

    async def state(self, job: UUID) -> tuple[str, str | None, int]:
        row = await self.parts.database.single.fetch_one(STATE, id=job)
        return row["state"], row["worker"], row["attempt"]


@pytest.fixture
async def database(database_dsn: str) -> AsyncIterator[Counting]:
    async with Counting(database_dsn) as database:
        yield database


async def test_a_task_and_the_round_behind_it_are_four_statements(database: Counting, tmp_path: Path) -> None:
    async with worker_parts(database, tmp_path, worker_tags="python3") as parts:
        rounds = Rounds(parts, room=1)
        job = await rounds.begin()
        for number in range(3):
            database.counted.clear()
            [task] = await rounds.round(job)
            [again] = await rounds.end(task)
            assert (again.id, again.attempt, again.started_at) == (job.id, number + 2, job.started_at)
            assert (again.content, again.lock, again.may_run) == (WORKFLOW, "", True)
            assert await rounds.state(job.id) == ("running", parts.options.name, again.attempt)
            job = again
    del database.counted["test.state"]
    assert database.counted == {"workflows.begin_round": 1, "workflows.begin_task": 1, "flow_runs.advance": 2}


async def test_what_a_task_and_a_round_send_is_planned_once(database_dsn: str, tmp_path: Path) -> None:
    async with Database(database_dsn, system_pool_size=1) as database, worker_parts(database, tmp_path) as parts:
        await prune.make_months(database)
        rounds = Rounds(parts, room=1)
        job = await rounds.begin()
        for _ in range(10):
            [task] = await rounds.round(job)
            [job] = await rounds.end(task)
        plans = await database.single.fetch_all(PLANS)
    again = {row["name"]: row["custom_plans"] for row in plans if row["custom_plans"] > 5}
    assert len(plans) >= 3
    assert again == {}


async def test_a_worker_without_room_leaves_the_round_to_others(database: Counting, tmp_path: Path) -> None:
    async with worker_parts(database, tmp_path, worker_tags="python3") as parts:
        rounds = Rounds(parts, room=-1)
        job = await rounds.begin()
        assert await rounds.round(job) == []
        assert await rounds.end(await rounds.claim()) == []
        assert await rounds.state(job.id) == ("queued", None, 1)
        assert (await rounds.claim()).id == job.id


async def test_a_round_that_somebody_cancels_is_not_taken_at_once(database: Counting, tmp_path: Path) -> None:
    async with worker_parts(database, tmp_path, worker_tags="python3") as parts:
        rounds = Rounds(parts, room=1)
        job = await rounds.begin()
        [task] = await rounds.round(job)
        await database.single.execute(inline("update job_queue set canceled_by = 'ann' where id = :id"), id=job.id)
        assert await rounds.end(task) == []
        assert await rounds.state(job.id) == ("queued", None, 1)


async def test_who_may_not_run_jobs_any_more_is_found_out_at_each_round(database: Counting, tmp_path: Path) -> None:
    async with worker_parts(database, tmp_path, worker_tags="python3") as parts:
        rounds = Rounds(parts, room=1)
        [task] = await rounds.round(await rounds.begin())
        await database.single.execute(inline("update account set disabled = true where email = :email"), email=EMAIL)
        [again] = await rounds.end(task)
        assert not again.may_run
