"""What only SQL Server has, as far as its protocol before a Postgres shows it: TLS, logins, batches, attention."""

import asyncio
import json
from collections.abc import Callable

import pytest

from tests.certificates import Authority
from tests.contracts.databases import mssql
from tests.contracts.databases.asking import PLAIN, argument, ask, rows_of, run_all, statement
from tests.database_servers import DatabaseServers, Resource
from tests.query_host import QueryHost, Runs
from tidemill.engine.egress import EVERYWHERE, Egress, Reach
from tidemill.model.column import Kind
from tidemill.model.errors import AddressClosed, Conflict, ConnectionFailed, NotFound, QueryFailed
from tidemill.queries.sql import SqlRunner
from tidemill.stores import connection_tests
from tidemill.stores.databases import open_database
from tidemill.stores.databases.mssql import connection
from tidemill.stores.databases.mssql.catalog import MssqlCatalog
from tidemill.stores.databases.port import Database, SessionOptions

OpenIt = Callable[[str, Resource], Database]


@pytest.fixture
def resource(database_servers: DatabaseServers) -> Resource:
    return mssql.front(database_servers)


@pytest.fixture
def database(resource: Resource, open_it: OpenIt) -> Database:
    return open_it("mssql", resource)


async def test_the_test_tells_that_it_is_encrypted(database: Database) -> None:
    assert "answers as sa in database main, encrypted by TLSv1.2." in await database.test()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"ca_cert": ""}, "Put the certificate of the server's authority into ca_cert"),
        ({"ca_cert": Authority().pem}, "Put the certificate"),
        ({"dbname": "other"}, "Check dbname"),
        ({"user": "nobody"}, "Check user and password"),
    ],
)
async def test_what_is_wrong_is_told(resource: Resource, open_it: OpenIt, changed: Resource, told: str) -> None:
    with pytest.raises(ConnectionFailed, match=told):
        await ask(open_it("mssql", {**resource, **changed}), "select 1 as a")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"ca_cert": "", "trust_cert": True}, "encrypted by TLS"),
        ({"ca_cert": "", "encrypt": False}, "not encrypted"),
        ({"host": "127.0.0.1"}, "encrypted by TLS"),
    ],
)
async def test_a_resource_chooses_how_much_is_encrypted(
    resource: Resource, open_it: OpenIt, changed: Resource, told: str
) -> None:
    database = open_it("mssql", {**resource, **changed})
    assert told in await database.test()
    assert await ask(database, "select 'x' as a, 1 as b") == [("x", 1)]


async def test_a_token_of_entra_logs_in(resource: Resource, open_it: OpenIt) -> None:
    token = {"token": f"token-{resource['password']}"}
    without = {name: value for name, value in resource.items() if name not in {"user", "password"}}
    assert "the holder of the token" in await open_it("mssql", {**without, "aad_token": token}).test()
    with pytest.raises(ConnectionFailed) as caught:
        await open_it("mssql", {**without, "aad_token": {"token": "wr0ng"}}).test()
    assert "wr0ng" not in json.dumps(str(caught.value))


async def test_addresses_that_are_closed_are_not_connected_to(resource: Resource) -> None:
    database = open_database("mssql", resource, egress=Egress(Reach.PUBLIC))
    with pytest.raises(AddressClosed):
        await database.test()


async def test_a_resource_of_it_can_be_tested(resource: Resource) -> None:
    assert "answers as sa" in await connection_tests.tester_of("ms_sql_server", EVERYWHERE).test(resource)
    with pytest.raises(Conflict, match="Check dbname"):
        await connection_tests.tester_of("ms_sql_server", EVERYWHERE).test({**resource, "dbname": "other"})


async def test_what_only_reads_says_so_when_it_logs_in(database: Database) -> None:
    intent = "select current_setting('application_name') as a"
    for options, told in ((PLAIN, "writes"), (SessionOptions(read_only=True), "reads"), (PLAIN, "writes")):
        assert await ask(database, intent, options=options) == [(told,)]


async def test_a_script_runs_batch_by_batch(resource: Resource) -> None:
    host = QueryHost({"f/team/db": resource})
    runs = Runs("mssql", SqlRunner(EVERYWHERE), host)
    script = """-- database f/team/db
-- @P1 first (int) = 1
-- @P2 note (nvarchar(20))
-- result_collection=all_statements_all_rows
create temp table kept (n bigint, note text)
GO
insert into kept select n, cast(@P2 as text) from generate_series(cast(@P1 as int), 3) as n
GO
select n, note from kept order by n
"""
    try:
        assert await runs.raw(script, {"first": 2, "note": "☃"}) == (
            '[[],[],[{"n":2,"note":"☃"},{"n":3,"note":"☃"}]]'.encode()
        )
    finally:
        await runs.runner.close()


async def test_a_batch_gives_all_its_results(database: Database) -> None:
    async with database.session(PLAIN) as session:
        results = await session.run(
            statement("select 1 as a; select 'x' as b, null as c; select generate_series(1, 3) n")
        )
        found = [[row async for batch in result.batches(2) for row in batch] for result in results]
    assert found == [[(1,)], [("x", None)], [(1,), (2,), (3,)]]
    assert [[column.type.kind for column in each.columns] for each in results] == [
        [Kind.INTEGER],
        [Kind.TEXT, Kind.TEXT],
        [Kind.INTEGER],
    ]


async def test_what_is_held_of_several_results_is_bounded(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HELD_BYTES", 100_000)
    with pytest.raises(QueryFailed, match="lines GO"):
        await run_all(database, ["select 1 as a; select repeat('x', 1000) as b from generate_series(1, 100000)"])
    await _use_all_connections(database)


async def test_a_batch_of_large_values_has_fewer_rows(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "BATCH_BYTES", 100_000)
    async with database.session(PLAIN) as session:
        (result,) = await session.run(statement("select repeat('x', 20000) as a from generate_series(1, 10)"))
        sizes = [len(batch) async for batch in result.batches(100)]
    assert sum(sizes) == 10
    assert max(sizes) < 6


async def test_arguments_of_all_sizes_arrive(database: Database) -> None:
    for text in ("", "☃" * 4000, "é" * 100_000):
        assert await ask(database, "select cast(@P1 as text) as a", argument("nvarchar(max)", text)) == [(text,)]
    found = await ask(
        database,
        "select cast(@P2 as int) as a, cast(@P1 as bigint) as b, cast(@P1 as bigint) as c",
        argument("bigint", 2**62),
        argument("int", None),
    )
    assert found == [(None, 2**62, 2**62)]


async def test_an_error_in_a_stream_is_told_and_the_connection_goes_on(database: Database) -> None:
    async with database.session(PLAIN) as session:
        (result,) = await session.run(statement("select 10 / (3000 - n) as a from generate_series(1, 5000) n"))
        with pytest.raises(QueryFailed, match="division by zero"):
            _ = [batch async for batch in result.batches(100)]
        assert await rows_of(session, "select 1 as a") == [(1,)]


async def test_canceling_what_the_server_has_ended_already_hurts_nobody(database: Database) -> None:
    async def cancel_unread() -> None:
        async with database.session(PLAIN) as session:
            await session.run(statement("select generate_series(1, 300) as n"))
            await session.cancel()

    with pytest.raises(QueryFailed, match="canceled"):
        await cancel_unread()
    assert await ask(database, "select 1 as a") == [(1,)]


async def test_what_is_no_sql_server_is_told(resource: Resource, open_it: OpenIt) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n" * 2000)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ConnectionFailed, match="Check host and port"):
            await ask(open_it("mssql", {**resource, "port": port}), "select 1 as a")
    finally:
        server.close()


async def test_a_connection_that_was_lost_is_not_used_again(database: Database) -> None:
    with pytest.raises(ConnectionFailed, match="lost"):
        await ask(database, "select pg_terminate_backend(pg_backend_pid())")
    await _use_all_connections(database)


CATALOG = """
create schema sys;
create table sys.schemas as select 1 as schema_id, 'dbo' as name;
create table sys.objects as select * from (values
  (10, 1, 'orders', 'U'::char(2), 0), (11, 1, 'customers', 'U', 0), (12, 1, 'recent', 'V', 0), (13, 1, 'own', 'U', 1))
  as o (object_id, schema_id, name, type, is_ms_shipped);
create table sys.partitions as select * from (values (10, 0, 5::bigint), (10, 1, 2), (10, 2, 7))
  as p (object_id, index_id, rows);
create table sys.extended_properties as select * from (values
  (1, 10, 0, 'MS_Description', '"what was ordered"'), (1, 10, 2, 'MS_Description', '"who"'), (7, 10, 0, 'x', '"y"'))
  as e (class, major_id, minor_id, name, value);
create table sys.types as select * from (values (56, 56, 'int'), (231, 231, 'nvarchar'), (106, 106, 'decimal'),
  (42, 42, 'datetime2'), (231, 300, 'phone')) as t (system_type_id, user_type_id, name);
create table sys.columns as select * from (values
  (10, 1, 'id', 56, 56, 4, 10, 0, 0, 1, 0), (10, 2, 'customer', 56, 56, 4, 10, 0, 0, 0, 0),
  (10, 3, 'phone', 231, 300, 40, 0, 0, 1, 0, 0), (10, 4, 'note', 231, 231, -1, 0, 0, 1, 0, 0),
  (10, 5, 'total', 106, 106, 9, 10, 2, 0, 0, 7), (10, 6, 'paid', 42, 42, 7, 22, 3, 1, 0, 0),
  (11, 1, 'id', 56, 56, 4, 10, 0, 0, 0, 0)) as c (object_id, column_id, name, system_type_id, user_type_id,
  max_length, precision, scale, is_nullable, is_identity, default_object_id);
create table sys.default_constraints as select 7 as object_id, '((0))' as definition;
create table sys.computed_columns as select 10 as object_id, 6 as column_id, '(getdate())' as definition;
create table sys.indexes as select * from (values
  (10, 1, 'PK_orders', 1, 1, 0, 'CLUSTERED', 1), (10, 2, 'some', 1, 0, 1, 'NONCLUSTERED', 2),
  (11, 0, null, 0, 0, 0, 'HEAP', 0))
  as i (object_id, index_id, name, is_unique, is_primary_key, has_filter, type_desc, type);
create table sys.index_columns as select * from (values (10, 1, 1, 1, 1, 0, 0), (10, 2, 1, 2, 1, 0, 1),
  (10, 2, 2, 5, 0, 1, 0)) as k (object_id, index_id, index_column_id, column_id, key_ordinal, is_included_column,
  is_descending_key);
create table sys.foreign_keys as select 20 as object_id, 'FK_customer' as name, 10 as parent_object_id;
create table sys.foreign_key_columns as select 20 as constraint_object_id, 1 as constraint_column_id,
  10 as parent_object_id, 2 as parent_column_id, 11 as referenced_object_id, 1 as referenced_column_id
"""
"""Rows as SQL Server has them, in tables with the columns of its own that are asked for."""


async def test_tables_are_told_with_columns_keys_and_indexes(database: Database) -> None:
    await run_all(database, [CATALOG])
    try:
        async with database.session(PLAIN) as session:
            found = await MssqlCatalog().tables(session)
            orders = await MssqlCatalog().table(session, "dbo", "orders")
            with pytest.raises(NotFound):
                await MssqlCatalog().table(session, "dbo", "own")
    finally:
        await run_all(database, ["drop schema sys cascade"])
    assert [(each.name, each.kind, each.rows, each.comment) for each in found] == [
        ("customers", "table", None, ""),
        ("orders", "table", 7, "what was ordered"),
        ("recent", "view", None, ""),
    ]
    assert [(each.name, each.type, each.is_nullable, each.default) for each in orders.columns] == [
        ("id", "int", False, "identity"),
        ("customer", "int", False, None),
        ("phone", "nvarchar(20)", True, None),
        ("note", "nvarchar(max)", True, None),
        ("total", "decimal(10,2)", False, "((0))"),
        ("paid", "datetime2(3)", True, "(getdate())"),
    ]
    assert [each.name for each in orders.columns if each.is_generated] == ["id", "paid"]
    assert orders.columns[1].comment == "who"
    assert orders.key == ("id",)
    assert [each.definition for each in orders.indexes] == [
        "primary key ([id]) clustered",
        "unique index [some] ([customer] desc) nonclustered with a filter",
    ]
    assert not orders.indexes[1].is_unique
    (key,) = orders.foreign_keys
    assert (key.name, key.columns, key.schema, key.table, key.references) == (
        "FK_customer",
        ("customer",),
        "dbo",
        "customers",
        ("id",),
    )


async def _use_all_connections(database: Database) -> None:
    """Those that have been given back, however they were left, and one more."""
    async with asyncio.timeout(30):
        await ask(database, "select 1 as a")
        async with database.session(PLAIN) as first, database.session(PLAIN) as second:
            for session in (first, second):
                query, bound = "select cast(@P1 as text) as a", argument("nvarchar(5)", "x")
                assert await rows_of(session, query, bound) == [("x",)]
