"""A27: the rules of tests/job_model.py against the queue as it is, on a real Postgres."""

import asyncio
from collections.abc import Iterable
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.job_model import LIMITS, RETRY, NewJob, Queue, QueueMachine, Row
from tests.reliability.harness import SOAK
from tidemill.db import intake, queue
from tidemill.db.pool import Database, Json
from tidemill.db.queries import inline
from tidemill.db.queue import ClaimedJob, Ended
from tidemill.db.values import Kept
from tidemill.engine.retry import delay_s
from tidemill.model.job import LEASE_S, EndReason, JobState, OnWorkerLoss

EXAMPLES = settings(
    max_examples=500 if SOAK else 20,
    stateful_step_count=50 if SOAK else 30,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
POLICY = Json(b'{"constant":{"attempts":1,"seconds":3}}')
TABLES = ("job_queue", "job_completed", "job_attempt", "job", "concurrency_start")
OLDER = [
    inline(
        "update job_queue set run_at = run_at - make_interval(secs => :s), "
        "started_at = started_at - make_interval(secs => :s), heartbeat_at = heartbeat_at - make_interval(secs => :s)"
    ),
    inline("update job_attempt set ended_at = ended_at - make_interval(secs => :s)"),
    inline("update concurrency_start set started_at = started_at - make_interval(secs => :s)"),
]
ROWS = inline(
    "select id, state, attempt, worker, extract(epoch from now() - heartbeat_at)::float8 as age_s, null as reason "
    "from job_queue union all select id, status, attempt, worker, null, end_reason from job_completed"
)


class PostgresQueue(Queue):
    """The functions of tidemill/db/queue.py, called as workers, servers and the rescue call them."""

    def __init__(self, runner: asyncio.Runner, database: Database) -> None:
        self.runner = runner
        self.database = database
        self.claimed: dict[tuple[UUID, int], ClaimedJob] = {}
        self.retries: dict[UUID, bool] = {}

    def enqueue(self, job: NewJob) -> None:
        self.retries[job.id] = job.retries
        limit, window_s = LIMITS[job.key] if job.key else (None, None)
        new = intake.NewJob(
            id=job.id,
            workspace_id="w",
            kind="noop",
            tag="noop",
            created_by="ann",
            permissioned_as="u/ann",
            email="ann@x.org",
            args=Kept(inline=Json(b"{}")),
            priority=job.priority,
            delay_s=job.delay_s,
            retry=POLICY if job.retries else None,
            on_worker_loss=job.on_worker_loss.value,
            concurrency_key=job.key,
            concurrency_limit=limit,
            concurrency_window_s=window_s,
        )
        self.runner.run(intake.take_in(self.database.single, new))

    def claim(self, worker: str) -> tuple[UUID, int] | None:
        turn = self.runner.run(queue.turn(self.database.single, worker=worker, ended=[], tags=["noop"], limit=1))
        claimed = turn.claimed
        if not claimed and turn.limited:
            claimed = self.runner.run(queue.claim_limited(self.database, worker=worker, tags=["noop"], limit=1))
        if not claimed:
            return None
        job = claimed[0]
        self.claimed[job.id, job.attempt] = job
        return job.id, job.attempt

    def heartbeat(self, worker: str, held: Iterable[tuple[UUID, int]]) -> dict[UUID, bool]:
        beats = self.runner.run(queue.heartbeat(self.database.single, worker=worker, held=list(held)))
        return {job_id: beat.canceled_by is not None for job_id, beat in beats.items()}

    def complete(self, worker: str, job_id: UUID, attempt: int, *, state: JobState) -> bool:
        job = self.claimed[job_id, attempt]
        wait_s = delay_s(RETRY, job.retries, random=0.5) if self.retries[job_id] else None
        if state is JobState.FAILURE and wait_s is not None:
            return self.give_back(worker, job, reason=EndReason.ERROR, retried=True, wait_s=wait_s)
        reason = EndReason.ERROR if state is JobState.FAILURE else EndReason.FINISHED
        ended = Ended(id=job_id, attempt=attempt, status=state.value, result=Kept(), end_reason=reason.value)
        turn = self.runner.run(queue.turn(self.database.single, worker=worker, ended=[ended], tags=[], limit=0))
        return job_id in turn.ended

    def release(self, worker: str, job_id: UUID, attempt: int) -> bool:
        return self.give_back(worker, self.claimed[job_id, attempt], reason=EndReason.STOPPED)

    def give_back(
        self, worker: str, job: ClaimedJob, *, reason: EndReason, retried: bool = False, wait_s: float = 0.0
    ) -> bool:
        given = self.runner.run(
            queue.put_back(self.database, job, worker=worker, end_reason=reason.value, retried=retried, delay_s=wait_s)
        )
        return given is not None

    def cancel(self, job_id: UUID, *, forced: bool) -> bool:
        async def ask() -> bool:
            async with self.database.system() as tx:
                return await queue.ask_to_cancel(tx, job_id, canceled_by="ann", reason="enough", forced=forced)

        return self.runner.run(ask())

    def reap(self) -> list[UUID]:
        return [each.id for each in self.runner.run(queue.expire(self.database, lease_s=LEASE_S))]

    def advance(self, seconds: int) -> None:
        for query in OLDER:
            self.runner.run(self.database.single.execute(query, s=float(seconds)))

    def rows(self) -> list[Row]:
        found = self.runner.run(self.database.single.fetch_all(ROWS))
        return [
            Row(row["id"], JobState(row["state"]), row["attempt"], row["worker"], row["age_s"], row["reason"])
            for row in found
        ]

    def close(self) -> None:
        for table in TABLES:
            self.runner.run(self.database.single.execute(inline(f"delete from {table}")))


class NoFence(PostgresQueue):
    """Control: what an old attempt sends is taken for the present one's."""

    def complete(self, worker: str, job_id: UUID, attempt: int, *, state: JobState) -> bool:
        (row,) = [row for row in self.rows() if row.id == job_id]
        if row.state is JobState.RUNNING and row.worker is not None:
            return super().complete(row.worker, job_id, row.attempt, state=state)
        return super().complete(worker, job_id, attempt, state=state)


def machine(kind: type[PostgresQueue], runner: asyncio.Runner, database: Database) -> type[QueueMachine]:
    return type("Machine", (QueueMachine,), {"new_queue": lambda _: kind(runner, database)})


def test_no_order_of_crashes_and_messages_breaks_an_invariant(database_dsn: str) -> None:
    with asyncio.Runner() as runner:
        database = runner.run(Database(database_dsn).open())
        try:
            run_state_machine_as_test(machine(PostgresQueue, runner, database), settings=EXAMPLES)
        finally:
            runner.run(database.close())


def test_the_rules_notice_a_queue_without_a_fence(database_dsn: str) -> None:
    """The report of an attempt that was taken for lost comes in while its successor runs."""
    with asyncio.Runner() as runner:
        database = runner.run(Database(database_dsn).open())
        try:
            play = machine(NoFence, runner, database)()
            play.start()
            play.enqueue(fails=False, retries=False, key=None, priority=0, delay_s=0)
            play.work(0, at_once=True)
            play.finish(0, state=JobState.SUCCESS, at_once=False)
            play.wait(36, healthy=False)
            play.work(1, at_once=True)
            with pytest.raises(AssertionError, match="I4"):
                play.deliver(0, again=False, answered=True)
        finally:
            runner.run(database.close())


def test_a_claim_without_a_heartbeat_cannot_be_written(database_dsn: str) -> None:
    """Control of A24: the table itself refuses what Airflow's bug needed."""
    broken = inline("update job_queue set state = 'running', worker = 'w', attempt = 1, heartbeat_at = null")
    with asyncio.Runner() as runner:
        database = runner.run(Database(database_dsn).open())
        try:
            tested = PostgresQueue(runner, database)
            tested.enqueue(NewJob(UUID(int=1), OnWorkerLoss.RESTART))
            with pytest.raises(Exception, match="check"):
                runner.run(database.single.execute(broken))
        finally:
            runner.run(database.close())
