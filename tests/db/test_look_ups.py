"""Look-ups on a connection of their own give what the pool gives, and the pool where it is gone."""

import asyncio
import gc
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from tidemill.db import look_ups
from tidemill.db.pool import Database, Json
from tidemill.db.queries import inline

PID = inline("select pg_backend_pid() as pid")
DIVIDED = inline("select 10 / :n::int as quotient")


@dataclass(frozen=True, slots=True)
class Pair:
    n: int
    words: tuple[str, ...]


@pytest.fixture
async def database(empty_database_dsn: str) -> AsyncIterator[Database]:
    async with Database(empty_database_dsn, pool_size=2, system_pool_size=2) as opened:
        await connected(opened)
        yield opened


async def connected(database: Database) -> int:
    """Wait until look-ups go their own way; the process that serves them."""
    async with asyncio.timeout(30):
        while database._look_ups._line is None or database._look_ups._line.is_closed:
            database._look_ups._connect_at = 0.0  # there is nothing to be spared here
            await database.look_ups.fetch_value(PID)
            await asyncio.sleep(0)
    return int(await database.look_ups.fetch_value(PID))


async def test_values_are_those_of_the_pool(database: Database) -> None:
    query = inline(
        "select :key::uuid as key, :raw::bytea as raw, :text as text, :flag::bool as flag, :names::text[] as names,"
        " :value::json as json, '2026-03-29 03:30+02'::timestamptz as moment, null::int as nothing, '%' as percent,"
        " current_setting('tidemill.workspace') as workspace, :key::text as again"
    )
    parameters = {
        "key": uuid.uuid4(),
        "raw": b"\0\xff",
        "text": "\u00fcber",
        "flag": True,
        "names": ["a", None, 'b"'],
        "value": Json(b' {"a": 1.50}'),
    }
    pooled = await database.single.fetch_one(query, **parameters)
    for _ in range(3):
        assert await database.look_ups.fetch_one(query, **parameters) == pooled
    assert pooled["moment"] == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert (pooled["percent"], pooled["workspace"], pooled["names"]) == ("%", "*", ["a", None, 'b"'])


async def test_parameters_of_other_types_are_other_statements(database: Database) -> None:
    query = inline("select cardinality(:names) as count")
    for names in ([1, 2], [2**40], [1.5], [70_000, 1, 1]):
        found = await database.look_ups.fetch_value(query, names=names)
        assert found == await database.single.fetch_value(query, names=names)


async def test_many_at_once_get_what_each_has_asked_for(database: Database) -> None:
    query = inline("select :n::int as n, array_fill(:word::text, array[:n::int]) as words, pg_backend_pid() as pid")
    rows = await asyncio.gather(*(database.look_ups.fetch_one(query, n=n, word=str(n)) for n in range(200)))
    assert [(row["n"], row["words"]) for row in rows] == [(n, [str(n)] * n) for n in range(200)]
    assert {row["pid"] for row in rows} == {await connected(database)}
    pair = inline("select 2 as n, array['a', 'b'] as words")
    assert await database.look_ups.fetch_all(pair, Pair) == [Pair(2, ("a", "b"))]
    assert await database.look_ups.fetch_optional(inline("select 1 as one where false")) is None


async def test_one_that_fails_takes_no_other_with_it(database: Database) -> None:
    asked = [database.look_ups.fetch_value(DIVIDED, n=n) for n in (1, 0, 2, 0, 5)]
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert [each if isinstance(each, int) else type(each).__name__ for each in found] == [
        10,
        "DivisionByZero",
        5,
        "DivisionByZero",
        2,
    ]


async def test_who_is_cancelled_leaves_the_answers_to_the_others_in_place(database: Database) -> None:
    query = inline("select :n::int as n from (select pg_sleep(0.01)) waited")
    tasks = [asyncio.create_task(database.look_ups.fetch_value(query, n=n)) for n in range(6)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert found[1::2] == [1, 3, 5]


async def test_the_pool_serves_while_the_connection_is_gone(database: Database) -> None:
    first = await connected(database)
    waiting = [asyncio.create_task(database.look_ups.fetch_value(DIVIDED, n=n)) for n in (1, 2)]
    await database.single.fetch_one(inline("select pg_terminate_backend(:pid) as ended"), pid=first)
    assert await asyncio.gather(*waiting) == [10, 5]
    assert await database.look_ups.fetch_value(DIVIDED, n=5) == 2
    assert await connected(database) != first


async def test_statements_outlive_a_change_of_columns(database: Database) -> None:
    async with database.maintenance() as transaction:
        await transaction.execute(inline("create table number as select 1 as n"))
    every = inline("select * from number")
    assert [await database.look_ups.fetch_one(every) for _ in range(2)] == [{"n": 1}] * 2
    async with database.maintenance() as transaction:
        await transaction.execute(inline("alter table number add column more text"))
    assert [await database.look_ups.fetch_one(every) for _ in range(2)] == [{"n": 1, "more": None}] * 2


@pytest.mark.parametrize("parameters", [{}, {"n": 1, "m": 2}])
async def test_parameters_must_be_those_of_the_query(database: Database, parameters: dict[str, int]) -> None:
    with pytest.raises(TypeError, match=r"inline takes \['n'\]"):
        await database.look_ups.fetch_value(DIVIDED, **parameters)


async def test_closing_waits_for_no_connection_and_leaves_none(empty_database_dsn: str) -> None:
    for turns in range(12):
        async with Database(empty_database_dsn, pool_size=2, system_pool_size=2) as opened:
            assert await opened.look_ups.fetch_value(DIVIDED, n=5) == 2
            for _ in range(turns):
                await asyncio.sleep(0)
        gc.collect()  # warns of a connection that nobody closed


async def test_what_is_asked_in_one_turn_is_sent_together_and_one_that_fails_takes_none_with_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asyncio.gather(*(database.look_ups.fetch_value(DIVIDED, n=n) for n in (1, 2)))
    sent: list[None] = []
    sync = look_ups._Line._sync

    def counted(line: look_ups._Line) -> None:
        sent.append(None)
        sync(line)

    monkeypatch.setattr(look_ups._Line, "_sync", counted)
    found = await asyncio.gather(*(database.look_ups.fetch_value(DIVIDED, n=n) for n in (1, 2, 5)))
    assert (found, len(sent)) == ([10, 5, 2], 1)
    asked = [database.look_ups.fetch_value(DIVIDED, n=n) for n in (1, 0, 5)]
    first, failed, behind = await asyncio.gather(*asked, return_exceptions=True)
    assert (first, behind) == (10, 2)
    assert isinstance(failed, Exception)
    assert await database.look_ups.fetch_value(DIVIDED, n=2) == 5


async def test_what_is_the_same_to_the_byte_is_made_once(database: Database) -> None:
    """The database is asked each time; what differs is made anew, what fails is not remembered."""
    async with database.maintenance() as transaction:
        await transaction.execute(inline("create table weight as select 1 as n, 'a' as word"))
    made: list[list[dict[str, object]]] = []

    def make(rows: list[dict[str, object]]) -> int:
        made.append(rows)
        if not rows:
            raise ValueError("there is none")
        return len(made)

    query = inline("select n, word from weight where n > :least::int", name="weight")

    async def found() -> int:
        return await database.look_ups.remembered(query, make, least=0).get()

    async def change(text: str) -> None:
        async with database.maintenance() as transaction:
            await transaction.execute(inline(text))  # type: ignore[arg-type]

    assert [await found() for _ in range(3)] == [1, 1, 1]
    await change("update weight set word = null")
    assert [await found() for _ in range(2)] == [2, 2]
    assert made == [[{"n": 1, "word": "a"}], [{"n": 1, "word": None}]]
    await change("delete from weight")
    for _ in range(2):
        with pytest.raises(ValueError, match="there is none"):
            await found()
    await change("insert into weight values (1, null)")
    assert await found() == 5, "though it is what it was before there was none"
    pid = await connected(database)
    line = database._look_ups._line
    assert line is not None
    look = database.look_ups.remembered(query, make, least=0).ask()
    await database.single.fetch_one(inline("select pg_terminate_backend(:pid) as ended"), pid=pid)
    assert await look.answer() in {5, 6}, "by the pool, where the connection went before the answer came"
    async with asyncio.timeout(30):
        while not line.is_closed:
            await asyncio.sleep(0)
    await connected(database)
    assert await found() == await found()


async def test_the_answers_that_are_remembered_are_few(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look_ups, "_MOST", 2)
    query = inline("select :n::int as n", name="n")

    def first(rows: list[dict[str, int]]) -> int:
        return rows[0]["n"]

    for n in (1, 2, 1, 3, 2, 1):
        assert await database.look_ups.remembered(query, first, n=n).get() == n
    assert len(database._look_ups._remembered) == 2
