"""What only MySQL and MariaDB have: their types, arguments by type, procedures, TLS."""

import json
import socket
from collections.abc import Callable
from decimal import Decimal
from typing import Any, cast

import pytest

from tests.contracts.databases import mariadb
from tests.contracts.databases.asking import PLAIN, argument, ask, rows_of, run_all, statement, value_of
from tests.database_servers import DatabaseServers, Resource
from tidemill.model.column import Kind
from tidemill.model.errors import BadRequest, ConnectionFailed, QueryFailed
from tidemill.stores.databases.port import Database, ManyRowsSession, NamedType, SessionOptions

OpenIt = Callable[[str, Resource], Database]

COLUMNS: list[tuple[str, str, Kind, object]] = [
    ("tinyint", "-128", Kind.INTEGER, -128),
    ("tinyint(1)", "true", Kind.INTEGER, 1),
    ("smallint unsigned", "65535", Kind.INTEGER, 65535),
    ("mediumint", "-8388608", Kind.INTEGER, -8388608),
    ("int", "2147483647", Kind.INTEGER, 2147483647),
    ("bigint", "-9223372036854775808", Kind.INTEGER, -9223372036854775808),
    ("bigint unsigned", "18446744073709551615", Kind.INTEGER, 18446744073709551615),
    ("decimal(65,30)", "'1.500000000000000000000000000001'", Kind.DECIMAL, Decimal("1.500000000000000000000000000001")),
    ("decimal(10,2)", "-0.10", Kind.DECIMAL, Decimal("-0.10")),
    ("float", "3.1415927", Kind.FLOAT, 3.1415927),
    ("float", "0.1", Kind.FLOAT, 0.1),
    ("double", "0.1e0 + 0.2e0", Kind.FLOAT, 0.1 + 0.2),
    ("varchar(20)", "'it''s ☃😀'", Kind.TEXT, "it's ☃😀"),
    ("char(4)", "'ab'", Kind.TEXT, "ab"),
    ("text", "''", Kind.TEXT, ""),
    ("varbinary(4)", "x'00ff'", Kind.BINARY, b"\x00\xff"),
    ("binary(3)", "x'01'", Kind.BINARY, b"\x01\x00\x00"),
    ("longblob", "x'ff'", Kind.BINARY, b"\xff"),
    ("date", "'2024-02-29'", Kind.DATE, "2024-02-29"),
    ("date", "'0000-00-00'", Kind.DATE, "0000-00-00"),
    ("date", "'2024-02-00'", Kind.DATE, "2024-02-00"),
    ("time(6)", "'-838:59:58.999999'", Kind.TIME, "-838:59:58.999999"),
    ("time", "'27:00:00'", Kind.TIME, "27:00:00"),
    ("datetime(6)", "'2024-01-02 03:04:05.678'", Kind.TIMESTAMP, "2024-01-02 03:04:05.678"),
    ("datetime", "'9999-12-31 23:59:59'", Kind.TIMESTAMP, "9999-12-31 23:59:59"),
    ("datetime", "'0000-00-00 00:00:00'", Kind.TIMESTAMP, "0000-00-00 00:00:00"),
    ("timestamp(3) null", "'2024-01-02 03:04:05.678'", Kind.TIMESTAMPTZ, "2024-01-02 03:04:05.678 UTC"),
    ("year", "1901", Kind.INTEGER, 1901),
    ("bit(1)", "b'1'", Kind.BOOL, True),
    ("bit(10)", "b'1000000001'", Kind.BINARY, b"\x02\x01"),
    ("enum('a', 'b')", "'b'", Kind.TEXT, "b"),
    ("set('a', 'b', 'c')", "'a,c'", Kind.TEXT, "a,c"),
    ("json", "'{\"a\": 1.10}'", Kind.TEXT, '{"a": 1.10}'),
    ("uuid", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", Kind.TEXT, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("inet6", "'::1'", Kind.TEXT, "::1"),
    ("geometry", "point(1, 2.5)", Kind.TEXT, "POINT(1 2.5)"),
    ("geometry", "st_geomfromtext('LINESTRING(0 0,1 1)', 4326)", Kind.TEXT, "SRID=4326;LINESTRING(0 0,1 1)"),
    ("geometry", "st_geomfromtext('POLYGON((0 0,4 0,4 4,0 0))')", Kind.TEXT, "POLYGON((0 0,4 0,4 4,0 0))"),
    ("geometry", "st_geomfromtext('MULTIPOINT(0 0,1 1)')", Kind.TEXT, "MULTIPOINT(0 0,1 1)"),
    (
        "geometry",
        "st_geomfromtext('GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))')",
        Kind.TEXT,
        "GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))",
    ),
    ("int", "null", Kind.INTEGER, None),
]
"""Column, expression -> the kind and the form that its value has."""

DECLARED: list[tuple[str, str, str, str]] = [
    ("int", "5", "cast(:a as char)", "5"),
    ("bigint", '"9223372036854775807"', "cast(:a as char)", "9223372036854775807"),
    ("bigint unsigned", "18446744073709551615", "cast(:a as char)", "18446744073709551615"),
    ("decimal(30,20)", "1234567890.12345678901234567890", "cast(:a as char)", "1234567890.12345678901234567890"),
    ("double", "0.1", "cast(:a as char)", "0.1"),
    ("bool", "true", "cast(:a as char)", "1"),
    ("text", "12.50", ":a", "12.50"),
    ("varchar(20)", '{"a": 1}', ":a", '{"a": 1}'),
    ("blob", '"AP8="', "hex(:a)", "00FF"),
    ("date", '"2024-02-29T13:00:00.000Z"', "cast(cast(:a as date) as char)", "2024-02-29"),
    ("time", '"-30:00:01.5"', "cast(cast(:a as time(6)) as char)", "-30:00:01.500000"),
    ("datetime", '"2024-01-02T03:04:05.678Z"', "cast(cast(:a as datetime(3)) as char)", "2024-01-02 03:04:05.678"),
    ("datetime", '"2024-01-02 03:04:05"', "cast(cast(:a as datetime) as char)", "2024-01-02 03:04:05"),
    ("datetime", '"2024-01-02"', "cast(cast(:a as datetime) as char)", "2024-01-02 00:00:00"),
    ("bit", "false", "cast(:a as char)", "0"),
    ("uint", "7", "cast(:a as char)", "7"),
    ("real", "0.25", "cast(:a as char)", "0.25"),
    ("fixed", "0.1234567890123456789", "cast(:a as char)", "0.1234567890123456789"),
    ("year", "2024", "cast(:a as char)", "2024"),
    ("unheard_of", "12.50", ":a", "12.50"),
    ("timestamp", '"2024-01-02T03:04:05+02:00"', "cast(cast(:a as datetime) as char)", "2024-01-02 01:04:05"),
    ("json", '{"a": 1.10}', "json_extract(:a, '$.a')", "1.10"),
    ("int", "null", "coalesce(:a, 'none')", "none"),
]


@pytest.fixture
def database(database_servers: DatabaseServers, open_it: OpenIt) -> Database:
    return open_it("mysql", mariadb.resource(database_servers))


async def test_many_rows_are_written_as_single_ones_are(database: Database) -> None:
    """As literals, whatever a backslash means; and none of them ends its own."""
    nasty = [
        "it's",
        "\\",
        "\\' or 1 -- ",
        "\0\x1a\n",
        '"',
        "'); drop table many; -- ",
        "\N{SNOWMAN}'",
        "",
        "%_",
        "x'41'",
    ]
    columns = [NamedType("t", "text"), NamedType("n", "decimal(40,15)"), NamedType("b", "varbinary(9)")]
    rows: list[list[bytes | None]] = [[json.dumps(text).encode(), b"-0.000000000000001", b'"AP8n"'] for text in nasty]
    rows += [[None, b"null", None], [b'{"a": "\'"}', b'"1234567890123456789012345.5"', b'""']]
    defined = ", ".join(f"{each.name} {each.type_name}" for each in columns)
    for mode in ("", "no_backslash_escapes", "ansi_quotes"):
        async with database.session(PLAIN) as session:
            await session.run(statement(f"set sql_mode = '{mode}'"))
            await session.run(statement(f"create temporary table many (i int auto_increment primary key, {defined})"))
            await cast("ManyRowsSession", session).write_rows("insert into many (t, n, b) values", columns, rows)
            found = await rows_of(session, "select t, n, b from many order by i")
        assert [t for t, *_ in found] == [*nasty, None, '{"a": "\'"}']
        assert found[0][1:] == (Decimal("-0.000000000000001"), b"\0\xff'")
        assert found[-1][1:] == (Decimal("1234567890123456789012345.5"), b"")


async def test_many_rows_go_in_statements_of_bounded_size(database: Database) -> None:
    async with database.session(PLAIN) as session:
        await session.run(statement("create temporary table many (n int, t text)"))
        rows = [[str(number).encode(), json.dumps("x" * 1000).encode()] for number in range(1000)]
        names = [NamedType("n", "int"), NamedType("t", "text")]
        await cast("ManyRowsSession", session).write_rows("insert into many (n, t) values", names, rows)
        assert await rows_of(session, "select count(*), count(distinct n) from many") == [(1000, 1000)]
        ((before,),) = await rows_of(
            session, "select variable_value from information_schema.session_status where variable_name = 'COM_INSERT'"
        )
        assert 3 < int(str(before)) < 10


async def test_requests_do_not_wait_for_the_confirmation_of_those_before(database: Database) -> None:
    async with database.session(PLAIN) as session:
        connection: Any = session._connection  # type: ignore[attr-defined]
        assert connection._driver.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_what_does_not_fit_is_refused_by_a_lenient_server_too(
    database_servers: DatabaseServers, open_it: OpenIt
) -> None:
    """Servers may be set up to cut it in silence."""
    lenient = open_it("mysql", mariadb.resource(database_servers))
    ((mode,),) = await ask(lenient, "select @@global.sql_mode")
    await ask(lenient, "set global sql_mode = ''")
    await lenient.close()
    try:
        async with lenient.session(PLAIN) as session:
            await session.run(statement("create temporary table narrow (t varchar(2), n tinyint)"))
            for text in ("insert into narrow (t) values ('abc')", "insert into narrow (n) values (1000)"):
                with pytest.raises(QueryFailed, match=r"(?i)too long|out of range"):
                    await session.run(statement(text))
            await session.run(statement("set sql_mode = ''"))  # who wants it, says so
            await session.run(statement("insert into narrow (t) values ('abc')"))
            assert await rows_of(session, "select t from narrow") == [("ab",)]
    finally:
        await ask(lenient, f"set global sql_mode = '{mode}'")


async def test_values_arrive_as_they_were_written(database: Database) -> None:
    definitions = ", ".join(f"c{index} {column}" for index, (column, *_) in enumerate(COLUMNS))
    expressions = ", ".join(expression for _, expression, *_ in COLUMNS)
    async with database.session(PLAIN) as session:
        await session.run(statement("set sql_mode = 'allow_invalid_dates'"))
        await session.run(statement(f"create temporary table every_type ({definitions})"))
        await session.run(statement(f"insert into every_type values ({expressions})"))
        (result,) = await session.run(statement("select * from every_type"))
        ((row,),) = [batch async for batch in result.batches(10)]
    found = [
        (declared, expression, column.type.kind, value)
        for (declared, expression, *_), column, value in zip(COLUMNS, result.columns, row, strict=True)
    ]
    assert found == COLUMNS
    assert [type(value) for value in row] == [type(value) for *_, value in COLUMNS]
    types = {column: each.type for (column, *_), each in zip(COLUMNS, result.columns, strict=True)}
    assert (types["decimal(65,30)"].precision, types["decimal(65,30)"].scale) == (65, 30)
    assert types["bigint unsigned"].is_unsigned
    assert types["enum('a', 'b')"].name == "enum"


async def test_arguments_reach_their_declared_type(database: Database) -> None:
    async with database.session(PLAIN) as session:
        for type_name, raw, expression, expected in DECLARED:
            bound = argument(type_name, None, raw=raw.encode())
            ((found,),) = await rows_of(session, f"select {expression} as v", bound)
            assert (type_name, raw, found) == (type_name, raw, expected)
        many = [argument("int", number, name=f"n{number}") for number in range(20)]
        places = ", ".join(f":n{number}" for number in reversed(range(20)))
        assert await rows_of(session, f"select {places}, ':n1', `:n1` from (select 1 as `:n1`) t", *many) == [
            (*reversed(range(20)), ":n1", 1)
        ]
        assert await rows_of(session, "select ?, ?", argument("int", 1), argument("text", "b")) == [(1, "b")]
        long = "x" * 300_000
        assert await rows_of(session, "select length(:a)", argument("text", long)) == [(300_000,)]


@pytest.mark.parametrize(
    ("type_name", "raw"),
    [
        ("int", "1.5"),
        ("tinyint", "128"),
        ("int unsigned", "-1"),
        ("date", '"29.2.2024"'),
        ("date", '"soon"'),
        ("datetime", '"soon"'),
        ("timestamp", '"2024-02-30T00:00:00Z"'),
        ("date", '"0000-00-00"'),
        ("datetime", '"2024-01-02T03:04:05+02:00"'),
        ("double", '"NaN"'),
        ("time", '"900:00:00:00"'),
        ("blob", '"!"'),
    ],
)
async def test_an_argument_that_would_be_changed_is_refused(database: Database, type_name: str, raw: str) -> None:
    with pytest.raises(BadRequest, match="'a'"):
        await ask(database, "select :a", argument(type_name, None, raw=raw.encode()))


async def test_a_procedure_gives_all_of_its_results(database: Database) -> None:
    async with database.session(PLAIN) as session:
        await session.run(statement("drop procedure if exists two_results"))
        await session.run(
            statement("create procedure two_results(n int) begin select n as a; select n + 1 as b union select 9; end")
        )
        results = await session.run(statement("call two_results(:a)", argument("int", 1)))
        found = [[row async for batch in result.batches(10) for row in batch] for result in results]
        assert found == [[(1,)], [(2,), (9,)]]
        await session.run(statement("drop procedure two_results"))


async def test_statements_that_are_not_prepared_are_run(database: Database) -> None:
    await run_all(database, ["lock tables mysql.user read", "unlock tables", "use main"])


async def test_a_session_to_read_cannot_be_talked_into_writing(database: Database) -> None:
    await ask(database, "create table if not exists kept (a int)")
    for texts in (
        ["commit", "insert into kept values (1)"],
        ["set session transaction read write", "insert into kept values (1)"],
        ["begin not atomic start transaction read write; insert into kept values (1); end"],
        ["execute immediate 'start transaction read write'", "insert into kept values (1)"],
        ["/* select */ insert into kept values (1)"],
        ["with x as (select 1) select * from x", "drop table kept"],
    ):
        with pytest.raises(QueryFailed):
            await run_all(database, texts, options=SessionOptions(read_only=True))
    assert await value_of(database, "select count(*) from kept") == 0
    await ask(database, "drop table kept")


async def test_tls_is_checked(database_servers: DatabaseServers, open_it: OpenIt) -> None:
    server = mariadb.server(database_servers)
    there = {**server.resource, "host": "localhost", "user": "only_tls"}

    async def told(**fields: object) -> str:
        try:
            return await open_it("mysql", {**there, **fields}).test()
        except ConnectionFailed as error:
            return str(error)

    assert "Check user and password" in await told()
    assert "root_certificate_pem" in await told(ssl=True)
    assert "encrypted by TLS" in await told(ssl=True, root_certificate_pem=server.authority.pem)
    assert "encrypted by TLS" in await told(ssl=True, verify_certificate=False)


async def test_what_is_wrong_with_the_database_is_told(database_servers: DatabaseServers, open_it: OpenIt) -> None:
    with pytest.raises(ConnectionFailed, match="Check database"):
        await open_it("mysql", {**mariadb.resource(database_servers), "database": "no_such"}).test()


async def test_errors_tell_the_line_and_the_code(database: Database) -> None:
    with pytest.raises(QueryFailed, match=r"line 5(.|\n)*1064"):
        await ask(database, "select 1,\n  from from", line=4)
