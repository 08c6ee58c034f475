"""Schedules through the API, started by the chore of the server. Time passes by moving the rows that are due."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.api.at_work import Worker, deploy
from tests.api.conftest import Api
from tidemill.db import schedules
from tidemill.db.pool import Database
from tidemill.scheduler.schedules import SAFETY_POLL_S, Schedules

W = "/api/w/main"
PATH = "u/dev/nightly"
NOON = "0 0 12 * * *"


class Time:
    """The chore of one server, and the rows that it goes by."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.database: Database = api.parts.database
        self.schedules = Schedules(self.database, api.parts.values, api.parts.updates.listener)

    async def pass_until_due(self, *, late_s: float = 0) -> datetime:
        """Let the next occurrence be due since `late_s`; the moment that it is for now."""
        await self.change("update schedule_occurrence set scheduled_for = date_trunc('second', now())"
                          f" - interval '{late_s} seconds' where state = 'due'")  # fmt: skip
        rows = await self.rows("select scheduled_for from schedule_occurrence where state = 'due'")
        found: datetime = rows[0][0]
        return found

    async def fire(self, *, late_s: float = 0) -> datetime:
        """Start the next occurrence."""
        moment = await self.pass_until_due(late_s=late_s)
        await self.schedules.turn()
        return moment

    async def change(self, statement: str) -> None:
        async with self.database.system() as tx:
            await tx._connection.execute(statement.encode())

    async def rows(self, statement: str) -> list[tuple[Any, ...]]:
        async with self.database.system() as tx:
            cursor = tx._connection.cursor()
            await cursor.execute(statement.encode())
            return await cursor.fetchall()

    async def states(self, path: str = PATH) -> list[tuple[str, str]]:
        """State and reason of all occurrences but the next one, oldest first."""
        answer = await self._api.developer.get(f"{W}/schedules/occurrences/{path}")
        return [(each["state"], each["reason"]) for each in reversed(answer.json())]

    async def jobs(self, script: str = "u/dev/hello") -> list[UUID]:
        """The jobs of a script in the order in which they were made."""
        found = await self.rows(f"select id from job where script_path = '{script}' order by id")
        return [row[0] for row in found]

    async def args(self, job: UUID) -> dict[str, Any]:
        found = await self.rows(f"select args from job where id = '{job}'")
        args: dict[str, Any] = json.loads(found[0][0])
        return args


@pytest.fixture
async def passing(api: Api) -> Time:
    await deploy(api.developer)
    return Time(api)


@pytest.fixture
def worker(api: Api) -> Worker:
    return Worker(api)


async def create(client: httpx.AsyncClient, path: str = PATH, status: int = 201, **more: object) -> str:
    body = {
        "path": path, "schedule": NOON, "timezone": "UTC", "script_path": "u/dev/hello", "is_flow": False,
        "args": {"name": "Ada"}, "enabled": True, **more,
    }  # fmt: skip
    answer = await client.post(f"{W}/schedules/create", json=body)
    assert answer.status_code == status, answer.text
    return answer.text


async def get(client: httpx.AsyncClient, path: str = PATH) -> dict[str, Any]:
    answer = await client.get(f"{W}/schedules/get/{path}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def update(client: httpx.AsyncClient, path: str = PATH, **change: object) -> httpx.Response:
    return await client.post(f"{W}/schedules/update/{path}", json=change)


async def test_a_schedule_is_kept_as_it_was_written(api: Api, passing: Time) -> None:
    raw = b'{"a": 1.10, "b": 12345678901234567890}'
    text = await api.developer.post(
        f"{W}/schedules/create",
        content=b'{"path": "u/dev/nightly", "schedule": "0 30 2 * * MON", "timezone": "Europe/Paris", "summary": "S",'
        b' "script_path": "u/dev/hello", "is_flow": false, "tag": "custom", "labels": ["x"], "no_flow_overlap": true,'
        b' "on_failure": "script/u/dev/hello", "on_failure_times": 2, "on_failure_exact": true, "catch_up_s": 60,'
        b' "retry": {"constant": {"attempts": 2, "seconds": 1}}, "args": ' + raw + b"}",
    )
    assert (text.status_code, text.text) == (201, PATH), text.text
    answer = await api.developer.get(f"{W}/schedules/get/{PATH}")
    assert raw in answer.content
    found = answer.json()
    assert (found["schedule"], found["timezone"], found["script_path"]) == (
        "0 30 2 * * MON", "Europe/Paris", "u/dev/hello"
    )  # fmt: skip
    assert (found["is_flow"], found["enabled"], found["summary"], found["tag"]) == (False, True, "S", "custom")
    assert (found["permissioned_as"], found["edited_by"], found["email"]) == ("u/dev", "dev", "dev@x.org")
    assert (found["on_failure"], found["on_failure_times"], found["on_failure_exact"]) == (
        "script/u/dev/hello",
        2,
        True,
    )
    assert (found["labels"], found["no_flow_overlap"], found["catch_up_s"]) == (["x"], True, 60)
    assert found["retry"] == {"constant": {"attempts": 2, "seconds": 1}}
    next_ten = (await api.developer.get(f"{W}/schedules/next/{PATH}")).json()
    assert len(next_ten) == 10
    preview = await api.developer.post(
        "/api/schedules/preview", json={"schedule": "0 30 2 * * MON", "timezone": "Europe/Paris"}
    )
    assert preview.json() == next_ten
    [(due,)] = await passing.rows("select scheduled_for from schedule_occurrence where state = 'due'")
    assert due == datetime.fromisoformat(next_ten[0])
    assert {moment.astimezone(ZoneInfo("Europe/Paris")).hour for moment in map(datetime.fromisoformat, next_ten)} <= {
        2,
        3,
    }
    assert (await api.developer.get(f"{W}/schedules/exists/{PATH}")).json() is True
    assert (await api.developer.get(f"{W}/schedules/exists/u/dev/none")).json() is False


REFUSED: list[tuple[dict[str, object], str]] = [
    ({"schedule": "* * *"}, "six fields"),
    ({"schedule": "0 0 0 30 2 *"}, "never comes"),
    ({"timezone": "Mars/Base"}, "time zone"),
    ({"script_path": "u/dev/none"}, "u/dev/none"),
    ({"args": [1]}, "args must be"),
    ({"on_failure": "nonsense"}, "not a path"),
    ({"dynamic_skip": "x"}, "not a path"),
    ({"dynamic_skip": "flow/u/dev/hello"}, "dynamic_skip"),
    ({"timezone": "localtime"}, "time zone"),
    ({"paused_until": "9999-12-31T23:59:59-05:00"}, "no year"),
    ({"paused_until": "0001-01-01T00:00:00+05:00", "enabled": False}, "no year"),
    ({"retry": {"constant": {"attempts": -1}}}, "retry"),
    ({"tag": "a b"}, "tag"),
    ({"path": "nonsense"}, "not a path"),
    ({"cron_version": "v1"}, "v2"),
    ({"catch_up_s": -1}, "catch_up_s"),
    ({"on_failure_times": 0}, "on_failure_times"),
    ({"labels": [""]}, "labels"),
    ({"is_flow": True}, "no flow"),
]


async def test_what_cannot_be_is_refused(api: Api, passing: Time) -> None:
    for wrong, says in REFUSED:
        body = {"path": PATH, "schedule": NOON, "timezone": "UTC", "script_path": "u/dev/hello", "is_flow": False}
        answer = await api.developer.post(f"{W}/schedules/create", json=body | wrong)
        assert answer.status_code in {400, 404, 501}, wrong
        assert says in answer.text
    assert (await api.developer.get(f"{W}/schedules/list")).json() == []


async def test_it_comes_once_and_the_next_one_is_there(api: Api, passing: Time, worker: Worker) -> None:
    await create(api.developer)
    assert await passing.schedules.turn() <= SAFETY_POLL_S
    assert await passing.jobs() == []
    moment = await passing.fire()
    await passing.schedules.turn()
    [job] = await passing.jobs()
    assert await passing.args(job) == {"name": "Ada"}
    rows = await passing.rows("select state, scheduled_for > now() from schedule_occurrence order by scheduled_for")
    assert rows == [("running", False), ("due", True)]
    claimed = await worker.start(job)
    assert (claimed.schedule_path, claimed.created_by, claimed.permissioned_as) == (PATH, "dev", "u/dev")
    await worker.end(job)
    await passing.schedules.turn()
    [told] = (await api.developer.get(f"{W}/schedules/occurrences/{PATH}")).json()
    assert (told["state"], told["job_id"]) == ("success", str(job))
    assert datetime.fromisoformat(told["scheduled_for"]) == moment
    shown = (await api.developer.get(f"{W}/jobs_u/get/{job}")).json()
    assert shown["schedule_path"] == PATH
    [listed] = (await api.developer.get(f"{W}/schedules/list_with_jobs")).json()
    assert [(run["id"], run["success"]) for run in listed["jobs"]] == [(str(job), True)]
    audited = await passing.rows("select operation, username from audit where operation = 'jobs.run'")
    assert audited == [("jobs.run", "dev")]


async def test_its_runs_have_its_tag_and_its_retries(api: Api, passing: Time, worker: Worker) -> None:
    await create(api.developer, tag="custom", retry={"constant": {"attempts": 1, "seconds": 0}})
    await passing.fire()
    [job] = await passing.jobs()
    assert (await worker.start(job)).tag == "custom"
    await worker.fail_for_now(job, b'{"error": {"name": "E"}}')
    await passing.schedules.turn()
    assert await passing.states() == [("running", "")]
    assert await passing.rows(f"select retry -> 'constant' ->> 'attempts' from job where id = '{job}'") == [("1",)]


async def test_two_servers_start_each_occurrence_once(api: Api, passing: Time) -> None:
    for number in range(8):
        await create(api.developer, f"u/dev/s{number}", schedule="* * * * * *")
    await passing.change(
        "update schedule_occurrence set scheduled_for = date_trunc('second', now() - interval '1 hour')"
    )
    others = [Time(api) for _ in range(3)]
    await asyncio.gather(*(each.schedules.turn() for each in others))
    rows = await passing.rows(
        "select path, count(*), count(distinct job_id) from schedule_occurrence"
        " where scheduled_for < now() - interval '59 min' group by path"
    )
    assert sorted(rows) == [(f"u/dev/s{number}", 1, 1) for number in range(8)]


@pytest.mark.parametrize(("catch_up_s", "runs"), [(0, 1), (150, 3)])
async def test_what_was_missed_comes_once_or_as_far_back_as_it_says(
    api: Api, passing: Time, catch_up_s: int, runs: int
) -> None:
    """The minutely schedule is three hours late."""
    await create(api.developer, schedule="0 * * * * *", catch_up_s=catch_up_s)
    await passing.change(
        "update schedule_occurrence set scheduled_for = date_trunc('minute', now()) - interval '3 hours'"
    )
    await passing.schedules.turn()
    assert len(await passing.jobs()) in {runs, runs + 1}  # a minute may pass meanwhile
    rows = await passing.rows(
        "select count(*), bool_and(scheduled_for > now()) from schedule_occurrence where state = 'due'"
    )
    assert rows == [(1, True)]


async def test_a_run_that_goes_on_keeps_the_next_from_coming(api: Api, passing: Time, worker: Worker) -> None:
    await create(api.developer, no_flow_overlap=True)
    await passing.fire(late_s=60)
    [job] = await passing.jobs()
    await passing.fire(late_s=40)
    assert await passing.states() == [("running", ""), ("skipped", "The run before was not over.")]
    await worker.end(job)
    await passing.fire(late_s=20)
    assert len(await passing.jobs()) == 2
    assert [state for state, _ in await passing.states()] == ["success", "skipped", "running"]


async def test_paused_disabled_and_changed_schedules_come_when_they_should(api: Api, passing: Time) -> None:
    await create(api.developer, paused_until="2090-06-01T12:00:00Z")
    due = "select scheduled_for from schedule_occurrence where state = 'due'"
    assert await passing.rows(due) == [(datetime(2090, 6, 1, 12, tzinfo=UTC),)]
    assert (await api.developer.get(f"{W}/schedules/next/{PATH}")).json()[0] == "2090-06-01T12:00:00Z"
    assert (await update(api.developer, paused_until=None, schedule="0 0 0 1 1 *")).status_code == 200
    [(moment,)] = await passing.rows(due)
    assert (moment.month, moment.day, moment.year - datetime.now(UTC).year) == (1, 1, 1)
    answer = await api.developer.post(f"{W}/schedules/setenabled/{PATH}", json={"enabled": False})
    assert answer.status_code == 200
    assert await passing.rows(due) == []
    assert (await api.developer.get(f"{W}/schedules/next/{PATH}")).json() == []
    await api.developer.post(f"{W}/schedules/setenabled/{PATH}", json={"enabled": True})
    assert await passing.rows(due) == [(moment,)]
    found = await get(api.developer)
    assert (found["args"], found["schedule"]) == ({"name": "Ada"}, "0 0 0 1 1 *")


async def test_the_first_and_the_last_moment_that_there_is_are_taken(api: Api, passing: Time) -> None:
    await create(api.developer, timezone="Europe/Paris", paused_until="9999-12-31T23:59:59Z")
    due = "select scheduled_for > now() from schedule_occurrence where state = 'due'"
    assert await passing.rows(due) == []
    assert (await api.developer.get(f"{W}/schedules/next/{PATH}")).json() == []
    assert (await get(api.developer))["paused_until"] == "9999-12-31T23:59:59Z"
    assert (await update(api.developer, paused_until="0001-01-01T00:00:00Z")).status_code == 200
    assert await passing.rows(due) == [(True,)]


async def test_an_edit_loses_nothing_that_is_due_unless_it_says_when(api: Api, passing: Time) -> None:
    await create(api.developer)
    moment = await passing.pass_until_due(late_s=5)
    assert (await update(api.developer, args={"name": "new"})).status_code == 200
    await passing.schedules.turn()
    (job,) = await passing.jobs()
    assert await passing.args(job) == {"name": "new"}
    answer = await api.developer.get(f"{W}/schedules/occurrences/{PATH}")
    assert [datetime.fromisoformat(each["scheduled_for"]) for each in answer.json()] == [moment]
    await passing.pass_until_due(late_s=2)
    assert (await update(api.developer, timezone="Europe/Berlin")).status_code == 200
    await passing.schedules.turn()
    assert len(await passing.jobs()) == 1


async def test_a_run_that_waits_for_newer_calls_gives_its_place_to_the_next_one(api: Api, passing: Time) -> None:
    await deploy(api.developer, path="u/dev/patient", debounce_delay_s=600)
    await create(api.developer, script_path="u/dev/patient")
    await passing.fire(late_s=5)
    await passing.fire(late_s=2)
    await passing.schedules.turn()
    first, second = await passing.jobs("u/dev/patient")
    assert [state for state, _ in await passing.states()] == ["canceled", "running"]
    assert await passing.rows("select id from job_queue where run_at > now() + interval '5 minutes'") == [(second,)]
    assert await passing.rows("select cancel_reason from job_completed") == [(f"debounced by {second}",)]
    assert first != second


async def test_a_script_decides_whether_to_skip(api: Api, passing: Time, worker: Worker) -> None:
    await deploy(api.developer, "u/dev/decides", "def main(scheduled_for: str):\n    return True\n")
    await create(api.developer, dynamic_skip="u/dev/decides")
    answers = [(b"true", "success"), (b"false", "success"), (b'"yes"', "success"), (b"{}", "failure")]
    for place, (answer, status) in enumerate(answers):
        if place == 2:
            await update(api.developer, dynamic_skip="script/u/dev/decides")
        moment = await passing.fire(late_s=600 - place * 60)
        asked = (await passing.jobs("u/dev/decides"))[-1]
        assert datetime.fromisoformat((await passing.args(asked))["scheduled_for"]) == moment
        await worker.end(asked, answer, status=status)
        await passing.schedules.turn()
    assert [state for state, _ in await passing.states()] == ["skipped", "running", "missed", "missed"]
    assert len(await passing.jobs()) == 1
    await passing.fire(late_s=60)
    await api.developer.post(f"{W}/schedules/setenabled/{PATH}", json={"enabled": False})
    await worker.end((await passing.jobs("u/dev/decides"))[-1], b"false")
    await passing.schedules.turn()
    assert (await passing.states())[-1] == ("skipped", "The schedule was switched off meanwhile.")
    assert len(await passing.jobs()) == 1


async def test_handlers_are_called_as_often_as_they_say(api: Api, passing: Time, worker: Worker) -> None:
    for name in ("failed", "recovered", "succeeded"):
        await deploy(api.developer, f"u/dev/{name}")
    await create(
        api.developer, on_failure="script/u/dev/failed", on_failure_times=2, on_recovery="u/dev/recovered",
        on_recovery_times=2, on_success="u/dev/succeeded", on_failure_extra_args={"channel": "ops"},
    )  # fmt: skip
    calls: list[tuple[int, int, int]] = []
    for place, status in enumerate(["failure", "failure", "failure", "success", "success", "success", "failure"]):
        await passing.fire(late_s=600 - place * 60)
        await worker.end((await passing.jobs())[-1], b'{"error": {"name": "E%d"}}' % place, status=status)
        await passing.schedules.turn()
        counts = [len(await passing.jobs(f"u/dev/{name}")) for name in ("failed", "recovered", "succeeded")]
        calls.append((counts[0], counts[1], counts[2]))
    assert calls == [(0, 0, 0), (1, 0, 0), (2, 0, 0), (2, 0, 1), (2, 1, 2), (2, 1, 3), (2, 1, 3)]
    told = await passing.args((await passing.jobs("u/dev/failed"))[-1])
    assert (told["error"], told["failed_times"], told["channel"]) == ({"error": {"name": "E2"}}, 3, "ops")
    assert (told["path"], told["schedule_path"], told["is_flow"]) == ("u/dev/hello", PATH, False)
    told = await passing.args((await passing.jobs("u/dev/recovered"))[0])
    assert (told["success_times"], told["error"]) == (2, {"error": {"name": "E2"}})


async def test_an_exact_count_calls_the_handler_once_in_a_row(api: Api, passing: Time, worker: Worker) -> None:
    await deploy(api.developer, "u/dev/failed")
    await create(api.developer, on_failure="u/dev/failed", on_failure_times=2, on_failure_exact=True)
    for place in range(4):
        await passing.fire(late_s=600 - place * 60)
        await worker.end((await passing.jobs())[-1], b"{}", status="failure")
        await passing.schedules.turn()
    assert len(await passing.jobs("u/dev/failed")) == 1
    assert ((await get(api.developer))["failures"]) == 4


async def test_what_cannot_be_run_is_told_and_the_others_go_on(api: Api, passing: Time) -> None:
    await create(api.developer)
    await create(api.developer, "u/dev/other")
    await passing.change("update script set archived = true where path = 'u/dev/hello'")
    await passing.fire()
    assert "u/dev/hello" in (await get(api.developer))["error"]
    assert [state for state, _ in await passing.states()] == ["missed"]
    await deploy(api.developer, content="def main(): return 2\n")
    await passing.fire(late_s=60)
    assert (await get(api.developer))["error"] is None
    assert len(await passing.jobs()) == 2


async def test_what_cannot_be_started_or_settled_now_holds_up_nothing_else(
    api: Api, passing: Time, worker: Worker, tmp_path: Path
) -> None:
    """The object store is away: large arguments cannot be kept, a large result cannot be read."""
    await deploy(api.developer, "u/dev/failed")
    large = {"name": "x" * 300_000}
    await create(api.developer, "u/dev/large", args=large, on_failure="u/dev/failed", schedule="* * * * * *")
    await create(api.developer, "u/dev/other", on_failure="u/dev/failed")
    await passing.fire(late_s=60)
    for job in await passing.jobs():
        path = (await worker.start(job)).schedule_path
        await worker.end(job, json.dumps(large if path == "u/dev/large" else {}).encode(), status="failure")
    (tmp_path / "objects").rename(tmp_path / "away")
    (tmp_path / "objects").touch()
    await passing.fire(late_s=40)
    assert [state for state, _ in await passing.states("u/dev/large")] == ["running"]
    assert "is tried again: The object store" in (await get(api.developer, "u/dev/large"))["error"]
    assert [state for state, _ in await passing.states("u/dev/other")] == ["failure", "running"]
    (tmp_path / "objects").unlink()
    (tmp_path / "away").rename(tmp_path / "objects")
    await passing.schedules.turn()
    assert [state for state, _ in await passing.states("u/dev/large")][:2] == ["failure", "running"]
    assert (await get(api.developer, "u/dev/large"))["error"] is None
    told = await passing.rows("select schedule_path from job where script_path = 'u/dev/failed' order by 1")
    assert told == [("u/dev/large",), ("u/dev/other",)]


async def test_a_handler_is_told_what_has_become_of_a_result_that_it_cannot_have(
    api: Api, passing: Time, worker: Worker, tmp_path: Path
) -> None:
    await create(api.developer, on_success="u/dev/hello", args={})
    for place, size in enumerate((300_000, 2_000_000)):
        moment = await passing.fire(late_s=600 - place * 60)
        (job,) = await passing.rows(
            f"select job_id from schedule_occurrence where scheduled_for = '{moment.isoformat()}'"
        )
        await worker.end(job[0], json.dumps("x" * size).encode())
        if place == 0:
            for kept in (tmp_path / "objects").rglob("*"):
                kept.unlink() if kept.is_file() else None
        await passing.schedules.turn()
    told = [await passing.args(job) for job in await passing.jobs()]
    named = [args["success_result"]["error"]["name"] for args in told if "success_result" in args]
    assert named == ["NotFound", "TooLarge"]


async def test_a_handler_that_fails_or_is_gone_changes_nothing_for_its_schedule(
    api: Api, passing: Time, worker: Worker
) -> None:
    await deploy(api.developer, "u/dev/failed")
    await create(api.developer, on_failure="u/dev/failed", on_success="u/dev/none", no_flow_overlap=True)
    await passing.fire(late_s=600)
    await worker.end((await passing.jobs())[-1], b"{}", status="failure")
    await passing.schedules.turn()
    (handler,) = await passing.jobs("u/dev/failed")
    await worker.end(handler, b'{"error": {"name": "HandlerError"}}', status="failure")
    await passing.fire(late_s=540)
    found = await get(api.developer)
    assert (len(await passing.jobs("u/dev/failed")), found["failures"], found["error"]) == (1, 1, None)
    await worker.end((await passing.jobs())[-1])
    await passing.schedules.turn()
    assert "u/dev/none" in (await get(api.developer))["error"]
    await passing.fire(late_s=480)
    assert [state for state, _ in await passing.states()] == ["failure", "success", "running"]


async def test_an_edit_while_a_run_goes_on_is_that_of_the_next_one(api: Api, passing: Time, worker: Worker) -> None:
    """What is off does not come, but what runs goes on, and its end calls the handlers that the schedule has then."""
    for name in ("old", "new"):
        await deploy(api.developer, f"u/dev/{name}")
    await create(api.developer, on_success="u/dev/old")
    await passing.fire(late_s=60)
    (job,) = await passing.jobs()
    await worker.start(job)
    assert (await update(api.developer, on_success="u/dev/new", args={"name": "later"})).status_code == 200
    await api.developer.post(f"{W}/schedules/setenabled/{PATH}", json={"enabled": False})
    await worker.end(job)
    await passing.schedules.turn()
    assert (await passing.args(job), await passing.states()) == ({"name": "Ada"}, [("success", "")])
    assert (len(await passing.jobs("u/dev/old")), len(await passing.jobs("u/dev/new"))) == (0, 1)
    await api.developer.post(f"{W}/schedules/setenabled/{PATH}", json={"enabled": True})
    await passing.fire(late_s=20)
    assert await passing.args((await passing.jobs())[-1]) == {"name": "later"}
    assert (await api.developer.delete(f"{W}/schedules/delete/{PATH}")).status_code == 200
    await worker.end((await passing.jobs())[-1])
    await passing.schedules.turn()
    assert len(await passing.jobs("u/dev/new")) == 1


async def test_a_backlog_does_not_hold_up_what_follows_from_runs_that_have_ended(
    api: Api, passing: Time, worker: Worker
) -> None:
    await deploy(api.developer, "u/dev/failed")
    await create(api.developer, on_failure="u/dev/failed")
    await passing.fire(late_s=60)
    await worker.end((await passing.jobs())[0], b"{}", status="failure")
    await create(api.developer, "u/dev/often", schedule="* * * * * *", catch_up_s=600)
    await passing.change("update schedule_occurrence set scheduled_for = date_trunc('second', now())"
                         " - interval '150 seconds' where state = 'due' and path = 'u/dev/often'")  # fmt: skip
    await passing.schedules.turn()
    (handler,) = await passing.jobs("u/dev/failed")
    _, *backlog = await passing.jobs()
    assert len(backlog) >= 150
    assert backlog[0] < handler < backlog[-1]


async def test_what_another_server_is_at_is_left_to_it(api: Api, passing: Time) -> None:
    await create(api.developer)
    await passing.pass_until_due(late_s=60)
    async with passing.database.system() as tx:
        assert await schedules.claim_due(tx, set()) is not None
        assert await passing.schedules.turn() > 0
        assert await passing.jobs() == []
    await passing.schedules.turn()
    assert len(await passing.jobs()) == 1


async def test_it_runs_with_the_rights_of_who_saved_it_last(api: Api, passing: Time) -> None:
    await deploy(api.developer, "u/dev/private")
    await create(api.developer, script_path="u/dev/private")
    await api.admin.post(f"{W}/users/update/dev", json={"disabled": True})
    await passing.fire()
    assert await passing.jobs("u/dev/private") == []
    assert "u/dev, is disabled" in (await get(api.admin))["error"]
    assert (await update(api.admin, summary="mine now")).status_code == 200
    assert (await get(api.admin))["permissioned_as"] == "u/ada"
    await passing.fire(late_s=60)
    assert len(await passing.jobs("u/dev/private")) == 1
    rows = await passing.rows("select permissioned_as from job where script_path = 'u/dev/private'")
    assert rows == [("u/ada",)]


async def test_only_those_who_may_change_and_see_it_can(api: Api, passing: Time) -> None:
    await create(api.developer)
    assert (await api.operator.get(f"{W}/schedules/get/{PATH}")).status_code == 404
    assert (await api.operator.get(f"{W}/schedules/list")).json() == []
    assert (await api.operator.post(f"{W}/schedules/create", json={})).status_code == 403
    assert (await update(api.admin, summary="x")).status_code == 200
    stale = await api.developer.post(f"{W}/schedules/update/{PATH}", json={"summary": "y"}, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.headers["x-tidemill-error"]) == (409, "version_mismatch")
    assert (await api.developer.delete(f"{W}/schedules/delete/{PATH}")).status_code == 200
    assert (await api.developer.get(f"{W}/schedules/get/{PATH}")).status_code == 404
    history = (await api.developer.get(f"{W}/triggers_history/list", params={"path": PATH})).json()
    assert [(each["operation"], each["username"]) for each in history] == [
        ("delete", "dev"), ("update", "ada"), ("create", "dev")
    ]  # fmt: skip
    assert history[1]["changes"]["summary"] == {"old": None, "new": "x"}
    assert (await api.operator.get(f"{W}/triggers_history/list")).json() == []


async def test_lists_find_what_they_are_asked_for(api: Api, passing: Time) -> None:
    await create(
        api.developer, "u/dev/a", summary="Nightly import", args={"n": 1, "o": {"p": 2}, "l": [1, {"q": 3, "r": 0}]}
    )
    await create(api.developer, "u/dev/b", labels=["red"], description="reports", args={"n": "\0"})
    for query, expected in [
        ({}, ["u/dev/a", "u/dev/b"]),
        ({"per_page": 1, "page": 2}, ["u/dev/b"]),
        ({"schedule_path": "u/dev/a"}, ["u/dev/a"]),
        ({"path": "u/dev/hello", "is_flow": "false"}, ["u/dev/a", "u/dev/b"]),
        ({"is_flow": "true"}, []),
        ({"summary": "IMPORT"}, ["u/dev/a"]),
        ({"description": "report"}, ["u/dev/b"]),
        ({"broad_filter": "nightly"}, ["u/dev/a"]),
        ({"label": "red"}, ["u/dev/b"]),
        ({"args": '{"o": {"p": 2}}'}, ["u/dev/a"]),
        ({"args": '{"l": [{"q": 3}, 1]}'}, ["u/dev/a"]),
        ({"args": '{"l": [{"q": 3}, true]}'}, []),
        ({"args": '{"l": {"q": 3}}'}, []),
        ({"path_start": "u/dev/"}, ["u/dev/a", "u/dev/b"]),
        ({"args": '{"n": "\\u0000"}'}, ["u/dev/b"]),
    ]:
        answer = await api.developer.get(f"{W}/schedules/list", params=query)  # type: ignore[arg-type]
        assert [each["path"] for each in answer.json()] == expected, query


async def test_default_handlers_are_those_of_new_schedules_and_of_all_where_asked(api: Api, passing: Time) -> None:
    await create(api.developer, "u/dev/before")
    body = {"handler_type": "error", "override_existing": False, "path": "script/u/dev/hello", "number_of_occurence": 3}
    answer = await api.admin.post(f"{W}/schedules/setdefaulthandler", json=body)
    assert answer.status_code == 201, answer.text
    await create(api.developer, "u/dev/after")
    await create(api.developer, "u/dev/own", on_failure=None)

    async def handlers() -> list[tuple[str | None, int]]:
        listed = (await api.developer.get(f"{W}/schedules/list")).json()
        return [(each["on_failure"], each["on_failure_times"]) for each in listed]

    assert await handlers() == [("script/u/dev/hello", 3), (None, 1), (None, 1)]
    await api.admin.post(f"{W}/schedules/setdefaulthandler", json=body | {"override_existing": True})
    assert await handlers() == [("script/u/dev/hello", 3)] * 3


async def test_flows_come_by_schedule_too(api: Api, passing: Time) -> None:
    flow = {"path": "u/dev/steps", "summary": "", "value": {"modules": [], "delete_after_secs": 600}}
    assert (await api.developer.post(f"{W}/flows/create", json=flow)).status_code == 201
    await create(api.developer, script_path="u/dev/steps", is_flow=True)
    await passing.fire()
    read = "select kind, tag, schedule_path, options ->> 'delete_after_use' from job where script_path = 'u/dev/steps'"
    assert await passing.rows(read) == [("flow", "flow", PATH, "true")]


async def test_the_chore_is_woken_by_what_changes_and_by_jobs_that_end(api: Api, passing: Time, worker: Worker) -> None:
    """No poll is waited for: each look but the first follows from a notice, or from the time of the next occurrence."""
    await deploy(api.developer, "u/dev/succeeded")
    running = asyncio.create_task(passing.schedules.run())
    try:
        async with asyncio.timeout(SAFETY_POLL_S - 1):
            await create(api.developer, schedule="* * * * * *", on_success="u/dev/succeeded")
            while not (started := await passing.jobs()):
                await asyncio.sleep(0.05)
            await worker.end(started[0])
            while not await passing.jobs("u/dev/succeeded"):
                await asyncio.sleep(0.05)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
