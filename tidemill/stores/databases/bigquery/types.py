"""The types of BigQuery, as the schema of a result tells them, and how their values are read from its JSON.

https://cloud.google.com/bigquery/docs/reference/rest/v2/tables#TableFieldSchema has the schema; values are texts, a
record is `{"f": [{"v": …}]}`, and what repeats is a list of `{"v": …}`.
"""

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from tidemill.model.column import Column, DataType, Kind
from tidemill.model.errors import QueryFailed

Reader = Callable[[Any], object]
Field = Mapping[str, Any]

_EPOCH: Final = datetime(1970, 1, 1)
_MICROSECONDS: Final = re.compile(r"-?\d+")
_INSTANT: Final = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d+))?(?:Z|\+00:00| UTC)")
_INTERVAL: Final = re.compile(r"([+-]?)(\d+)-(\d+) ([+-]?)(\d+) ([+-]?)(\d+):(\d+):(\d+)(?:\.(\d+))?")
_RANGE: Final = re.compile(r"\[([^,]+), ([^,]+)\)")
_ENDLESS: Final = "UNBOUNDED"
_PICOSECONDS: Final = 12


def columns_of(schema: Sequence[Field]) -> tuple[tuple[Column, ...], list[Reader]]:
    """The columns of a result, and what reads the values of each. A reader is not asked about NULL."""
    found = [_field(field) for field in schema]
    columns = tuple(
        Column(str(field["name"]), data_type, field.get("mode") != "REQUIRED")
        for field, (data_type, _) in zip(schema, found, strict=True)
    )
    return columns, [read for _, read in found]


def cells(row: Any, readers: Sequence[Reader]) -> tuple[object, ...]:
    """The values of a row or record."""
    values = [cell["v"] for cell in row["f"]]
    return tuple([None if each is None else read(each) for read, each in zip(readers, values, strict=True)])


def _field(field: Field) -> tuple[DataType, Reader]:
    data_type, read = _scalar(field)
    if field.get("mode") != "REPEATED":
        return data_type, read
    listed = DataType(name=f"array<{data_type.name}>", kind=Kind.ARRAY, item=data_type)
    return listed, lambda cells: [None if cell["v"] is None else read(cell["v"]) for cell in cells]


def _scalar(field: Field) -> tuple[DataType, Reader]:
    name = _NAMES.get(field["type"], str(field["type"]).lower())
    if name in _COMPOSED:
        return _COMPOSED[name](name, field)
    kind, read = _PLAIN.get(name, (Kind.TEXT, str))
    return DataType(name=name, kind=kind), read


def _struct(name: str, field: Field) -> tuple[DataType, Reader]:
    columns, readers = columns_of(field.get("fields") or [])
    names = [column.name for column in columns]
    if len(set(names)) != len(names):
        raise QueryFailed(f"The struct {field['name']!r} has two fields of one name: give them names of their own.")
    inner = ", ".join(f"{column.name} {column.type.name}" for column in columns)
    data_type = DataType(name=f"struct<{inner}>", kind=Kind.STRUCT, fields=columns)
    return data_type, lambda row: dict(zip(names, cells(row, readers), strict=True))


def _number(name: str, field: Field) -> tuple[DataType, Reader]:
    """With what the column declares; else with as much as the type may hold."""
    precision, scale = int(field.get("precision") or 0), int(field.get("scale") or 0)
    shown = f"{name}({precision}, {scale})" if scale else f"{name}({precision})" if precision else name
    most = (precision, scale) if precision else _MOST_DIGITS[name]
    return DataType(name=shown, kind=Kind.DECIMAL, precision=most[0], scale=most[1]), Decimal


def _timestamp(name: str, field: Field) -> tuple[DataType, Reader]:
    is_finer = int(field.get("timestampPrecision") or 0) == _PICOSECONDS
    shown = f"{name}({_PICOSECONDS})" if is_finer else name
    return DataType(name=shown, kind=Kind.TIMESTAMPTZ, fraction_digits=9 if is_finer else 6), instant


def _range(name: str, field: Field) -> tuple[DataType, Reader]:
    item = _NAMES.get(str((field.get("rangeElementType") or {}).get("type")), "")
    read = {"timestamp": instant, "datetime": _datetime}.get(item, str)

    def read_range(text: Any) -> str:
        found = _RANGE.fullmatch(str(text))
        if found is None:
            return str(text)
        ends = (end if end in {_ENDLESS, "NULL"} else str(read(end)) for end in found.groups())
        return "[{}, {})".format(*ends)

    return DataType(name=f"range<{item}>" if item else name, kind=Kind.TEXT), read_range


def instant(text: Any) -> str:
    """Of ISO 8601, as it is asked for, or of microseconds."""
    written = str(text)
    if found := _INSTANT.fullmatch(written):
        fraction = (found[3] or "").rstrip("0")
        return f"{found[1]} {found[2]}{'.' if fraction else ''}{fraction} UTC"
    if not _MICROSECONDS.fullmatch(written):
        raise QueryFailed("BigQuery gives a timestamp in a form that is not lossless: cast it to a string.")
    moment = _EPOCH + timedelta(microseconds=int(written))
    return f"{moment.isoformat(' ').rstrip('0') if moment.microsecond else moment.isoformat(' ')} UTC"


def interval(text: Any) -> str:
    """`1-2 3 4:5:6.7` as `P1Y2M3DT4H5M6.7S`; each part with the sign that it has."""
    found = _INTERVAL.fullmatch(str(text))
    if found is None:
        raise QueryFailed("BigQuery gives an interval in a form that is not known: cast it to a string.")
    sign, years, months, day_sign, days, clock_sign, hours, minutes, seconds, fraction = found.groups()
    fraction = (fraction or "").rstrip("0")
    exact = f"{int(seconds)}{'.' if fraction else ''}{fraction}"
    date = _parts(sign, Y=years, M=months) + _parts(day_sign, D=days)
    clock = _parts(clock_sign, H=hours, M=minutes) + (f"{_minus(clock_sign)}{exact}S" if exact != "0" else "")
    return f"P{date}{'T' if clock or not date else ''}{clock or ('' if date else '0S')}"


def _parts(sign: str, **counts: str) -> str:
    return "".join(f"{_minus(sign)}{int(count)}{unit}" for unit, count in counts.items() if int(count))


def _minus(sign: str) -> str:
    return "-" if sign == "-" else ""


def _datetime(text: Any) -> str:
    day, _, clock = str(text).partition("T")
    return f"{day} {_clock(clock)}" if clock else str(text)


def _clock(text: Any) -> str:
    whole, dot, fraction = str(text).partition(".")
    fraction = fraction.rstrip("0")
    return f"{whole}{dot if fraction else ''}{fraction}"


def _truth(text: Any) -> bool:
    return str(text).lower() == "true"


def _raw(text: Any) -> bytes:
    return str(text).encode()


_NAMES: Final = {
    "INTEGER": "int64",
    "FLOAT": "float64",
    "BOOLEAN": "bool",
    "RECORD": "struct",
    "DATE": "date",
    "DATETIME": "datetime",
    "TIMESTAMP": "timestamp",
}
"""Names of the interface that differ from those of SQL, and those that ranges have."""

_PLAIN: Final[dict[str, tuple[Kind, Reader]]] = {
    "int64": (Kind.INTEGER, int),
    "float64": (Kind.FLOAT, float),
    "bool": (Kind.BOOL, _truth),
    "bytes": (Kind.BINARY, base64.b64decode),
    "date": (Kind.DATE, str),
    "time": (Kind.TIME, _clock),
    "datetime": (Kind.TIMESTAMP, _datetime),
    "interval": (Kind.INTERVAL, interval),
    "json": (Kind.JSON, _raw),
}
"""What is not among them is text: strings, geographies as WKT."""

_COMPOSED: Final[dict[str, Callable[[str, Field], tuple[DataType, Reader]]]] = {
    "struct": _struct,
    "numeric": _number,
    "bignumeric": _number,
    "timestamp": _timestamp,
    "range": _range,
}
_MOST_DIGITS: Final = {"numeric": (38, 9), "bignumeric": (76, 38)}
"""Of a column without a declared precision. Some BIGNUMERICs have a 77th digit, which Parquet alone cannot hold."""
