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
]  # fmt: skip
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
]


def rows_for(trips: list[Trip]) -> st.SearchStrategy[list[Any]]:
    return st.tuples(*(st.none() | trip.values for trip in trips)).map(list)


@pytest.fixture(params=[postgres.embedded, postgres.system], ids=["embedded", "system"])
async def on_postgres(request: pytest.FixtureRequest, database_servers: DatabaseServers) -> AsyncIterator[Database]:
    database = open_database("postgresql", request.param(database_servers), egress=EVERYWHERE)
    async with database.session(PLAIN) as session:
        await rows_of(session, "drop type if exists pair")
        await rows_of(session, "create type pair as (a int, b text, c text[])")
    yield database
    await database.close()


@pytest.fixture
async def on_mariadb(database_servers: DatabaseServers) -> AsyncIterator[Database]:
    database = open_database("mysql", mariadb.resource(database_servers), egress=EVERYWHERE)
    yield database
    await database.close()


MANY = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@MANY
@given(values=rows_for(POSTGRES))
async def test_any_value_comes_back_from_postgres(on_postgres: Database, values: list[Any]) -> None:
    bound = [trip.argument(f"a{rank}", value) for rank, (trip, value) in enumerate(zip(POSTGRES, values, strict=True))]
    places = ", ".join(f"${rank}::{trip.type_name}" for rank, trip in enumerate(POSTGRES, 1))
    async with on_postgres.session(PLAIN) as session:
        (row,) = await rows_of(session, f"select {places}", *bound)
    check(POSTGRES, values, row)


@MANY
@given(values=rows_for(MARIADB))
async def test_any_value_comes_back_from_mariadb(on_mariadb: Database, values: list[Any]) -> None:
    """Through a table, since arguments that stand alone have wider types."""
    bound = [trip.argument(f"a{rank}", value) for rank, (trip, value) in enumerate(zip(MARIADB, values, strict=True))]
    columns = ", ".join(f"c{rank} {trip.type_name} null" for rank, trip in enumerate(MARIADB))
    places = ", ".join(f":a{rank}" for rank in range(len(MARIADB)))
    async with on_mariadb.session(PLAIN) as session:
        await rows_of(session, f"create temporary table trip ({columns})")
        await rows_of(session, f"insert into trip values ({places})", *bound)
        (row,) = await rows_of(session, "select * from trip")
    check(MARIADB, values, row)


@MANY
@given(rows=st.lists(rows_for(MARIADB), min_size=1, max_size=3))
async def test_any_values_come_back_from_rows_written_together(on_mariadb: Database, rows: list[list[Any]]) -> None:
    columns = ", ".join(f"c{rank} {trip.type_name} null" for rank, trip in enumerate(MARIADB))
    named = [NamedType(f"c{rank}", trip.type_name) for rank, trip in enumerate(MARIADB)]
    given_rows = [[trip.argument("a", each).value for trip, each in zip(MARIADB, row, strict=True)] for row in rows]
    async with on_mariadb.session(PLAIN) as session:
        await rows_of(session, f"create temporary table trips (i int auto_increment primary key, {columns})")
        text = f"insert into trips ({', '.join(each.name for each in named)}) values"
        await cast("ManyRowsSession", session).write_rows(text, named, given_rows)
        for row, (_, *found) in zip(rows, await rows_of(session, "select * from trips order by i"), strict=True):
            check(MARIADB, row, tuple(found))


def check(trips: list[Trip], values: list[Any], row: tuple[object, ...]) -> None:
    for trip, value, found in zip(trips, values, row, strict=True):
        wanted = None if value is None else trip.form(value)
        if trip.type_name in {"real", "float"} and isinstance(found, float):
            assert single(found) == single(wanted)  # the shortest digits stand for the same number
        else:
            assert (trip.type_name, found) == (trip.type_name, wanted)


def single(number: float) -> bytes:
    return struct.pack("<f", number + 0.0)
