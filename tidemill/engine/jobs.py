"""The life of a job as pure functions: record + event + now -> new record + what has to be done about it.

`db/sql/queue.sql` says the same in SQL; `tests/unit/test_job_model.py` runs one set of rules against both. What comes
from a worker names its lease, and `LeaseLost` is the answer when the lease is not the job's present one (in SQL: no row
changed). Times are those of the database's clock, but for `dies_at`.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tidemill.engine.retry import RetryPolicy, delay_s
from tidemill.model.errors import BadRequest, Conflict, LeaseLost
from tidemill.model.job import (
    LEASE_S,
    POISON_LOSSES,
    POISON_WINDOW_S,
    SELF_KILL_S,
    TRANSITIONS,
    EndReason,
    JobState,
    OnWorkerLoss,
)


@dataclass(frozen=True, slots=True)
class Cancel:
    """A wish to cancel: the first who asks counts; `forced` does not wait for the worker."""

    by: str
    reason: str = ""
    forced: bool = False


@dataclass(frozen=True, slots=True)
class Lease:
    """The right of one attempt to write for its job."""

    job_id: UUID
    attempt: int
    worker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """A job as the queue sees it.

    Attributes:
        attempt: how often it was claimed; the number of the present attempt while it runs.
        retries: repeats after failures that its retry policy allowed.
        run_at: when it is due.
        worker, started_at, heartbeat_at: set exactly while it runs (the first two stay when it completes).
        losses: when a worker was lost with it.
        end_reason, completed_at: set exactly when it is completed.
    """

    id: UUID
    run_at: datetime
    state: JobState = JobState.QUEUED
    priority: int = 0
    on_worker_loss: OnWorkerLoss = OnWorkerLoss.RESTART
    retry: RetryPolicy | None = None
    timeout_s: int | None = None
    attempt: int = 0
    retries: int = 0
    worker: str | None = None
    started_at: datetime | None = None
    heartbeat_at: datetime | None = None
    cancel: Cancel | None = None
    losses: tuple[datetime, ...] = ()
    end_reason: EndReason | None = None
    completed_at: datetime | None = None

    @property
    def lease(self) -> Lease | None:
        """The lease of the present attempt; None when it does not run."""
        if self.state is not JobState.RUNNING or self.worker is None:
            return None
        return Lease(self.id, self.attempt, self.worker)


@dataclass(frozen=True, slots=True)
class Requeued:
    """To do: note the end of the attempt, and wake workers at `due_at`."""

    attempt: int
    reason: EndReason
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """To do: write the completed row, wake who waits for the job, hand its place under a concurrency limit on."""

    state: JobState
    reason: EndReason


@dataclass(frozen=True, slots=True)
class Kill:
    """To do: tell the worker of this lease to kill the job's processes."""

    lease: Lease


@dataclass(frozen=True, slots=True)
class Alert:
    """To do: tell people; the job was put into quarantine."""

    losses: int


Command = Requeued | Ended | Kill | Alert


@dataclass(frozen=True, slots=True)
class Change:
    """The record after an event, and what is to be done about it in the same transaction."""

    job: JobRecord
    commands: tuple[Command, ...] = ()


def check_new(job: JobRecord) -> None:
    """Whether a job may be enqueued as it is.

    Raises:
        BadRequest: it must never start twice, and has a retry policy.
    """
    if job.on_worker_loss is OnWorkerLoss.FAIL and job.retry is not None:
        raise BadRequest("on_worker_loss 'fail' promises one start at most: leave out 'retry', or choose 'restart'.")


def is_due(job: JobRecord, now: datetime) -> bool:
    """Whether a worker may claim it."""
    return job.state is JobState.QUEUED and job.run_at <= now


def claim_order(job: JobRecord) -> tuple[int, datetime, UUID]:
    """What due jobs are claimed by: the higher priority first, then the one that has been due for longer."""
    return (-job.priority, job.run_at, job.id)


def claim(job: JobRecord, worker: str, *, now: datetime) -> Change:
    """Give a due job to `worker`. The claim is the first heartbeat, and the start record of the new attempt.

    Raises:
        Conflict: it is not due.
    """
    if not is_due(job, now):
        raise Conflict(f"Job {job.id} is not due.")
    moved = _moved(job, JobState.RUNNING)
    return Change(replace(moved, attempt=job.attempt + 1, worker=worker, started_at=now, heartbeat_at=now))


def heartbeat(job: JobRecord, lease: Lease, *, now: datetime) -> Change:
    """Confirm a lease. `Kill` among the commands: the job was canceled meanwhile.

    Raises:
        LeaseLost: the job is not under this lease any more.
    """
    _check(job, lease)
    return Change(replace(job, heartbeat_at=now), (Kill(lease),) if job.cancel is not None else ())


def complete(
    job: JobRecord, lease: Lease, *, state: JobState, reason: EndReason, now: datetime, random: float
) -> Change:
    """Take the outcome of an attempt. A failure that the retry policy allows to repeat goes back to the queue.

    `random` (0 to below 1) spreads the delay of the repeat.

    Raises:
        LeaseLost: the job is not under this lease any more.
    """
    _check(job, lease)
    if state is JobState.FAILURE and job.cancel is not None:
        return _ended(job, JobState.CANCELED, EndReason.CANCELED, now)
    if state is JobState.FAILURE and job.retry is not None:
        wait_s = delay_s(job.retry, job.retries, random=random)
        if wait_s is not None:
            return repeat(job, lease, reason=reason, wait_s=wait_s, now=now)
    return _ended(job, state, reason, now)


def repeat(job: JobRecord, lease: Lease, *, reason: EndReason, wait_s: float, now: datetime) -> Change:
    """An attempt failed because of `reason`, and the retry policy allows one more after `wait_s`.

    Raises:
        LeaseLost: the job is not under this lease any more.
    """
    _check(job, lease)
    if job.cancel is not None:
        return _ended(job, JobState.CANCELED, EndReason.CANCELED, now)
    if job.on_worker_loss is OnWorkerLoss.FAIL:
        return _ended(job, JobState.FAILURE, reason, now)
    return _requeued(replace(job, retries=job.retries + 1), reason, now + timedelta(seconds=wait_s))


def release(job: JobRecord, lease: Lease, *, now: datetime) -> Change:
    """A worker that was told to stop, and has killed the job, gives it back. It keeps its place in the queue.

    Raises:
        LeaseLost: the job is not under this lease any more.
    """
    _check(job, lease)
    if job.cancel is not None:
        return _ended(job, JobState.CANCELED, EndReason.CANCELED, now)
    if job.on_worker_loss is OnWorkerLoss.FAIL:
        return _ended(job, JobState.FAILURE, EndReason.STOPPED, now)
    return _requeued(job, EndReason.STOPPED, job.run_at)


def is_expired(job: JobRecord, now: datetime, *, lease_s: float = LEASE_S) -> bool:
    """Whether it runs and its lease is over."""
    if job.state is not JobState.RUNNING:
        return False
    return job.heartbeat_at is None or job.heartbeat_at < now - timedelta(seconds=lease_s)


def expire(job: JobRecord, *, now: datetime, lease_s: float = LEASE_S) -> Change:
    """Take a job away from a worker that has not been heard of for `lease_s`. It keeps its place in the queue.

    Raises:
        Conflict: its lease is not over.
    """
    if not is_expired(job, now, lease_s=lease_s):
        raise Conflict(f"The lease of job {job.id} is not over.")
    window = timedelta(seconds=POISON_WINDOW_S)
    job = replace(job, losses=(*(loss for loss in job.losses if loss > now - window), now))
    if job.cancel is not None:
        return _ended(job, JobState.CANCELED, EndReason.CANCELED, now)
    if job.on_worker_loss is OnWorkerLoss.FAIL:
        return _ended(job, JobState.FAILURE, EndReason.WORKER_LOST, now)
    if len(job.losses) >= POISON_LOSSES:
        ended = _ended(job, JobState.FAILURE, EndReason.QUARANTINED, now)
        return Change(ended.job, (*ended.commands, Alert(len(job.losses))))
    return _requeued(job, EndReason.WORKER_LOST, job.run_at)


def cancel(job: JobRecord, wish: Cancel, *, now: datetime) -> Change:
    """Cancel a job: at once in the queue or by force, otherwise its worker is told to end it.

    By force, the job and its place under a concurrency limit are free before its processes are gone: when the worker
    hears of it, at the latest `SELF_KILL_S` after its last confirmed heartbeat.

    Raises:
        Conflict: it is completed.
    """
    if job.state.is_completed:
        raise Conflict(f"Job {job.id} is completed: it cannot be canceled any more.")
    lease, first = job.lease, job.cancel or wish
    job = replace(job, cancel=replace(first, forced=first.forced or wish.forced))
    kill = () if lease is None else (Kill(lease),)
    if lease is not None and not wish.forced:
        return Change(job, kill)
    ended = _ended(job, JobState.CANCELED, EndReason.CANCELED, now)
    return Change(ended.job, (*ended.commands, *kill))


def deadline(job: JobRecord) -> datetime | None:
    """When a running job is out of time; None when it has no limit or does not run."""
    if job.state is not JobState.RUNNING or job.started_at is None or job.timeout_s is None:
        return None
    return job.started_at + timedelta(seconds=job.timeout_s)


def dies_at(sent_at_s: float, self_kill_s: float = SELF_KILL_S) -> float:
    """When a job's supervisor kills it, on its own monotonic clock, if nothing newer is confirmed.

    `sent_at_s` is when the newest confirmed heartbeat, or the claim, was sent: never when its answer came.
    A claim whose answer comes after that moment is not started at all.
    """
    return sent_at_s + self_kill_s


def _check(job: JobRecord, lease: Lease) -> None:
    if job.lease != lease:
        raise LeaseLost(f"Attempt {lease.attempt} of job {lease.job_id} has ended: what it sends is refused.")


def _moved(job: JobRecord, state: JobState) -> JobRecord:
    if state not in TRANSITIONS[job.state]:
        raise Conflict(f"Job {job.id} cannot go from {job.state} to {state}.")
    return replace(job, state=state)


def _requeued(job: JobRecord, reason: EndReason, due_at: datetime) -> Change:
    waiting = replace(_moved(job, JobState.QUEUED), worker=None, started_at=None, heartbeat_at=None, run_at=due_at)
    return Change(waiting, (Requeued(job.attempt, reason, due_at),))


def _ended(job: JobRecord, state: JobState, reason: EndReason, now: datetime) -> Change:
    ended = replace(_moved(job, state), heartbeat_at=None, end_reason=reason, completed_at=now)
    return Change(ended, (Ended(state, reason),))


TERMINAL: Final = frozenset(state for state in JobState if state.is_completed)
"""The states that a job never leaves."""
