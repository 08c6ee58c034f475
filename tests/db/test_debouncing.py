"""Calls that take each other's place, on real Postgres: one is left, however they come together."""

import asyncio
from pathlib import Path
from uuid import UUID

import pytest

from tests.db.test_queue import claim, end, enqueue, new_job, rows
from tidemill.db import debouncing, prune, queue
from tidemill.db.pool import Database, Json
from tidemill.db.values import Kept, Values
from tidemill.engine.debouncing import Rule
from tidemill.model.errors import TooLarge
from tidemill.model.identity import Credential, CredentialKind, Principal
from tidemill.scheduler.erase import erase_used
from tidemill.stores.objects.content import open_folder

CALLER = Principal(
    email="alice@example.com",
    username="alice",
    workspace="w",
    credential=Credential(kind=CredentialKind.PERSONAL),
)


@pytest.fixture
def values(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Values:
    content = open_folder(tmp_path_factory.mktemp("objects"))
    return Values(database, content, inline_bytes=1000, max_bytes=10_000)


async def call(
    database: Database,
    number: int,
    *,
    sent: bytes = b"",
    delay_s: float = 3600.0,
    more: dict[str, object] | None = None,
    **rule: int,
) -> UUID:
    args = Kept(inline=Json(sent or b'{"n": %d, "items": [%d]}' % (number, number)))
    waits = Rule(key="k", delay_s=delay_s, gathered=("items",), most=rule.get("most"), most_s=rule.get("most_s"))
    job = new_job(args=args, debounce=waits, delay_s=delay_s, **(more or {}))
    async with database.transaction("w") as tx:
        await debouncing.take_in(tx, job, caller=CALLER)
    return job.id


async def put_together(database: Database, values: Values, job_id: UUID) -> bytes:
    kept = await debouncing.put_together(database, values, job_id, workspace="w", gathered=["items"])
    assert kept.inline is not None
    return kept.inline.raw


async def test_the_newest_call_takes_the_place_of_the_one_that_waits(database: Database) -> None:
    first, second = await call(database, 1), await call(database, 2)
    assert [row["id"] for row in await rows(database, "select id from job_queue")] == [second]
    (ended,) = await rows(database, "select id, status, canceled_by, cancel_reason from job_completed")
    assert ended == {
        "id": first,
        "status": "canceled",
        "canceled_by": "alice",
        "cancel_reason": f"debounced by {second}",
    }


async def test_what_was_overtaken_is_erased_when_it_was_put_together_and_not_before(
    database: Database, values: Values
) -> None:
    root = await enqueue(database)
    (job,) = await claim(database)
    assert root in await end(database, job)
    below = {"root_job": root, "options": Json(b'{"delete_after_use": true}')}
    await call(database, 1, more=below)
    second = await call(database, 2, more=below)
    assert await erase_used(database) == 0
    assert await put_together(database, values, second) == b'{"n":2,"items":[1,2]}'
    assert await erase_used(database) == 1


async def test_of_calls_at_once_exactly_one_is_left_and_it_has_what_all_sent(
    database: Database, values: Values
) -> None:
    await asyncio.gather(*(call(database, number) for number in range(30)))
    (left,) = await rows(database, "select id from job_queue")
    (ended,) = await rows(database, "select count(*) as count from job_completed")
    assert ended["count"] == 29
    args = await put_together(database, values, UUID(str(left["id"])))
    assert sorted(map(int, args.split(b"[")[1].rstrip(b"]}").split(b","))) == list(range(30))


async def test_what_a_worker_has_taken_stays(database: Database) -> None:
    first = await call(database, 1, delay_s=0)
    (taken,) = await claim(database)
    assert taken.id == first
    second, third = await call(database, 2), await call(database, 3)
    assert {row["id"] for row in await rows(database, "select id from job_queue")} == {first, third}
    assert [row["id"] for row in await rows(database, "select id from job_completed")] == [second]


async def test_arguments_are_put_together_once(database: Database, values: Values) -> None:
    await call(database, 1)
    last = await call(database, 2)
    for _ in range(2):  # as a second attempt would
        assert await put_together(database, values, last) == b'{"n":2,"items":[1,2]}'
    assert await rows(database, "select from debounce") == []


class Counting(Values):
    """Knows how many values were read."""

    count = 0

    async def fetch(self, inline: bytes | None, digest: str | None) -> bytes | None:
        self.count += 1
        return await super().fetch(inline, digest)


async def test_what_is_too_much_together_is_not_read_to_its_end(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(debouncing, "_AT_ONCE", 3)
    counting = Counting(database, open_folder(tmp_path), inline_bytes=20_000, max_bytes=10_000)
    for large, small in ((b"other", b"items"), (b"items", b"other")):
        calls = [b'{"%s": ["%s"], "%s": [%d]}' % (large, b"x" * 2000, small, number) for number in range(20)]
        last = [await call(database, number, sent=sent) for number, sent in enumerate(calls)][-1]
        counting.count = 0
        if small == b"items":
            items = b",".join(b"%d" % number for number in range(20))
            expected = b'{"other":["%s"],"items":[%s]}' % (b"x" * 2000, items)
            assert await put_together(database, counting, last) == expected
            assert counting.count == 20
        else:
            with pytest.raises(TooLarge, match="max_total_debounces_amount"):
                await put_together(database, counting, last)
            assert counting.count < 10
        async with database.transaction("w") as tx:
            await queue.ask_to_cancel(tx, last, canceled_by="alice", reason=None)


async def test_behind_the_limit_the_next_call_waits_beside_the_one_before(database: Database, values: Values) -> None:
    ids = [await call(database, number, most=1) for number in range(3)]
    assert {row["id"] for row in await rows(database, "select id from job_queue")} == set(ids[1:])
    assert await put_together(database, values, ids[1]) == b'{"n":1,"items":[0,1]}'
    assert await put_together(database, values, ids[2]) == b'{"n": 2, "items": [2]}'


async def test_calls_that_nothing_waits_for_are_forgotten(database: Database) -> None:
    await call(database, 1)
    waits = await call(database, 2)
    await prune.remove_leftovers(database)
    assert len(await rows(database, "select from debounced")) == 1
    async with database.transaction("w") as tx:
        await queue.ask_to_cancel(tx, waits, canceled_by="alice", reason=None)
    await prune.remove_leftovers(database)
    assert await rows(database, "select from debounced") == []
