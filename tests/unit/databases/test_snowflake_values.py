"""How Snowflake's values and types are read and written, in the forms that the reference of its SQL API tells."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.model.column import Kind
from tidemill.model.errors import BadRequest
from tidemill.stores.databases.arrow_columns import ArrowColumns
from tidemill.stores.databases.port import Argument
from tidemill.stores.databases.snowflake.arguments import bindings
from tidemill.stores.databases.snowflake.config import SnowflakeConfig
from tidemill.stores.databases.snowflake.types import columns_of, date_of, digits_of


def told(kind: str, **more: Any) -> dict[str, Any]:
    return {"name": "V", "type": kind, "nullable": True, **more}


TINY = Decimal("1." + "0" * 36 + "1")
NTZ, TZ = told("timestamp_ntz", scale=9), told("timestamp_tz", scale=9)


@pytest.mark.parametrize(
    ("column", "raw", "name", "kind", "wanted"),
    [
        (told("fixed", precision=38, scale=0), "-" + "9" * 38, "number(38,0)", Kind.INTEGER, -(10**38 - 1)),
        (told("fixed", precision=38, scale=37), "1." + "0" * 36 + "1", "number(38,37)", Kind.DECIMAL, TINY),
        (told("decfloat"), "1.5E+500", "decfloat", Kind.DECIMAL, Decimal("1.5E+500")),
        (told("BOOLEAN"), "false", "boolean", Kind.BOOL, False),
        (told("date"), "-1", "date", Kind.DATE, "1969-12-31"),
        (told("date"), "2932897", "date", Kind.DATE, "10000-01-01"),
        (told("time", scale=9), "86399.999999999", "time(9)", Kind.TIME, "23:59:59.999999999"),
        (NTZ, "1704164645.123456789", "timestamp_ntz(9)", Kind.TIMESTAMP, "2024-01-02 03:04:05.123456789"),
        (told("timestamp_ntz", scale=3), "-0.500", "timestamp_ntz(3)", Kind.TIMESTAMP, "1969-12-31 23:59:59.5"),
        (told("timestamp_ltz"), "1704164645.000", "timestamp_ltz(9)", Kind.TIMESTAMPTZ, "2024-01-02 03:04:05 UTC"),
        (TZ, "1704164645.000000001 1560", "timestamp_tz(9)", Kind.TEXT, "2024-01-02 05:04:05.000000001 +02:00"),
        (TZ, "1704164645.000000000 1110", "timestamp_tz(9)", Kind.TEXT, "2024-01-01 21:34:05 -05:30"),
        (told("binary"), "FF00", "binary", Kind.BINARY, b"\xff\0"),
        (told("variant"), '{"a":1.10}', "variant", Kind.JSON, b'{"a":1.10}'),
        (told("vector"), "[1.0,2.5]", "vector", Kind.JSON, b"[1.0,2.5]"),
        (told("geography"), '{"type":"Point"}', "geography", Kind.TEXT, '{"type":"Point"}'),
        (told("text"), "", "varchar", Kind.TEXT, ""),
    ],
)  # fmt: skip
def test_a_value_is_read_without_loss(column: dict[str, Any], raw: str, name: str, kind: Kind, wanted: object) -> None:
    columns, (read,) = columns_of([column], float_digits=0)
    assert (columns[0].type.name, columns[0].type.kind, read(raw)) == (name, kind, wanted)


def test_days_are_those_of_the_calendar() -> None:
    for days in (*range(-719_162, 2_932_896, 9_973), -719_162, 2_932_896):
        assert date_of(days) == (date(1970, 1, 1) + timedelta(days=days)).isoformat()
    assert date_of(-719_163) == "0001-12-31 BC"


@pytest.mark.parametrize(("text", "digits"), [("0.333333333", 9), ("1.2e-10", 2), ("-1234500", 5), ("0", 0)])
def test_digits_are_counted_without_zeros_at_the_ends(text: str, digits: int) -> None:
    assert digits_of(text) == digits


def test_whole_numbers_of_many_digits_are_decimals_in_parquet() -> None:
    columns, _ = columns_of([told("fixed", precision=38, scale=0)], float_digits=0)
    batch = ArrowColumns(columns).batch([(10**38 - 1,), (None,)])
    assert batch.schema.field("V").type == pa.decimal128(38, 0)
    assert batch.column(0).to_pylist() == [Decimal(10**38 - 1), None]


@pytest.mark.parametrize(
    ("type_name", "raw", "kind", "value"),
    [
        ("bigint", b"7", "FIXED", "7"),
        ("int", b"-" + b"9" * 38, "FIXED", "-" + "9" * 38),
        ("number(38, 10)", b'"1.50"', "FIXED", "1.50"),
        ("decimal", b"1e3", "FIXED", "1000"),
        ("double precision", b'"-Infinity"', "REAL", "-inf"),
        ("boolean", b"true", "BOOLEAN", "true"),
        ("binary(8)", b'"/wA="', "BINARY", "ff00"),
        ("date", b'"1969-12-31"', "DATE", "-86400000"),
        ("time", b'"12:30:00.123456789"', "TIME", "45000123456789"),
        ("timestamp", b'"2024-01-02T03:04:05.123456789Z"', "TIMESTAMP_NTZ", "1704164645123456789"),
        ("timestamp_ltz", b'"2024-01-02T05:04:05+02:00"', "TIMESTAMP_LTZ", "1704164645000000000"),
        ("timestamp_tz", b'"2024-01-02T05:04:05+02:00"', "TIMESTAMP_TZ", "1704164645000000000 1560"),
        ("timestamp_tz(3)", b'"1969-12-31T18:29:59.5-05:30"', "TIMESTAMP_TZ", "-500000000 1110"),
        ("variant", b'{"a": 1.10}', "TEXT", '{"a": 1.10}'),
        ("variant", b'"text"', "TEXT", '"text"'),
        ("varchar", b"5", "TEXT", "5"),
        ("int", None, "FIXED", None),
        ("", b"true", "BOOLEAN", "true"),
        ("", b"1.5e3", "REAL", "1.5e3"),
        ("", b"1.5", "FIXED", "1.5"),
        ("", b"null", "TEXT", None),
    ],
)  # fmt: skip
def test_an_argument_becomes_a_typed_binding(type_name: str, raw: bytes | None, kind: str, value: str | None) -> None:
    assert bindings([Argument(name="a", type_name=type_name, value=raw)]) == {"1": {"type": kind, "value": value}}


@pytest.mark.parametrize(
    ("type_name", "raw"),
    [
        ("int", b"1.5"), ("number", b"1e38"), ("number", b'"NaN"'), ("number", b"1e-38"), ("number", b"1e-999999999"),
        ("date", b'"2/1/2024"'), ("time", b'"12:00:00.1234567891"'), ("timestamp", b'"2024-01-01T00:00:00+02:00"'),
        ("timestamp_tz", b'"2024-01-01T00:00:00+01:00:30"'), ("binary", b'"%"'), ("boolean", b'"maybe"'),
        ("timestamp_ltz", b'"12024-01-01T00:00:00Z"'),
    ],
)  # fmt: skip
def test_what_snowflake_would_change_or_not_know_is_refused(type_name: str, raw: bytes) -> None:
    with pytest.raises(BadRequest):
        bindings([Argument(name="a", type_name=type_name, value=raw)])


@pytest.mark.parametrize(
    ("given", "origin", "account"),
    [
        ("myorg-my_account", "https://myorg-my-account.snowflakecomputing.com", "MYORG-MY_ACCOUNT"),
        ("xy12345.eu-central-1", "https://xy12345.eu-central-1.snowflakecomputing.com", "XY12345"),
        ("o-a.privatelink", "https://o-a.privatelink.snowflakecomputing.com", "O-A"),
        ("O-A.snowflakecomputing.cn", "https://o-a.snowflakecomputing.cn", "O-A"),
    ],
)
def test_an_account_is_found_by_any_of_its_names(given: str, origin: str, account: str) -> None:
    config = SnowflakeConfig.of({"account_identifier": given, "token": "t", "database": "d"})
    assert (config.origin, config.account) == (origin, account)


NANOSECONDS = st.integers(0, 999_999_999)
MOMENTS = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59)).map(
    lambda each: each.replace(microsecond=0)
)


@given(moment=MOMENTS, nanoseconds=NANOSECONDS, minutes=st.integers(-14 * 60, 14 * 60))
def test_any_time_comes_back_from_where_it_was_bound(moment: datetime, nanoseconds: int, minutes: int) -> None:
    """Through the seconds that the interface gives for the nanoseconds that it takes."""
    fraction = f".{nanoseconds:09d}".rstrip("0").rstrip(".")
    written = f"{moment.isoformat(' ')}{fraction}"
    zone = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
    for type_name, given_as, wanted in (
        ("timestamp_ntz", written, written),
        ("timestamp_tz", f"{written}{zone}", f"{written} {zone}"),
    ):
        raw = f'"{given_as}"'.encode()
        bound, _, offset = (
            bindings([Argument(name="a", type_name=type_name, value=raw)])["1"]["value"] or ""
        ).partition(" ")
        sign, digits = ("-", int(bound[1:])) if bound.startswith("-") else ("", int(bound))
        told_seconds = f"{sign}{digits // 10**9}.{digits % 10**9:09d}{' ' if offset else ''}{offset}"
        _, (read,) = columns_of([told(type_name, scale=9)], float_digits=0)
        assert read(told_seconds) == wanted
