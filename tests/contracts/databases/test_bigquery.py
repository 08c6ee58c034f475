"""What only BigQuery has: its types, typed parameters, dry runs and scripts, on an emulator."""

import json
from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.contracts.databases.asking import PLAIN, argument, ask, rows_of, run_all, value_of, values_of
from tests.database_servers import DatabaseServers, Resource, start_bigquery
from tidemill.engine.egress import EVERYWHERE
from tidemill.model.column import Kind
from tidemill.model.errors import BadRequest, QueryFailed, Unsupported
from tidemill.queries.explorer import explorer_of
from tidemill.queries.port import Opened
from tidemill.queries.runners import Runners
from tidemill.stores.databases.port import Database, SessionOptions

VALUES: dict[str, tuple[Kind, object]] = {
    "9223372036854775807": (Kind.INTEGER, 2**63 - 1),
    "cast(null as int64)": (Kind.INTEGER, None),
    "true": (Kind.BOOL, True),
    "0.1 + 0.2": (Kind.FLOAT, 0.1 + 0.2),
    "cast('-inf' as float64)": (Kind.FLOAT, float("-inf")),
    "numeric '-9999999999999999999999.999999999'": (Kind.DECIMAL, Decimal("-9999999999999999999999.999999999")),
    "bignumeric '1.123456789012345678901234567890'": (Kind.DECIMAL, Decimal("1.123456789012345678901234567890")),
    "'it\\'s \\n \N{SNOWMAN}'": (Kind.TEXT, "it's \n \N{SNOWMAN}"),
    "b'ab'": (Kind.BINARY, b"ab"),
    "date '0001-01-01'": (Kind.DATE, "0001-01-01"),
    "time '23:59:59.999999'": (Kind.TIME, "23:59:59.999999"),
    "datetime '9999-12-31 23:59:59.5'": (Kind.TIMESTAMP, "9999-12-31 23:59:59.5"),
    "timestamp '2024-01-02 03:04:05.678901+02'": (Kind.TIMESTAMPTZ, "2024-01-02 01:04:05.678901 UTC"),
    "timestamp '1969-12-31 23:59:59.999999+00'": (Kind.TIMESTAMPTZ, "1969-12-31 23:59:59.999999 UTC"),
    "json '{\"a\": [1, null]}'": (Kind.JSON, b'{"a":[1,null]}'),
    "[1, 2]": (Kind.ARRAY, [1, 2]),
    "[struct(1 as a, 'x' as b)]": (Kind.ARRAY, [{"a": 1, "b": "x"}]),
    "struct(date '2024-02-29' as d, [timestamp '2024-01-02 00:00:00+00'] as t)": (
        Kind.STRUCT,
        {"d": "2024-02-29", "t": ["2024-01-02 00:00:00 UTC"]},
    ),
    "interval 25 hour": (Kind.INTERVAL, "PT25H"),
}  # fmt: skip
"""Expression -> the kind and the form that its value has."""

DECLARED: list[tuple[str, object, object]] = [
    ("int64", "9223372036854775807", 2**63 - 1),
    ("float64", 0.1, 0.1),
    ("numeric", "1.123456789", Decimal("1.123456789")),
    ("bool", True, True),
    ("string", "it's \\ \" \t\n\N{SNOWMAN}", "it's \\ \" \t\n\N{SNOWMAN}"),
    ("date", "2024-02-29T12:00:00.000Z", "2024-02-29"),
    ("time", "12:30:00.5", "12:30:00.5"),
    ("datetime", "2024-02-29T12:30:00.5Z", "2024-02-29 12:30:00.5"),
    ("timestamp", "2024-01-02T03:04:05.678901+02:00", "2024-01-02 01:04:05.678901 UTC"),
    ("int64[]", [1, 2], [1, 2]),
    ("array<struct<a int64, b string>>", [{"A": 1, "b": "x"}], [{"a": 1, "b": "x"}]),
    ("", 5, 5),
    ("", [0.5, 2], [0.5, 2.0]),
]
"""Type, what is given, what arrives."""


@pytest.fixture
def database(database_servers: DatabaseServers, open_it: Callable[[str, Resource], Database]) -> Database:
    return open_it("bigquery", database_servers.get("bigquery", start_bigquery))


async def test_values_arrive_as_they_were_written(database: Database) -> None:
    found = await values_of(database, VALUES)
    assert found == VALUES


async def test_arguments_reach_their_declared_type(database: Database) -> None:
    bound = [argument(type_name, value, name=f"a{index}") for index, (type_name, value, _) in enumerate(DECLARED)]
    (row,) = await ask(database, "select " + ", ".join(f"@a{index} as c{index}" for index in range(len(bound))), *bound)
    assert list(row) == [wanted for _, _, wanted in DECLARED]


async def test_null_is_null_in_every_type(database: Database) -> None:
    types = ("int64", "float64", "numeric", "bool", "string", "bytes", "date", "datetime", "timestamp", "")
    bound = [argument(type_name, None, name=f"a{index}") for index, type_name in enumerate(types)]
    (row,) = await ask(database, "select " + ", ".join(f"@a{index} as c{index}" for index in range(len(bound))), *bound)
    assert set(row) == {None}


async def test_a_transaction_is_committed_or_rolled_back(database: Database) -> None:
    table = "main.transactions"
    await ask(database, f"create or replace table {table} (id int64)")
    await run_all(database, [f"insert into {table} values (1)"], begin=True)
    assert await ask(database, f"select id from {table}") == []
    async with database.session(PLAIN) as session:
        await session.begin()
        await rows_of(session, f"insert into {table} values (2)")
        await session.commit()
    assert await ask(database, f"select id from {table}") == [(2,)]


async def test_explain_tells_without_running(database: Database) -> None:
    await ask(database, "create or replace table main.explained (id int64)")
    ((kind, processed, _, columns),) = await ask(
        database, "-- what it costs\nexplain select @a + id as n from main.explained", argument("int64", 1)
    )
    assert (kind, processed, columns) == ("SELECT", 0, ["n int64"])
    ((kind, *_),) = await ask(database, "explain drop table main.explained")
    assert kind == "DROP_TABLE"
    assert await ask(database, "select * from main.explained") == []


async def test_the_explorer_shows_a_dry_run_as_the_plan(database_servers: DatabaseServers, database: Database) -> None:
    await ask(database, "create or replace table main.planned (id int64)")
    value = json.dumps(database_servers.get("bigquery", start_bigquery)).encode()
    async with Runners(EVERYWHERE) as runners:
        explorer = explorer_of(runners, Opened(resource_type="bigquery", value=value), "main/u/ann")
        plan = await explorer.explain("-- @n (int64)\ndelete from main.planned where id = @n", {"n": b"1"}, runs=False)
        with pytest.raises(Unsupported, match="leave `analyze` out"):
            await explorer.explain("select 1", {}, runs=True)
    assert (plan.form, plan.sql) == ("json", "explain delete from main.planned where id = @n")
    assert json.loads(bytes(plan.plan))["statement_type"] == "DELETE"


async def test_a_script_gives_its_last_result(database: Database) -> None:
    assert await ask(database, "declare x int64 default 5; set x = x * 2; select x as x") == [(10,)]


async def test_only_reading_refuses_what_is_not_a_select(database: Database) -> None:
    reading = SessionOptions(read_only=True)
    assert await value_of(database, "select 1 as n") == 1
    for text in ("create table main.forbidden (id int64)", "declare x int64; select 1"):
        with pytest.raises(QueryFailed, match=r"line 3 is (CREATE_TABLE|SCRIPT)"):
            await ask(database, text, options=reading, line=3)


async def test_values_that_do_not_fit_are_refused_before_anything_is_sent(database: Database) -> None:
    refused = {
        "int64": "1.5", "numeric": "1.1234567891", "bool": '"maybe"', "date": '"2/1/2024"', "bytes": '"%"',
        "datetime": '"2024-01-01T00:00:00+02:00"', "int64[]": "1", "struct<a int64>": '{"b": 1}', "int46": "1",
        "range<date>": '"2024"', "bignumeric": "1e40",
    }  # fmt: skip
    for type_name, raw in refused.items():
        with pytest.raises(BadRequest, match="'a'"):
            await ask(database, "select @a", argument(type_name, None, raw=raw.encode()))
