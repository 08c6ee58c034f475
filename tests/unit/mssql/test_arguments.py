"""Arguments reach SQL Server in their declared types, whole or not at all."""

import uuid
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytds import tds_base, tds_types
from pytds.tds_writer import _TdsWriter

from tests.unit.mssql.test_values import Bytes, Sent
from tidemill.model.errors import BadRequest
from tidemill.stores.databases.mssql.arguments import parameter
from tidemill.stores.databases.mssql.reading import read_type
from tidemill.stores.databases.port import Argument

GUID = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"


def came_back(type_name: str, raw: str) -> tuple[str, object]:
    """How it is declared, and its value as results of that type are read."""
    found = parameter(Argument(name="a", type_name=type_name, value=raw.encode()))
    source = Bytes(found.info + found.data)
    _, reader = read_type(source)
    value = reader(source)
    with pytest.raises(AssertionError):
        source.take(1)
    return found.declaration, value


@pytest.mark.parametrize(
    ("type_name", "raw", "declared", "value"),
    [
        ("int", "5", "int", 5),
        ("bigint", '"-9223372036854775808"', "bigint", -(2**63)),
        ("tinyint", "255", "tinyint", 255),
        ("bit", "true", "bit", True),
        ("decimal(10,2)", "12.50", "decimal(10,2)", Decimal("12.50")),
        ("decimal(9,0)", "999999999", "decimal(9,0)", Decimal(999999999)),
        ("decimal(19,4)", "-999999999999999.9999", "decimal(19,4)", Decimal("-999999999999999.9999")),
        ("decimal(28,0)", "9" * 28, "decimal(28,0)", Decimal("9" * 28)),
        ("decimal(38,0)", "-" + "9" * 38, "decimal(38,0)", Decimal("-" + "9" * 38)),
        ("decimal(10,2)", "1e3", "decimal(10,2)", Decimal("1000.00")),
        ("numeric", "-1234567890.12345678901234567890", "decimal(38,19)", Decimal("-1234567890.1234567890123456789")),
        ("decimal", "0e999", "decimal(38,0)", Decimal(0)),
        ("money", "922337203685477.5807", "money", Decimal("922337203685477.5807")),
        ("smallmoney", "-0.01", "smallmoney", Decimal("-0.0100")),
        ("float", "0.1", "float", 0.1),
        ("float(24)", "0.1", "real", 0.1),
        ("nvarchar(3)", '"☃☃☃"', "nvarchar(4000)", "☃☃☃"),
        ("nvarchar(max)", f'"{"é" * 5000}"', "nvarchar(max)", "é" * 5000),
        ("nvarchar(max)", '{"a": 1}', "nvarchar(4000)", '{"a": 1}'),
        ("varchar(5)", '"it\'s"', "varchar(8000)", "it's"),
        ("varchar(5)", '"ł"', "nvarchar(4000)", "ł"),
        ("varchar", f'"{"x" * 9000}"', "nvarchar(max)", "x" * 9000),
        ("varbinary(max)", '"AP8="', "varbinary(8000)", b"\0\xff"),
        ("uniqueidentifier", f'"{GUID.upper()}"', "uniqueidentifier", GUID),
        ("date", '"2024-02-29T12:00:00Z"', "date", "2024-02-29"),
        ("time", '"23:59:59.9999999"', "time(7)", "23:59:59.9999999"),
        ("datetime2", '"2024-01-02T03:04:05.1234567Z"', "datetime2(7)", "2024-01-02 03:04:05.1234567"),
        ("datetime2(0)", '"2024-01-02T03:04:05.000Z"', "datetime2(0)", "2024-01-02 03:04:05"),
        ("datetimeoffset", '"2024-01-02T03:04:05.5+05:30"', "datetimeoffset(7)", "2024-01-01 21:34:05.5 UTC"),
        ("datetime", '"2024-01-02T03:04:05.997Z"', "datetime", "2024-01-02 03:04:05.997"),
        ("smalldatetime", '"2024-01-02 03:04"', "smalldatetime", "2024-01-02 03:04:00"),
        ("", '"text"', "nvarchar(4000)", "text"),
        ("", "12.50", "nvarchar(4000)", "12.50"),
        ("dbo.phone", '"1"', "nvarchar(4000)", "1"),
        ("xml", '"<a/>"', "nvarchar(4000)", "<a/>"),
    ],
)  # fmt: skip
def test_a_value_arrives_in_its_type(type_name: str, raw: str, declared: str, value: object) -> None:
    assert came_back(type_name, raw) == (declared, value)


@pytest.mark.parametrize(
    "type_name",
    [
        *("int", "tinyint", "bit", "decimal", "decimal(5,2)", "money", "real", "float", "nvarchar(5)", "varchar", ""),
        *("varbinary", "uniqueidentifier", "date", "time", "datetime2(3)", "datetimeoffset", "datetime", "json"),
        "smalldatetime",
    ],
)
def test_null_goes_in_every_type(type_name: str) -> None:
    _, value = came_back(type_name, "null")
    assert value is None


@pytest.mark.parametrize(
    ("type_name", "raw"),
    [
        ("int", "2147483648"),
        ("tinyint", "-1"),
        ("bit", "2"),
        ("decimal(5,2)", "1.005"),
        ("decimal(5,2)", "1000"),
        ("decimal", "1e40"),
        ("float", '"NaN"'),
        ("float", "1e999"),
        ("real", "1e39"),
        ("money", "0.00001"),
        ("money", "1e999999"),
        ("nvarchar(2)", '"abc"'),
        ("nvarchar(1)", '"😀"'),
        ("varchar(2)", '"abc"'),
        ("binary(1)", '"AP8="'),
        ("varbinary", '"no-base64"'),
        ("uniqueidentifier", '"x"'),
        ("date", '"2024-02-30"'),
        ("date", '"10000-01-01"'),
        ("time(3)", '"00:00:00.0001"'),
        ("time", '"24:00:00"'),
        ("datetime2(7)", '"2024-01-02T03:04:05.12345678"'),
        ("datetime2", '"2024-01-02T03:04:05+02:00"'),
        ("datetimeoffset", '"2024-01-02T03:04:05+15:00"'),
        ("datetimeoffset", '"0001-01-01T00:00:00+01:00"'),
        ("datetime", '"2024-01-02T03:04:05.998"'),
        ("datetime", '"1752-12-31T00:00:00"'),
        ("smalldatetime", '"2024-01-02T03:04:05"'),
    ],
)
def test_what_a_type_would_change_is_refused(type_name: str, raw: str) -> None:
    with pytest.raises(BadRequest, match=r"'a'"):
        came_back(type_name, raw)


AS_THE_DRIVER: list[tuple[str, bytes, Any, object]] = [
    *(
        (f"decimal({precision},{scale})", b"-5", tds_types.DecimalType(precision, scale), Decimal(-5))
        for precision, scale in ((9, 2), (10, 0), (20, 5), (38, 9))
    ),
    ("bigint", b"-5", tds_types.BigIntType(), -5),
    ("float", b"0.1", tds_types.FloatType(), 0.1),
    ("bit", b"true", tds_types.BitType(), True),
    ("date", b'"2024-02-29"', tds_types.DateType(), date(2024, 2, 29)),
    ("time(6)", b'"23:59:59.999999"', tds_types.TimeType(6), time(23, 59, 59, 999999)),
    ("datetime2(6)", b'"2024-02-29T01:02:03.000004"', tds_types.DateTime2Type(6), datetime(2024, 2, 29, 1, 2, 3, 4)),
    (
        "datetimeoffset(6)",
        b'"2024-02-29T01:02:03.000004-05:30"',
        tds_types.DateTimeOffsetType(6),
        datetime(2024, 2, 29, 1, 2, 3, 4, tzinfo=timezone(-timedelta(hours=5, minutes=30))),
    ),
    ("uniqueidentifier", f'"{GUID}"'.encode(), tds_types.UniqueIdentifierType(), uuid.UUID(GUID)),
    ("nvarchar", '"it\'s ☃"'.encode(), tds_types.NVarCharType(4000), "it's ☃"),
    ("varbinary", b'"AP8="', tds_types.VarBinaryType(8000), b"\0\xff"),
]


@pytest.mark.parametrize(("type_name", "raw", "sql_type", "value"), AS_THE_DRIVER)
def test_an_argument_has_the_bytes_that_the_driver_itself_would_send(
    type_name: str, raw: bytes, sql_type: Any, value: object
) -> None:
    serializer = tds_types.SerializerFactory(tds_base.TDS74).serializer_by_type(sql_type=sql_type)
    sent = Sent()
    writer = _TdsWriter(sent, 4096, None)
    writer.begin_packet(3)
    writer.put_byte(serializer.type)
    serializer.write_info(writer)
    serializer.write(writer, value)
    writer.flush()
    found = parameter(Argument(name="a", type_name=type_name, value=raw))
    assert found.info + found.data == bytes(sent.data)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=-(10**20), max_value=10**20))
def test_a_decimal_keeps_its_digits(value: Decimal) -> None:
    _, found = came_back("decimal", f'"{value:f}"')
    assert found == value


@given(st.integers(0, 864 * 10**9 - 1), st.dates(), st.integers(-840, 840))
def test_an_instant_keeps_its_ten_millionths(units: int, day: object, minutes: int) -> None:
    seconds, fraction = divmod(units, 10**7)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{fraction:07}"
    _, found = came_back("datetime2(7)", f'"{day}T{clock}"')
    assert found == f"{day} {clock}".rstrip("0").rstrip(".") if fraction else f"{day} {clock[:8]}"


@pytest.mark.parametrize("size", ["(39,0)", "(5,6)", "(999999999,999999998)"])
def test_sizes_that_no_decimal_has_are_refused_before_they_are_calculated(size: str) -> None:
    with pytest.raises(BadRequest, match="'a' has no type"):
        parameter(Argument(name="a", type_name=f"decimal{size}", value=b"5"))
