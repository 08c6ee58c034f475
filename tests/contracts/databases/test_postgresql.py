"""What only Postgres has: its types and how they are written, arguments by type, TLS, poolers."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tests.contracts.databases import postgres
from tests.contracts.databases.asking import PLAIN, argument, ask, rows_of, run_all, statement, value_of
from tests.database_servers import DatabaseServers, Resource
from tidemill.engine.egress import Egress
from tidemill.model.column import Kind
from tidemill.model.errors import AddressClosed, BadRequest, ConnectionFailed, QueryFailed
from tidemill.stores.databases import open_database
from tidemill.stores.databases.port import Database, SessionOptions

OpenIt = Callable[[str, Resource], Database]
SERVERS = {
    "embedded": postgres.embedded,
    "system": postgres.system,
    "pgbouncer": postgres.pooled,
    "pgbouncer-ignoring": postgres.pooled_and_ignoring,
}

VALUES: dict[str, tuple[Kind, object]] = {
    "true": (Kind.BOOL, True),
    "32767::int2": (Kind.INTEGER, 32767),
    "'-2147483648'::int4": (Kind.INTEGER, -2147483648),
    "9223372036854775807::int8": (Kind.INTEGER, 9223372036854775807),
    "4294967295::oid": (Kind.INTEGER, 4294967295),
    "0.1::float4": (Kind.FLOAT, 0.1),
    "0.1::float8 + 0.2": (Kind.FLOAT, 0.1 + 0.2),
    "'-Infinity'::float8": (Kind.FLOAT, float("-inf")),
    "1.50::numeric(10,2)": (Kind.DECIMAL, Decimal("1.50")),
    "12345678901234567890.123456789012345678901::numeric": (
        Kind.DECIMAL,
        Decimal("12345678901234567890.123456789012345678901"),
    ),
    "'Infinity'::numeric": (Kind.DECIMAL, Decimal("Infinity")),
    "'it''s \N{SNOWMAN}'::text": (Kind.TEXT, "it's \N{SNOWMAN}"),
    "'ab'::char(4)": (Kind.TEXT, "ab  "),
    "'ab'::varchar(9)": (Kind.TEXT, "ab"),
    "'x'::\"char\"": (Kind.TEXT, "x"),
    "'\\x00ff'::bytea": (Kind.BINARY, b"\x00\xff"),
    "'2024-02-29'::date": (Kind.DATE, "2024-02-29"),
    "'infinity'::date": (Kind.DATE, "infinity"),
    "'0044-03-15 BC'::date": (Kind.DATE, "0044-03-15 BC"),
    "'23:59:59.999999'::time": (Kind.TIME, "23:59:59.999999"),
    "'24:00'::time": (Kind.TIME, "24:00:00"),
    "'12:00+02'::timetz": (Kind.TIMETZ, "12:00:00+02:00"),
    "'12:00-03:30'::timetz": (Kind.TIMETZ, "12:00:00-03:30"),
    "'2024-01-02 03:04:05.678'::timestamp": (Kind.TIMESTAMP, "2024-01-02 03:04:05.678"),
    "'294276-12-31 23:59:59'::timestamp": (Kind.TIMESTAMP, "294276-12-31 23:59:59"),
    "'-infinity'::timestamp": (Kind.TIMESTAMP, "-infinity"),
    "'2024-01-02 03:04:05.000001+02'::timestamptz": (Kind.TIMESTAMPTZ, "2024-01-02 01:04:05.000001 UTC"),
    "'infinity'::timestamptz": (Kind.TIMESTAMPTZ, "infinity"),
    "'0044-03-15 12:00+00 BC'::timestamptz": (Kind.TIMESTAMPTZ, "0044-03-15 12:00:00 BC UTC"),
    "'1 year 2 mons -3 days 4:05:06.7'::interval": (Kind.INTERVAL, "P1Y2M-3DT4H5M6.7S"),
    "'0'::interval": (Kind.INTERVAL, "PT0S"),
    '\'{"a": 1.10, "b": 9007199254740993}\'::json': (Kind.JSON, b'{"a": 1.10, "b": 9007199254740993}'),
    "'{\"a\":1.10}'::jsonb": (Kind.JSON, b'{"a": 1.10}'),
    "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid": (Kind.UUID, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    "'192.168.0.1/24'::inet": (Kind.TEXT, "192.168.0.1/24"),
    "'10.0.0.0/8'::cidr": (Kind.TEXT, "10.0.0.0/8"),
    "'08:00:2b:01:02:03'::macaddr": (Kind.TEXT, "08:00:2b:01:02:03"),
    "'1'::bit(1)": (Kind.BOOL, True),
    "'1010'::bit(4)": (Kind.TEXT, "1010"),
    "'101'::varbit": (Kind.TEXT, "101"),
    "'12.50'::money": (Kind.TEXT, "$12.50"),
    "'16/B374D848'::pg_lsn": (Kind.TEXT, "16/B374D848"),
    "'[1,10)'::int4range": (Kind.TEXT, "[1,10)"),
    "'{[1,3),[5,7)}'::int4multirange": (Kind.TEXT, "{[1,3),[5,7)}"),
    "'a & b'::tsquery": (Kind.TEXT, "'a' & 'b'"),
    "'(1,2)'::point": (Kind.TEXT, "(1,2)"),
    "row(1, 'a')": (Kind.TEXT, "(1,a)"),
    "array[1, null, 3]": (Kind.ARRAY, [1, None, 3]),
    "array[[1,2],[3,4]]": (Kind.ARRAY, [[1, 2], [3, 4]]),
    "array[[['a','b']],[['c','d']]]": (Kind.ARRAY, [[["a", "b"]], [["c", "d"]]]),
    "'[5:6]={7,8}'::int[]": (Kind.ARRAY, [7, 8]),
    "'{}'::text[]": (Kind.ARRAY, []),
    "array['a b', 'c\"d\\e', 'NULL', null, '', '{}']": (Kind.ARRAY, ["a b", 'c"d\\e', "NULL", None, "", "{}"]),
    "array['2024-01-02 03:04+00'::timestamptz]": (Kind.ARRAY, ["2024-01-02 03:04:00 UTC"]),
    "array['{\"a\": 1}'::json]": (Kind.ARRAY, [b'{"a": 1}']),
    "array['(1,1),(0,0)'::box]": (Kind.ARRAY, ["(1,1),(0,0)"]),
    "pg_sleep(0)": (Kind.TEXT, None),
    "null::int": (Kind.INTEGER, None),
}
"""Expression -> the kind and the form that its value has."""

DECLARED: list[tuple[str, str, str]] = [
    ("int", "5", "5"),
    ("integer", '"-7"', "-7"),
    ("smallint", "2.0", "2"),
    ("bigint", "9223372036854775807", "9223372036854775807"),
    ("numeric(10,2)", "12345678901234567890.12345678901234567890", "12345678901234567890.12345678901234567890"),
    ("numeric", '"NaN"', "NaN"),
    ("double precision", "0.1", "0.1"),
    ("real", '"-Infinity"', "-Infinity"),
    ("bool", "true", "true"),
    ("text", "12.50", "12.50"),
    ("text", '{"a": 1}', '{"a": 1}'),
    ("character varying(10)", '"ab"', "ab"),
    ("bytea", '"AP8="', "\\x00ff"),
    ("bytea", '"data:text/plain;base64,AP8="', "\\x00ff"),
    ("date", '"2024-02-29"', "2024-02-29"),
    ("date", '"2024-02-29T13:00:00.000Z"', "2024-02-29"),
    ("date", '"infinity"', "infinity"),
    ("time", '"12:30"', "12:30:00"),
    ("time without time zone", '"2024-01-02T03:04:05.678Z"', "03:04:05.678"),
    ("timetz", '"12:30:00+02:00"', "12:30:00+02"),
    ("timestamp", '"2024-01-02T03:04:05.678Z"', "2024-01-02 03:04:05.678"),
    ("timestamp(3) without time zone", '"2024-01-02 03:04:05"', "2024-01-02 03:04:05"),
    ("timestamptz", '"2024-01-02T03:04:05.678+02:00"', "2024-01-02 01:04:05.678+00"),
    ("timestamp with time zone", '"2024-01-02"', "2024-01-02 00:00:00+00"),
    ("timestamptz", '"2024-01-02 03:04:05.678901 UTC"', "2024-01-02 03:04:05.678901+00"),
    ("interval", '"P1DT2H"', "P1DT2H"),
    ("jsonb", '{"a": 1.10}', '{"a": 1.10}'),
    ("jsonb", '"text"', '"text"'),
    ("uuid", '"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"', "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("bit(1)", "true", "1"),
    ("int[]", "[1, null, 3]", "{1,NULL,3}"),
    ("int[]", "[[1, 2], [3, 4]]", "{{1,2},{3,4}}"),
    ("text[]", '["a b", "c\\"d\\\\e", "", "NULL", null]', '{"a b","c\\"d\\\\e","","NULL",NULL}'),
    ("json[]", '[{"a": 1}, "b", 2]', '{"{\\"a\\": 1}","\\"b\\"",2}'),
    ("timestamptz[]", '["2024-01-02T00:00:00Z"]', '{"2024-01-02 00:00:00+00"}'),
    ("int4range", '"[1,5)"', "[1,5)"),
    ("inet", '"10.0.0.1"', "10.0.0.1/32"),
]
"""Declared type, JSON of the argument -> the text that Postgres has of it."""

UNFIT: list[tuple[str, str]] = [
    ("int", "1.5"),
    ("int", "3000000000"),
    ("int", "true"),
    ("int", '"x"'),
    ("bigint", "1e400"),
    ("numeric", '"1,5"'),
    ("bool", '"maybe"'),
    ("bytea", '"not base64!"'),
    ("date", '"29/02/2024"'),
    ("date", '"2023-02-29"'),
    ("date", '"now"'),
    ("date", "20240229"),
    ("time", '"25:00"'),
    ("time", '"12:00:00+02:00"'),
    ("timestamp", '"2024-01-02T03:04:05+02:00"'),
    ("timestamp", '"2024-01-02T03:04:05.1234567"'),
    ("timestamptz", '"yesterday"'),
    ("timestamptz", '"2024-13-01T00:00:00Z"'),
    ("interval", "5"),
    ("int[]", "5"),
    ("int[]", '[1, "a"]'),
    ("int[]", "[1, true]"),
    ("text", '"a\\u0000b"'),
]


@pytest.fixture(params=list(SERVERS))
def resource(request: pytest.FixtureRequest, database_servers: DatabaseServers) -> Resource:
    return SERVERS[request.param](database_servers)


@pytest.fixture
def database(resource: Resource, open_it: OpenIt) -> Database:
    return open_it("postgresql", resource)


async def test_values_arrive_as_they_were_written(database: Database) -> None:
    async with database.session(PLAIN) as session:
        (result,) = await session.run(statement("select " + ", ".join(VALUES)))
        ((row,),) = [batch async for batch in result.batches(10)]
    found = {text: (column.type.kind, value) for text, column, value in zip(VALUES, result.columns, row, strict=True)}
    assert found == VALUES
    assert [type(value) for value in row] == [type(value) for _, value in VALUES.values()]
    ((nan,),) = await ask(database, "select 'NaN'::numeric")
    assert isinstance(nan, Decimal)
    assert nan.is_nan()


async def test_columns_have_the_types_that_the_database_names(database: Database) -> None:
    async with database.session(PLAIN) as session:
        (result,) = await session.run(
            statement(
                "select 1::numeric(12,3) a, 1::numeric(3,-2) b, ''::varchar(20) c, '12:00'::time(3) d,"
                " now()::timestamptz(0) e, '1s'::interval(2) f, null::numeric(5,1)[] g, B'1'::bit(8) h"
            )
        )
    types = [column.type for column in result.columns]
    assert [data_type.name for data_type in types] == [
        "numeric(12,3)",
        "numeric(3,-2)",
        "character varying(20)",
        "time(3) without time zone",
        "timestamp(0) with time zone",
        "interval(2)",
        "numeric(5,1)[]",
        "bit(8)",
    ]
    assert (types[0].precision, types[0].scale, types[1].scale) == (12, 3, -2)
    assert (types[3].fraction_digits, types[4].fraction_digits, types[5].fraction_digits) == (3, 0, 2)


async def test_types_of_the_databases_own_are_understood(database: Database) -> None:
    schema = f"s{id(database):x}"
    async with database.session(PLAIN) as session:
        for text in (
            f"create schema {schema}",
            f"create type {schema}.mood as enum ('sad', 'ok')",
            f"create domain {schema}.amount as numeric(8,2) check (value >= 0)",
            f"create type {schema}.inner_row as (at timestamptz, moods {schema}.mood[])",
            f'create type {schema}.pair as (a int, "b c" text, i {schema}.inner_row, d {schema}.amount)',
            f"create type {schema}.span as range (subtype = float8)",
        ):
            await session.run(statement(text))
        (result,) = await session.run(
            statement(
                f"select 'ok'::{schema}.mood, array['ok', null, 'sad']::{schema}.mood[], 1.50::{schema}.amount,"
                f" row(1, E'x \"y\" ,()\\\\', row('2024-01-02', array['sad'])::{schema}.inner_row, 2.5)::{schema}.pair,"
                f" array[row(null, '', null, null)]::{schema}.pair[], '[1.5,2)'::{schema}.span"
            )
        )
        ((row,),) = [batch async for batch in result.batches(10)]
        inner = {"at": "2024-01-02 00:00:00 UTC", "moods": ["sad"]}
        assert row == (
            "ok",
            ["ok", None, "sad"],
            Decimal("1.50"),
            {"a": 1, "b c": 'x "y" ,()\\', "i": inner, "d": Decimal("2.50")},
            [{"a": None, "b c": "", "i": None, "d": None}],
            "[1.5,2)",
        )
        names = [column.type.name for column in result.columns]
        assert names[0].endswith(".mood")
        assert names[3].endswith(".pair")
        moods = argument(f"{schema}.mood[]", ["ok", "sad"])
        assert await rows_of(session, "select $1::text", moods) == [("{ok,sad}",)]
        pair = argument(f"{schema}.pair", {"a": 7, "b c": 'q"(', "i": {"moods": ["ok"]}})
        assert await rows_of(session, 'select ($1).a, ($1)."b c", (($1).i).moods[1]', pair) == [(7, 'q"(', "ok")]
        with pytest.raises(BadRequest, match="no field 'zz'"):
            await session.run(statement("select $1", argument(f"{schema}.pair", {"zz": 1})))
        await session.run(statement(f"drop schema {schema} cascade"))


async def test_types_made_in_the_same_transaction_are_understood(database: Database) -> None:
    name = f"t{id(database):x}"
    async with database.session(PLAIN) as session:
        await session.begin()
        await session.run(statement(f"create type {name} as (a int)"))
        assert await rows_of(session, f"select row(1)::{name}") == [({"a": 1},)]
        assert await rows_of(session, f"select row(g)::{name} from generate_series(1, 200) g") != []
        await session.rollback()


async def test_a_type_that_changes_is_read_as_it_is_now(database: Database) -> None:
    name = f"t{id(database):x}"
    await ask(database, f"create type {name} as (a int)")
    assert await value_of(database, f"select row(1)::{name}") == {"a": 1}
    await ask(database, f"alter type {name} add attribute b text")
    assert await value_of(database, f"select row(1, 'x')::{name}") == {"a": 1, "b": "x"}
    await ask(database, f"drop type {name}")


async def test_xml_is_text(database_servers: DatabaseServers, open_it: OpenIt) -> None:
    database = open_it("postgresql", postgres.system(database_servers))
    assert await value_of(database, "select '<a>b</a>'::xml") == "<a>b</a>"


async def test_hstore_is_a_map(database_servers: DatabaseServers, open_it: OpenIt) -> None:
    database = open_it("postgresql", postgres.embedded(database_servers))
    await ask(database, "create extension if not exists hstore")
    entries = argument("hstore", {"a": "1", 'b "c"': None, "d\\": "x, y=>z"})
    async with database.session(PLAIN) as session:
        (result,) = await session.run(statement("select $1", entries))
        assert result.columns[0].type.kind is Kind.MAP
        ((row,),) = [batch async for batch in result.batches(10)]
    assert dict(row[0]) == {"a": "1", 'b "c"': None, "d\\": "x, y=>z"}


async def test_arguments_reach_their_declared_type(database: Database) -> None:
    async with database.session(PLAIN) as session:
        found = []
        for type_name, raw, _ in DECLARED:
            bound = argument(type_name, None, raw=raw.encode())
            ((text,),) = await rows_of(session, "select case when $1 is null then null else $1::text end", bound)
            found.append((type_name, raw, text))
    assert found == DECLARED


@pytest.mark.parametrize(("type_name", "raw"), UNFIT)
async def test_an_argument_that_would_be_changed_is_refused(
    database_servers: DatabaseServers, open_it: OpenIt, type_name: str, raw: str
) -> None:
    database = open_it("postgresql", postgres.embedded(database_servers))
    with pytest.raises(BadRequest, match="'a'") as caught:
        await ask(database, "select $1", argument(type_name, None, raw=raw.encode()))
    assert raw.strip('"') not in str(caught.value).replace("argument 'a'", "") or len(raw) < 6


async def test_an_argument_of_no_declared_type_gets_that_of_its_use(database: Database) -> None:
    assert await value_of(database, "select $1 + 1", argument("", 41)) == 42
    assert await value_of(database, "select $1::date", argument("", "2024-02-29")) == "2024-02-29"
    with pytest.raises(BadRequest, match="no_such_type"):
        await value_of(database, "select $1", argument("no_such_type", "x"))


async def test_errors_tell_position_hint_detail_and_state(database: Database) -> None:
    with pytest.raises(QueryFailed) as caught:
        await ask(database, "select 1,\n  nonsense(2)", line=4)
    told = str(caught.value)
    assert "line 5, column 3" in told
    assert "Hint: No function matches" in told
    assert told.endswith("SQLSTATE: 42883")


async def test_the_forms_hold_whatever_the_servers_settings_are(database: Database) -> None:
    """Also behind a pooler that gives each transaction another connection of the server."""
    query = "select interval '1 day', now() is not null, '2024-01-02 03:04+02'::timestamptz, 0.1::float8 + 0.2"
    found = await asyncio.gather(*(ask(database, query) for _ in range(12)))
    assert all(rows == [("P1D", True, "2024-01-02 01:04:00 UTC", 0.1 + 0.2)] for rows in found)


async def test_what_cannot_be_run_in_a_transaction_is_run(database: Database) -> None:
    name = f"t{id(database):x}"
    async with database.session(PLAIN) as session:
        await session.run(statement(f"create table {name} (a int)"))
        await session.run(statement(f"vacuum {name}"))
        await session.run(
            statement(
                f"create procedure p{name}() language plpgsql as $$ begin insert into {name} values (1); commit;"
                f" insert into {name} values (2); rollback; end $$"
            )
        )
        await session.run(statement(f"call p{name}()"))
        assert await rows_of(session, f"select a from {name}") == [(1,)]
        await session.run(statement(f"drop procedure p{name}"))
        await session.run(statement(f"drop table {name}"))


async def test_a_script_may_hold_its_own_transaction(database: Database) -> None:
    name = f"t{id(database):x}"
    async with database.session(PLAIN) as session:
        await session.run(statement(f"create table {name} (a int)"))
        for text in ("-- first\nbegin", f"insert into {name} values (1)", "rollback"):
            await session.run(statement(text))
        for text in ("start transaction", f"insert into {name} values (2)", "select interval '1 day'", "commit"):
            await session.run(statement(text))
        assert await rows_of(session, f"select a from {name}") == [(2,)]
        await session.run(statement(f"drop table {name}"))


@pytest.mark.parametrize(
    "text",
    [
        ["set transaction read write", "create table nonsense_a (a int)"],
        ["commit", "create table nonsense_b (a int)"],
        ["begin read write", "create table nonsense_c (a int)"],
        ["begin", "set transaction read write", "create table nonsense_d (a int)"],
        ["set default_transaction_read_only = off", "create table nonsense_e (a int)"],
        ["set session characteristics as transaction read write", "create table nonsense_f (a int)"],
    ],
)
async def test_a_session_to_read_cannot_be_talked_into_writing(database: Database, text: list[str]) -> None:
    with pytest.raises(QueryFailed, match=r"read-only|before any query"):
        await run_all(database, text, options=SessionOptions(read_only=True))
    assert await value_of(database, "select to_regclass($1) is null", argument("text", text[-1].split()[2])) is True


async def test_copy_between_client_and_server_is_refused(database: Database) -> None:
    for text in ("copy (select 1) to stdout", "copy pg_class from stdin"):
        with pytest.raises(QueryFailed, match="COPY"):
            await ask(database, text)
    assert await value_of(database, "select 1") == 1


async def test_bytes_that_are_no_text_are_an_error(database_servers: DatabaseServers, open_it: OpenIt) -> None:
    server = database_servers.get("postgres-embedded", postgres.start_embedded)
    with server.connect() as connection:
        connection.execute("drop database if exists ascii")
        connection.execute("create database ascii template template0 encoding 'SQL_ASCII' locale 'C'")
    database = open_it("postgresql", {**server.resource, "dbname": "ascii"})
    with pytest.raises(QueryFailed, match="invalid byte sequence"):
        await ask(database, "select convert_from('\\xff', 'SQL_ASCII')")


async def test_tls_is_as_the_resource_says(database_servers: DatabaseServers, open_it: OpenIt) -> None:
    server = postgres.system_server(database_servers)
    with server.connect() as connection:
        for role in ("only_tls", "certified"):
            connection.execute(f"drop role if exists {role}")
            connection.execute(f"create role {role} login password 'pass-{role}'")
    authority = server.authority
    assert authority is not None
    there = {**server.resource, "host": "localhost", "user": "only_tls", "password": "pass-only_tls"}

    async def told(**fields: object) -> str:
        try:
            return await open_it("postgresql", {**there, **fields}).test()
        except ConnectionFailed as error:
            return str(error)

    assert "Set sslmode to require" in await told(sslmode="disable")
    assert "encrypted by TLS" in await told(sslmode="prefer")
    assert "encrypted by TLS" in await told(sslmode="require")
    assert "root_certificate_pem" in await told(sslmode="verify-full")
    assert "encrypted by TLS" in await told(sslmode="verify-full", root_certificate_pem=authority.pem)
    assert "root_certificate_pem" in await told(
        sslmode="verify-full", root_certificate_pem=postgres.Authority("Another").pem
    )
    certified = {"user": "certified", "sslmode": "verify-full", "root_certificate_pem": authority.pem}
    assert "client's certificate" in await told(**certified)
    certificate, key = authority.issue("certified")
    assert "answers as certified" in await told(
        **certified, client_certificate_pem=certificate, client_key_pem=key, password=""
    )
    plain = {**postgres.embedded(database_servers), "sslmode": "require"}
    with pytest.raises(ConnectionFailed, match="no TLS"):
        await open_it("postgresql", plain).test()


async def test_nothing_of_this_machines_account_goes_to_the_server(
    database_servers: DatabaseServers, open_it: OpenIt, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server = database_servers.get("postgres-embedded", postgres.start_embedded)
    password_file = tmp_path / "pgpass"
    password_file.touch(mode=0o600)
    password_file.write_text(f"*:*:*:*:{server.password}\n")
    monkeypatch.setenv("PGPASSWORD", server.password)
    monkeypatch.setenv("PGPASSFILE", str(password_file))
    monkeypatch.setenv("PGOPTIONS", "-c search_path=nonsense")
    with pytest.raises(ConnectionFailed, match="password"):
        await open_it("postgresql", {**server.resource, "password": ""}).test()
    database = open_it("postgresql", server.resource)
    assert await value_of(database, "select current_setting('search_path')") == '"$user", public'


async def test_what_is_wrong_with_the_database_is_told(database_servers: DatabaseServers, open_it: OpenIt) -> None:
    there = postgres.embedded(database_servers)
    with pytest.raises(ConnectionFailed, match="Check dbname"):
        await open_it("postgresql", {**there, "dbname": "no such"}).test()
    with pytest.raises(ConnectionFailed, match=r"[Cc]heck user"):
        await open_it("postgresql", {**there, "user": "nobody's"}).test()
    for field, value in {"sslmode": "always", "root_certificate_pem": "x", "client_key_pem": "x", "port": 0}.items():
        with pytest.raises(BadRequest, match="The field"):
            open_it("postgresql", {**there, field: value})


async def test_addresses_that_are_closed_are_not_connected_to(database_servers: DatabaseServers) -> None:
    resource = postgres.embedded(database_servers)
    for host in ("127.0.0.1", "localhost"):
        database = open_database("postgresql", {**resource, "host": host}, egress=Egress())
        with pytest.raises(AddressClosed):
            await database.test()
        await database.close()


async def test_options_of_the_resource_reach_the_server(database_servers: DatabaseServers, open_it: OpenIt) -> None:
    resource = {**postgres.embedded(database_servers), "options": "-c search_path=sales"}
    assert await value_of(open_it("postgresql", resource), "select current_setting('search_path')") == "sales"
