"""Arguments reach Oracle in their declared types, whole or not at all."""

from datetime import datetime
from decimal import Decimal

import pytest

from tidemill.model.errors import BadRequest
from tidemill.stores.databases.oracle.arguments import bound_value
from tidemill.stores.databases.port import Argument

LONG = "12345678901234567890.123456789012345678"
DAY = "2024-01-02"
ZEROS = "000000000"
ZONED = "to_timestamp_tz"


def written(type_name: str, raw: str) -> tuple[object, str, str]:
    found = bound_value(Argument(name="a", type_name=type_name, value=raw.encode()))
    return found.value, found.type.name.removeprefix("DB_TYPE_").lower(), found.expression.partition("(")[0]


@pytest.mark.parametrize(
    ("type_name", "raw", "value", "kind", "expression"),
    [
        ("number(10,2)", "12.50", Decimal("12.50"), "number", "{}"),
        ("number", f'"{LONG}"', Decimal(LONG), "number", "{}"),
        ("integer", '"99999999999999999999999999999999999999"', 10**38 - 1, "number", "{}"),
        ("float", "0.1", Decimal("0.1"), "number", "{}"),
        ("binary_double", "0.1", 0.1, "binary_double", "{}"),
        ("binary_double", '"-Infinity"', float("-inf"), "binary_double", "{}"),
        ("binary_float", "0.5", 0.5, "binary_float", "{}"),
        ("boolean", "true", True, "boolean", "{}"),
        ("varchar2(20)", '"it\'s ☃"', "it's ☃", "varchar", "{}"),
        ("varchar2(20 char)", "12.50", "12.50", "varchar", "{}"),
        ("nvarchar2(20)", '"☃"', "☃", "nvarchar", "{}"),
        ("clob", '{"a": 1}', '{"a": 1}', "clob", "{}"),
        ("varchar2", f'"{"x" * 40_000}"', "x" * 40_000, "clob", "{}"),
        ("raw(16)", '"AP8="', b"\0\xff", "raw", "{}"),
        ("blob", '"AP8="', b"\0\xff", "blob", "{}"),
        ("date", '"2024-02-29T12:30:00.000Z"', datetime(2024, 2, 29, 12, 30), "date", "{}"),
        ("date", '"2024-02-29"', datetime(2024, 2, 29), "date", "{}"),
        ("timestamp", '"2024-01-02T03:04:05.123456789Z"', "2024-01-02 03:04:05.123456789", "varchar", "to_timestamp"),
        ("timestamp(3)", '"2024-01-02T03:04:05.678Z"', "2024-01-02 03:04:05.678000000", "varchar", "to_timestamp"),
        ("timestamp with time zone", f'"{DAY}T03:04:05+0530"', f"{DAY} 03:04:05.{ZEROS} +05:30", "varchar", ZONED),
        ("timestamp(9) with local time zone", '"2024-01-02"', f"2024-01-02 00:00:00.{ZEROS} +00:00", "varchar", ZONED),
        ("interval day to second", '"P1DT2H"', "P1DT2H", "varchar", "to_dsinterval"),
        ("interval day(3) to second(9)", '"1 02:00:00"', "1 02:00:00", "varchar", "to_dsinterval"),
        ("interval year to month", '"P1Y2M"', "P1Y2M", "varchar", "to_yminterval"),
        ("interval year to month", '"P-1Y-2M"', "-P1Y2M", "varchar", "to_yminterval"),
        ("interval day to second", '"P-1DT-2H-0.5S"', "-P1DT2H0.5S", "varchar", "to_dsinterval"),
        ("interval day to second", '"P-1DT2H"', "P-1DT2H", "varchar", "to_dsinterval"),
        ("json", '{"a": 1.10}', '{"a": 1.10}', "varchar", "{}"),
        ("", "12.50", Decimal("12.50"), "number", "{}"),
        ("", "true", 1, "number", "{}"),
        ("", '"text"', "text", "varchar", "{}"),
    ],
)  # fmt: skip
def test_a_value_is_bound_in_its_type(type_name: str, raw: str, value: object, kind: str, expression: str) -> None:
    assert written(type_name, raw) == (value, kind, expression)


@pytest.mark.parametrize("type_name", ["number", "integer", "binary_double", "boolean", "varchar2(5)", "clob", "raw(1)",
                                       "blob", "date", "timestamp", "timestamp with time zone", "json", "",
                                       "interval day to second"])  # fmt: skip
def test_null_goes_in_every_type(type_name: str) -> None:
    assert written(type_name, "null")[0] is None


@pytest.mark.parametrize(
    ("type_name", "raw"),
    [
        ("number", '"NaN"'),
        ("number", "1e126"),
        ("number", "1" * 39),
        ("integer", "1.5"),
        ("integer", "1" + "0" * 38),
        ("binary_float", "1e39"),
        ("boolean", '"x"'),
        ("raw(1)", '"*"'),
        ("date", '"2024-02-29T12:30:00.5"'),
        ("date", '"2024-02-30"'),
        ("date", '"2024-02-29T12:30:00+01:00"'),
        ("timestamp(3)", '"2024-01-02T03:04:05.6789"'),
        ("timestamp", '"2024-01-02T24:00:00"'),
        ("timestamp", '"10000-01-02"'),
        ("timestamp with time zone", '"2/1/2024"'),
        ("interval day to second", "5"),
    ],
)
def test_what_does_not_fit_is_refused(type_name: str, raw: str) -> None:
    with pytest.raises(BadRequest, match="'a'"):
        written(type_name, raw)
