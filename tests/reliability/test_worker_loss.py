"""A01, A02, A24 and P8: what becomes of jobs whose worker is gone."""

import os
import signal

import pytest

from tests.reliability.harness import DETECTED_S, EFFECTS, SELF_KILL_S, SLACK_S, SOAK, Chaosbox, processes_with, until

ROUNDS = 20 if SOAK else 1


@pytest.mark.parametrize("isolated", [False, True], ids=["plain", "isolated"])
def test_a_job_is_started_again_when_its_worker_dies(box: Chaosbox, *, isolated: bool) -> None:
    """A01: within 40 s (P4), the old process tree gone within a second, one result, attempt 2."""
    box.start_server()
    for each in range(ROUNDS):
        worker = box.start_worker(isolated=isolated)
        mark = f"8{os.getpid()}{each}"
        job = box.preview(
            f"echo up; setsid sleep {mark} >/dev/null 2>&1 & [ $WM_JOB_ATTEMPT = 1 ] && sleep {mark}; exit 0"
        )
        until(lambda mark=mark: len(processes_with(f"sleep\0{mark}")) == 2)  # type: ignore[misc]
        worker.kill()
        until(lambda mark=mark: not processes_with(f"sleep\0{mark}"), 1 + SLACK_S, what="the tree is gone")  # type: ignore[misc]
        other = box.start_worker(isolated=isolated)
        row = box.ended(job, DETECTED_S + 5 + SLACK_S)
        assert (row["state"], row["attempt"]) == ("success", 2)
        until(lambda mark=mark: not processes_with(f"sleep\0{mark}"), what="nothing is left of attempt 2")  # type: ignore[misc]
        other.kill()


def test_a_job_that_must_not_start_twice_fails_with_its_worker(box: Chaosbox) -> None:
    """A02: exactly one start, and an end that tells why."""
    box.start_server()
    box.deploy("u/ada/once", EFFECTS, on_worker_loss="fail")
    worker = box.start_worker()
    job = box.run("u/ada/once", {"file": str(box.effects_file), "seconds": "60"})
    box.once.add(job)
    until(lambda: box.starts(job))
    box.start_worker()
    worker.kill()
    row = box.ended(job, DETECTED_S + 5 + SLACK_S)
    assert (row["state"], row["end_reason"], row["attempt"]) == ("failure", "worker_lost", 1)
    assert "on_worker_loss: fail" in row["result"]
    assert len(box.starts(job)) == 1


def test_a_worker_that_dies_with_its_claim_is_noticed_as_soon(box: Chaosbox) -> None:
    """A24: between the claim and the first heartbeat."""
    box.start_server()
    job = box.tick(0)
    worker = box.start_worker(ready=False, FAILPOINT="claim.after_commit:1:kill")
    assert worker.wait() == -signal.SIGKILL
    assert box.job(job)["state"] == "running"
    box.start_worker()
    row = box.ended(job, DETECTED_S + 5 + SLACK_S)
    assert (row["state"], row["attempt"]) == ("success", 2)


def test_a_job_that_takes_its_worker_down_ends_in_quarantine(box: Chaosbox) -> None:
    """A22: after three losses, while other jobs go on."""
    box.start_server()
    box.start_worker(TIDEMILL_WORKER_TAGS="bash")
    poison = box.tick(0, tag="poison")
    others = []
    for attempt in range(1, 4):
        worker = box.start_worker(ready=False, TIDEMILL_WORKER_TAGS="poison", FAILPOINT="run.after_start:1:kill")
        others += [box.tick(0) for _ in range(34 if SOAK else 3)]
        assert worker.wait() == -signal.SIGKILL
        until(lambda: not box.is_running(poison), DETECTED_S + SLACK_S)
        if attempt < 3:
            assert box.job(poison)["state"] == "queued"
    row = box.ended(poison)
    assert (row["state"], row["end_reason"], row["attempt"]) == ("failure", "quarantined", 3)
    box.start_worker(TIDEMILL_WORKER_TAGS="poison")
    assert all(box.ended(job)["state"] == "success" for job in others)
    assert box.job(poison)["attempt"] == 3


def test_a_frozen_worker_loses_its_job_before_another_starts_it(box: Chaosbox) -> None:
    """A04: its supervisor kills the job; what it sends when it wakes is refused."""
    box.start_server()
    frozen = box.start_worker()
    job = box.tick(120)
    until(lambda: len(box.effects) > 5)
    os.kill(frozen.pid, signal.SIGSTOP)
    until(lambda: not processes_with(str(box.effects_file)), SELF_KILL_S + 5 + SLACK_S, what="the supervisor killed it")
    box.start_worker()
    until(lambda: len(box.starts(job)) == 2, DETECTED_S + SLACK_S)
    os.kill(frozen.pid, signal.SIGCONT)
    until(lambda: frozen.said("lease") or frozen.said("lost") or box.job(job)["attempt"] == 2)
    box.cancel(job)
    assert box.ended(job)["state"] == "canceled"
    assert len(box.starts(job)) == 2
    next_job = box.tick(0)
    assert box.ended(next_job)["state"] == "success"
    assert frozen.is_alive()


def test_the_checks_notice_two_attempts_at_once(box: Chaosbox) -> None:
    """Control of A04: with the supervisor frozen too, as when a whole host stops for a while, attempts overlap."""
    box.checked = False
    box.start_server()
    frozen = box.start_worker()
    job = box.tick(120)
    until(lambda: len(box.effects) > 5)
    watchdog = frozen.watchdog()
    os.kill(watchdog, signal.SIGSTOP)
    os.kill(frozen.pid, signal.SIGSTOP)
    try:
        box.start_worker()
        until(lambda: len(box.starts(job)) == 2, DETECTED_S + SLACK_S)
        second = box.starts(job)[1].at
        until(lambda: any(each.attempt == 1 and each.at > second for each in box.effects))
        with pytest.raises(AssertionError, match="I5"):
            box.check()
    finally:
        os.kill(watchdog, signal.SIGKILL)
        frozen.signal(signal.SIGCONT)


@pytest.mark.skipif(not SOAK, reason="takes more than a minute; make soak runs it")
def test_a_claim_whose_answer_comes_too_late_is_not_started(box: Chaosbox) -> None:
    """The worker hears of its claim a minute later: by then the job is somebody else's."""
    box.start_server()
    job = box.tick(0)
    late = box.start_worker(ready=False, FAILPOINT="claim.after_commit:1:sleep")
    until(lambda: box.is_running(job))
    box.start_worker()
    row = box.ended(job, DETECTED_S + 5 + SLACK_S)
    assert (row["state"], row["attempt"]) == ("success", 2)
    until(lambda: late.said("claimed too late"))
    assert [effect.attempt for effect in box.starts(job)] == [2]
