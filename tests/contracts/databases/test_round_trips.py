"""Any value of any type comes back as it was given, through arguments and results, on real servers."""

import base64
import json
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contracts.databases import mariadb, postgres
from tests.contracts.databases.asking import PLAIN, argument, rows_of
from tests.database_servers import DatabaseServers
from tidemill.engine.egress import EVERYWHERE
from tidemill.stores.databases import open_database
from tidemill.stores.databases.port import Argument, Database, ManyRowsSession, NamedType

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
FLOATS = st.floats(allow_nan=False, allow_infinity=False, width=64)
SINGLES = st.floats(allow_nan=False, allow_infinity=False, width=32, allow_subnormal=False)
DATES = st.dates(date(1000, 1, 1), date(9999, 12, 31))
MOMENTS = st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999))
ZONES = st.integers(-12 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
INSTANTS = st.datetimes(datetime(1971, 1, 2), datetime(2037, 12, 30), timezones=ZONES)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


def _same(value: Any) -> Any:
    return value


def edges(values: st.SearchStrategy[Any], *words: str) -> st.SearchStrategy[Any]:
    """What is beyond the numbers, or the dates, by its word."""
    return values | st.sampled_from(words)


def span(value: tuple[int, int, int]) -> str:
    months, days, microseconds = value
    return f"{months} months {days} days {microseconds} microseconds"


def duration(value: tuple[int, int, int]) -> str:
    """ISO 8601, each part with its own sign, as Postgres writes it."""
    months, days, microseconds = value
    years, rest = (abs(months) // 12, abs(months) % 12) if months >= 0 else (-(-months // 12), -(-months % 12))
    date_part = "".join(f"{number}{sign}" for number, sign in ((years, "Y"), (rest, "M"), (days, "D")) if number)
    sign = -1 if microseconds < 0 else 1
    seconds, fraction = divmod(abs(microseconds), 1_000_000)
    clock_part = "".join(
        f"{sign * number}{unit}" for number, unit in ((seconds // 3600, "H"), (seconds // 60 % 60, "M")) if number
    )
    if seconds % 60 or fraction:
        digits = f".{fraction:06}".rstrip("0") if fraction else ""
        clock_part += f"{'-' if sign < 0 else ''}{seconds % 60}{digits}S"
    return f"P{date_part}{'T' + clock_part if clock_part else ''}" if date_part or clock_part else "PT0S"


SPANS = st.tuples(st.integers(-9999, 9999), st.integers(-9999, 9999), st.integers(-(10**12), 10**12))
RANGES = st.tuples(st.integers(-99, 0), st.integers(1, 99)).map(lambda ends: f"[{ends[0]},{ends[1]})")
MASKED = st.tuples(st.ip_addresses(v=4), st.integers(0, 31)).map(lambda pair: f"{pair[0]}/{pair[1]}")
BITS = st.text("01", min_size=2, max_size=40)
PAIRS = st.fixed_dictionaries({"a": st.none() | st.integers(0, 9), "b": TEXT, "c": st.none() | st.lists(TEXT)})


@dataclass(frozen=True)
class Trip:
    """A type, the values that are tried, their JSON as arguments, and their form in results."""

    type_name: str
    values: st.SearchStrategy[Any]
    given: Callable[[Any], object] = _same
    form: Callable[[Any], object] = _same

    def argument(self, name: str, value: Any) -> Argument:
        found = None if value is None else self.given(value)
        return argument(self.type_name, found, name=name)


def decimals(digits: int, places: int) -> st.SearchStrategy[Decimal]:
    return st.integers(-(10**digits) + 1, 10**digits - 1).map(lambda number: Decimal(f"{number}e-{places}"))


def clock(value: time | datetime) -> str:
    return value.strftime("%H:%M:%S") + (f".{value.microsecond:06}".rstrip("0") if value.microsecond else "")


def moment(value: datetime) -> str:
    return f"{value.year:04}-{value.month:02}-{value.day:02} {clock(value)}"


def instant(value: datetime) -> str:
    return moment(value.astimezone(UTC)) + " UTC"


def offset(zone: timezone) -> str:
    minutes = int(cast("timedelta", zone.utcoffset(None)).total_seconds()) // 60
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def base64_text(value: bytes) -> str:
    return base64.b64encode(value).decode()


POSTGRES = [
    Trip("smallint", st.integers(-(2**15), 2**15 - 1)),
    Trip("integer", st.integers(-(2**31), 2**31 - 1)),
    Trip("bigint", st.integers(-(2**63), 2**63 - 1)),
    Trip("numeric", decimals(60, 20), given=str),
    Trip("numeric(30,10)", decimals(30, 10), given=str),
    Trip("double precision", FLOATS),
    Trip("real", SINGLES),
    Trip("boolean", st.booleans()),
    Trip("text", TEXT),
    Trip("bytea", st.binary(max_size=40), given=base64_text),
    Trip("date", DATES, given=str, form=str),
    Trip("time", st.times(), given=str, form=clock),
    Trip("timestamp", MOMENTS, given=moment, form=moment),
    Trip("timestamptz", INSTANTS, given=datetime.isoformat, form=instant),
    Trip("json", JSON, form=lambda value: json.dumps(value).encode()),
    Trip("uuid", st.uuids(), given=str, form=str),
    Trip("bigint[]", st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=5)),
    Trip("text[]", st.lists(st.none() | TEXT, max_size=5)),
    Trip("timestamptz[]", st.lists(INSTANTS, max_size=3).map(lambda found: [each.isoformat() for each in found]),
         form=lambda found: [instant(datetime.fromisoformat(each)) for each in found]),
    Trip("pair", PAIRS),
    Trip("timetz", st.tuples(st.times(), ZONES).map(lambda pair: f"{clock(pair[0])}{offset(pair[1])}")),
    Trip("interval", SPANS, given=span, form=duration),
    Trip("jsonb", st.lists(st.none() | st.booleans() | st.integers() | TEXT, max_size=4),
         form=lambda value: json.dumps(value, ensure_ascii=False).encode()),
    Trip("char(6)", st.text("abc☃ ", max_size=6), form=lambda value: value.ljust(6)),
    Trip("varchar(40)", TEXT),
    Trip("oid", st.integers(0, 2**32 - 1)),
    Trip("varbit", BITS),
    Trip("inet", MASKED),
    Trip("int8range", RANGES | st.just("empty")),
    Trip("int4multirange", st.lists(RANGES, max_size=1).map(lambda found: "{" + ",".join(found) + "}")),
    Trip("point", st.tuples(st.integers(-999, 999), st.integers(-999, 999)).map(lambda at: f"({at[0]},{at[1]})")),
    Trip("mood", st.sampled_from(["calm", "in two minds", "é\"\\"])),
    Trip("above", st.integers(1, 99)),
    Trip("mood[]", st.lists(st.none() | st.sampled_from(["calm", "in two minds", "é\"\\"]), max_size=3)),
    Trip("uuid[]", st.lists(st.uuids().map(str), max_size=3)),
    Trip("numeric[]", st.lists(decimals(30, 10).map(str), max_size=3), form=lambda found: [*map(Decimal, found)]),
    Trip("bytea[]", st.lists(st.binary(max_size=9), max_size=3), given=lambda found: [*map(base64_text, found)]),
    Trip("boolean[]", st.lists(st.none() | st.booleans(), max_size=4)),
]  # fmt: skip
OWN_TYPES = (
    "drop domain if exists above",
    "drop type if exists pair, mood",
    "create type pair as (a int, b text, c text[])",
    "create type mood as enum ('calm', 'in two minds', 'é\"\\')",
    "create domain above as int check (value > 0)",
)
"""Statements that make the types of the database's own."""
BEYOND = [
    Trip("numeric", edges(decimals(40, 10), "NaN", "Infinity", "-Infinity"), given=str, form=Decimal),
    Trip("double precision", edges(FLOATS, "NaN", "Infinity", "-Infinity"), form=float),
    Trip("date", edges(DATES, "infinity", "-infinity", "0044-03-15 BC"), given=str, form=str),
    Trip("timestamp", edges(MOMENTS.map(moment), "infinity", "-infinity", "294276-12-31 23:59:59.999999")),
]
"""What columns of Arrow have no form for, or another."""
MARIADB = [
    Trip("tinyint", st.integers(-(2**7), 2**7 - 1)),
    Trip("int unsigned", st.integers(0, 2**32 - 1)),
    Trip("bigint", st.integers(-(2**63), 2**63 - 1)),
    Trip("bigint unsigned", st.integers(0, 2**64 - 1)),
    Trip("decimal(40,15)", decimals(40, 15), given=str),
    Trip("double", FLOATS),
    Trip("float", SINGLES),
    Trip("varchar(200)", TEXT),
    Trip("blob", st.binary(max_size=40), given=base64_text),
    Trip("date", DATES, given=str, form=str),
    Trip("time(6)", st.times(), given=str, form=clock),
    Trip("datetime(6)", MOMENTS, given=moment, form=moment),
    Trip("timestamp(6)", INSTANTS, given=datetime.isoformat, form=instant),
    Trip("bit(1)", st.booleans()),
    Trip("smallint unsigned", st.integers(0, 2**16 - 1)),
    Trip("mediumint", st.integers(-(2**23), 2**23 - 1)),
    Trip("int", st.integers(-(2**31), 2**31 - 1)),
    Trip("year", st.integers(1901, 2155)),
    Trip("char(6)", st.text("abc☃", max_size=6)),
    Trip("text", TEXT),
    Trip("varbinary(40)", st.binary(max_size=40), given=base64_text),
    Trip("binary(6)", st.binary(max_size=6), given=base64_text, form=lambda value: value.ljust(6, b"\0")),
    Trip("enum('calm', 'in two minds')", st.sampled_from(["calm", "in two minds"])),
    Trip("set('a', 'b', 'c')", st.sampled_from(["", "a", "a,c", "a,b,c"])),
    Trip("json", JSON, form=json.dumps),
    Trip("uuid", st.uuids(version=4), given=str, form=str),
]
LONG_TIMES = Trip(
    "time(6)",
    st.tuples(st.sampled_from(["", "-"]), st.integers(24, 838), st.times(max_value=time(0, 59, 58))).map(
        lambda found: f"{found[0]}{found[1]}{clock(found[2])[2:]}"
    ),
)
IN_POSTGRES = [*POSTGRES, *BEYOND]
IN_MARIADB = [*MARIADB, LONG_TIMES]


def rows_for(trips: list[Trip]) -> st.SearchStrategy[list[Any]]:
    return st.tuples(*(st.none() | trip.values for trip in trips)).map(list)


@pytest.fixture(params=[postgres.embedded, postgres.system], ids=["embedded", "system"])
async def on_postgres(request: pytest.FixtureRequest, database_servers: DatabaseServers) -> AsyncIterator[Database]:
    database = open_database("postgresql", request.param(database_servers), egress=EVERYWHERE)
    async with database.session(PLAIN) as session:
        for text in OWN_TYPES:
            await rows_of(session, text)
    yield database
    await database.close()


@pytest.fixture
async def on_mariadb(database_servers: DatabaseServers) -> AsyncIterator[Database]:
    database = open_database("mysql", mariadb.resource(database_servers), egress=EVERYWHERE)
    yield database
    await database.close()


MANY = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@MANY
@given(values=rows_for(IN_POSTGRES))
async def test_any_value_comes_back_from_postgres(on_postgres: Database, values: list[Any]) -> None:
    bound = [
        trip.argument(f"a{rank}", value) for rank, (trip, value) in enumerate(zip(IN_POSTGRES, values, strict=True))
    ]
    places = ", ".join(f"${rank}::{trip.type_name}" for rank, trip in enumerate(IN_POSTGRES, 1))
    async with on_postgres.session(PLAIN) as session:
        (row,) = await rows_of(session, f"select {places}", *bound)
    check(IN_POSTGRES, values, row)


@MANY
@given(values=rows_for(IN_MARIADB))
async def test_any_value_comes_back_from_mariadb(on_mariadb: Database, values: list[Any]) -> None:
    """Through a table, since arguments that stand alone have wider types."""
    bound = [
        trip.argument(f"a{rank}", value) for rank, (trip, value) in enumerate(zip(IN_MARIADB, values, strict=True))
    ]
    columns = ", ".join(f"c{rank} {trip.type_name} null" for rank, trip in enumerate(IN_MARIADB))
    places = ", ".join(f":a{rank}" for rank in range(len(IN_MARIADB)))
    async with on_mariadb.session(PLAIN) as session:
        await rows_of(session, f"create temporary table trip ({columns})")
        await rows_of(session, f"insert into trip values ({places})", *bound)
        (row,) = await rows_of(session, "select * from trip")
    check(IN_MARIADB, values, row)


@MANY
@given(rows=st.lists(rows_for(IN_MARIADB), min_size=1, max_size=3))
async def test_any_values_come_back_from_rows_written_together(on_mariadb: Database, rows: list[list[Any]]) -> None:
    columns = ", ".join(f"c{rank} {trip.type_name} null" for rank, trip in enumerate(IN_MARIADB))
    named = [NamedType(f"c{rank}", trip.type_name) for rank, trip in enumerate(IN_MARIADB)]
    given_rows = [[trip.argument("a", each).value for trip, each in zip(IN_MARIADB, row, strict=True)] for row in rows]
    async with on_mariadb.session(PLAIN) as session:
        await rows_of(session, f"create temporary table trips (i int auto_increment primary key, {columns})")
        text = f"insert into trips ({', '.join(each.name for each in named)}) values"
        await cast("ManyRowsSession", session).write_rows(text, named, given_rows)
        for row, (_, *found) in zip(rows, await rows_of(session, "select * from trips order by i"), strict=True):
            check(IN_MARIADB, row, tuple(found))


def check(trips: list[Trip], values: list[Any], row: tuple[object, ...]) -> None:
    for trip, value, found in zip(trips, values, row, strict=True):
        wanted = None if value is None else trip.form(value)
        if trip.type_name in {"real", "float"} and isinstance(found, float):
            assert single(found) == single(wanted)  # the shortest digits stand for the same number
        else:
            is_nan = wanted != wanted  # nothing else differs from itself
            assert is_nan == (found != found), trip.type_name
            assert is_nan or (trip.type_name, found) == (trip.type_name, wanted)


def single(number: float) -> bytes:
    return struct.pack("<f", number + 0.0)
