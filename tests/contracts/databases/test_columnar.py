"""Rows read as whole columns are those that are read one by one, or the same error; whatever happens on the way."""

import asyncio
import io
import threading
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contracts.databases.asking import PLAIN, argument, ask, rows_of, statement, value_of
from tests.contracts.databases.test_postgresql import SERVERS, VALUES
from tests.contracts.databases.test_round_trips import MANY, OWN_TYPES, POSTGRES, Trip, decimals, rows_for
from tests.database_servers import DatabaseServers
from tidemill.engine.egress import EVERYWHERE
from tidemill.model.errors import ConnectionFailed, QueryFailed
from tidemill.queries.row_writers import parquet_writer
from tidemill.stores.databases import open_database
from tidemill.stores.databases.port import Argument, ColumnarSession, Database, Session, SessionOptions

TRIPS = [
    *POSTGRES,
    Trip("numeric(12,2)", decimals(12, 2), given=str),
    Trip("numeric(18,0)", decimals(18, 0), given=str),
    Trip("numeric(18,18)", decimals(18, 18), given=str),
    Trip("numeric(5,3)[]", st.lists(decimals(5, 3).map(str), max_size=3)),
    Trip("jsonb", st.dictionaries(st.sampled_from("abc"), st.integers() | st.none())),
    Trip("varchar(20)", st.text("a\\'\"é\u20ac\n", max_size=20)),
    Trip("char(5)", st.text("ab", max_size=5)),
    Trip("interval", st.integers(0, 10**6).map(lambda seconds: f"{seconds} seconds")),
]


@pytest.fixture(params=["embedded", "pgbouncer"])
async def database(request: pytest.FixtureRequest, database_servers: DatabaseServers) -> AsyncIterator[Database]:
    opened = open_database("postgresql", SERVERS[request.param](database_servers), egress=EVERYWHERE)
    async with opened.session(PLAIN) as session:
        for text in OWN_TYPES:
            await rows_of(session, text)
    yield opened
    await opened.close()


def columnar(session: Session) -> ColumnarSession:
    return cast("ColumnarSession", session)


async def by_columns(session: Session, text: str, *arguments: Argument) -> pa.Table:
    result = await columnar(session).run_columnar(statement(text, *arguments))
    assert result is not None
    writer = parquet_writer(result.columns)
    return _read([writer.write_batch(batch) async for batch in result.batches()] + [writer.finish()])


async def by_rows(session: Session, text: str, *arguments: Argument) -> pa.Table:
    result = (await session.run(statement(text, *arguments)))[-1]
    writer = parquet_writer(result.columns)
    return _read([writer.write(rows) async for rows in result.batches(1000)] + [writer.finish()])


def _read(pieces: list[bytes]) -> pa.Table:
    return pq.read_table(io.BytesIO(b"".join(pieces)))


@settings(MANY, max_examples=30)
@given(rows=st.lists(rows_for(TRIPS), min_size=1, max_size=3))
async def test_any_values_are_read_alike(database: Database, rows: list[list[Any]]) -> None:
    bound, lines = [], []
    for row in rows:
        places = []
        for trip, value in zip(TRIPS, row, strict=True):
            bound.append(trip.argument(f"a{len(bound)}", value))
            places.append(f"${len(bound)}::{trip.type_name}")
        lines.append(f"({', '.join(places)})")
    text = f"select * from (values {', '.join(lines)}) as given -- all"
    async with database.session(PLAIN) as session:
        found, wanted = await by_columns(session, text, *bound), await by_rows(session, text, *bound)
    assert found.schema == wanted.schema
    assert found.to_pylist() == wanted.to_pylist()


SAMPLES = [
    *(expression for expression in VALUES if "pg_sleep" not in expression),
    "'NaN'::numeric(5,2)", "'0001-01-01'::timestamp", "'10000-01-01'::date", "'abc'::bpchar", "'1'::bit(1)",
    "'ab'::name", "row(1, 'a')", "array[[1,2],[3,4]]", "'{}'::text[]", "1.5::money", "'<a>b</a>'::xml",
]  # fmt: skip


async def outcome(read: Any, session: Session, text: str) -> tuple[Any, Any]:
    """Schema and values, or what was wrong with which column."""
    try:
        table = await read(session, text)
    except QueryFailed as error:
        return "failed", str(error).partition(":")[0]
    return table.schema, repr(table.to_pylist())


async def test_each_type_is_read_alike_or_refused_alike(database: Database) -> None:
    async with database.session(PLAIN) as session:
        for expression in SAMPLES:
            text = f"select {expression} as v union all select null union all select {expression}"
            assert await outcome(by_columns, session, text) == await outcome(by_rows, session, text), expression


async def test_nothing_is_read_as_nothing(database: Database) -> None:
    async with database.session(PLAIN) as session:
        found = await by_columns(session, "select 1 as a, 'x'::text as b where false")
    assert (found.num_rows, found.schema) == (0, pa.schema({"a": pa.int32(), "b": pa.string()}))


@pytest.mark.parametrize(
    "text",
    [
        "insert into kept values (1) returning a",
        "with added as (insert into kept values (2) returning a) select a from added",
        "select 3 as a into other",
        "select pg_advisory_unlock_all()",
        "select",
        "show server_version",
        "explain select 1",
        "set search_path = public",
    ],
)
@pytest.mark.parametrize("options", [PLAIN, SessionOptions(read_only=True)], ids=["plain", "read-only"])
async def test_what_is_no_plain_query_is_left_to_rows(database: Database, text: str, options: SessionOptions) -> None:
    """Nothing was done, and the transaction goes on."""
    await ask(database, "drop table if exists kept")
    await ask(database, "create table kept (a int)")
    async with database.session(options) as session:
        await session.begin()
        assert await columnar(session).run_columnar(statement(text)) is None
        assert await rows_of(session, "select count(*) from kept") == [(0,)]
        await session.commit()
        assert await columnar(session).run_columnar(statement(text)) is None
        assert await rows_of(session, "select count(*), to_regclass('other') from kept") == [(0, None)]


async def test_a_query_sees_what_its_session_did(database: Database) -> None:
    async with database.session(PLAIN) as session:
        await session.begin()
        await rows_of(session, "create temp table seen (a int, b text) on commit drop")
        await rows_of(session, "insert into seen select n, 'b' || n from generate_series(1, 3) n")
        found = await by_columns(session, "select * from seen where a > $1 order by a desc", argument("int", 1))
        assert found.to_pydict() == {"a": [3, 2], "b": ["b3", "b2"]}
        await session.rollback()
    async with database.session(SessionOptions(read_only=True)) as session:
        assert (await by_columns(session, "table pg_catalog.pg_am")).num_rows > 0


@pytest.mark.parametrize("database", ["embedded", "system"], indirect=True)
async def test_many_rows_come_in_bounded_batches(database: Database) -> None:
    """Over TLS, too, which holds some of them back from the socket."""
    text = "select n, repeat('x', (n % 50)::int) as t from generate_series(1, 100000) n"
    async with database.session(PLAIN) as session:
        result = await columnar(session).run_columnar(statement(text))
        assert result is not None
        batches = [batch async for batch in result.batches()]
        assert await rows_of(session, "select 1") == [(1,)]
    assert max(batch.nbytes for batch in batches) < 8 * 1024 * 1024 < 10 * sum(batch.nbytes for batch in batches)
    table = pa.Table.from_batches(batches)
    assert table["n"].to_pylist() == list(range(1, 100001))
    assert table["t"].to_pylist() == ["x" * (n % 50) for n in range(1, 100001)]


async def test_a_query_that_fails_tells_why_and_the_session_goes_on(database: Database) -> None:
    async with database.session(PLAIN) as session:
        for text in ("select 1 / (50000 - n) as x from generate_series(1, 60000) n", "select 1 / 0 as x"):
            with pytest.raises(QueryFailed, match="division by zero"):
                await by_columns(session, text)
        with pytest.raises(QueryFailed, match="line 2, column 3"):
            await columnar(session).run_columnar(statement("select 1,\n  nowhere.a"))
        assert await rows_of(session, "select 1") == [(1,)]


async def test_the_rest_is_skipped_for_the_next_statement(database: Database) -> None:
    async with database.session(PLAIN) as session:
        result = await columnar(session).run_columnar(statement("select n from generate_series(1, 300000) n"))
        assert result is not None
        async with aclosing(cast("Any", result.batches())) as batches:
            assert (await anext(batches)).num_rows
        assert await rows_of(session, "select 1") == [(1,)]


async def test_who_gives_up_ends_the_query_on_the_server(database: Database) -> None:
    endless = "select generate_series(1, 10000000000) as n, 'endless' as t"
    running = "select count(*) from pg_stat_activity where query like '%''endless''%' and pid <> pg_backend_pid()"
    begun = asyncio.Event()

    async def read() -> None:
        async with database.session(PLAIN) as session:
            result = await columnar(session).run_columnar(statement(endless))
            assert result is not None
            async for _ in result.batches():
                begun.set()

    task = asyncio.create_task(read())
    async with asyncio.timeout(30):
        await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(30):
        while await value_of(database, running + " and state = 'active'"):
            pass
    assert await value_of(database, "select 1") == 1


async def test_a_lost_connection_is_told(database: Database) -> None:
    lost = (
        "select n, pg_terminate_backend(pg_backend_pid()) from generate_series(1, 200000) n where n > 199999 or n < 9"
    )
    with pytest.raises(ConnectionFailed, match="lost"):
        async with database.session(PLAIN) as session:
            await by_columns(session, lost)


async def test_no_thread_is_left(database: Database) -> None:
    async with database.session(PLAIN) as session:
        await by_columns(session, "select 1 as a")
        with pytest.raises(QueryFailed):
            await by_columns(session, "select 1 / 0 as a")
    async with asyncio.timeout(30):
        while any(thread.name.startswith("copied rows") for thread in threading.enumerate()):
            await asyncio.sleep(0.01)
