"""Large values in the object store: found again, collected, and looked after (I11)."""

import asyncio
import os
import time
from pathlib import Path
from uuid import UUID

import pytest

from tests.api.at_work import Worker, deploy, run
from tests.api.conftest import Api
from tidemill.db.queries import inline
from tidemill.db.values import Values
from tidemill.model.errors import Unavailable
from tidemill.scheduler.scrub import Scrub

LARGE = b'{"a": "' + b"x" * 400_000 + b'"}'


@pytest.fixture
def values(api: Api) -> Values:
    return api.parts.values


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "objects"


def files(folder: Path) -> list[Path]:
    return [each for each in folder.rglob("*") if each.is_file()]


async def result(api: Api, raw: bytes = LARGE) -> UUID:
    """A completed job with this result."""
    path = f"u/dev/made_{len(raw)}"
    await deploy(api.developer, path)
    job_id = await run(api.developer, path)
    await Worker(api).end(job_id, raw)
    return job_id


async def age(api: Api, interval: str = "2 days") -> None:
    await api.parts.database.single.execute(
        inline("update instance_object set touched_at = now() - :interval::interval"), interval=interval
    )


async def test_values_that_are_whole_raise_no_finding(api: Api, values: Values) -> None:
    await result(api)
    assert await values.check() == ([], "")
    assert await Scrub(values).go_on() == []


@pytest.mark.parametrize("harm", ["flip", "cut", "empty", "remove", "swap"])
async def test_a_damaged_value_is_found_before_it_is_needed(api: Api, values: Values, folder: Path, harm: str) -> None:
    await result(api)
    kept = await values.keep(LARGE + b" ", what="Another")
    first, second = sorted(files(folder), key=lambda each: str(kept.digest) in each.name)
    content = first.read_bytes()
    match harm:
        case "flip":
            first.write_bytes(content[:-5] + bytes([content[-5] ^ 1]) + content[-4:])
        case "cut":
            first.write_bytes(content[: len(content) // 2])
        case "empty":
            first.write_bytes(b"")
        case "remove":
            first.unlink()
        case _:
            first.write_bytes(second.read_bytes())
    damaged, _ = await values.check()
    assert [each.digest for each in damaged] == [first.name.removesuffix(".zst")]
    assert await Scrub(values).go_on() == damaged


async def test_the_scrubber_comes_around(api: Api, values: Values, folder: Path) -> None:
    for number in range(3):
        await result(api, LARGE + b" " * number)
    (doomed, *_) = sorted(files(folder), key=lambda each: each.name, reverse=True)
    doomed.unlink()
    scrub = Scrub(values, limit=1)
    found = [await scrub.go_on() for _ in range(6)]
    assert [len(each) for each in found if each] == [1]
    assert [each.digest for some in found for each in some] == [doomed.name.removesuffix(".zst")]


async def test_what_no_row_names_is_collected_after_a_day(api: Api, values: Values, folder: Path) -> None:
    await result(api)
    await values.keep(LARGE + b" ", what="Nobody's")
    await values.collect_garbage()
    assert len(files(folder)) == 2
    await age(api)
    await values.collect_garbage()
    assert len(files(folder)) == 1
    assert await values.check() == ([], "")


async def test_a_value_that_is_put_while_it_is_collected_is_there_afterwards(
    api: Api, values: Values, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The note is held while the bytes are removed: who puts them again waits, and writes them."""
    kept = await values.keep(LARGE, what="A value")
    await age(api)
    delete, again = values._content.delete, []

    async def delete_while_it_is_put(digest: str) -> None:
        again.append(asyncio.create_task(values.keep(LARGE, what="The same")))
        await waiting_for_a_lock(api)
        await delete(digest)

    monkeypatch.setattr(values._content, "delete", delete_while_it_is_put)
    await values.collect_garbage()
    assert (await again[0]).digest == kept.digest
    assert await values.fetch(None, kept.digest) == LARGE


async def waiting_for_a_lock(api: Api) -> None:
    """Until some statement waits for another."""
    ungranted = inline("select count(*) from pg_locks where not granted")
    while not await api.parts.database.single.fetch_value(ungranted):
        pass


async def test_bytes_that_nobody_noted_are_adopted_and_collected(api: Api, values: Values, folder: Path) -> None:
    """As after the restore of an older database beside newer objects."""
    kept = await values.keep(LARGE, what="A value")
    await api.parts.database.single.execute(inline("delete from instance_object"))
    assert await values.adopt() == 0
    (file,) = files(folder)
    os.utime(file, (time.time() - 7200,) * 2)
    assert await values.adopt() == 1
    assert await values.adopt() == 0
    await age(api)
    await values.collect_garbage()
    assert files(folder) == []
    assert kept.digest is not None


async def test_a_store_that_does_not_answer_loses_no_note(
    api: Api, values: Values, monkeypatch: pytest.MonkeyPatch
) -> None:
    await values.keep(LARGE, what="A value")
    await age(api)

    async def fails(_digest: str) -> None:
        raise Unavailable("not now")

    monkeypatch.setattr(values._content, "delete", fails)
    with pytest.raises(Unavailable):
        await values.collect_garbage()
    monkeypatch.undo()
    assert await values.collect_garbage() == 1
