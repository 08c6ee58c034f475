"""Taking jobs in: one or many in one statement, with their audit records and the notices that wake workers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import msgspec

from tidemill.db.pool import Json, Statements, Transaction
from tidemill.db.queries import queries
from tidemill.db.values import Kept
from tidemill.engine import jobs, retry
from tidemill.engine.debouncing import Rule
from tidemill.model import jsontext
from tidemill.model.errors import LeaseLost, Outdated
from tidemill.model.identity import Principal
from tidemill.model.job import OnWorkerLoss

_SQL: Final = queries("intake")
_BATCH_JOBS: Final = 500
_BATCH_BYTES: Final = 8 * 1024 * 1024
"""What one statement takes at most, beyond its first job; larger batches are several statements."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job to take in. Its source is a deployed script (`script_hash`) or `content` with `language`.

    `args` is a JSON object, `retry` a policy that `engine/retry.py` reads. With `script_row` (`SeenScript.row`) it is
    taken in only if the script is still what was seen. With `debounce` it is for `debouncing.take_in`.
    """

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
    script_row: str | None = None
    language: str | None = None
    content: str | None = None
    lock: str | None = None
    priority: int = 0
    scheduled_for: datetime | None = None
    delay_s: float = 0.0
    parent_job: UUID | None = None
    root_job: UUID | None = None
    flow_step_id: str | None = None
    flow_index: int | None = None
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
    debounce: Rule | None = None


_PLAIN: Final = tuple(each.name for each in fields(NewJob) if each.name not in {"args", "retry", "options", "debounce"})


async def take_in(statements: Statements, job: NewJob, *, caller: Principal | None = None) -> None:
    """Take `job` in, with an audit record where a caller asks for it. It exists from the commit on, and is then told.

    One statement, which on `Database.single` is its own transaction.

    Raises:
        BadRequest: it must never start twice, and has a retry policy.
        LeaseLost: the caller is a job that was given to another attempt, or has ended; nothing was taken in.
        Outdated: its script is not what was seen any more; nothing was taken in.
    """
    _check(job)
    await _run(statements, [_told(job)], caller)


async def take_in_all(tx: Transaction, new: Sequence[NewJob], *, caller: Principal | None = None) -> None:
    """As `take_in`, for any number of jobs, in as few statements as bounds on their size allow."""
    for job in new:
        _check(job)
    for batch in _batches(_told(job) for job in new):
        await _run(tx, batch, caller)


async def _run(statements: Statements, told: list[bytes], caller: Principal | None) -> None:
    credential = None if caller is None else caller.credential
    job_id = None if credential is None else credential.job_id
    row = await statements.fetch_one(
        _SQL["take_in"],
        jobs=Json(b"[" + b",".join(told) + b"]"),
        operation=None if caller is None else "jobs.run",
        email=None if caller is None else caller.email,
        username=None if caller is None else caller.username or caller.email,
        caller_job=job_id,
        caller_attempt=None if credential is None else credential.attempt,
        impersonated_by=None if credential is None else credential.impersonated_by,
    )
    if row["changed"]:
        raise Outdated("The script was changed meanwhile; send it again.")
    if row["taken"] != len(told):
        raise LeaseLost(f"Job {job_id} asked for more jobs, and does not run under this attempt any more.")


def _batches(told: Iterator[bytes]) -> Iterator[list[bytes]]:
    """Lists of as many as go into one statement."""
    batch: list[bytes] = []
    size = 0
    for one in told:
        if batch and (len(batch) == _BATCH_JOBS or size + len(one) > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += len(one)
    if batch:
        yield batch


def _told(job: NewJob) -> bytes:
    return msgspec.json.encode(row_of(job))


def row_of(job: NewJob) -> dict[str, object]:
    """The job as statements read it. Its JSON values are strings in it: read as JSON they could not hold NUL."""
    row = {name: getattr(job, name) for name in _PLAIN}
    row["args"] = _text(job.args.inline)
    row["args_object"] = job.args.digest
    row["retry"] = _text(job.retry)
    row["options"] = _text(job.options)
    return row


def _text(value: Json | None) -> str | None:
    return None if value is None else value.raw.decode()


def _check(job: NewJob) -> None:
    policy = None if job.retry is None else retry.parse(jsontext.loads(job.retry.raw))
    jobs.check_new(
        jobs.JobRecord(
            id=job.id,
            run_at=job.scheduled_for or datetime.min.replace(tzinfo=UTC),
            on_worker_loss=OnWorkerLoss(job.on_worker_loss),
            retry=policy,
        )
    )
