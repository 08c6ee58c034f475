"""The types of Snowflake, as `rowType` tells them, and how their values are read from the texts of its JSON.

https://docs.snowflake.com/en/developer-guide/sql-api/handling-responses has both: dates are days, times and timestamps
seconds with nine digits behind the point, offsets minutes with 1440 added.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from tidemill.model.column import Column, DataType, Kind
from tidemill.model.errors import QueryFailed

Reader = Callable[[str], object]

_DAY_S: Final = 86_400
_NANO: Final = 10**9
_OFFSET: Final = 1440
_MOST_64_BIT_DIGITS: Final = 18
_EXACT_DIGITS: Final = 0
"""In the place of a count of digits: a server that writes floats in full."""


def columns_of(row_type: Sequence[Mapping[str, Any]], *, float_digits: int) -> tuple[tuple[Column, ...], list[Reader]]:
    """The columns of a result, and what reads the values of each. A reader is not asked about NULL.

    `float_digits`: after so many digits the server cuts floats; 0 where it does not.
    """
    found = [_type(each, float_digits) for each in row_type]
    columns = tuple(
        Column(str(each["name"]), data_type, bool(each.get("nullable", True)))
        for each, (data_type, _) in zip(row_type, found, strict=True)
    )
    return columns, [read for _, read in found]


def has_floats(row_type: Sequence[Mapping[str, Any]]) -> bool:
    return any(str(each["type"]).lower() == "real" for each in row_type)


def digits_of(written: str) -> int:
    """How many digits a number is written with, without zeros at its ends."""
    return len(written.lower().partition("e")[0].lstrip("+-").replace(".", "").strip("0"))


def _type(told: Mapping[str, Any], float_digits: int) -> tuple[DataType, Reader]:
    name = str(told["type"]).lower()
    if name == "fixed":
        return _number(int(told.get("precision") or 38), int(told.get("scale") or 0))
    if name == "real":
        return DataType(name="float", kind=Kind.FLOAT), _float_reader(str(told["name"]), float_digits)
    if name in _TIMES:
        kind, read = _TIMES[name]
        digits = int(9 if told.get("scale") is None else told["scale"])
        return DataType(name=f"{name}({digits})", kind=kind, fraction_digits=digits), read
    kind, read = _PLAIN.get(name, (Kind.TEXT, str))
    return DataType(name=_NAMES.get(name, name), kind=kind), read


def _number(precision: int, scale: int) -> tuple[DataType, Reader]:
    name = f"number({precision},{scale})"
    if scale:
        return DataType(name=name, kind=Kind.DECIMAL, precision=precision, scale=scale), Decimal
    bits = 64 if precision <= _MOST_64_BIT_DIGITS else 0
    return DataType(name=name, kind=Kind.INTEGER, bits=bits, precision=0 if bits else precision), int


def _float_reader(column: str, digits: int) -> Reader:
    if digits == _EXACT_DIGITS:
        return float

    def read(text: str) -> float:
        if digits_of(text) >= digits:
            raise QueryFailed(
                f"Snowflake writes only {digits} digits of the FLOAT in column {column!r}, and this value has more. "
                "Select it as to_varchar(column, 'TME') for all of them, or cast it to a NUMBER with the digits that "
                "you need."
            )
        return float(text)

    return read


def date_of(days: int) -> str:
    """The day so many days after 1970-01-01, in the calendar of today for all times."""
    # http://howardhinnant.github.io/date_algorithms.html#civil_from_days: years begin in March, in eras of 400
    era, of_era = divmod(days + 719_468, 146_097)
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    day = of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    year += 400 * era + (month <= 2)
    return f"{year:04d}-{month:02d}-{day:02d}" if year > 0 else f"{1 - year:04d}-{month:02d}-{day:02d} BC"


def _date(text: str) -> str:
    return date_of(int(text))


def _clock(nanoseconds: int) -> str:
    seconds, fraction = divmod(nanoseconds, _NANO)
    shown = f"{fraction:09d}".rstrip("0")
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{'.' if shown else ''}{shown}"


def _nanoseconds(text: str) -> int:
    seconds, _, fraction = text.partition(".")
    return int(seconds + fraction.ljust(9, "0"))


def _time(text: str) -> str:
    return _clock(_nanoseconds(text))


def _moment(nanoseconds: int) -> str:
    days, of_day = divmod(nanoseconds, _DAY_S * _NANO)
    date, _, era = date_of(days).partition(" ")
    return f"{date} {_clock(of_day)}{' ' if era else ''}{era}"


def _wall_clock(text: str) -> str:
    return _moment(_nanoseconds(text))


def _instant(text: str) -> str:
    return f"{_moment(_nanoseconds(text))} UTC"


def _with_offset(text: str) -> str:
    """The time where it was written, with its offset, which Snowflake keeps."""
    seconds, _, offset = text.partition(" ")
    minutes = int(offset) - _OFFSET
    sign, distance = "-" if minutes < 0 else "+", abs(minutes)
    moment = _moment(_nanoseconds(seconds) + minutes * 60 * _NANO)
    return f"{moment} {sign}{distance // 60:02d}:{distance % 60:02d}"


def _truth(text: str) -> bool:
    return text.lower() in {"true", "1"}


_TIMES: Final[dict[str, tuple[Kind, Reader]]] = {
    "time": (Kind.TIME, _time),
    "timestamp_ntz": (Kind.TIMESTAMP, _wall_clock),
    "timestamp_ltz": (Kind.TIMESTAMPTZ, _instant),
    "timestamp_tz": (Kind.TEXT, _with_offset),
}
_PLAIN: Final[dict[str, tuple[Kind, Reader]]] = {
    "boolean": (Kind.BOOL, _truth),
    "date": (Kind.DATE, _date),
    "binary": (Kind.BINARY, bytes.fromhex),
    "decfloat": (Kind.DECIMAL, Decimal),
    "uuid": (Kind.UUID, str.lower),
    **dict.fromkeys(("variant", "object", "array", "map", "vector"), (Kind.JSON, str.encode)),
}
"""What is not among them is text: strings, geographies, files."""
_NAMES: Final = {"text": "varchar"}
