"""Arguments of statements, from JSON to what oracledb binds, and how the statement takes them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

import oracledb

from tidemill.engine import bound_values as bound
from tidemill.stores.databases.port import Argument

_MODIFIER: Final = re.compile(r"\([^()]*\)")
_SCALE: Final = re.compile(r"timestamp\s*\(\s*(\d)\s*\)")
_MOST_DIGITS: Final = 38
_ALL_NEGATIVE: Final = re.compile(r"P(?:-\d+[YMD])*(?:T(?:-[\d.]+[HMS])+)?")
"""A duration as results have it; Oracle wants the sign before it, once."""
_LONG_BYTES: Final = 32767
"""Beyond it PL/SQL takes texts as LOBs only."""
_FORM: Final = "YYYY-MM-DD HH24:MI:SS.FF9"


@dataclass(frozen=True, slots=True)
class Bound:
    """A value of the driver's, its type, and what stands in the statement for `{}`, its place."""

    value: object
    type: oracledb.DbType
    expression: str = "{}"


def bound_value(argument: Argument) -> Bound:
    """The value as Oracle is given it.

    Raises:
        BadRequest: it does not fit the declared type.
    """
    raw = None if argument.value is None or argument.value == b"null" else argument.value
    type_name = argument.type_name.strip().lower()
    name = " ".join(_MODIFIER.sub(" ", type_name).split())
    write = _WRITERS.get(name, _text) if name else _undeclared
    return write(argument.name, type_name or "value", raw)


Writer = Callable[[str, str, bytes | None], Bound]


def _undeclared(name: str, type_name: str, raw: bytes | None) -> Bound:
    """Numbers as numbers: of a text the server would read them by its own country's signs."""
    if raw is not None and raw[:1] in b"-0123456789":
        return _number(name, type_name, raw)
    if raw in {b"true", b"false"}:
        return Bound(int(raw == b"true"), oracledb.DB_TYPE_NUMBER)
    return _text(name, type_name, raw)


def _text(name: str, type_name: str, raw: bytes | None) -> Bound:
    text = None if raw is None else bound.text(raw)
    is_long = text is not None and len(text.encode()) > _LONG_BYTES
    return Bound(text, oracledb.DB_TYPE_CLOB if is_long else oracledb.DB_TYPE_VARCHAR)


def _text_as(db_type: oracledb.DbType) -> Writer:
    return lambda name, type_name, raw: Bound(None if raw is None else bound.text(raw), db_type)


def _number(name: str, type_name: str, raw: bytes | None) -> Bound:
    if raw is None:
        return Bound(None, oracledb.DB_TYPE_NUMBER)
    digits = bound.decimal(name, type_name, raw)
    number = Decimal(0) if digits[-1].isalpha() else Decimal(digits)
    kept = len("".join(map(str, number.as_tuple().digits)).strip("0"))
    if digits[-1].isalpha() or kept > _MOST_DIGITS or (number and not -130 <= number.adjusted() <= 125):
        raise bound.unfit(name, type_name, raw, f"a number with at most {_MOST_DIGITS} digits, below 1e126")
    return Bound(number, oracledb.DB_TYPE_NUMBER)


def _integer(name: str, type_name: str, raw: bytes | None) -> Bound:
    if raw is None:
        return Bound(None, oracledb.DB_TYPE_NUMBER)
    number = bound.integer(name, type_name, raw, bits=128)
    if abs(number) >= 10**_MOST_DIGITS:
        raise bound.unfit(name, type_name, raw, f"a whole number with at most {_MOST_DIGITS} digits")
    return Bound(number, oracledb.DB_TYPE_NUMBER)


def _float(db_type: oracledb.DbType, largest: float) -> Writer:
    def write(name: str, type_name: str, raw: bytes | None) -> Bound:
        if raw is None:
            return Bound(None, db_type)
        digits = bound.decimal(name, type_name, raw)
        number = float(digits)
        if abs(number) > largest and not digits[-1].isalpha():
            raise bound.unfit(name, type_name, raw, f"a number that a {type_name} holds")
        return Bound(number, db_type)

    return write


def _boolean(name: str, type_name: str, raw: bytes | None) -> Bound:
    return Bound(None if raw is None else bound.boolean(name, type_name, raw), oracledb.DB_TYPE_BOOLEAN)


def _binary(db_type: oracledb.DbType) -> Writer:
    def write(name: str, type_name: str, raw: bytes | None) -> Bound:
        return Bound(None if raw is None else bound.binary(name, type_name, raw), db_type)

    return write


def _date(name: str, type_name: str, raw: bytes | None) -> Bound:
    """It has a time to the second."""
    if raw is None:
        return Bound(None, oracledb.DB_TYPE_DATE)
    text = bound.timestamp(name, type_name, raw, digits=0)
    try:
        return Bound(datetime.fromisoformat(text), oracledb.DB_TYPE_DATE)
    except ValueError as error:
        raise bound.unfit(name, type_name, raw, "a date from the year 1 to 9999, before 24:00") from error


_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\d (?!24)\d\d:\d\d:\d\d)(?:\.(\d+))?(?:([+-]\d\d):?(\d\d)?(?::?00)?)?")


def _timestamp(name: str, type_name: str, raw: bytes | None) -> Bound:
    """As a text, whose digits all arrive."""
    text = None
    if raw is not None:
        match = _MOMENT.fullmatch(bound.timestamp(name, type_name, raw, digits=_scale(type_name)))
        text = _whole_text(match, name, type_name, raw)
    return Bound(text, oracledb.DB_TYPE_VARCHAR, f"to_timestamp({{}}, '{_FORM}')")


def _instant(name: str, type_name: str, raw: bytes | None) -> Bound:
    text = None
    if raw is not None:
        match = _MOMENT.fullmatch(bound.timestamp_with_zone(name, type_name, raw, digits=_scale(type_name)))
        text = _whole_text(match, name, type_name, raw)
        assert match is not None
        text += f" {match[3]}:{match[4] or '00'}"
    return Bound(text, oracledb.DB_TYPE_VARCHAR, f"to_timestamp_tz({{}}, '{_FORM} TZH:TZM')")


def _whole_text(match: re.Match[str] | None, name: str, type_name: str, raw: bytes) -> str:
    if match is None:
        raise bound.unfit(name, type_name, raw, "a time from the year 1 to 9999, before 24:00, offsets in minutes")
    return f"{match[1]}.{(match[2] or '').ljust(9, '0')}"


def _scale(type_name: str) -> int:
    match = _SCALE.match(type_name)
    return int(match[1]) if match else 9


def _interval(function: str) -> Writer:
    """As ISO 8601 has it, or as Oracle: `1 02:03:04.5` of days, `1-2` of years and months."""

    def write(name: str, type_name: str, raw: bytes | None) -> Bound:
        if raw is not None and not bound.is_text(raw):
            raise bound.unfit(name, type_name, raw, "a text such as P1DT2H, or P1Y2M")
        text = None if raw is None else bound.text(raw).strip()
        if text is not None and _ALL_NEGATIVE.fullmatch(text):
            text = "-" + text.replace("-", "")
        return Bound(text, oracledb.DB_TYPE_VARCHAR, f"{function}({{}})")

    return write


_WRITERS: Final[dict[str, Writer]] = {
    **dict.fromkeys(("number", "numeric", "decimal", "dec", "float", "real", "double precision", "double"), _number),
    **dict.fromkeys(("integer", "int", "smallint", "bigint", "pls_integer", "binary_integer"), _integer),
    "binary_double": _float(oracledb.DB_TYPE_BINARY_DOUBLE, 1.7976931348623157e308),
    "binary_float": _float(oracledb.DB_TYPE_BINARY_FLOAT, 3.4028234663852886e38),
    **dict.fromkeys(("boolean", "bool"), _boolean),
    **dict.fromkeys(("nvarchar2", "nchar"), _text_as(oracledb.DB_TYPE_NVARCHAR)),
    "clob": _text_as(oracledb.DB_TYPE_CLOB),
    "nclob": _text_as(oracledb.DB_TYPE_NCLOB),
    "blob": _binary(oracledb.DB_TYPE_BLOB),
    **dict.fromkeys(("raw", "long raw"), _binary(oracledb.DB_TYPE_RAW)),
    "date": _date,
    "timestamp": _timestamp,
    **dict.fromkeys(("timestamp with time zone", "timestamp with local time zone"), _instant),
    "interval day to second": _interval("to_dsinterval"),
    "interval year to month": _interval("to_yminterval"),
}
"""What is not among them is a text: `varchar2`, `json`, `rowid`, `vector`, types of the database's own."""
