"""The queue: take a job in, hand it to a worker, hear from the worker, end it. Every write of a worker is fenced.

`engine/jobs.py` says what each step may do; the statements in `sql/queue.sql` do it, each in one statement.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, assert_never
from uuid import UUID

from tidemill.db.pool import Database, Json, Statements, Transaction
from tidemill.db.queries import queries
from tidemill.db.values import Kept
from tidemill.engine.losses import LossVerdict, after_worker_loss
from tidemill.model import jsontext

_SQL: Final = queries("queue")

QUEUE_CHANNEL: Final = "tidemill_queue"
"""Something is due; the payload is its tag."""
JOB_CHANNEL: Final = "tidemill_job"
"""Jobs have news or have ended; the payload is their ids, separated by commas."""
CANCEL_CHANNEL: Final = "tidemill_cancel"
"""A running job is to be canceled; the payload is its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job to take in. Its source is a deployed script (`script_hash`) or `content` with `language`."""

    id: UUID
    workspace_id: str
    kind: str
    tag: str
    created_by: str
    permissioned_as: str
    email: str
    args: Kept
    script_hash: int | None = None
    script_path: str | None = None
    language: str | None = None
    content: str | None = None
    lock: str | None = None
    priority: int = 0
    scheduled_for: datetime | None = None
    delay_s: float = 0.0
    parent_job: UUID | None = None
    root_job: UUID | None = None
    flow_step_id: str | None = None
    schedule_path: str | None = None
    timeout_s: int | None = None
    cache_ttl_s: int | None = None
    retry: Json | None = None
    on_worker_loss: str = "restart"
    options: Json = field(default_factory=lambda: Json(b"{}"))
    labels: list[str] = field(default_factory=list)
    visible_to_owner: bool = True
    concurrency_key: str | None = None
    concurrency_limit: int | None = None
    concurrency_window_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedJob:
    """A job as its worker gets it. `lock` is None where its dependencies have not been resolved yet."""

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
    schedule_path: str | None
    timeout_s: int | None
    cache_ttl_s: int | None
    retry: bytes | None
    on_worker_loss: str
    options: bytes
    concurrency_key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a job ended. `status`: success, failure, canceled or skipped; `end_reason` tells why it was no success."""

    id: UUID
    attempt: int
    status: str
    result: Kept
    end_reason: str | None = None
    memory_peak_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Beat:
    """The answer to a heartbeat for one job that is still held."""

    id: UUID
    canceled_by: str | None
    cancel_reason: str | None
    cancel_forced: bool


async def enqueue(tx: Statements, job: NewJob) -> datetime:
    """Take `job` in; it exists once the transaction commits. Gives the moment from which it is due."""
    run_at = await tx.fetch_value(
        _SQL["enqueue"],
        **{name: getattr(job, name) for name in _SQL["enqueue"].parameters - {"args", "args_object"}},
        args=job.args.inline,
        args_object=job.args.digest,
    )
    assert isinstance(run_at, datetime)
    return run_at


async def wake(statements: Statements, channel: str, payload: str) -> None:
    """Tell those who listen on `channel`. In a transaction it goes out with the commit."""
    await statements.execute(_SQL["wake"], channel=channel, payload=payload)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What a worker gets back for what it reported.

    Attributes:
        ended: the ids that were ended; one that is missing was taken away before, and nothing was written for it.
        claimed: what it holds from now on, the most urgent first. The claim is the first heartbeat.
        due_in_s: when the next job will be due; None where none waits.
        limited: jobs under a concurrency limit are due, too: see `claim_limited`.
    """

    ended: frozenset[UUID]
    claimed: list[ClaimedJob]
    due_in_s: float | None
    limited: bool


_OF_TURN: Final = frozenset({"ended", "notices", "due_in_s", "limited"})


async def turn(statements: Statements, *, worker: str, ended: Sequence[Ended], tags: Sequence[str], limit: int) -> Turn:
    """End the jobs `ended` that `worker` holds, and hand it up to `limit` due jobs without a concurrency limit."""
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
        tags=list(tags),
        limit=limit,
    )
    first = rows[0]
    claimed = [ClaimedJob(**{name: row[name] for name in row.keys() - _OF_TURN}) for row in rows if row["id"]]
    return Turn(ended=frozenset(first["ended"]), claimed=claimed, due_in_s=first["due_in_s"], limited=first["limited"])


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


async def put_back(
    statements: Statements,
    job: ClaimedJob,
    *,
    worker: str,
    end_reason: str,
    error: Json | None = None,
    retried: bool = False,
    delay_s: float = 0.0,
) -> bool:
    """Give a job back to the queue, as a retry or because the worker stops; False: it has been taken away."""
    row = await statements.fetch_optional(
        _SQL["put_back"],
        id=job.id,
        attempt=job.attempt,
        worker=worker,
        started_at=job.started_at,
        end_reason=end_reason,
        error=error,
        retried=int(retried),
        delay_s=delay_s,
    )
    return row is not None


async def ask_to_cancel(
    tx: Transaction, job_id: UUID, *, canceled_by: str, reason: str | None, forced: bool = False
) -> bool:
    """Cancel a job: at once where it waits, through its worker where it runs. False: it is not in the queue (any more).

    `forced` ends a running job without waiting for its worker, which then finds its lease lost and kills it.
    """
    row = await tx.fetch_optional(
        _SQL["ask_to_cancel"], id=job_id, canceled_by=canceled_by, reason=reason, forced=forced
    )
    if row is None:
        return False
    if row["state"] == "queued" or forced:
        result = error_result("Canceled", cancel_message(canceled_by, reason))
        await _end_without_worker(
            tx,
            job_id,
            row["attempt"],
            states=["queued", "running"],
            status="canceled",
            result=result,
            reason="canceled",
        )
        await wake(tx, JOB_CHANNEL, str(job_id))
    if row["state"] == "running":
        await wake(tx, CANCEL_CHANNEL, str(job_id))
    return True


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
        rows = await tx.fetch_all(_SQL["expired"], lease_s=lease_s)
        expired = [await _take_away(tx, row) for row in rows]
        if expired:
            await wake(tx, JOB_CHANNEL, ",".join(str(one.id) for one in expired))
            await wake(tx, QUEUE_CHANNEL, "*")
    return expired


async def _take_away(tx: Transaction, row: dict[str, Any]) -> Expired:
    verdict = after_worker_loss(
        on_worker_loss=row["on_worker_loss"], earlier_losses=row["losses"], is_canceled=row["canceled_by"] is not None
    )
    job_id, attempt = row["id"], row["attempt"]
    match verdict:
        case LossVerdict.RESTART:
            await tx.execute(
                _SQL["take_away"], id=job_id, attempt=attempt, worker=row["worker"], started_at=row["started_at"]
            )
        case LossVerdict.CANCEL:
            result = error_result("Canceled", cancel_message(row["canceled_by"], row["cancel_reason"]))
            await _end_without_worker(
                tx, job_id, attempt, states=["running"], status="canceled", result=result, reason="canceled"
            )
        case LossVerdict.FAIL | LossVerdict.QUARANTINE:
            reason = "worker_lost" if verdict is LossVerdict.FAIL else "quarantined"
            result = error_result(*_LOSS_ERRORS[reason])
            await _end_without_worker(
                tx, job_id, attempt, states=["running"], status="failure", result=result, reason=reason
            )
        case _:
            assert_never(verdict)
    return Expired(
        id=job_id, workspace_id=row["workspace_id"], attempt=attempt, worker=row["worker"], outcome=verdict.value
    )


_LOSS_ERRORS: Final = {
    "worker_lost": (
        "WorkerLost",
        "The worker that ran this job was lost, and the job must not start twice (on_worker_loss: fail).",
    ),
    "quarantined": (
        "Quarantined",
        "Three workers were lost while they ran this job within 72 hours. It is not run again by itself; "
        "find out why, then rerun it.",
    ),
}


def cancel_message(canceled_by: str, reason: str | None) -> str:
    """The sentence that a canceled job ends with."""
    return f"Canceled by {canceled_by}: {reason}" if reason else f"Canceled by {canceled_by}."


def kept_error(name: str, message: str) -> Kept:
    """`error_result`, as it is kept."""
    return Kept(inline=error_result(name, message))


def error_result(name: str, message: str) -> Json:
    """The result of a job that did not end by itself, in the shape that clients expect."""
    return Json(jsontext.dumps({"error": {"name": name, "message": message}}))


async def _end_without_worker(
    tx: Transaction, job_id: UUID, attempt: int, *, states: list[str], status: str, result: Json, reason: str
) -> None:
    await tx.execute(
        _SQL["end_without_worker"],
        id=job_id,
        attempt=attempt,
        states=states,
        status=status,
        result=result,
        end_reason=reason,
        canceled_by=None,
        cancel_reason=None,
    )


async def append_log(
    statements: Statements, job: ClaimedJob, text: str, *, start_unit: int, stream: bool = False
) -> int | None:
    """Add `text` to a job's log (or to its result stream) at `start_unit`; its length in UTF-16 units.

    None: the lease is lost, and nothing was written. `text` must not hold NUL.
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
