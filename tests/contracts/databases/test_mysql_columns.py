"""Rows of MariaDB that are read as whole columns are those that are read one by one, or refused as those are."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import Any, cast

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contracts.databases import mariadb
from tests.contracts.databases.asking import PLAIN, argument, ask, rows_of, statement, value_of
from tests.contracts.databases.test_columnar import by_columns, by_rows, columnar, outcome
from tests.contracts.databases.test_mariadb import COLUMNS
from tests.contracts.databases.test_round_trips import MANY, MARIADB, rows_for
from tests.database_servers import DatabaseServers, MariaDb, Resource
from tidemill.model.errors import ConnectionFailed, QueryFailed
from tidemill.stores.databases.mysql import connection, prepared
from tidemill.stores.databases.port import Database, SessionOptions

OpenIt = Callable[[str, Resource], Database]

MORE: list[tuple[str, str]] = [
    ("date", "'0001-01-01'"), ("date", "'9999-12-31'"), ("date", "'1900-02-28'"), ("date", "'2024-02-31'"),
    ("datetime(6)", "'1969-12-31 23:59:59.999999'"), ("datetime", "'2023-02-29'"), ("time(3)", "'23:59:59.999'"),
    ("time", "'24:00:00'"), ("time", "'-00:00:01'"), ("decimal(38,10)", "-1.5"), ("decimal(5,0)", "99999"),
    ("varchar(400)", "repeat('x', 251)"), ("longtext", "repeat('y', 70000)"), ("bit(1)", "b'0'"), ("bit(64)", "b'1'"),
    ("smallint", "-1"), ("mediumint unsigned", "16777215"), ("tinyint unsigned", "255"), ("float", "-1.5e30"),
    ("timestamp", "'2024-01-02 03:04:05'"), ("year", "0"), ("point", "point(1, 2)"),
]  # fmt: skip


@pytest.fixture
def server(database_servers: DatabaseServers) -> MariaDb:
    return mariadb.server(database_servers)


@pytest.fixture
def database(server: MariaDb, open_it: OpenIt) -> Database:
    return open_it("mysql", server.resource)


@contextmanager
def reads_of(most: int) -> Iterator[None]:
    """So many bytes come at a time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepared, "READ_BYTES", most)
        patch.setattr(connection, "_BATCH_BYTES", 2 * most)
        yield


@MANY
@given(rows=st.lists(rows_for(MARIADB), min_size=1, max_size=4), most=st.sampled_from([1, 7, 100, 1 << 20]))
async def test_any_values_are_read_alike(database: Database, rows: list[list[Any]], most: int) -> None:
    """Whatever is NULL, and wherever what is read at a time ends."""
    columns = ", ".join(f"c{rank} {trip.type_name} null" for rank, trip in enumerate(MARIADB))
    places = ", ".join(f":a{rank}" for rank in range(len(MARIADB)))
    async with database.session(PLAIN) as session:
        await rows_of(session, f"create temporary table trip ({columns})")
        for row in rows:
            bound = [
                trip.argument(f"a{rank}", each) for rank, (trip, each) in enumerate(zip(MARIADB, row, strict=True))
            ]
            await rows_of(session, f"insert into trip values ({places})", *bound)
        with reads_of(most):
            found = await by_columns(session, "select * from trip")
        wanted = await by_rows(session, "select * from trip")
    assert found.schema == wanted.schema
    assert found.to_pylist() == wanted.to_pylist()


async def test_each_type_is_read_alike_or_refused_alike(database: Database) -> None:
    async with database.session(PLAIN) as session:
        await session.run(statement("set sql_mode = 'allow_invalid_dates'"))
        for column, expression in [*((column, value) for column, value, *_ in COLUMNS), *MORE]:
            await session.run(statement(f"create or replace temporary table one (v {column} null)"))
            await session.run(statement(f"insert into one values ({expression}), (null), ({expression})"))
            text = "select v, v as again from one"
            wanted = await outcome(by_rows, session, text)
            assert await outcome(by_columns, session, text) == wanted, (column, expression)


async def test_arguments_and_the_session_are_those_of_rows(database: Database) -> None:
    async with database.session(PLAIN) as session:
        await session.begin()
        await rows_of(session, "create temporary table seen (a int, b text)")
        await rows_of(session, "insert into seen select seq, concat('b', seq) from seq_1_to_3")
        text = "with n as (select * from seen) select * from n where a > :a order by a desc"
        found = await by_columns(session, text, argument("int", 1, name="a"))
        assert found.to_pydict() == {"a": [3, 2], "b": ["b3", "b2"]}
        assert (await by_columns(session, "select 1 as a from dual where false")).num_rows == 0
        await session.rollback()
    async with database.session(SessionOptions(read_only=True)) as session:
        assert (await by_columns(session, "select 1 as a")).to_pydict() == {"a": [1]}
        assert await columnar(session).run_columnar(statement("insert into seen values (1)")) is None


@pytest.mark.parametrize(
    "text",
    ["insert into kept values (1) returning a", "show tables", "call twice()", "do 1", "select put() into @kept"],
)
async def test_what_is_no_query_is_left_to_rows(database: Database, text: str) -> None:
    """Nothing was done."""
    await ask(database, "create or replace table kept (a int)")
    await ask(database, "create or replace procedure twice() begin insert into kept values (2); select 1; end")
    await ask(database, "create or replace function put() returns int begin insert into kept values (3); return 3; end")
    async with database.session(PLAIN) as session:
        assert await columnar(session).run_columnar(statement(text)) is None
        assert await rows_of(session, "select count(*) from kept") == [(0,)]


@pytest.mark.parametrize("ssl", [False, True], ids=["plain", "tls"])
async def test_many_rows_come_in_bounded_batches(server: MariaDb, open_it: OpenIt, ssl: bool) -> None:
    place = {"host": "localhost", "ssl": ssl, "root_certificate_pem": server.authority.pem}
    database = open_it("mysql", {**server.resource, **place})
    text = "select seq as n, repeat('x', mod(seq, 50)) as t from seq_1_to_100000"
    async with database.session(PLAIN) as session:
        result = await columnar(session).run_columnar(statement(text))
        assert result is not None
        batches = [batch async for batch in result.batches()]
        assert await rows_of(session, "select 1") == [(1,)]
    assert max(batch.nbytes for batch in batches) < 3 * 1024 * 1024
    table = pa.Table.from_batches(batches)
    assert table["n"].to_pylist() == list(range(1, 100001))
    assert table["t"].to_pylist() == ["x" * (n % 50) for n in range(1, 100001)]


@pytest.mark.parametrize("most", [100_000, 1 << 20])
async def test_a_row_of_several_packets_is_put_together(database: Database, most: int) -> None:
    """A packet holds 16 MB at most."""
    size = prepared.MAX_PACKET_LEN
    await ask(database, "set global max_allowed_packet = 64 * 1024 * 1024")
    async with database.session(PLAIN) as session:
        for length in (size - 20, size - 10, 2 * size + 5):
            text = f"select 'a' as a, repeat('z', {length}) as b, 7 as c union all select 'b', 'short', 8"
            with reads_of(most):
                found = await by_columns(session, text)
            assert found["a"].to_pylist() == ["a", "b"]
            assert [len(each) for each in found["b"].to_pylist()] == [length, 5]
            assert found["c"].to_pylist() == [7, 8]
            assert await rows_of(session, "select 1") == [(1,)]


async def test_a_query_that_fails_tells_why_and_the_session_goes_on(database: Database) -> None:
    late = "select seq, (select 1 union select 2 where seq > 90000) as two from seq_1_to_100000"
    async with database.session(PLAIN) as session:
        for text in (late, "select (select 1 union select 2) as two"):
            with pytest.raises(QueryFailed, match="more than 1 row"):
                await by_columns(session, text)
        assert await rows_of(session, "select 1") == [(1,)]


async def test_the_rest_is_skipped_for_the_next_statement(database: Database) -> None:
    async with database.session(PLAIN) as session:
        result = await columnar(session).run_columnar(statement("select seq from seq_1_to_300000"))
        assert result is not None
        async with aclosing(cast("Any", result.batches())) as batches:
            assert (await anext(batches)).num_rows
        assert await rows_of(session, "select 1") == [(1,)]


async def test_who_gives_up_ends_the_query_on_the_server(database: Database) -> None:
    begun = asyncio.Event()

    async def read() -> None:
        async with database.session(PLAIN) as session:
            result = await columnar(session).run_columnar(statement("select seq from seq_1_to_9000000000"))
            assert result is not None
            async for _ in result.batches():
                begun.set()

    task = asyncio.create_task(read())
    async with asyncio.timeout(30):
        await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    running = "select count(*) from information_schema.processlist where info like 'select seq from seq_1_to_9%'"
    async with asyncio.timeout(30):
        while await value_of(database, running):
            pass


async def test_a_lost_connection_is_told(database: Database) -> None:
    async def read() -> None:
        async with database.session(PLAIN) as session:
            ((own,),) = await rows_of(session, "select connection_id()")
            result = await columnar(session).run_columnar(statement("select seq from seq_1_to_9000000000"))
            assert result is not None
            async with aclosing(cast("Any", result.batches())) as batches:
                await anext(batches)
                await ask(database, f"kill {own}")
                async for _ in batches:
                    pass

    with pytest.raises(ConnectionFailed, match=r"(?i)lost"):
        await read()
