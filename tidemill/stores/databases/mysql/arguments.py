"""Arguments of statements, from JSON to the types and bytes that MySQL takes them in."""

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from pymysql.constants import FIELD_TYPE

from tidemill.engine import bound_values as bound
from tidemill.stores.databases.port import Argument

UNSIGNED: Final = 0x8000
"""Added to the type of a value."""
_MODIFIER: Final = re.compile(r"\([^()]*\)")
_WIDE_BIT: Final = re.compile(r"bit ?\((?!1\))\d+\)")
"""Read as bytes, and so written as such."""
_TIME: Final = re.compile(r"-?\d{1,3}:[0-5]\d(:[0-5]\d(\.\d{1,6})?)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value on the wire. `code` is its type, with a flag for unsigned; `data` None for NULL."""

    code: int
    data: bytes | None


def parameter(argument: Argument) -> Parameter:
    """The value as MySQL is given it.

    Raises:
        BadRequest: it does not fit the declared type.
    """
    raw = argument.value
    if raw is None or raw == b"null":
        return Parameter(FIELD_TYPE.NULL, None)
    return writer(argument.type_name)(argument.name, argument.type_name or "value", raw)


@lru_cache(maxsize=1024)
def writer(type_name: str) -> "Writer":
    """What writes values of a declared type: it is called with the argument's name, its type and raw JSON."""
    name = " ".join(_MODIFIER.sub(" ", type_name).lower().split())
    unsigned = "unsigned" in name
    name = name.replace("unsigned", "").replace("signed", "").replace("zerofill", "").strip()
    if unsigned and name in _BITS:
        return _unsigned(_BITS[name])
    return _blob if _WIDE_BIT.fullmatch(type_name.lower()) else _WRITERS.get(name, _text)


Writer = Callable[[str, str, bytes], Parameter]


def counted(data: bytes) -> bytes:
    """Bytes with their length before them."""
    size = len(data)
    if size < 251:
        return bytes([size]) + data
    for sign, width in ((b"\xfc", 2), (b"\xfd", 3), (b"\xfe", 8)):
        if size < 1 << (8 * width):
            return sign + size.to_bytes(width, "little") + data
    raise OverflowError(size)


def uncounted(data: bytes) -> bytes:
    """What `counted` was given."""
    return data[{0xFC: 3, 0xFD: 4, 0xFE: 9}.get(data[0], 1) :]


def _as_text(text: str, code: int = FIELD_TYPE.VAR_STRING) -> Parameter:
    return Parameter(code, counted(text.encode()))


def _text(name: str, type_name: str, raw: bytes) -> Parameter:
    return _as_text(bound.text(raw))


def _integer(bits: int) -> Writer:
    def write(name: str, type_name: str, raw: bytes) -> Parameter:
        return Parameter(FIELD_TYPE.LONGLONG, struct.pack("<q", bound.integer(name, type_name, raw, bits=bits)))

    return write


def _unsigned(bits: int) -> Writer:
    def write(name: str, type_name: str, raw: bytes) -> Parameter:
        number = bound.integer(name, type_name, raw, bits=bits, is_unsigned=True)
        return Parameter(FIELD_TYPE.LONGLONG | UNSIGNED, struct.pack("<Q", number))

    return write


def _number(name: str, type_name: str, raw: bytes) -> Parameter:
    """Without a type: as a decimal, whose digits all arrive."""
    digits = bound.decimal(name, type_name, raw)
    if digits[-1].isalpha():
        raise bound.unfit(name, type_name, raw, "a number; MySQL has no NaN and no infinities")
    return _as_text(digits, FIELD_TYPE.NEWDECIMAL)


def _float(name: str, type_name: str, raw: bytes) -> Parameter:
    digits = bound.decimal(name, type_name, raw)
    if digits[-1].isalpha():
        raise bound.unfit(name, type_name, raw, "a number; MySQL has no NaN and no infinities")
    return Parameter(FIELD_TYPE.DOUBLE, struct.pack("<d", float(digits)))


def _boolean(name: str, type_name: str, raw: bytes) -> Parameter:
    return Parameter(FIELD_TYPE.TINY, bytes([bound.boolean(name, type_name, raw)]))


def _blob(name: str, type_name: str, raw: bytes) -> Parameter:
    return Parameter(FIELD_TYPE.BLOB, counted(bound.binary(name, type_name, raw)))


def _date(name: str, type_name: str, raw: bytes) -> Parameter:
    return _as_text(bound.date(name, type_name, raw))


def _time(name: str, type_name: str, raw: bytes) -> Parameter:
    if bound.is_text(raw) and _TIME.fullmatch(bound.text(raw).strip()):
        return _as_text(bound.text(raw).strip())
    return _as_text(bound.time(name, type_name, raw))


def _datetime(name: str, type_name: str, raw: bytes) -> Parameter:
    return _as_text(bound.timestamp(name, type_name, raw))


def _timestamp(name: str, type_name: str, raw: bytes) -> Parameter:
    """In UTC, the time zone of our sessions: what servers do with offsets differs."""
    return _as_text(bound.timestamp_in_utc(name, type_name, raw))


def _json(name: str, type_name: str, raw: bytes) -> Parameter:
    return Parameter(FIELD_TYPE.VAR_STRING, counted(raw))


_BITS: Final = {
    "tinyint": 8,
    "smallint": 16,
    "mediumint": 24,
    "int": 32,
    "integer": 32,
    "uint": 64,
    "bigint": 64,
}
_WRITERS: Final[dict[str, Writer]] = {
    **{name: _integer(bits) for name, bits in _BITS.items()},
    **dict.fromkeys(("decimal", "dec", "numeric", "fixed"), _number),
    **dict.fromkeys(("float", "real", "double", "double precision"), _float),
    **dict.fromkeys(("bool", "boolean", "bit"), _boolean),
    **dict.fromkeys(("blob", "tinyblob", "mediumblob", "longblob", "binary", "varbinary"), _blob),
    "date": _date,
    "time": _time,
    "datetime": _datetime,
    "timestamp": _timestamp,
    "year": _integer(16),
    "json": _json,
}
"""What is not among them is text."""
