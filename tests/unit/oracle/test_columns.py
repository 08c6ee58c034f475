"""Oracle's values arrive whole: what the driver makes of them becomes ours, the rest comes as the server's text."""

import array
from datetime import datetime, timedelta
from decimal import Decimal

import oracledb
import pytest

from tidemill.model.column import Kind
from tidemill.stores.databases.oracle.columns import Described, NotFetched, fetched

VALUES: list[tuple[Described, str, Kind, object, object]] = [
    (Described(name="C", type=oracledb.DB_TYPE_NUMBER, precision=10), "number(10)", Kind.INTEGER, Decimal(5), 5),
    (
        Described(name="C", type=oracledb.DB_TYPE_NUMBER, precision=38),
        "number(38)",
        Kind.INTEGER,
        Decimal("9" * 38),
        10**38 - 1,
    ),
    (
        Described(name="C", type=oracledb.DB_TYPE_NUMBER, precision=10, scale=2),
        "number(10,2)",
        Kind.DECIMAL,
        Decimal("1.50"),
        Decimal("1.50"),
    ),
    (
        Described(name="C", type=oracledb.DB_TYPE_NUMBER, scale=-127),
        "number",
        Kind.DECIMAL,
        Decimal("1e125"),
        Decimal("1e125"),
    ),
    (
        Described(name="C", type=oracledb.DB_TYPE_NUMBER, precision=126, scale=-127),
        "number",
        Kind.DECIMAL,
        Decimal("0.1"),
        Decimal("0.1"),
    ),
    (
        Described(name="C", type=oracledb.DB_TYPE_NUMBER, precision=3, scale=-2),
        "number(3,-2)",
        Kind.DECIMAL,
        Decimal(1200),
        Decimal(1200),
    ),
    (Described(name="C", type=oracledb.DB_TYPE_BINARY_DOUBLE), "binary_double", Kind.FLOAT, 0.1, 0.1),
    (Described(name="C", type=oracledb.DB_TYPE_BINARY_FLOAT), "binary_float", Kind.FLOAT, 0.10000000149011612, 0.1),
    (Described(name="C", type=oracledb.DB_TYPE_BINARY_FLOAT), "binary_float", Kind.FLOAT, float("inf"), float("inf")),
    (Described(name="C", type=oracledb.DB_TYPE_BOOLEAN), "boolean", Kind.BOOL, True, True),
    (Described(name="C", type=oracledb.DB_TYPE_VARCHAR, size=20), "varchar2(20)", Kind.TEXT, "☃", "☃"),
    (Described(name="C", type=oracledb.DB_TYPE_CLOB), "clob", Kind.TEXT, "long", "long"),
    (Described(name="C", type=oracledb.DB_TYPE_ROWID), "rowid", Kind.TEXT, "AAAR3sAAEAAAACXAAA", "AAAR3sAAEAAAACXAAA"),
    (Described(name="C", type=oracledb.DB_TYPE_XMLTYPE), "xmltype", Kind.TEXT, "<a/>", "<a/>"),
    (Described(name="C", type=oracledb.DB_TYPE_RAW), "raw", Kind.BINARY, b"\0\xff", b"\0\xff"),
    (Described(name="C", type=oracledb.DB_TYPE_BLOB), "blob", Kind.BINARY, b"", b""),
    (
        Described(name="C", type=oracledb.DB_TYPE_DATE),
        "date",
        Kind.TIMESTAMP,
        datetime(2024, 2, 29, 12, 30),
        "2024-02-29 12:30:00",
    ),
    (
        Described(name="C", type=oracledb.DB_TYPE_TIMESTAMP, scale=6),
        "timestamp(6)",
        Kind.TIMESTAMP,
        datetime(1, 1, 1, 0, 0, 0, 678000),
        "0001-01-01 00:00:00.678",
    ),
    (
        Described(name="C", type=oracledb.DB_TYPE_INTERVAL_DS, precision=2, scale=6),
        "interval day(2) to second(6)",
        Kind.INTERVAL,
        timedelta(days=-1, hours=2, microseconds=5),
        "PT-21H-59M-59.999995S",
    ),
    (
        Described(name="C", type=oracledb.DB_TYPE_INTERVAL_YM, precision=2),
        "interval year(2) to month",
        Kind.INTERVAL,
        oracledb.IntervalYM(-1, -2),
        "P-1Y-2M",
    ),
    (
        Described(name="C", type=oracledb.DB_TYPE_VECTOR),
        "vector",
        Kind.ARRAY,
        array.array("f", [0.1, 2]),
        [0.1, 2.0],
    ),
    (Described(name="C", type=oracledb.DB_TYPE_VECTOR), "vector", Kind.ARRAY, array.array("b", [-1, 2]), [-1.0, 2.0]),
]


@pytest.mark.parametrize(("described", "name", "kind", "value", "wanted"), VALUES)
def test_a_value_of_the_driver_becomes_ours(
    described: Described, name: str, kind: Kind, value: object, wanted: object
) -> None:
    found = fetched(described)
    assert (found.column.type.name, found.column.type.kind, found.exactly) == (name, kind, "")
    converted = found.convert(value) if found.convert else value
    assert converted == wanted
    assert str(converted) == str(wanted)


TEXTS: list[tuple[Described, Kind, str, str, object]] = [
    (
        Described(name="C", type=oracledb.DB_TYPE_TIMESTAMP, scale=9),
        Kind.TIMESTAMP,
        "to_char(",
        " 2024-01-02 03:04:05.123456789",
        "2024-01-02 03:04:05.123456789",
    ),
    (
        Described(name="C", type=oracledb.DB_TYPE_TIMESTAMP, scale=9),
        Kind.TIMESTAMP,
        "to_char(",
        "-0044-03-15 00:00:00.000000000",
        "0044-03-15 00:00:00 BC",
    ),
    (
        Described(name="C", type=oracledb.DB_TYPE_TIMESTAMP_TZ, scale=6),
        Kind.TIMESTAMPTZ,
        "sys_extract_utc(",
        " 2024-01-02 01:04:05.500000000",
        "2024-01-02 01:04:05.5 UTC",
    ),
    (
        Described(name="C", type=oracledb.DB_TYPE_TIMESTAMP_LTZ, scale=0),
        Kind.TIMESTAMPTZ,
        "sys_extract_utc(",
        " 2024-01-02 01:04:05.000000000",
        "2024-01-02 01:04:05 UTC",
    ),
    (
        Described(name="C", type=oracledb.DB_TYPE_INTERVAL_DS, precision=9, scale=9),
        Kind.INTERVAL,
        "to_char(",
        "-000000001 02:00:00.000000001",
        "P-1DT-2H-0.000000001S",
    ),
    (
        Described(name="C", type=oracledb.DB_TYPE_TIMESTAMP),
        Kind.TIMESTAMP,
        "to_char(",
        " 2024-01-02 03:04:05.000000000",
        "2024-01-02 03:04:05",
    ),
    (Described(name="C", type=oracledb.DB_TYPE_INTERVAL_DS), Kind.INTERVAL, "to_char(", "+00 00:00:00.5", "PT0.5S"),
    (Described(name="C", type=oracledb.DB_TYPE_JSON), Kind.JSON, "json_serialize(", '{"a":1.10}', b'{"a":1.10}'),
]


@pytest.mark.parametrize(("described", "kind", "function", "text", "wanted"), TEXTS)
def test_what_the_driver_cuts_is_asked_for_as_text(
    described: Described, kind: Kind, function: str, text: str, wanted: object
) -> None:
    found = fetched(described)
    assert found.column.type.kind is kind
    assert function in found.exactly
    assert found.convert is not None
    assert found.convert(text) == wanted


def test_every_type_of_the_driver_is_read_or_refused() -> None:
    refused = set()
    for name in dir(oracledb):
        db_type = getattr(oracledb, name)
        if isinstance(db_type, oracledb.DbType):
            try:
                fetched(Described(name="C", type=db_type))
            except NotFetched:
                refused.add(db_type.name)
    assert refused == {
        *("DB_TYPE_OBJECT", "DB_TYPE_CURSOR", "DB_TYPE_BINARY_INTEGER", "DB_TYPE_LONG_NVARCHAR", "DB_TYPE_UNKNOWN")
    }
