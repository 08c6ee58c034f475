"""Arguments of statements, from JSON to the typed texts of Snowflake's bindings.

https://docs.snowflake.com/en/developer-guide/sql-api/submitting-requests tells of them: dates are milliseconds, times
and timestamps nanoseconds since 1970, an offset stands behind them in minutes with 1440 added, bytes are hexadecimal.
"""

import re
from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from typing import Final

from tidemill.engine import bound_values as bound
from tidemill.model.errors import BadRequest
from tidemill.stores.databases.port import Argument

Binding = dict[str, str | None]
Writer = Callable[[str, str, bytes], str]

_SIZE: Final = re.compile(r"(?<!\s)\s*+\([^()]*+\)")
_PARTS: Final = re.compile(r"(\d{4,6}-\d\d-\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([+-])(\d\d):?(\d\d)?)?")
_EPOCH: Final = date(1970, 1, 1)
_SECOND_NS: Final = 10**9
_MOST_DIGITS: Final = 38
_MOST_SCALE: Final = 37
_DAY_MS: Final = 86_400_000


def bindings(arguments: Iterable[Argument]) -> dict[str, Binding]:
    """One for each `?`, by its number.

    Raises:
        BadRequest: a value does not fit its declared type.
    """
    return {str(number): _binding(argument) for number, argument in enumerate(arguments, 1)}


def _binding(argument: Argument) -> Binding:
    raw = argument.value
    name = " ".join(_SIZE.sub(" ", argument.type_name).split())
    if not name and raw is not None and raw != b"null":
        name = _inferred(raw)
    kind, write = _KINDS.get(name, ("TEXT", _text))
    if raw is None or raw == b"null":
        return {"type": kind, "value": None}
    return {"type": kind, "value": write(argument.name, argument.type_name or "value", raw)}


def _inferred(raw: bytes) -> str:
    if raw[:1] in b"tf":
        return "boolean"
    if raw[:1] not in b"-0123456789":
        return "text"
    return "float" if b"e" in raw.lower() else "number"


def _text(name: str, type_name: str, raw: bytes) -> str:
    return bound.text(raw)


def _json(name: str, type_name: str, raw: bytes) -> str:
    """For `parse_json(?)`."""
    return raw.decode()


def _number(name: str, type_name: str, raw: bytes) -> str:
    written = bound.decimal(name, type_name, raw)
    number = Decimal(written)
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -_MOST_SCALE or number.adjusted() >= _MOST_DIGITS:
        accepted = f"a number of up to {_MOST_DIGITS} digits, {_MOST_SCALE} of them behind the point, and no NaN"
        raise bound.unfit(name, type_name, raw, accepted)
    return format(number, "f")


def _integer(name: str, type_name: str, raw: bytes) -> str:
    written = _number(name, type_name, raw)
    if Decimal(written) != Decimal(written).to_integral_value():
        raise bound.unfit(name, type_name, raw, "a whole number of up to 38 digits")
    return written


def _float(name: str, type_name: str, raw: bytes) -> str:
    written = bound.decimal(name, type_name, raw)
    return {"Infinity": "inf", "-Infinity": "-inf"}.get(written, written)


def _boolean(name: str, type_name: str, raw: bytes) -> str:
    return "true" if bound.boolean(name, type_name, raw) else "false"


def _binary(name: str, type_name: str, raw: bytes) -> str:
    return bound.binary(name, type_name, raw).hex()


def _days(name: str, type_name: str, raw: bytes, written: str) -> int:
    try:
        return (date.fromisoformat(written) - _EPOCH).days
    except ValueError as error:
        raise bound.unfit(name, type_name, raw, "a day of the years 1 to 9999") from error


def _date(name: str, type_name: str, raw: bytes) -> str:
    return str(_days(name, type_name, raw, bound.date(name, type_name, raw)) * _DAY_MS)


def _time(name: str, type_name: str, raw: bytes) -> str:
    return str(_nanoseconds(*_clock(f"1970-01-01 {bound.time(name, type_name, raw, digits=9)}")[1:5]))


def _wall_clock(name: str, type_name: str, raw: bytes) -> str:
    return str(_moment(name, type_name, raw, bound.timestamp(name, type_name, raw, digits=9))[0])


def _instant(name: str, type_name: str, raw: bytes) -> str:
    written = bound.timestamp_with_zone(name, type_name, raw, digits=9)
    moment, offset = _moment(name, type_name, raw, written)
    return str(moment - offset * 60 * _SECOND_NS)


def _with_offset(name: str, type_name: str, raw: bytes) -> str:
    written = bound.timestamp_with_zone(name, type_name, raw, digits=9)
    moment, offset = _moment(name, type_name, raw, written)
    return f"{moment - offset * 60 * _SECOND_NS} {offset + 1440}"


def _moment(name: str, type_name: str, raw: bytes, written: str) -> tuple[int, int]:
    """Nanoseconds since 1970 on the clock where it was written, and how many minutes that is ahead of UTC."""
    day, *clock, sign, hours, minutes = _clock(written)
    offset = (int(hours or 0) * 60 + int(minutes or 0)) * (-1 if sign == "-" else 1)
    days = _days(name, type_name, raw, day)
    return days * 86_400 * _SECOND_NS + _nanoseconds(*clock), offset


def _clock(written: str) -> tuple[str, ...]:
    found = _PARTS.fullmatch(written)
    if found is None:
        raise BadRequest(f"The offset of {written[:40]!r} is not one of hours and minutes.")
    return tuple(part or "" for part in found.groups())


def _nanoseconds(hour: str, minute: str, second: str, fraction: str) -> int:
    whole = int(hour) * 3600 + int(minute) * 60 + int(second)
    return whole * _SECOND_NS + int(fraction.ljust(9, "0")[:9] or 0)


_KINDS: Final[dict[str, tuple[str, Writer]]] = {
    **dict.fromkeys(("number", "decimal", "dec", "numeric", "fixed"), ("FIXED", _number)),
    **dict.fromkeys(("int", "integer", "bigint", "smallint", "tinyint", "byteint"), ("FIXED", _integer)),
    **dict.fromkeys(("float", "float4", "float8", "double", "double precision", "real"), ("REAL", _float)),
    **dict.fromkeys(("boolean", "bool"), ("BOOLEAN", _boolean)),
    **dict.fromkeys(("binary", "varbinary"), ("BINARY", _binary)),
    "date": ("DATE", _date),
    "time": ("TIME", _time),
    **dict.fromkeys(
        ("timestamp", "datetime", "timestamp_ntz", "timestampntz", "timestamp without time zone"),
        ("TIMESTAMP_NTZ", _wall_clock),
    ),
    **dict.fromkeys(("timestamp_ltz", "timestampltz", "timestamp with local time zone"), ("TIMESTAMP_LTZ", _instant)),
    **dict.fromkeys(("timestamp_tz", "timestamptz", "timestamp with time zone"), ("TIMESTAMP_TZ", _with_offset)),
    **dict.fromkeys(("variant", "object", "array", "vector", "map"), ("TEXT", _json)),
}
"""What is not among them is text."""
