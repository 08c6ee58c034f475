"""Every failpoint is somewhere in the code and is armed somewhere in the tests; those of a job's life are killed at."""

import ast
import random
import signal
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

import tidemill
from tests.reliability.harness import DETECTED_S, SLACK_S, SOAK, Chaosbox, free_port, until
from tidemill.model.failpoint import NAMES

SOURCES = Path(tidemill.__file__).parent
TESTS = Path(__file__).resolve().parents[1]
AT_A_WORKER = tuple(
    name for name in NAMES if name.startswith(("claim.", "prepare.", "run.", "complete.", "heartbeat."))
)
AT_A_SERVER = tuple(name for name in NAMES if name.startswith("enqueue."))
OF_SCHEDULES = tuple(name for name in NAMES if name.startswith("schedule."))


def passed_in_code() -> list[str]:
    """The names that the code passes, from its syntax trees."""
    calls = (node for file in SOURCES.rglob("*.py") for node in ast.walk(ast.parse(file.read_text())))
    return [
        node.args[0].value
        for node in calls
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "failpoint"
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    ]


def test_every_declared_failpoint_is_passed_in_one_place() -> None:
    assert sorted(passed_in_code()) == sorted(NAMES)


def test_every_failpoint_is_armed_in_a_test() -> None:
    elsewhere = "".join(file.read_text() for file in TESTS.rglob("test_*.py"))
    assert {
        name for name in NAMES if name not in {*AT_A_WORKER, *AT_A_SERVER, *OF_SCHEDULES} and name not in elsewhere
    } == set()


def test_a_worker_may_die_at_each_point_of_a_job(box: Chaosbox) -> None:
    """A12: each of the workers dies there with a job of its own; later every job has ended as if nothing had been."""
    box.start_server()
    jobs = {name: box.tick(2, tag=name.replace(".", "_")) for name in AT_A_WORKER}
    workers = {
        name: box.start_worker(
            ready=False,
            TIDEMILL_WORKER_TAGS=name.replace(".", "_"),
            FAILPOINT=f"{name}:1:kill",
            TIDEMILL_WORKER_SLOTS="1",
        )
        for name in AT_A_WORKER
    }
    for name, worker in workers.items():
        assert worker.wait() == -signal.SIGKILL, name
    box.start_worker(TIDEMILL_WORKER_TAGS=",".join(name.replace(".", "_") for name in AT_A_WORKER))
    for name, job in jobs.items():
        row = box.ended(job, DETECTED_S + 5 + SLACK_S + 20)
        # Before the commit of the end nobody knows that the job had run; after it, it is not run again.
        assert (row["state"], row["attempt"]) == ("success", 1 if name == "complete.after_commit" else 2), name


@pytest.mark.parametrize("name", AT_A_SERVER)
def test_a_server_may_die_when_it_takes_a_job_in(box: Chaosbox, name: str) -> None:
    """Not acknowledged is not promised: before the commit there is no job, after it there is one that runs."""
    server = box.start_server(FAILPOINT=f"{name}:1:kill")
    with pytest.raises(httpx.TransportError):
        box.tick(0)
    assert server.wait() == -signal.SIGKILL
    (row,) = box.rows("select count(*) as jobs from job_queue")
    assert row["jobs"] == (0 if name == "enqueue.before_commit" else 1)


def test_a_server_may_die_when_it_packs_a_log(box: Chaosbox) -> None:
    """Nothing of the log is lost or doubled, and the next server goes on with it."""
    box.start_server()
    worker = box.start_worker()
    job = box.preview("for ((i = 0; i < 200000; i++)); do printf '%09d\\n' $i; done")
    box.ended(job)
    wanted = box.log_of(job)
    assert wanted.endswith("000199999\n")
    worker.kill()
    for point, packs in zip(("logs.after_put:2", "logs.after_commit:1"), (1, 2), strict=True):
        box.stop()
        dying = box.start("server", FAILPOINT=f"{point}:kill", TIDEMILL_LOG_PACK_AFTER_S="0")
        assert dying.wait() == -signal.SIGKILL
        (row,) = box.rows("select count(*) as packs from job_log_pack")
        assert row["packs"] == packs, point
    box.start_server()
    with box.client() as client:
        assert client.get(f"jobs_u/get_logs/{job}").text == wanted


def test_servers_may_die_while_they_start_what_schedules_say(box: Chaosbox) -> None:
    """P6: each second has one job, wherever one of two servers dies, and behind a time without any."""
    box.start_server()
    box.deploy("u/ada/tick", "echo tick")
    paths = [f"u/ada/often_{number}" for number in range(3)]
    with box.client() as client:
        for path in paths:
            schedule = {
                "path": path, "schedule": "* * * * * *", "timezone": "UTC", "script_path": "u/ada/tick",
                "is_flow": False, "args": {}, "enabled": True, "catch_up_s": 600,
            }  # fmt: skip
            answer = client.post("schedules/create", json=schedule)
            assert answer.status_code == 201, answer.text
    box.start_worker()
    for point in OF_SCHEDULES:
        dying = box.start("server", FAILPOINT=f"{point}:2:kill", TIDEMILL_PORT=str(free_port()))
        assert dying.wait() == -signal.SIGKILL, point
    for number in range(20 if SOAK else 1):
        survivor = next(each for each in box.processes if each.kind == "server" and each.is_alive())
        other = None if number % 4 == 0 else box.start("server", TIDEMILL_PORT=str(free_port()))
        await_runs(box, random.randint(1, 6))
        survivor.kill()
        if other is None:
            other = box.start("server", TIDEMILL_PORT=str(free_port()))
        await_runs(box, random.randint(1, 6))
    box.stop()
    box.start_worker(ready=False)
    box.start_server()
    await_runs(box, 6)
    with box.client() as client:
        for path in paths:
            assert client.post(f"schedules/setenabled/{path}", json={"enabled": False}).is_success
    going_on = "select from schedule_occurrence where state <> 'success'"
    until(lambda: box.rows(going_on) == [], what="all runs end")
    for path in paths:
        came = [
            row["scheduled_for"]
            for row in box.rows("select scheduled_for from schedule_occurrence where path = %s order by 1", path)
        ]
        assert came == [came[0] + number * timedelta(seconds=1) for number in range(len(came))], path
    (jobs,) = box.rows("select count(*) as jobs from job where schedule_path is not null")
    (runs,) = box.rows("select count(distinct job_id) as runs, count(*) as came from schedule_occurrence")
    assert jobs["jobs"] == runs["runs"] == runs["came"]


def await_runs(box: Chaosbox, more: int) -> None:
    """Wait until schedules have run that much more often."""
    ended = "select count(*) as runs from schedule_occurrence where state = 'success'"
    wanted = box.rows(ended)[0]["runs"] + more
    until(lambda: box.rows(ended)[0]["runs"] >= wanted, what="runs of schedules")
