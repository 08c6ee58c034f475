"""How BigQuery's values and types are read and written; what no emulator knows has the form of the REST reference."""

import json
import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.engine.cell_json import RowEncoder
from tidemill.model.column import Kind
from tidemill.model.errors import BadRequest, QueryFailed
from tidemill.stores.databases.bigquery.arguments import parameter
from tidemill.stores.databases.bigquery.types import cells, columns_of
from tidemill.stores.databases.port import Argument


def field(kind: str, **more: Any) -> dict[str, Any]:
    return {"name": "v", "type": kind, "mode": "NULLABLE", **more}


VALUES: list[tuple[dict[str, Any], Any, str, Kind, object]] = [
    (field("FLOAT"), "NaN", "float64", Kind.FLOAT, None),
    (field("NUMERIC", precision="10", scale="2"), "1.5", "numeric(10, 2)", Kind.DECIMAL, Decimal("1.5")),
    (field("BIGNUMERIC"), "-0." + "1" * 38, "bignumeric", Kind.DECIMAL, Decimal("-0." + "1" * 38)),
    (field("BYTES"), "/wA=", "bytes", Kind.BINARY, b"\xff\0"),
    (field("TIMESTAMP"), "1704164645678901", "timestamp", Kind.TIMESTAMPTZ, "2024-01-02 03:04:05.678901 UTC"),
    (field("TIMESTAMP"), "-62135596800000000", "timestamp", Kind.TIMESTAMPTZ, "0001-01-01 00:00:00 UTC"),
    (field("TIMESTAMP"), "2024-01-02T03:04:05.12000Z", "timestamp", Kind.TIMESTAMPTZ, "2024-01-02 03:04:05.12 UTC"),
    (
        field("TIMESTAMP", timestampPrecision="12"), "2024-01-02T03:04:05.123456789012Z",
        "timestamp(12)", Kind.TIMESTAMPTZ, "2024-01-02 03:04:05.123456789012 UTC",
    ),
    (field("DATETIME"), "2024-02-29T12:00:00", "datetime", Kind.TIMESTAMP, "2024-02-29 12:00:00"),
    (field("TIME"), "12:00:00.500000", "time", Kind.TIME, "12:00:00.5"),
    (field("JSON"), '{"a":1.10}', "json", Kind.JSON, b'{"a":1.10}'),
    (field("GEOGRAPHY"), "POINT(1 2)", "geography", Kind.TEXT, "POINT(1 2)"),
    (field("INTERVAL"), "1-2 3 4:5:6.789", "interval", Kind.INTERVAL, "P1Y2M3DT4H5M6.789S"),
    (field("INTERVAL"), "-0-1 4 -0:0:0.5", "interval", Kind.INTERVAL, "P-1M4DT-0.5S"),
    (field("INTERVAL"), "0-0 0 0:0:0", "interval", Kind.INTERVAL, "PT0S"),
    (
        field("RANGE", rangeElementType={"type": "DATE"}), "[2024-01-01, UNBOUNDED)",
        "range<date>", Kind.TEXT, "[2024-01-01, UNBOUNDED)",
    ),
    (
        field("RANGE", rangeElementType={"type": "TIMESTAMP"}), "[UNBOUNDED, 1704164645678901)",
        "range<timestamp>", Kind.TEXT, "[UNBOUNDED, 2024-01-02 03:04:05.678901 UTC)",
    ),
    (field("INTEGER", mode="REPEATED"), [{"v": "1"}, {"v": "2"}], "array<int64>", Kind.ARRAY, [1, 2]),
    (
        field("RECORD", fields=[{"name": "a", "type": "BOOLEAN"}, {"name": "b", "type": "DATE", "mode": "REPEATED"}]),
        {"f": [{"v": "false"}, {"v": [{"v": "2024-02-29"}]}]},
        "struct<a bool, b array<date>>", Kind.STRUCT, {"a": False, "b": ["2024-02-29"]},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "raw", "name", "kind", "wanted"), VALUES)
def test_a_value_is_read_without_loss(schema: dict[str, Any], raw: Any, name: str, kind: Kind, wanted: object) -> None:
    columns, readers = columns_of([schema])
    assert (columns[0].type.name, columns[0].type.kind) == (name, kind)
    (value,) = cells({"f": [{"v": raw}]}, readers)
    assert value == wanted or (wanted is None and value != value)
    json.loads(b"[" + RowEncoder(columns).objects([(value,)]) + b"]")
    assert cells({"f": [{"v": None}]}, readers) == (None,)


@pytest.mark.parametrize(("kind", "raw"), [("TIMESTAMP", "1.704164645678E9"), ("INTERVAL", "1 day")])
def test_a_form_that_may_have_lost_digits_is_an_error(kind: str, raw: str) -> None:
    with pytest.raises(QueryFailed, match="cast it to a string"):
        cells({"f": [{"v": raw}]}, columns_of([field(kind)])[1])


@pytest.mark.parametrize(
    ("type_name", "raw", "kind", "value"),
    [
        ("int64", b'"7"', {"type": "INT64"}, {"value": "7"}),
        ("numeric(10, 2)", b"1e2", {"type": "NUMERIC"}, {"value": "100"}),
        ("bignumeric", b"-1." + b"1" * 38 + b"00", {"type": "BIGNUMERIC"}, {"value": "-1." + "1" * 38 + "00"}),
        ("float64", b'"NaN"', {"type": "FLOAT64"}, {"value": "NaN"}),
        ("bytes", b'"_wA="'.replace(b"_", b"/"), {"type": "BYTES"}, {"value": "/wA="}),
        ("timestamp", b'"2024-01-02T03:04:05+02:00"', {"type": "TIMESTAMP"}, {"value": "2024-01-02 01:04:05+00:00"}),
        ("json", b'{"a": 1.10}', {"type": "JSON"}, {"value": '{"a": 1.10}'}),
        ("geography", b'"POINT(1 2)"', {"type": "GEOGRAPHY"}, {"value": "POINT(1 2)"}),
        ("interval", b'"1-2 3 4:5:6"', {"type": "INTERVAL"}, {"value": "1-2 3 4:5:6"}),
        ("string(10)", b"5", {"type": "STRING"}, {"value": "5"}),
        ("date[]", b"null", {"type": "ARRAY", "arrayType": {"type": "DATE"}}, {"value": None}),
        (
            "range<date>", b'"[2024-01-01, unbounded)"',
            {"type": "RANGE", "rangeElementType": {"type": "DATE"}}, {"rangeValue": {"start": {"value": "2024-01-01"}}},
        ),
        (
            "struct<userid int64, tags array<string>>", b'{"userId": 1}',
            {"type": "STRUCT", "structTypes": [
                {"name": "userid", "type": {"type": "INT64"}},
                {"name": "tags", "type": {"type": "ARRAY", "arrayType": {"type": "STRING"}}},
            ]},
            {"structValues": {"userid": {"value": "1"}, "tags": {"value": None}}},
        ),
        ("struct", b'{"a": 1}', {"type": "JSON"}, {"value": '{"a": 1}'}),
        ("", b"null", {"type": "STRING"}, {"value": None}),
        ("", b"1.5", {"type": "FLOAT64"}, {"value": "1.5"}),
        ("", b"0.1234567890123456789", {"type": "BIGNUMERIC"}, {"value": "0.1234567890123456789"}),
        ("", b"9223372036854775808", {"type": "BIGNUMERIC"}, {"value": "9223372036854775808"}),
        ("", b"[]", {"type": "ARRAY", "arrayType": {"type": "STRING"}}, {"arrayValues": []}),
    ],
)  # fmt: skip
def test_an_argument_becomes_a_typed_parameter(type_name: str, raw: bytes, kind: object, value: object) -> None:
    assert parameter(Argument(name="a", type_name=type_name, value=raw)) == {
        "name": "a", "parameterType": kind, "parameterValue": value,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("type_name", "raw"),
    [
        ("numeric", b"0.1234567891"), ("numeric", b"1e29"), ("bignumeric", b"1e-39"), ("numeric", b'"NaN"'),
        ("timestamp", b'"2024-01-01T00:00:00.1234567Z"'), ("array<int64>", b'["x"]'), ("array", b"[]"),
        ("struct<a int64", b"{}"), ("int64>", b"1"), ("", b'[1, "a"]'), ("", b"1e999"),
    ],
)  # fmt: skip
def test_what_bigquery_would_change_or_not_know_is_refused(type_name: str, raw: bytes) -> None:
    with pytest.raises(BadRequest):
        parameter(Argument(name="a", type_name=type_name, value=raw))


@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999)))
def test_any_instant_is_read_alike_in_both_forms(moment: datetime) -> None:
    microseconds = (moment - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    (read,) = columns_of([field("TIMESTAMP")])[1]
    found = read(str(microseconds))
    assert found == read(f"{moment.isoformat(timespec='microseconds')}000000Z")
    argument = Argument(name="a", type_name="timestamp", value=f'"{found}"'.encode())
    assert read(parameter(argument)["parameterValue"]["value"]) == found


COUNTS = st.integers(0, 10_000)


@given(months=COUNTS, days=COUNTS, microseconds=st.integers(0, 10**14), signs=st.tuples(*[st.booleans()] * 3))
def test_any_interval_keeps_its_parts(months: int, days: int, microseconds: int, signs: tuple[bool, ...]) -> None:
    """By a reader of ISO 8601 of another hand."""
    factors = [-1 if each else 1 for each in signs]
    minus = ["-" if each else "" for each in signs]
    seconds, fraction = divmod(microseconds, 10**6)
    canonical = (
        f"{minus[0]}{months // 12}-{months % 12} {minus[1]}{days} "
        f"{minus[2]}{seconds // 3600}:{seconds // 60 % 60}:{seconds % 60}.{fraction:06d}"
    )
    (read,) = columns_of([field("INTERVAL")])[1]
    parts = re.fullmatch(
        r"P(?:(-?\d+)Y)?(?:(-?\d+)M)?(?:(-?\d+)D)?(?:T(?:(-?\d+)H)?(?:(-?\d+)M)?(?:(-?[\d.]+)S)?)?",
        str(read(canonical)),
    )
    assert parts is not None
    years, month, day, hour, minute, second = (Decimal(part or 0) for part in parts.groups())
    assert years * 12 + month == factors[0] * months
    assert day == factors[1] * days
    assert (hour * 3600 + minute * 60 + second) * 10**6 == factors[2] * microseconds
