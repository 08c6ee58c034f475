"""A11 (P7): a worker that is told to stop takes nothing new, lets short jobs end, gives back or fails the others."""

import os
import signal

import pytest

from tests.reliability.harness import EFFECTS, SLACK_S, Chaosbox, processes_with, until

GRACE_S = 4
LONG_S = 300 + os.getpid() / 10**7
"""Also tells the processes of this test from those of others."""
SLEEPS = {
    "bash": "echo up; {trap}sleep {seconds}",
    "python3": ("import signal, time\ndef main():\n    print('up', flush=True)\n    {trap}\n    time.sleep({seconds})"),
}
DEAF = {"bash": "trap '' TERM INT; ", "python3": "signal.signal(signal.SIGTERM, signal.SIG_IGN)"}


def sleep(box: Chaosbox, language: str, seconds: float, *, deaf: bool = False) -> str:
    trap = DEAF[language] if deaf else "pass" if language == "python3" else ""
    return box.preview(SLEEPS[language].format(seconds=seconds, trap=trap), language=language)


def await_all_up(box: Chaosbox, *jobs: str) -> None:
    until(lambda: all("up" in box.log_of(job) for job in jobs), what="all jobs print")


@pytest.mark.parametrize("isolated", [False, True], ids=["plain", "isolated"])
def test_a_worker_stops_in_good_order(box: Chaosbox, *, isolated: bool) -> None:
    box.start_server()
    box.deploy("u/ada/once", SLEEPS["bash"].format(seconds=LONG_S, trap=""), on_worker_loss="fail")
    worker = box.start_worker(isolated=isolated, TIDEMILL_STOP_GRACE_S=str(GRACE_S))
    warm_up = [sleep(box, language, 0) for language in SLEEPS]
    for job in warm_up:
        box.ended(job)
    long = [sleep(box, language, LONG_S, deaf=True) for language in SLEEPS]
    once = box.run("u/ada/once")
    short = [sleep(box, language, 1) for language in SLEEPS]
    box.once.add(once)
    await_all_up(box, *long, *short, once)

    worker.signal(signal.SIGTERM)
    late = box.tick(0)
    assert worker.wait(GRACE_S + 2 + SLACK_S) == 0
    assert box.rows("select id from job_queue where state = 'running'") == []
    assert [box.job(job)["state"] for job in short] == ["success"] * len(short)
    assert [box.job(job)["state"] for job in long] == ["queued"] * len(long)
    assert (box.job(once)["state"], box.job(once)["end_reason"]) == ("failure", "stopped")
    assert (box.job(late)["state"], box.job(late)["attempt"]) == ("queued", 0)
    assert not processes_with(str(LONG_S))
    reasons = box.rows("select distinct end_reason from job_attempt")
    assert reasons == [{"end_reason": "stopped"}], "a stop is no loss"
    for job in long:
        box.cancel(job)
    box.start_worker()
    assert box.ended(late)["state"] == "success"


def test_a_second_signal_stops_at_once(box: Chaosbox) -> None:
    box.start_server()
    worker = box.start_worker(TIDEMILL_STOP_GRACE_S="600")
    job = box.tick(600)
    until(lambda: box.starts(job))
    worker.signal(signal.SIGTERM)
    until(lambda: worker.said("draining"), what="the worker heard it")
    worker.signal(signal.SIGTERM)
    assert worker.wait(SLACK_S + 5) == 0
    assert (box.job(job)["state"], box.job(job)["attempt"]) == ("queued", 1)
    assert not processes_with(str(box.effects_file))


def test_a_job_that_was_canceled_while_its_worker_stops_is_not_run_again(box: Chaosbox) -> None:
    box.start_server()
    box.deploy("u/ada/tick", EFFECTS)
    worker = box.start_worker(TIDEMILL_STOP_GRACE_S=str(GRACE_S))
    job = box.run("u/ada/tick", {"file": str(box.effects_file), "seconds": "600"})
    until(lambda: box.starts(job))
    worker.signal(signal.SIGTERM)
    box.cancel(job)
    assert worker.wait(GRACE_S + 2 + SLACK_S) == 0
    assert box.job(job)["state"] == "canceled"
