"""Long logs of completed jobs in the object store: read as if they had never moved, collected, verified, removed."""

import asyncio
from pathlib import Path
from typing import Final
from uuid import UUID

import pytest

from tests.api.at_work import W, Worker, deploy, run
from tests.api.conftest import Api
from tidemill.db import prune
from tidemill.db.logs import Logs
from tidemill.db.queries import inline
from tidemill.model import failpoint
from tidemill.model.failpoint import Failpoint
from tidemill.scheduler.pack_logs import Packing, pack_logs
from tidemill.server.job_stream import View, events, poll
from tidemill.server.live import read_text

NOW: Final = Packing(inline_units=16384, age_s=0)
PIECES: Final = [f"{number:04} — {'😀' * (number % 7)} {'ä' * 500}\n" for number in range(60)]
LOG: Final = "".join(PIECES)


@pytest.fixture
def logs(api: Api) -> Logs:
    """Packs of few pieces, so that a log has many."""
    return Logs(api.parts.database, api.parts.values, pack_units=5000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "objects"


async def completed(api: Api, pieces: list[str] = PIECES) -> UUID:
    """A job that printed `pieces` and has ended."""
    await deploy(api.developer, auto_parent=True)
    worker, job_id = Worker(api), await run(api.developer)
    await worker.start(job_id)
    for piece in pieces:
        await worker.log(job_id, piece)
    await worker.end(job_id)
    return job_id


async def count(api: Api, table: str) -> int:
    return int(await api.parts.database.single.fetch_value(inline(f"select count(*) from {table}")))


async def log_of(api: Api, job_id: UUID) -> str:
    answer = await api.developer.get(f"{W}/jobs_u/get_logs/{job_id}")
    assert answer.status_code == 200, answer.text
    return answer.text


async def followed(api: Api, job_id: UUID) -> str:
    """The log, from one update after the other."""
    text, view = "", View()
    while True:
        update = await poll(api.parts, "main", job_id, view, timeout_s=0)
        assert isinstance(update.new_logs, str)
        assert isinstance(update.log_offset, int)
        text += update.new_logs
        view = View(log_offset=update.log_offset)
        if update.completed:
            return text


async def believed() -> None:
    """Whoever looks may go on looking."""


async def assert_is_whole(api: Api, logs: Logs, job_id: UUID) -> None:
    """By every way of reading, and from every kind of place."""
    assert await log_of(api, job_id) == LOG
    assert (await api.developer.get(f"{W}/jobs_u/get/{job_id}")).json()["logs"] == LOG
    assert await followed(api, job_id) == LOG
    encoded = LOG.encode("utf-16-le")
    for start in (0, 1, 517, 4999, 5000, 5001, len(encoded) // 2 - 1):
        found = await read_text(logs, "main", job_id, stream=False, start=start, most=2**31)
        assert found.end == len(encoded) // 2
        assert found.text.encode("utf-16-le") in {encoded[start * 2 :], encoded[start * 2 - 2 :]}
    past = await read_text(logs, "main", job_id, stream=False, start=2**60)
    assert (past.text, (await read_text(logs, "other", job_id, stream=False, start=0)).text) == ("", "")


async def test_a_packed_log_reads_as_before(api: Api, logs: Logs, folder: Path) -> None:
    job_id = await completed(api)
    await assert_is_whole(api, logs, job_id)
    packs = await pack_logs(logs, NOW)
    assert packs > 5
    assert (await count(api, "job_log"), await count(api, "job_log_pack")) == (0, packs)
    assert len([each for each in folder.rglob("*") if each.is_file()]) == packs
    await assert_is_whole(api, logs, job_id)
    assert [each async for each in events(api.parts, "main", job_id, View(), check=believed)][-1].count(b"0059") == 1
    assert await pack_logs(logs, NOW) == 0


async def test_readers_hold_one_pack_at_a_time(api: Api, logs: Logs) -> None:
    job_id = await completed(api)
    await pack_logs(logs, NOW)
    longest = max(len(piece) for piece in PIECES)
    found = [piece async for piece in logs.pieces("main", job_id, stream=False, unit=0)]
    assert max(piece.units for piece in found) < 5000 + 2 * longest
    update = await read_text(logs, "main", job_id, stream=False, start=0, most=6000)
    assert update.end == sum(piece.units for piece in found[:2])


@pytest.mark.parametrize(
    "packing", [Packing(inline_units=100_000, age_s=0), Packing(inline_units=16384, age_s=3600)], ids=["short", "young"]
)
async def test_short_and_young_logs_stay(api: Api, logs: Logs, packing: Packing) -> None:
    await completed(api)
    assert await pack_logs(logs, packing) == 0
    assert await count(api, "job_log") == len(PIECES)


async def test_the_log_of_a_job_that_runs_stays(api: Api, logs: Logs) -> None:
    await deploy(api.developer)
    worker, job_id = Worker(api), await run(api.developer)
    await worker.start(job_id)
    await worker.log(job_id, LOG)
    assert await pack_logs(logs, NOW) == 0


@pytest.mark.parametrize("name", ["logs.after_put", "logs.after_commit"])
async def test_packing_may_break_off_anywhere(api: Api, logs: Logs, name: str) -> None:
    job_id = await completed(api)
    failpoint.arm(f"{name}:3:raise")
    try:
        with pytest.raises(Failpoint):
            await pack_logs(logs, NOW)
    finally:
        failpoint.arm("")
    assert await count(api, "job_log_pack") == (2 if name == "logs.after_put" else 3)
    assert await count(api, "job_log") > 0
    await assert_is_whole(api, logs, job_id)
    await pack_logs(logs, NOW)
    assert await count(api, "job_log") == 0
    await assert_is_whole(api, logs, job_id)


async def test_many_may_pack_the_same_log(api: Api, logs: Logs) -> None:
    job_id = await completed(api)
    others = [Logs(api.parts.database, api.parts.values, pack_units=size) for size in (3000, 5000, 7000)]
    counts = await asyncio.gather(*(pack_logs(each, NOW) for each in others))
    while await pack_logs(logs, NOW):
        pass  # whoever lost a race leaves the rest to the next round
    assert sum(counts) <= await count(api, "job_log_pack")
    assert await count(api, "job_log") == 0
    await assert_is_whole(api, logs, job_id)


async def test_a_pack_is_kept_while_its_row_names_it_and_verified(api: Api, logs: Logs, folder: Path) -> None:
    job_id = await completed(api)
    await pack_logs(logs, NOW)
    await age(api)
    assert await api.parts.values.collect_garbage() == 0
    assert await api.parts.values.check() == ([], "")
    await assert_is_whole(api, logs, job_id)
    digest = await api.parts.database.single.fetch_value(
        inline("select digest from job_log_pack order by start_unit limit 1")
    )
    (file,) = folder.rglob(f"{digest}*")
    file.write_bytes(file.read_bytes()[:-1])
    damaged, _ = await api.parts.values.check()
    assert [each.digest for each in damaged] == [digest]
    answer = await api.developer.get(f"{W}/jobs_u/get_logs/{job_id}")
    assert (answer.status_code, answer.headers["x-tidemill-error"]) == (500, "content_damaged")


async def age(api: Api) -> None:
    await api.parts.database.single.execute(inline("update instance_object set touched_at = now() - interval '2 days'"))


async def test_packs_go_with_what_a_job_held(api: Api, logs: Logs, folder: Path) -> None:
    """Erased, removed by a person, removed by its age: then no pack is left, nor its bytes a day later."""
    for way in ("erase", "remove", "retention"):
        job_id = await completed(api)
        await pack_logs(logs, NOW)
        assert await count(api, "job_log_pack") > 0
        match way:
            case "erase":
                answer = await api.admin.post(f"{W}/jobs/completed/delete/{job_id}")
            case "remove":
                answer = await api.admin.post(f"{W}/jobs/delete", json=[str(job_id)])
            case _:
                old = inline("update job_completed set completed_at = now() - interval '91 days' where id = :id")
                await api.parts.database.single.execute(old, id=job_id)
                assert await prune.remove_jobs(api.parts.database, days=90) == 1
        assert way == "retention" or answer.status_code == 200, answer.text
        assert (await count(api, "job_log_pack"), await count(api, "job_log")) == (0, 0), way
        await age(api)
        await api.parts.values.collect_garbage()
        assert [each for each in folder.rglob("*") if each.is_file()] == []


async def test_a_log_that_is_erased_while_it_is_packed_stays_erased(
    api: Api, logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = await completed(api)
    store = api.parts.values.store

    async def erased_meanwhile(raw: bytes) -> str:
        answer = await api.admin.post(f"{W}/jobs/completed/delete/{job_id}")
        assert answer.status_code == 200
        return await store(raw)

    monkeypatch.setattr(api.parts.values, "store", erased_meanwhile)
    assert await pack_logs(logs, NOW) == 0
    assert (await count(api, "job_log_pack"), await log_of(api, job_id)) == (0, "")
