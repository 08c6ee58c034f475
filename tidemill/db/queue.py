"""The queue: hand a job to a worker, hear from the worker, end it. Every write of a worker is fenced.

`engine/jobs.py` says what each step may do; the statements in `sql/queue.sql` do it, each in one statement.
"""

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from tidemill.db.pool import Database, Json, Statements, Transaction
from tidemill.db.queries import queries
from tidemill.db.values import Kept
from tidemill.engine import jobs
from tidemill.model import jsontext
from tidemill.model.job import FLOW_KINDS, EndReason, JobState, OnWorkerLoss

_SQL: Final = queries("queue")

QUEUE_CHANNEL: Final = "tidemill_queue"
"""Something is due; the payload is its tag."""
JOB_CHANNEL: Final = "tidemill_job"
"""Jobs have news or have ended; the payload is their ids, separated by commas."""
CANCEL_CHANNEL: Final = "tidemill_cancel"
"""A running job is to be canceled; the payload is its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedJob:
    """A job as its worker gets it. `lock` is None where its dependencies have not been resolved yet.

    `may_run`: whom it acts for is still there, and may be in its workspace, which is not archived.
    """

    id: UUID
    workspace_id: str
    attempt: int
    retries: int
    run_at: datetime
    started_at: datetime
    tag: str
    priority: int
    kind: str
    script_hash: int | None
    script_path: str | None
    language: str | None
    content: str | None
    lock: str | None
    args: bytes | None
    args_object: str | None
    created_by: str
    permissioned_as: str
    email: str
    parent_job: UUID | None
    root_job: UUID | None
    flow_step_id: str | None
    flow_index: int | None
    schedule_path: str | None
    timeout_s: int | None
    cache_ttl_s: int | None
    retry: bytes | None
    on_worker_loss: str
    options: bytes
    concurrency_key: str | None
    may_run: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a job ended. `status`: success, failure, canceled or skipped; `end_reason` tells why it was no success.

    `seen` is the last of its reads (`storage_access`) that `result` is masked for; where it has read more, it does not
    end. None: whatever it has read is masked.
    """

    id: UUID
    attempt: int
    status: str
    result: Kept
    end_reason: str | None = None
    memory_peak_bytes: int | None = None
    seen: int | None = None


@dataclass(frozen=True, slots=True)
class Beat:
    """The answer to a heartbeat for one job that is still held."""

    id: UUID
    canceled_by: str | None
    cancel_reason: str | None
    cancel_forced: bool


async def wake(statements: Statements, channel: str, payload: str) -> None:
    """Tell those who listen on `channel`. In a transaction it goes out with the commit."""
    await statements.execute(_SQL["wake"], channel=channel, payload=payload)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What a worker gets back for what it reported.

    Attributes:
        ended: the ids that were ended; one that is missing was taken away before, and nothing was written for it.
        unseen: those that are still held, since they have read more than was `seen`.
        claimed: what it holds from now on, the most urgent first. The claim is the first heartbeat.
        due_in_s: when the next job will be due; None where none waits.
        limited: jobs under a concurrency limit are due, too: see `claim_limited`.
    """

    ended: frozenset[UUID]
    unseen: frozenset[UUID]
    claimed: list[ClaimedJob]
    due_in_s: float | None
    limited: bool


_OF_TURN: Final = frozenset({"ended", "unseen", "notices", "due_in_s", "limited"})


async def turn(
    statements: Statements,
    *,
    worker: str,
    ended: Sequence[Ended],
    tags: Sequence[str],
    limit: int,
    parents: Sequence[UUID] = (),
    child_limit: int = 0,
) -> Turn:
    """End the jobs `ended` that `worker` holds, and hand it up to `limit` due jobs without a concurrency limit.

    Beyond these, up to `child_limit` jobs that `parents` (jobs that it runs) started: they may be waiting for them.
    """
    rows = await statements.fetch_all(
        _SQL["turn"],
        worker=worker,
        ids=[one.id for one in ended],
        attempts=[one.attempt for one in ended],
        statuses=[one.status for one in ended],
        results=[one.result.inline for one in ended],
        objects=[one.result.digest for one in ended],
        reasons=[one.end_reason for one in ended],
        peaks=[one.memory_peak_bytes for one in ended],
        seen=[one.seen for one in ended],
        tags=list(tags),
        limit=limit,
        parents=list(parents),
        child_limit=child_limit,
    )
    first = rows[0]
    claimed = [ClaimedJob(**{name: row[name] for name in row.keys() - _OF_TURN}) for row in rows if row["id"]]
    return Turn(
        ended=frozenset(first["ended"]),
        unseen=frozenset(first["unseen"]),
        claimed=claimed,
        due_in_s=first["due_in_s"],
        limited=first["limited"],
    )


async def claim_limited(database: Database, *, worker: str, tags: Sequence[str], limit: int) -> list[ClaimedJob]:
    """Up to `limit` due jobs that have a concurrency limit and fit into it, now held by `worker`."""
    claimed: list[ClaimedJob] = []
    due = await database.single.fetch_all(_SQL["due_limited"], tags=list(tags))
    for row in due:
        if len(claimed) >= limit:
            break
        async with database.system() as tx:
            claimed += await _claim_of_key(tx, row, worker=worker, tags=tags, limit=limit - len(claimed))
    return claimed


async def _claim_of_key(
    tx: Transaction, row: dict[str, object], *, worker: str, tags: Sequence[str], limit: int
) -> list[ClaimedJob]:
    key, window_s = row["concurrency_key"], row["concurrency_window_s"] or 0
    if not await tx.fetch_value(_SQL["lock_key"], key=key):
        return []
    room = await tx.fetch_one(_SQL["room_of_key"], key=key, max_running=row["concurrency_limit"], window_s=window_s)
    if room["by_window"] <= 0 and room["frees_at"] is not None:
        await tx.execute(_SQL["defer_key"], key=key, until=room["frees_at"])
        return []
    free = min(limit, room["by_running"], room["by_window"])
    if free <= 0:
        return []
    return await tx.fetch_all(_SQL["claim_limited"], ClaimedJob, key=key, worker=worker, tags=list(tags), limit=free)


async def heartbeat(statements: Statements, *, worker: str, held: Sequence[tuple[UUID, int]]) -> dict[UUID, Beat]:
    """Confirm the jobs `held` as (id, attempt). One that is missing from the answer has been taken away."""
    beats = await statements.fetch_all(
        _SQL["heartbeat"],
        Beat,
        worker=worker,
        ids=[job_id for job_id, _ in held],
        attempts=[attempt for _, attempt in held],
    )
    return {beat.id: beat for beat in beats}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A job in the queue, locked, with all that the rules of `engine/jobs.py` ask for."""

    id: UUID
    workspace_id: str
    kind: str
    state: str
    priority: int
    run_at: datetime
    attempt: int
    retries: int
    worker: str | None
    started_at: datetime | None
    heartbeat_at: datetime | None
    tag: str
    concurrency_key: str | None
    canceled_by: str | None
    cancel_reason: str | None
    cancel_forced: bool
    on_worker_loss: str
    now: datetime
    losses: list[datetime]

    def record(self) -> jobs.JobRecord:
        cancel = None
        if self.canceled_by is not None:
            cancel = jobs.Cancel(self.canceled_by, self.cancel_reason or "", self.cancel_forced)
        return jobs.JobRecord(
            id=self.id,
            run_at=self.run_at,
            state=JobState(self.state),
            priority=self.priority,
            on_worker_loss=OnWorkerLoss(self.on_worker_loss),
            attempt=self.attempt,
            retries=self.retries,
            worker=self.worker,
            started_at=self.started_at,
            heartbeat_at=self.heartbeat_at,
            cancel=cancel,
            losses=tuple(self.losses),
        )


class GivenBack(enum.Enum):
    """What became of a job that its worker gave back."""

    QUEUED = "queued"
    ENDED = "ended"
    """It was canceled meanwhile, or must not start twice."""


async def put_back(
    database: Database,
    job: ClaimedJob,
    *,
    worker: str,
    end_reason: str,
    error: Json | None = None,
    retried: bool = False,
    delay_s: float = 0.0,
) -> GivenBack | None:
    """Give a job back to the queue, to be retried after `delay_s` or because the worker stops.

    `error` is how the attempt failed, and the result should the job end here. None: it had been taken away.
    """
    async with database.system() as tx:
        row = await tx.fetch_optional(_SQL["held"], _Row, id=job.id, attempt=job.attempt, worker=worker)
        if row is None:
            return None
        lease = jobs.Lease(job.id, job.attempt, worker)
        if retried:
            change = jobs.repeat(row.record(), lease, reason=EndReason(end_reason), wait_s=delay_s, now=row.now)
        else:
            change = jobs.release(row.record(), lease, now=row.now)
        await _carry_out(tx, row, change, error=error)
        if change.job.state.is_completed:
            await wake(tx, JOB_CHANNEL, str(job.id))
        await wake(tx, QUEUE_CHANNEL, "*" if row.concurrency_key is not None else row.tag)
    return GivenBack.ENDED if change.job.state.is_completed else GivenBack.QUEUED


async def ask_to_cancel(
    tx: Transaction, job_id: UUID, *, canceled_by: str, reason: str | None, forced: bool = False
) -> bool:
    """Cancel a job: at once where it waits, through its worker where it runs. False: it is not in the queue (any more).

    The first who asks counts. `forced` ends a running job without waiting for its worker, which then finds its lease
    lost and kills it. A flow ends at once, and all that it has started is canceled with it.
    """
    wish = jobs.Cancel(canceled_by, reason or "", forced)
    levels = await _hold_levels(tx, job_id)
    if not await _cancel(tx, job_id, wish):
        return False
    for each in levels[1:]:
        await _cancel(tx, each, wish)
    return True


async def _hold_levels(tx: Transaction, job_id: UUID) -> list[UUID]:
    """The job and, where it is a flow, what it has started that has not ended, from the top down.

    From now on, until the transaction ends, no flow among them goes forward.
    """
    found, level = [job_id], [job_id]
    while level:
        held = [row["job_id"] for row in await tx.fetch_all(_SQL["hold_levels"], ids=level)]
        level = [row["id"] for row in await tx.fetch_all(_SQL["below"], ids=held)] if held else []
        found += level
    return found


async def _cancel(tx: Transaction, job_id: UUID, wish: jobs.Cancel) -> bool:
    row = await tx.fetch_optional(_SQL["in_queue"], _Row, id=job_id)
    if row is None:
        return False
    wish = replace(wish, forced=wish.forced or row.kind in FLOW_KINDS)
    change = jobs.cancel(row.record(), wish, now=row.now)
    cancel = change.job.cancel
    assert cancel is not None
    await tx.execute(
        _SQL["mark_canceled"],
        id=job_id,
        canceled_by=cancel.by,
        cancel_reason=cancel.reason or None,
        cancel_forced=cancel.forced,
    )
    await _carry_out(tx, row, change)
    if change.job.state.is_completed:
        await wake(tx, JOB_CHANNEL, str(job_id))
        if row.concurrency_key is not None:
            await wake(tx, QUEUE_CHANNEL, "*")
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class OverdueFlow:
    """A flow that has run for longer than it may."""

    id: UUID
    workspace_id: str
    timeout_s: int


async def overdue_flows(statements: Statements) -> list[OverdueFlow]:
    """Some of the flows whose time limit is over, those that began first."""
    return await statements.fetch_all(_SQL["overdue_flows"], OverdueFlow)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """A job whose worker was lost, and what became of it: `restarted`, `failed`, `quarantined` or `canceled`."""

    id: UUID
    workspace_id: str
    attempt: int
    worker: str
    outcome: str


async def expire(database: Database, *, lease_s: float) -> list[Expired]:
    """Take away the running jobs that nobody has confirmed for `lease_s`, and restart or end each as it asks."""
    async with database.system() as tx:
        rows = await tx.fetch_all(_SQL["expired"], _Row, lease_s=lease_s)
        expired = [await _take_away(tx, row, lease_s=lease_s) for row in rows]
        for payload in _in_notices(expired):
            await wake(tx, JOB_CHANNEL, payload)
        if expired:
            await wake(tx, QUEUE_CHANNEL, "*")
    return expired


_IDS_IN_A_NOTICE: Final = 100
"""A payload may have 8000 bytes."""


def _in_notices(expired: Sequence[Expired]) -> Iterator[str]:
    for start in range(0, len(expired), _IDS_IN_A_NOTICE):
        yield ",".join(str(one.id) for one in expired[start : start + _IDS_IN_A_NOTICE])


async def _take_away(tx: Transaction, row: _Row, *, lease_s: float) -> Expired:
    change = jobs.expire(row.record(), now=row.now, lease_s=lease_s)
    await _carry_out(tx, row, change)
    reason = change.job.end_reason
    outcome = _LOSS_OUTCOMES[reason] if reason is not None else "restarted"
    return Expired(
        id=row.id, workspace_id=row.workspace_id, attempt=row.attempt, worker=row.worker or "", outcome=outcome
    )


_LOSS_OUTCOMES: Final = {
    EndReason.WORKER_LOST: "failed",
    EndReason.QUARANTINED: "quarantined",
    EndReason.CANCELED: "canceled",
}
_ERRORS: Final = {
    EndReason.WORKER_LOST: (
        "WorkerLost",
        "The worker that ran this job was lost, and the job must not start twice (on_worker_loss: fail).",
    ),
    EndReason.STOPPED: (
        "WorkerStopped",
        "The worker had to stop, and the job must not start twice (on_worker_loss: fail).",
    ),
    EndReason.QUARANTINED: (
        "Quarantined",
        "Three workers were lost while they ran this job within 72 hours. It is not run again by itself; "
        "find out why, then rerun it.",
    ),
}
_FAILED: Final = ("Failed", "The job failed.")


async def _carry_out(tx: Transaction, row: _Row, change: jobs.Change, *, error: Json | None = None) -> None:
    """Do what the rules say has to be done about a locked job."""
    for command in change.commands:
        match command:
            case jobs.Requeued():
                await _requeue(tx, row, change.job, reason=command.reason, error=error)
            case jobs.Ended():
                await tx.execute(
                    _SQL["end_without_worker"],
                    id=row.id,
                    attempt=row.attempt,
                    status=command.state.value,
                    result=_result_of(command, change.job, error),
                    end_reason=command.reason.value,
                )
                await _wake_flow(tx, row)
            case jobs.Kill():
                await wake(tx, CANCEL_CHANNEL, str(row.id))
            case jobs.Alert():
                pass  # whoever called tells of it


async def _wake_flow(tx: Transaction, row: _Row) -> None:
    """A job has ended without its flow hearing of it, where it is a step of one: the flow is to look for itself."""
    tag = await tx.fetch_value(_SQL["wake_flow"], id=row.id)
    if tag is not None:
        await wake(tx, QUEUE_CHANNEL, tag)


async def _requeue(tx: Transaction, row: _Row, job: jobs.JobRecord, *, reason: EndReason, error: Json | None) -> None:
    await tx.execute(
        _SQL["requeue"],
        id=row.id,
        attempt=row.attempt,
        worker=row.worker,
        started_at=row.started_at,
        retries=job.retries,
        run_at=job.run_at,
        end_reason=reason.value,
        error=error,
    )


def _result_of(ended: jobs.Ended, job: jobs.JobRecord, error: Json | None) -> Json:
    if ended.reason is EndReason.CANCELED and job.cancel is not None:
        return error_result("Canceled", cancel_message(job.cancel.by, job.cancel.reason))
    return error or error_result(*_ERRORS.get(ended.reason, _FAILED))


def cancel_message(canceled_by: str, reason: str | None) -> str:
    """The sentence that a canceled job ends with."""
    return f"Canceled by {canceled_by}: {reason}" if reason else f"Canceled by {canceled_by}."


def kept_error(name: str, message: str) -> Kept:
    """`error_result`, as it is kept."""
    return Kept(inline=error_result(name, message))


def error_result(name: str, message: str) -> Json:
    """The result of a job that did not end by itself, in the shape that clients expect."""
    return Json(jsontext.dumps({"error": {"name": name, "message": message}}))


async def append_log(
    statements: Statements, job: ClaimedJob, text: str, *, start_unit: int, stream: bool = False, live: bool = True
) -> int | None:
    """Add `text` to a job's log (or to its result stream) at `start_unit`; its length in UTF-16 units.

    None: the lease is lost, and nothing was written. `text` must not hold NUL. `live` tells those who follow the job;
    leave it out where its end follows at once. The same piece may be sent again when its answer was lost.
    """
    units = len(text.encode("utf-16-le")) // 2
    row = await statements.fetch_optional(
        _SQL["append_stream" if stream else "append_log"],
        job_id=job.id,
        start_unit=start_unit,
        workspace_id=job.workspace_id,
        units=units,
        attempt=job.attempt,
        text=text,
        live=live,
    )
    return None if row is None else units


async def log_ends(statements: Statements, job_id: UUID) -> tuple[int, int]:
    """Where the log and the result stream of a job end, in UTF-16 units."""
    row = await statements.fetch_one(_SQL["log_end"], job_id=job_id)
    return row["log_units"], row["stream_units"]


async def cached_result(statements: Statements, workspace_id: str, key: bytes) -> Kept | None:
    """The result that was kept under `key`, while it is fresh."""
    row = await statements.fetch_optional(_SQL["cached_result"], workspace_id=workspace_id, key=key)
    if row is None:
        return None
    return Kept(inline=None if row["result"] is None else Json(row["result"]), digest=row["result_object"])


async def keep_result(statements: Statements, workspace_id: str, key: bytes, result: Kept, *, ttl_s: int) -> None:
    """Keep a result under `key` for `ttl_s` seconds."""
    await statements.execute(
        _SQL["keep_result"],
        workspace_id=workspace_id,
        key=key,
        result=result.inline,
        result_object=result.digest,
        ttl_s=ttl_s,
    )


async def store_lock(statements: Statements, workspace_id: str, script_hash: int, lock: str) -> None:
    """Keep the lock of a version that has none yet."""
    await statements.execute(_SQL["store_lock"], workspace_id=workspace_id, hash=script_hash, lock=lock)
