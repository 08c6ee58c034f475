"""What only ClickHouse has: its types and arguments, on its engine as a library."""

import json
from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.contracts.databases.asking import PLAIN, argument, ask, values_of
from tests.database_servers import DatabaseServers, Resource, start_clickhouse
from tidemill.model.column import Kind
from tidemill.model.errors import BadRequest, QueryFailed, Unsupported
from tidemill.stores.databases.port import Database

VALUES: dict[str, tuple[Kind, object]] = {
    "toInt8(-128)": (Kind.INTEGER, -128),
    "18446744073709551615::UInt64": (Kind.INTEGER, 18446744073709551615),
    "'-57896044618658097711785492504343953926634992332820282019728792003956564819968'::Int256": (
        Kind.INTEGER,
        -(2**255),
    ),
    "true": (Kind.BOOL, True),
    "0.1::Float32": (Kind.FLOAT, 0.1),
    "0.1::Float64 + 0.2::Float64": (Kind.FLOAT, 0.1 + 0.2),
    "-inf": (Kind.FLOAT, float("-inf")),
    "'1.50'::Decimal(38, 10)": (Kind.DECIMAL, Decimal("1.5000000000")),
    "'it\\'s \\n \N{SNOWMAN}'": (Kind.TEXT, "it's \n \N{SNOWMAN}"),
    "'ab'::FixedString(3)": (Kind.TEXT, "ab\0"),
    "'x'::Enum8('x' = 1, 'y)' = 2)": (Kind.TEXT, "x"),
    "'2024-02-29'::Date": (Kind.DATE, "2024-02-29"),
    "'2299-12-31'::Date32": (Kind.DATE, "2299-12-31"),
    "toDateTime('2024-01-02 03:04:05', 'Europe/Berlin')": (Kind.TIMESTAMPTZ, "2024-01-02 02:04:05 UTC"),
    "'2024-01-02 03:04:05.678900000'::DateTime64(9)": (Kind.TIMESTAMPTZ, "2024-01-02 03:04:05.6789 UTC"),
    "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::UUID": (Kind.UUID, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    "'1.2.3.4'::IPv4": (Kind.TEXT, "1.2.3.4"),
    "[1, null]": (Kind.ARRAY, [1, None]),
    "[[toDate('2024-01-02')]]": (Kind.ARRAY, [["2024-01-02"]]),
    "(1, 'a')": (Kind.STRUCT, {"1": 1, "2": "a"}),
    "(1, 'b')::Tuple(a Int8, `b c` Nullable(String))": (Kind.STRUCT, {"a": 1, "b c": "b"}),
    "map('k', 1.5)": (Kind.MAP, [("k", 1.5)]),
    "map(7, 'v')": (Kind.MAP, [(7, "v")]),
    "toLowCardinality('z')": (Kind.TEXT, "z"),
    "null::Nullable(Int8)": (Kind.INTEGER, None),
}
"""Expression -> the kind and the form that its value has."""

DECLARED: list[tuple[str, object, str]] = [
    ("Int64", "9223372036854775807", "9223372036854775807"),
    ("String", "it's \\ \t\n\N{SNOWMAN}", "it's \\ \t\n\N{SNOWMAN}"),
    ("Decimal(38, 4)", 1.25, "1.25"),
    ("Bool", True, "true"),
    ("Date", "2024-02-29T12:00:00Z", "2024-02-29"),
    ("DateTime64(3)", "2024-01-02T03:04:05.678+02:00", "2024-01-02 01:04:05.678"),
    ("Array(String)", ["a'b", "c\\"], "['a\\'b','c\\\\']"),
    ("Array(Nullable(Int8))", [1, None], "[1,NULL]"),
    ("Map(String, Array(Int8))", {"a": [1]}, "{'a':[1]}"),
    ("Tuple(a Int8, b String)", {"a": 1, "b": "x"}, "(1,'x')"),
]


@pytest.fixture
def database(database_servers: DatabaseServers, open_it: Callable[[str, Resource], Database]) -> Database:
    return open_it("clickhouse", database_servers.get("clickhouse", start_clickhouse))


async def test_values_arrive_as_they_were_written(database: Database) -> None:
    found = await values_of(database, VALUES)
    assert found == VALUES
    assert str(found["'1.50'::Decimal(38, 10)"][1]) == "1.5000000000"


async def test_arguments_reach_their_declared_type(database: Database) -> None:
    for type_name, value, text in DECLARED:
        bound = argument(type_name, value)
        assert await ask(database, f"select toString({{a:{type_name}}}) as v", bound) == [(text,)]
    for type_name, raw in (("Int8", "128"), ("Date", '"2/1/2024"'), ("Array(Int8)", '["x"]'), ("Bool", '"maybe"')):
        with pytest.raises(BadRequest, match="'a'"):
            await ask(database, f"select {{a:{type_name}}}", argument(type_name, None, raw=raw.encode()))


async def test_bytes_that_are_no_text_are_an_error(database: Database) -> None:
    with pytest.raises(QueryFailed, match="UTF-8"):
        await ask(database, "select unhex('ff') as v")


async def test_there_are_no_transactions(database: Database) -> None:
    assert not database.can.transactions
    async with database.session(PLAIN) as session:
        with pytest.raises(Unsupported):
            await session.begin()


async def test_a_value_that_json_would_change_keeps_its_digits(database: Database) -> None:
    ((found,),) = await ask(database, "select 9007199254740993 as v")
    assert json.dumps(found) == "9007199254740993"
