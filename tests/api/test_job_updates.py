"""Following a job: long polls, events, resuming, and what all of it costs the database."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.api.at_work import W, Worker, deploy, run
from tests.api.conftest import Api
from tidemill.db import jobs
from tidemill.db.logs import Logs
from tidemill.db.queries import inline
from tidemill.model.identity import Principal
from tidemill.server import auth, guard, job_stream
from tidemill.server.job_stream import View, resumed
from tidemill.server.jobs_seen import still_sees
from tidemill.server.live import from_unit, read_text, units
from tidemill.server.policy import POLICIES
from tidemill.server.updates import Updates

SMILE = "😀"


async def started(api: Api) -> tuple[Worker, UUID]:
    """A running job and its worker."""
    await deploy(api.developer)
    worker, job_id = Worker(api), await run(api.developer)
    await worker.start(job_id)
    return worker, job_id


async def update(api: Api, job_id: UUID, **query: object) -> dict[str, Any]:
    answer = await api.developer.get(f"{W}/jobs_u/getupdate/{job_id}", params=query)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def events_of(api: Api, job_id: UUID, view: View | None = None, **times: float) -> AsyncGenerator[bytes, None]:
    return job_stream.events(api.parts, "main", job_id, view or View(), check=believed, **times)


async def believed() -> None:
    """Whoever looks may go on looking."""


def read(event: bytes) -> tuple[str, dict[str, Any]]:
    """The id and the data of one event."""
    lines = event.decode().split("\n")
    assert lines[-2:] == ["", ""]
    fields = dict(line.split(": ", 1) for line in lines[:-2])
    return fields.get("id", ""), json.loads(fields["data"])


async def test_a_poll_answers_at_once_with_what_is_new(api: Api) -> None:
    worker, job_id = await started(api)
    await worker.log(job_id, "one\n")
    first = await update(api, job_id)
    assert (first["running"], first["completed"], first["new_logs"], first["log_offset"]) == (True, False, "one\n", 4)
    await worker.log(job_id, "two\n")
    second = await update(api, job_id, running="true", log_offset=4)
    assert (second["new_logs"], second["log_offset"]) == ("two\n", 8)


async def test_a_poll_waits_for_news(api: Api) -> None:
    worker, job_id = await started(api)
    polling = asyncio.create_task(update(api, job_id, running="true"))
    await asyncio.sleep(0)
    await worker.log(job_id, "news\n")
    assert (await polling)["new_logs"] == "news\n"


async def test_a_poll_hears_that_a_job_starts_and_ends(api: Api) -> None:
    await deploy(api.developer)
    worker, job_id = Worker(api), await run(api.developer)
    polling = asyncio.create_task(update(api, job_id))
    await worker.start(job_id)
    assert (await polling)["running"] is True
    polling = asyncio.create_task(update(api, job_id, running="true"))
    await worker.end(job_id)
    ended = await polling
    assert (ended["completed"], ended["running"], ended["success"]) == (True, False, True)


async def test_a_poll_without_news_ends_after_its_time(api: Api) -> None:
    _, job_id = await started(api)
    found = await job_stream.poll(api.parts, "main", job_id, View(running=True), timeout_s=0)
    assert (found.running, found.completed, found.new_logs) == (True, False, "")


async def test_progress_is_news_for_those_who_ask(api: Api) -> None:
    _, job_id = await started(api)
    polling = asyncio.create_task(update(api, job_id, running="true", get_progress="true"))
    await asyncio.sleep(0)
    await api.developer.post(f"{W}/job_metrics/set_progress/{job_id}", json={"percent": 10})
    assert (await polling)["progress"] == 10


async def test_the_result_stream_has_its_own_offset(api: Api) -> None:
    worker, job_id = await started(api)
    await worker.log(job_id, "token " + SMILE, stream=True)
    first = await update(api, job_id, running="true")
    assert (first["new_result_stream"], first["stream_offset"], first["new_logs"]) == ("token " + SMILE, 8, "")
    await worker.end(job_id)
    assert "new_result_stream" not in await update(api, job_id, stream_offset=8)


async def test_offsets_count_utf16_units_and_no_character_is_cut(api: Api) -> None:
    worker, job_id = await started(api)
    pieces = ["a" + SMILE, SMILE + "é", "\r\nz"]
    for piece in pieces:
        await worker.log(job_id, piece)
    whole = "".join(pieces)
    await worker.end(job_id)
    for offset in range(units(whole) + 1):
        found = await update(api, job_id, log_offset=offset)
        assert found["log_offset"] == units(whole)
        encoded = whole.encode("utf-16-le")[2 * offset :]
        expected = encoded.decode("utf-16-le", "ignore")
        assert found["new_logs"].endswith(expected)
        assert units(found["new_logs"]) in {units(whole) - offset, units(whole) - offset + 1}


def test_a_text_is_taken_from_the_beginning_of_a_character() -> None:
    assert from_unit("a" + SMILE + "b", 1) == SMILE + "b"
    assert from_unit("a" + SMILE + "b", 2) == SMILE + "b"
    assert from_unit("a" + SMILE + "b", 3) == "b"
    assert from_unit("abc", 5) == ""


async def test_a_long_log_comes_in_parts_and_the_end_is_told_last(api: Api) -> None:
    worker, job_id = await started(api)
    piece = "x" * 99 + "\n"
    for number in range(12):
        await worker.log(job_id, f"{number:02}" + piece * 1000)
    await worker.end(job_id)
    text, offset, completed = "", 0, False
    while not completed:
        found = await update(api, job_id, log_offset=offset)
        text, offset, completed = text + found["new_logs"], found["log_offset"], found["completed"]
    assert len(text) == offset == 12 * 100_002
    assert text == (await api.developer.get(f"{W}/jobs_u/get_logs/{job_id}")).text


async def test_an_offset_behind_the_end_gives_nothing(api: Api) -> None:
    worker, job_id = await started(api)
    await worker.log(job_id, "abc")
    await worker.end(job_id)
    assert (await update(api, job_id, log_offset=1000))["new_logs"] == ""


async def test_events_end_with_the_result(api: Api) -> None:
    worker, job_id = await started(api)
    await worker.log(job_id, "one\n")
    await worker.end(job_id, b'{"n":\n 1.10}')
    answer = await api.developer.get(f"{W}/jobs_u/getupdate_sse/{job_id}", params={"fast": "true"})
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [read(event + b"\n\n") for event in answer.content.split(b"\n\n") if event]
    assert all(data["type"] == "update" for _, data in events)
    last_id, last = events[-1]
    assert (last["completed"], last["success"], last["only_result"]) == (True, True, {"n": 1.1})
    assert b'"only_result":{"n":  1.10}' in answer.content
    assert "".join(data["new_logs"] for _, data in events) == "one\n"
    assert last_id == "4-0"


async def test_events_can_ask_for_the_result_alone(api: Api) -> None:
    worker, job_id = await started(api)
    await worker.log(job_id, "one\n")
    await worker.end(job_id, b"1")
    answer = await api.developer.get(f"{W}/jobs_u/getupdate_sse/{job_id}", params={"only_result": "true"})
    (event,) = [read(event + b"\n\n")[1] for event in answer.content.split(b"\n\n") if event]
    assert event["only_result"] == 1
    assert "new_logs" not in event


async def test_events_go_on_where_the_last_one_was_seen(api: Api) -> None:
    worker, job_id = await started(api)
    seen, last_id = "", None
    for number in range(5):
        await worker.log(job_id, f"{number}{SMILE}\n")
        await worker.log(job_id, f"stream {number}", stream=True)
        async with aclosing(events_of(api, job_id, resumed(View(), last_id))) as events:
            last_id, data = read(await anext(events))
            seen += data["new_logs"]
    assert seen == "".join(f"{number}{SMILE}\n" for number in range(5))


async def test_an_event_id_that_is_none_of_ours_is_ignored() -> None:
    for text in (None, "", "x", "1", "-1-2", "9" * 30 + "-1"):
        assert resumed(View(log_offset=3), text) == View(log_offset=3)


async def test_events_come_as_the_job_goes_on(api: Api) -> None:
    worker, job_id = await started(api)
    async with aclosing(events_of(api, job_id)) as events:
        assert read(await anext(events))[1]["running"] is True
        for number in range(3):
            await worker.log(job_id, f"{number}\n")
            assert read(await anext(events))[1]["new_logs"] == f"{number}\n"
        await worker.end(job_id, b"null")
        last = read(await anext(events))[1]
        assert (last["completed"], last["only_result"]) == (True, None)
        with pytest.raises(StopAsyncIteration):
            await anext(events)


async def test_silence_is_filled_with_pings_and_ends_with_a_timeout(api: Api) -> None:
    _, job_id = await started(api)
    types = [read(event)[1]["type"] async for event in events_of(api, job_id, ping_s=0.01, lasts_s=0.2)]
    assert types[0] == "update"
    assert types[-1] == "timeout"
    assert set(types[1:-1]) == {"ping"}


async def test_events_of_a_job_that_is_gone_say_so(api: Api) -> None:
    events = [read(event)[1] async for event in events_of(api, uuid4())]
    assert events == [{"type": "not_found"}]


async def test_a_script_can_be_run_and_followed_in_one_request(api: Api) -> None:
    await deploy(api.developer)
    url = f"{W}/jobs/run_and_stream/p/u/dev/hello"
    following = asyncio.create_task(api.developer.post(url, json={"name": "a"}))
    while not (rows := (await api.developer.get(f"{W}/jobs/queue/list")).json()):
        await asyncio.sleep(0)
    await Worker(api).end(UUID(rows[0]["id"]), b"[1]")
    answer = await following
    last = read(answer.content.split(b"\n\n")[-2] + b"\n\n")[1]
    assert (last["completed"], last["only_result"]) == (True, [1])


async def test_a_thousand_viewers_cost_few_looks(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    worker, job_id = await started(api)
    looks = 0
    look, pieces = jobs.standing, Logs.pieces

    async def counted_look(*args: Any) -> Any:
        nonlocal looks
        looks += 1
        return await look(*args)

    def counted_pieces(*args: Any, **more: Any) -> Any:
        nonlocal looks
        looks += 1
        return pieces(*args, **more)

    monkeypatch.setattr(jobs, "standing", counted_look)
    monkeypatch.setattr(Logs, "pieces", counted_pieces)

    async def follow() -> str:
        return "".join([read(event)[1].get("new_logs", "") async for event in events_of(api, job_id)])

    viewers = [asyncio.create_task(follow()) for _ in range(1000)]
    for number in range(5):
        await worker.log(job_id, f"{number}\n")
    await worker.end(job_id)
    texts = await asyncio.gather(*viewers)
    assert set(texts) == {"0\n1\n2\n3\n4\n"}
    assert looks < 60


async def test_a_slow_poll_makes_up_for_a_lost_notification(api: Api) -> None:
    _, job_id = await started(api)
    async with Updates(api.parts.updates.listener, poll_s=0.01) as updates:
        with updates.watch(job_id) as watch:
            for _ in range(3):
                assert await watch.wait(10)


async def test_nobody_watches_when_all_have_left(api: Api) -> None:
    worker, job_id = await started(api)
    async with aclosing(events_of(api, job_id)) as events:
        await anext(events)
        assert api.parts.updates._watched
    await worker.end(job_id)
    assert not api.parts.updates._watched


async def test_the_log_is_read_from_any_place(api: Api) -> None:
    worker, job_id = await started(api)
    for number in range(200):
        await worker.log(job_id, f"{number:03}\n")
    found = await read_text(api.parts.logs, "main", job_id, stream=False, start=4 * 150 + 2, most=2**31)
    assert found.text == "0\n" + "".join(f"{number:03}\n" for number in range(151, 200))
    assert found.end == 800
    other = await read_text(api.parts.logs, "other", job_id, stream=False, start=0)
    assert other.text == ""


async def stream_of(api: Api, client: httpx.AsyncClient, job_id: UUID, **times: float) -> AsyncGenerator[bytes, None]:
    """The events as the route makes them for a caller, with other times."""
    request = client.build_request("GET", f"{W}/jobs_u/getupdate_sse/{job_id}")
    token = request.headers["authorization"].removeprefix("Bearer ")

    async def readmit() -> Principal:
        shown = auth.Shown(token, by_cookie=False)
        principal = await auth.authenticate(api.parts.database, api.parts.job_secret, shown, workspace="main")
        guard.check(principal, POLICIES["GET /api/w/{workspace}/jobs_u/getupdate_sse/{id}"])
        return principal

    check = still_sees(api.parts, readmit, job_id)
    stream = job_stream.events(api.parts, "main", job_id, View(), check=check, **times)
    async with aclosing(stream):
        async for event in stream:
            yield event


REVOKED = {
    "token revoked": "delete from token where email = 'guest@x.org'",
    "account disabled": "update account set disabled = true where email = 'guest@x.org'",
    "no member any more": "delete from member where email = 'guest@x.org'",
    "share taken away": "update folder set extra_perms = '{}' where name = 'shop'",
}


@pytest.mark.parametrize("change", REVOKED.values(), ids=REVOKED)
async def test_a_stream_ends_with_the_rights_of_its_viewer(api: Api, change: str) -> None:
    """D12: rights are believed in for some seconds, not for as long as a stream lasts."""
    guest = await api.person("guest")
    await api.admin.post(f"{W}/folders/create", json={"name": "shop", "extra_perms": {"u/guest": False}})
    await deploy(api.admin, "f/shop/hello")
    worker, job_id = Worker(api), await run(api.admin, "f/shop/hello")
    await worker.start(job_id)
    async with aclosing(stream_of(api, guest, job_id, believed_s=0.0)) as stream:
        await anext(stream)
        await worker.log(job_id, "seen\n")
        assert read(await anext(stream))[1]["new_logs"] == "seen\n"
        async with api.parts.database.system() as tx:
            await tx.execute(inline(change))
        await worker.log(job_id, "secret\n")
        left = [read(event)[1] async for event in stream]
    assert [each["type"] for each in left] in (["error"], ["not_found"])
    assert "secret" not in str(left)


async def test_the_rights_of_a_viewer_are_not_asked_for_with_each_event(api: Api) -> None:
    asked = []

    async def check() -> None:
        asked.append(1)

    worker, job_id = await started(api)
    async with aclosing(job_stream.events(api.parts, "main", job_id, View(), check=check, believed_s=1e9)) as stream:
        await anext(stream)
        await worker.end(job_id)
        assert [event async for event in stream]
    assert asked == []
