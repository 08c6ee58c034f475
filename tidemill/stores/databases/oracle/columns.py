"""The columns of Oracle's results: which kind each is, how its values are fetched exactly, and made ours.

What oracledb cannot fetch whole is turned into a text by the server: the digits of a timestamp behind the sixth, its
time zone, and JSON, whose text is the database's own.
"""

import array
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import oracledb

from tidemill.model.column import Column, DataType, Kind
from tidemill.stores.databases.single_precision import shortest

Convert = Callable[[object], object]

_DIGITS: Final = 6
"""Below a second, of Python's times."""
_NO_SCALE: Final = -127
_TO_TEXT: Final = "to_char({}, 'SYYYY-MM-DD HH24:MI:SS.FF9')"
_UTC_TO_TEXT: Final = "to_char(sys_extract_utc({}), 'SYYYY-MM-DD HH24:MI:SS.FF9')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What the driver tells of a column. `size` is in characters or bytes; 0 where there is none."""

    name: str
    type: oracledb.DbType
    precision: int = 0
    scale: int = 0
    size: int = 0
    is_nullable: bool = True
    is_sparse: bool = False
    type_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """How a column comes to us.

    Attributes:
        exactly: an expression of SQL over `{}`, the column, by which all of its value comes; "" where it does anyhow.
            convert: makes a value of the driver's, which is not None, ours; None where it is that already.
    """

    column: Column
    exactly: str = ""
    convert: Convert | None = None


class NotFetched(Exception):
    """A column whose values do not come whole; says what to select in its place."""


def described(info: oracledb.FetchInfo) -> Described:
    """From what a cursor tells."""
    assert isinstance(info.type_code, oracledb.DbType)
    return Described(
        name=info.name,
        type=info.type_code,
        precision=info.precision or 0,
        scale=info.scale or 0,
        size=info.internal_size or 0,
        is_nullable=bool(info.null_ok),
        is_sparse=bool(info.vector_is_sparse),
        type_name=getattr(info.type, "name", ""),
    )


def fetched(found: Described) -> Fetched:
    """
    Raises:
        NotFetched: there is no form for such values.
    """
    read = _BY_TYPE.get(found.type)
    if read is None:
        kind = found.type_name or found.type.name.removeprefix("DB_TYPE_").lower()
        raise NotFetched(
            f"The column {found.name!r} is of the type {kind}, which has no form here: select its parts, or a text."
        )
    return read(found)


def _of(found: Described, name: str, kind: Kind, **more: int) -> Column:
    return Column(found.name, DataType(name=name, kind=kind, **more), found.is_nullable)  # type: ignore[arg-type]


def _number(found: Described) -> Fetched:
    """Without a precision it is a decimal with the digits that there are; `float` has a precision in bits."""
    precision, scale = found.precision, found.scale
    if not precision or scale == _NO_SCALE:
        return Fetched(column=_of(found, "number", Kind.DECIMAL))
    if scale == 0:
        bits = 64 if precision <= 18 else 0
        column = _of(found, f"number({precision})", Kind.INTEGER, bits=bits)
        return Fetched(column=column, convert=_whole)
    name = f"number({precision},{scale})"
    if scale < 0 or scale > precision:
        return Fetched(column=_of(found, name, Kind.DECIMAL))
    return Fetched(column=_of(found, name, Kind.DECIMAL, precision=precision, scale=scale))


def _whole(value: object) -> int:
    assert isinstance(value, Decimal)
    return int(value)


def _texts(name: str, *, has_size: bool = False) -> Callable[[Described], Fetched]:
    def read(found: Described) -> Fetched:
        shown = f"{name}({found.size})" if has_size and found.size else name
        return Fetched(column=_of(found, shown, Kind.TEXT))

    return read


def _bytes(name: str) -> Callable[[Described], Fetched]:
    return lambda found: Fetched(column=_of(found, name, Kind.BINARY))


def _file(found: Described) -> Fetched:
    return Fetched(column=_of(found, "bfile", Kind.BINARY), convert=_read)


def _read(value: object) -> object:
    assert isinstance(value, oracledb.LOB)
    return value.read()


def _date(found: Described) -> Fetched:
    """A day and a time to the second."""
    return Fetched(column=_of(found, "date", Kind.TIMESTAMP, fraction_digits=0), convert=_moment)


def _timestamp(found: Described) -> Fetched:
    column = _of(found, f"timestamp({found.scale})", Kind.TIMESTAMP, fraction_digits=found.scale)
    if 0 < found.scale <= _DIGITS:
        return Fetched(column=column, convert=_moment)
    return Fetched(column=column, exactly=_TO_TEXT, convert=_moment_text)


def _instant(suffix: str) -> Callable[[Described], Fetched]:
    def read(found: Described) -> Fetched:
        name = f"timestamp({found.scale}) with {suffix}time zone"
        column = _of(found, name, Kind.TIMESTAMPTZ, fraction_digits=found.scale)
        return Fetched(column=column, exactly=_UTC_TO_TEXT, convert=_instant_text)

    return read


def _moment(value: object) -> str:
    assert isinstance(value, datetime)
    text = str(value)
    return text.rstrip("0") if value.microsecond else text


def _moment_text(value: object) -> str:
    """` 2024-01-02 03:04:05.678000000`, with a minus for years before Christ."""
    text = str(value)
    day, _, clock = text.strip().lstrip("-").partition(" ")
    clock = clock.rstrip("0").rstrip(".") if "." in clock else clock
    return f"{day} {clock}{' BC' if text.startswith('-') else ''}"


def _instant_text(value: object) -> str:
    return f"{_moment_text(value)} UTC"


def _interval_of_days(found: Described) -> Fetched:
    name = f"interval day({found.precision}) to second({found.scale})"
    if 0 < max(found.precision, found.scale) <= _DIGITS:  # whichever of them the driver takes for the digits
        return Fetched(column=_of(found, name, Kind.INTERVAL), convert=_days)
    return Fetched(column=_of(found, name, Kind.INTERVAL), exactly="to_char({})", convert=_days_text)


def _days(value: object) -> str:
    assert isinstance(value, timedelta)
    micros = (value.days * 86_400 + value.seconds) * 10**6 + value.microseconds
    return _duration(micros * 1000)


def _days_text(value: object) -> str:
    """`+000000001 02:03:04.123456789`."""
    text = str(value)
    day, _, clock = text.lstrip("+-").partition(" ")
    hours, minutes, seconds = clock.split(":")
    whole, _, fraction = seconds.partition(".")
    count = ((int(day) * 24 + int(hours)) * 60 + int(minutes)) * 60 + int(whole)
    nanos = count * 10**9 + int(fraction.ljust(9, "0") or 0)
    return _duration(-nanos if text.startswith("-") else nanos)


def _duration(nanos: int) -> str:
    """As ISO 8601 has it, each part with the sign."""
    sign = "-" if nanos < 0 else ""
    seconds, fraction = divmod(abs(nanos), 10**9)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    below = f".{fraction:09}".rstrip("0") if fraction else ""
    parts = ((str(hour), "H"), (str(minute), "M"), (f"{second}{below}", "S"))
    clock = "".join(f"{sign}{part}{unit}" for part, unit in parts if part != "0")
    day = f"{sign}{days}D" if days else ""
    return f"P{day}{'T' if clock else ''}{clock}" if day or clock else "PT0S"


def _interval_of_months(found: Described) -> Fetched:
    name = f"interval year({found.precision}) to month"
    return Fetched(column=_of(found, name, Kind.INTERVAL), convert=_months)


def _months(value: object) -> str:
    assert isinstance(value, oracledb.IntervalYM)
    parts = "".join(f"{part}{unit}" for part, unit in ((value.years, "Y"), (value.months, "M")) if part)
    return f"P{parts or '0M'}"


def _single(found: Described) -> Fetched:
    return Fetched(column=_of(found, "binary_float", Kind.FLOAT, bits=32), convert=_shortest)


def _shortest(value: object) -> float:
    assert isinstance(value, float)
    return shortest(struct.pack("<f", value))


def _json(found: Described) -> Fetched:
    return Fetched(column=_of(found, "json", Kind.JSON), exactly="json_serialize({} returning clob)", convert=_encoded)


def _encoded(value: object) -> bytes:
    return str(value).encode()


def _vector(found: Described) -> Fetched:
    """Numbers of one width; a sparse one is the text that Oracle reads as it."""
    if found.is_sparse:
        return Fetched(column=_of(found, "vector", Kind.TEXT), convert=str)
    item = DataType(name="number", kind=Kind.FLOAT)
    column = Column(found.name, DataType(name="vector", kind=Kind.ARRAY, item=item), found.is_nullable)
    return Fetched(column=column, convert=_numbers)


def _numbers(value: object) -> list[float]:
    assert isinstance(value, array.array)
    if value.typecode == "f":
        return [_shortest(each) for each in value]
    return [float(each) for each in value]


_BY_TYPE: Final[dict[oracledb.DbType, Callable[[Described], Fetched]]] = {
    oracledb.DB_TYPE_NUMBER: _number,
    oracledb.DB_TYPE_BINARY_DOUBLE: lambda found: Fetched(column=_of(found, "binary_double", Kind.FLOAT)),
    oracledb.DB_TYPE_BINARY_FLOAT: _single,
    oracledb.DB_TYPE_BOOLEAN: lambda found: Fetched(column=_of(found, "boolean", Kind.BOOL)),
    oracledb.DB_TYPE_VARCHAR: _texts("varchar2", has_size=True),
    oracledb.DB_TYPE_NVARCHAR: _texts("nvarchar2", has_size=True),
    oracledb.DB_TYPE_CHAR: _texts("char", has_size=True),
    oracledb.DB_TYPE_NCHAR: _texts("nchar", has_size=True),
    oracledb.DB_TYPE_LONG: _texts("long"),
    oracledb.DB_TYPE_CLOB: _texts("clob"),
    oracledb.DB_TYPE_NCLOB: _texts("nclob"),
    oracledb.DB_TYPE_XMLTYPE: _texts("xmltype"),
    oracledb.DB_TYPE_ROWID: _texts("rowid"),
    oracledb.DB_TYPE_UROWID: _texts("urowid"),
    oracledb.DB_TYPE_RAW: _bytes("raw"),
    oracledb.DB_TYPE_LONG_RAW: _bytes("long raw"),
    oracledb.DB_TYPE_BLOB: _bytes("blob"),
    oracledb.DB_TYPE_BFILE: _file,
    oracledb.DB_TYPE_DATE: _date,
    oracledb.DB_TYPE_TIMESTAMP: _timestamp,
    oracledb.DB_TYPE_TIMESTAMP_TZ: _instant(""),
    oracledb.DB_TYPE_TIMESTAMP_LTZ: _instant("local "),
    oracledb.DB_TYPE_INTERVAL_DS: _interval_of_days,
    oracledb.DB_TYPE_INTERVAL_YM: _interval_of_months,
    oracledb.DB_TYPE_JSON: _json,
    oracledb.DB_TYPE_VECTOR: _vector,
}
