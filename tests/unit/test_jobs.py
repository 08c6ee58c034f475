"""The life of a job, step by step; tests/unit/test_job_model.py tries the orders that nobody thinks of."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from tidemill.engine import jobs
from tidemill.engine.jobs import Alert, Cancel, Change, Ended, JobRecord, Kill, Lease, Requeued
from tidemill.engine.retry import Constant, RetryPolicy
from tidemill.model.errors import BadRequest, Conflict, LeaseLost
from tidemill.model.job import (
    HEARTBEAT_S,
    LEASE_S,
    POISON_WINDOW_S,
    REAP_S,
    SELF_KILL_S,
    TRANSITIONS,
    EndReason,
    JobState,
    OnWorkerLoss,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ONCE = OnWorkerLoss.FAIL
WISH = Cancel("u/ann", "why not")


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def waiting(**fields: object) -> JobRecord:
    return replace(JobRecord(id=UUID(int=1), run_at=NOW), **fields)  # type: ignore[arg-type]


def running(**fields: object) -> JobRecord:
    return jobs.claim(waiting(**fields), "w", now=NOW).job


def lease(attempt: int = 1, worker: str = "w") -> Lease:
    return Lease(UUID(int=1), attempt, worker)


def finished(job: JobRecord, state: JobState = JobState.SUCCESS, at: datetime = NOW) -> Change:
    reason = EndReason.ERROR if state is JobState.FAILURE else EndReason.FINISHED
    return jobs.complete(job, lease(job.attempt), state=state, reason=reason, now=at, random=0.5)


def lose(job: JobRecord, at: datetime) -> Change:
    return jobs.expire(replace(job, heartbeat_at=at - timedelta(seconds=LEASE_S + 1)), now=at)


def test_a_job_is_dead_before_its_lease_is_over_and_the_loss_is_found_in_time() -> None:
    assert HEARTBEAT_S < SELF_KILL_S < LEASE_S
    assert LEASE_S + REAP_S <= 35
    assert jobs.dies_at(100.0) == 120.0


def test_a_claim_is_the_first_heartbeat_and_a_new_attempt() -> None:
    job = running()
    assert (job.state, job.attempt, job.worker) == (JobState.RUNNING, 1, "w")
    assert job.heartbeat_at == job.started_at == NOW
    assert job.lease == lease()


@pytest.mark.parametrize("job", [waiting(run_at=later(1)), running(), finished(running()).job])
def test_only_what_is_due_is_claimed(job: JobRecord) -> None:
    with pytest.raises(Conflict, match="not due"):
        jobs.claim(job, "w", now=NOW)


def test_the_more_urgent_then_the_older_job_is_claimed_first() -> None:
    old, new, urgent = waiting(), waiting(run_at=later(1), id=UUID(int=0)), waiting(run_at=later(2), priority=1)
    assert sorted([new, old, urgent], key=jobs.claim_order) == [urgent, old, new]


@pytest.mark.parametrize("stale", [lease(2), lease(0), lease(worker="w2"), Lease(UUID(int=9), 1, "w")])
def test_another_lease_is_refused_everywhere(stale: Lease) -> None:
    job = running()
    with pytest.raises(LeaseLost, match="refused"):
        jobs.heartbeat(job, stale, now=NOW)
    with pytest.raises(LeaseLost):
        jobs.complete(job, stale, state=JobState.SUCCESS, reason=EndReason.FINISHED, now=NOW, random=0)
    with pytest.raises(LeaseLost):
        jobs.release(job, stale, now=NOW)


@pytest.mark.parametrize("job", [finished(running()).job, jobs.release(running(), lease(), now=NOW).job, waiting()])
def test_a_lease_ends_with_its_attempt(job: JobRecord) -> None:
    assert job.lease is None
    with pytest.raises(LeaseLost):
        jobs.heartbeat(job, lease(), now=NOW)


@pytest.mark.parametrize("state", sorted(jobs.TERMINAL))
def test_a_completed_job_never_changes(state: JobState) -> None:
    assert TRANSITIONS[state] == frozenset()
    job = finished(running(), state).job
    assert (job.state, job.completed_at, job.attempt) == (state, NOW, 1)
    with pytest.raises(Conflict, match="completed"):
        jobs.cancel(job, WISH, now=NOW)
    with pytest.raises(Conflict):
        jobs.expire(job, now=later(1000))


def test_a_failure_is_repeated_as_often_as_its_policy_says() -> None:
    job = running(retry=RetryPolicy(Constant(attempts=1, seconds=30)))
    change = finished(job, JobState.FAILURE)
    assert change.commands == (Requeued(1, EndReason.ERROR, later(30)),)
    assert (change.job.state, change.job.run_at, change.job.retries) == (JobState.QUEUED, later(30), 1)
    again = jobs.claim(change.job, "w", now=later(30)).job
    assert finished(again, JobState.FAILURE).commands == (Ended(JobState.FAILURE, EndReason.ERROR),)


@pytest.mark.parametrize("state", [JobState.SUCCESS, JobState.SKIPPED, JobState.CANCELED])
def test_only_failures_are_repeated(state: JobState) -> None:
    assert finished(running(retry=RetryPolicy(Constant(1, 1))), state).job.state is state


def test_a_canceled_job_is_not_retried() -> None:
    job = jobs.cancel(running(retry=RetryPolicy(Constant(5, 1))), WISH, now=NOW).job
    assert finished(job, JobState.FAILURE).job.state is JobState.CANCELED
    assert finished(job).job.state is JobState.SUCCESS
    assert jobs.release(job, lease(), now=NOW).job.state is JobState.CANCELED
    assert lose(job, later(40)).job.state is JobState.CANCELED


def test_a_job_that_must_not_start_twice_has_no_retry_policy() -> None:
    with pytest.raises(BadRequest, match="one start"):
        jobs.check_new(waiting(on_worker_loss=ONCE, retry=RetryPolicy(Constant(1, 1))))
    jobs.check_new(waiting(on_worker_loss=ONCE))


def test_a_job_that_must_not_start_twice_fails_where_others_start_again() -> None:
    job = running(on_worker_loss=ONCE)
    assert lose(job, later(40)).commands == (Ended(JobState.FAILURE, EndReason.WORKER_LOST),)
    assert jobs.release(job, lease(), now=NOW).commands == (Ended(JobState.FAILURE, EndReason.STOPPED),)


def test_a_lease_is_over_after_thirty_seconds_and_not_before() -> None:
    job = running()
    assert not jobs.is_expired(job, later(LEASE_S))
    assert jobs.is_expired(job, later(LEASE_S + 0.001))
    kept = jobs.heartbeat(job, lease(), now=later(20)).job
    assert not jobs.is_expired(kept, later(50))
    with pytest.raises(Conflict, match="not over"):
        jobs.expire(kept, now=later(50))
    assert jobs.is_expired(replace(job, heartbeat_at=None), NOW)


def test_a_lost_job_is_due_at_its_old_place() -> None:
    change = lose(running(), later(40))
    assert change.commands == (Requeued(1, EndReason.WORKER_LOST, NOW),)
    assert (change.job.worker, change.job.heartbeat_at, change.job.losses) == (None, None, (later(40),))


def test_the_third_loss_within_three_days_is_quarantine() -> None:
    job = running(losses=(NOW, later(60)))
    change = lose(job, later(POISON_WINDOW_S - 1))
    assert change.commands == (Ended(JobState.FAILURE, EndReason.QUARANTINED), Alert(3))
    older = lose(job, later(POISON_WINDOW_S))
    assert older.job.state is JobState.QUEUED
    assert older.job.losses == (later(60), later(POISON_WINDOW_S))


def test_a_graceful_stop_is_no_loss() -> None:
    change = jobs.release(running(losses=(NOW, NOW)), lease(), now=later(5))
    assert change.commands == (Requeued(1, EndReason.STOPPED, NOW),)
    assert change.job.losses == (NOW, NOW)


def test_a_waiting_job_is_canceled_at_once_and_a_running_one_by_its_worker() -> None:
    assert jobs.cancel(waiting(), WISH, now=NOW).commands == (Ended(JobState.CANCELED, EndReason.CANCELED),)
    change = jobs.cancel(running(), WISH, now=NOW)
    assert change.commands == (Kill(lease()),)
    assert jobs.heartbeat(change.job, lease(), now=NOW).commands == (Kill(lease()),)


def test_force_does_not_wait_for_the_worker_and_the_first_wish_counts() -> None:
    asked = jobs.cancel(running(), WISH, now=NOW).job
    change = jobs.cancel(asked, Cancel("u/bob", "now", forced=True), now=later(1))
    assert change.commands == (Ended(JobState.CANCELED, EndReason.CANCELED), Kill(lease()))
    assert change.job.cancel == Cancel("u/ann", "why not", forced=True)
    with pytest.raises(LeaseLost):
        finished(change.job)


def test_the_deadline_counts_from_the_start_of_the_attempt() -> None:
    assert jobs.deadline(running(timeout_s=60)) == later(60)
    assert jobs.deadline(running()) is None
    assert jobs.deadline(waiting(timeout_s=60)) is None
