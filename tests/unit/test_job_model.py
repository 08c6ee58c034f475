"""A27: the queue's pure functions under every order of crashes and messages, and proof that the rules would notice.

`TIDEMILL_SOAK=1` runs 20,000 examples instead of 200. tests/job_model.py tells how to run the rules on a real Postgres.
"""

import os
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.job_model import Message, NewJob, PureQueue, Queue, QueueMachine
from tidemill.engine import jobs
from tidemill.model.job import EndReason, JobState, OnWorkerLoss

SOAK = os.environ.get("TIDEMILL_SOAK") == "1"
ORDINARY = settings(
    max_examples=20_000 if SOAK else 200,
    stateful_step_count=50,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
SEARCH = settings(ORDINARY, max_examples=5000, phases=[Phase.generate], derandomize=True, print_blob=False)
"""For rules that must find something: the same examples each time, and no effort to make them small."""


def test_no_order_of_crashes_and_messages_breaks_an_invariant() -> None:
    run_state_machine_as_test(QueueMachine, settings=ORDINARY)


class NoFence(PureQueue):
    """Takes what any attempt and worker sends."""

    def lease(self, worker: str, job_id: UUID, attempt: int) -> jobs.Lease:
        return self.jobs[job_id].lease or super().lease(worker, job_id, attempt)


class NoFirstHeartbeat(PureQueue):
    """A claim does not count as a heartbeat, and who never sent one is never missed."""

    def claim(self, worker: str) -> tuple[UUID, int] | None:
        claimed = super().claim(worker)
        if claimed is not None:
            self.jobs[claimed[0]] = replace(self.jobs[claimed[0]], heartbeat_at=None)
        return claimed


class NoReaper(PureQueue):
    """Nobody looks for lost leases."""

    def reap(self) -> list[UUID]:
        return []


class NoLimits(PureQueue):
    """Concurrency limits are not looked at."""

    def has_room(self, key: str | None) -> bool:
        return True


class AlwaysRestart(PureQueue):
    """Forgets that some jobs must not start twice."""

    def enqueue(self, job: NewJob) -> None:
        super().enqueue(job)
        self.jobs[job.id] = replace(self.jobs[job.id], on_worker_loss=OnWorkerLoss.RESTART)


class NoQuarantine(PureQueue):
    """Does not count how often a worker was lost."""

    def reap(self) -> list[UUID]:
        lost = super().reap()
        self.jobs |= {job_id: replace(self.jobs[job_id], losses=()) for job_id in lost}
        return lost


class CancelForgotten(PureQueue):
    """A worker that gives a job back undoes that it was canceled."""

    def release(self, worker: str, job_id: UUID, attempt: int) -> bool:
        self.jobs[job_id] = replace(self.jobs[job_id], cancel=None)
        return super().release(worker, job_id, attempt)


class LosesJobs(PureQueue):
    """What a worker gives back is nowhere."""

    def release(self, worker: str, job_id: UUID, attempt: int) -> bool:
        released = super().release(worker, job_id, attempt)
        if self.jobs[job_id].state is JobState.QUEUED:
            del self.jobs[job_id]
        return released


NETWORK = ("send_heartbeat", "deliver", "answer", "lose")


def without(machine: type[QueueMachine], *rules: str, **attributes: object) -> type[QueueMachine]:
    """`machine` with fewer rules: what a fault does not need only makes it take longer to be found."""
    return type(machine.__name__, (machine,), {**dict.fromkeys(rules), **attributes})


@pytest.mark.parametrize(
    ("queue", "not_needed", "says"),
    [
        (NoFence, ("trouble", "send_heartbeat", "answer", "lose"), "I4|I5"),
        (NoFirstHeartbeat, (), "I6"),
        (NoReaper, (), "I6"),
        (NoLimits, ("trouble", *NETWORK), "I9"),
        (AlwaysRestart, (), "I3"),
        (NoQuarantine, ("trouble", "finish", *NETWORK), "quarantine"),
        (CancelForgotten, ("finish", "wait", *NETWORK), "canceled job was started again"),
        (LosesJobs, NETWORK, "I1"),
    ],
)
def test_the_rules_notice_a_broken_queue(queue: type[Queue], not_needed: tuple[str, ...], says: str) -> None:
    broken = without(QueueMachine, *not_needed, new_queue=lambda _: queue())
    with pytest.raises(AssertionError, match=says):
        run_state_machine_as_test(broken, settings=SEARCH)


class KillsTooLate(QueueMachine):
    """A supervisor that waits for longer than a lease lasts."""

    def dies_at(self, confirmed_s: float) -> float:
        return confirmed_s + 40


class CountsFromTheAnswer(QueueMachine):
    """A supervisor that counts from when the answer came, not from when it was asked for."""

    def confirmed_at(self, message: Message) -> float:
        return self.clock


@pytest.mark.parametrize("machine", [KillsTooLate, CountsFromTheAnswer])
def test_the_rules_notice_a_supervisor_that_is_too_patient(machine: type[QueueMachine]) -> None:
    with pytest.raises(AssertionError, match=r"I5|I9"):
        run_state_machine_as_test(without(machine, "trouble", "finish", "send_heartbeat", "lose"), settings=SEARCH)


def test_a_found_order_stays_a_test() -> None:
    """The report of an attempt that was taken for lost comes in while its successor runs: it is refused."""
    machine = QueueMachine()
    machine.start()
    machine.enqueue(fails=False, retries=False, key=None, priority=0, delay_s=0)
    machine.work(0, at_once=True)
    machine.finish(0, state=JobState.SUCCESS, at_once=False)
    machine.wait(36, healthy=False)
    machine.work(1, at_once=True)
    machine.deliver(0, again=True, answered=True)
    machine.check()
    (row,) = machine.queue.rows()
    assert (row.state, row.attempt) == (JobState.RUNNING, 2)
    machine.finish(0, state=JobState.SUCCESS, at_once=True)
    machine.deliver(0, again=False, answered=True)
    machine.check()
    (row,) = machine.queue.rows()
    assert (row.state, row.attempt, row.reason) == (JobState.SUCCESS, 2, EndReason.FINISHED)
    machine.teardown()
