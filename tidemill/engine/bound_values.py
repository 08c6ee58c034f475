"""Arguments of queries, from JSON to what databases take: what one of them would change in silence is refused here.

Each function takes the raw JSON of a value, and raises `BadRequest` with a sentence that names the argument and what
would fit, but never the value, which may be a secret.
"""

import base64
import binascii
import calendar
import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Final

import msgspec

from tidemill.model.errors import BadRequest

_DATE: Final = r"(?P<year>\d{4,6})-(?P<month>\d\d)-(?P<day>\d\d)"
_TIME: Final = r"(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,12}))?)?"
_ZONE: Final = r"(?P<zone>[Zz]| ?UTC|[+-]\d\d(?::?\d\d(?::?\d\d)?)?)"
_MOMENT: Final = re.compile(rf"{_DATE}(?:[T ]{_TIME})?(?: ?{_ZONE})?(?P<era> BC)?(?P<late_zone> UTC)?", re.ASCII)
_CLOCK: Final = re.compile(rf"(?:{_DATE}[T ])?{_TIME}(?: ?{_ZONE})?", re.ASCII)
_MOST_DIGITS: Final = 40
"""Of a number that is read without looking further."""
_INTEGER: Final = re.compile(r"[+-]?\d+", re.ASCII)
_NAMED: Final = {"nan": "NaN", "infinity": "Infinity", "+infinity": "Infinity", "-infinity": "-Infinity"}
_INFINITE: Final = frozenset({"infinity", "-infinity"})


def unfit(name: str, type_name: str, raw: bytes, accepted: str) -> BadRequest:
    """The error for a value that does not fit, to be raised."""
    return BadRequest(f"The argument {name!r} is {described(raw)}, which is no {type_name}; what fits: {accepted}.")


def described(raw: bytes) -> str:
    """What sort of JSON value it is, without telling the value."""
    match raw[:1]:
        case b'"':
            return f"a text of {len(msgspec.json.decode(raw))} characters"
        case b"[":
            return "an array"
        case b"{":
            return "an object"
        case b"t" | b"f":
            return "a boolean"
        case b"n":
            return "null"
        case _:
            return "a number"


def text(raw: bytes) -> str:
    """A text as it is; of anything else its JSON."""
    found = msgspec.json.decode(raw) if raw.startswith(b'"') else raw.decode()
    assert isinstance(found, str)
    return found


def is_text(raw: bytes) -> bool:
    return raw.startswith(b'"')


def integer(name: str, type_name: str, raw: bytes, *, bits: int = 64, is_unsigned: bool = False) -> int:
    """A whole number that fits: of JSON's numbers also `2.0` and `1e3`, and texts of digits."""
    least, most = (0, 2**bits - 1) if is_unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    if raw.isdigit() and len(raw) < _MOST_DIGITS and (plain := int(raw)) <= most:
        return plain
    accepted = f"a whole number from {least} to {most}"
    written = text(raw).strip()
    found = _whole(written) if _INTEGER.fullmatch(written) or raw[:1] in b"-0123456789" else None
    if found is None or not least <= found <= most:
        raise unfit(name, type_name, raw, accepted)
    return found


def decimal(name: str, type_name: str, raw: bytes) -> str:
    """The digits of a number as they are written, or `NaN`, `Infinity`, `-Infinity`."""
    written = text(raw).strip()
    if raw[:1] not in b"[{tfn":
        if named := _NAMED.get(written.lower()):
            return named
        if (found := _number(written)) is not None and found.is_finite():
            return written
    raise unfit(name, type_name, raw, 'a number, a text of one, or "NaN", "Infinity", "-Infinity"')


def boolean(name: str, type_name: str, raw: bytes) -> bool:
    """Of texts also `t` and `f`, as Postgres writes them into CSV, and in capitals, as Python does."""
    match raw.strip(b'"').lower():
        case b"true" | b"t" | b"1":
            return True
        case b"false" | b"f" | b"0":
            return False
        case _:
            raise unfit(name, type_name, raw, "true or false")


_DIGITS: Final = re.compile(r"\\x(?:[0-9a-fA-F]{2})*", re.ASCII)


def binary(name: str, type_name: str, raw: bytes) -> bytes:
    """Of base64, also as a `data:` URL; or of `\\x` and two digits a byte, as results of Postgres have it."""
    if is_text(raw):
        written = text(raw)
        if _DIGITS.fullmatch(written):
            return bytes.fromhex(written[2:])
        if written.startswith("data:"):
            written = written.partition(";base64,")[2] or "!"
        try:
            return base64.b64decode("".join(written.split()), validate=True)
        except (binascii.Error, ValueError):
            pass
    raise unfit(name, type_name, raw, "the base64 text of its bytes")


def date(name: str, type_name: str, raw: bytes, *, infinite: bool = False, eras: bool = False) -> str:
    """`YYYY-MM-DD`; of a moment, as forms for dates send it, the day that is written there."""
    if is_text(raw):
        written = text(raw).strip()
        if infinite and written.lower() in _INFINITE:
            return written.lower()
        if (match := _MOMENT.fullmatch(written)) and _is_moment(match) and (eras or not match["era"]):
            return f"{match['year']}-{match['month']}-{match['day']}{match['era'] or ''}"
    raise unfit(name, type_name, raw, "a date such as 2024-02-29, or 2024-02-29T12:00:00.000Z for its day")


def time(name: str, type_name: str, raw: bytes, *, digits: int = 6) -> str:
    """`HH:MM:SS[.f]`; of a moment the time that is written there. An offset is refused unless it is UTC's."""
    if (match := _clock(raw, digits)) and _is_utc(match["zone"]):
        return _time_of(match)
    raise unfit(name, type_name, raw, f"a time such as 12:30:00 with up to {digits} digits below a second, no offset")


def time_with_zone(name: str, type_name: str, raw: bytes, *, digits: int = 6) -> str:
    """`HH:MM:SS[.f]` and an offset; without one it is UTC."""
    if match := _clock(raw, digits):
        return _time_of(match) + _offset(match["zone"])
    raise unfit(name, type_name, raw, f"a time such as 12:30:00+02:00 with up to {digits} digits below a second")


def timestamp(
    name: str, type_name: str, raw: bytes, *, digits: int = 6, infinite: bool = False, eras: bool = False
) -> str:
    """`YYYY-MM-DD HH:MM:SS[.f]`, without a zone: an offset other than UTC's is refused, not dropped."""
    match = _moment(raw, digits, infinite=infinite, eras=eras)
    if isinstance(match, str):
        return match
    if match and _is_utc(match["zone"]) and _is_utc(match["late_zone"]):
        return _moment_of(match) + (match["era"] or "")
    accepted = f"2024-02-29 12:30:00 or 2024-02-29T12:30:00Z with up to {digits} digits below a second, no other zone"
    raise unfit(name, type_name, raw, accepted)


def timestamp_with_zone(
    name: str, type_name: str, raw: bytes, *, digits: int = 6, infinite: bool = False, eras: bool = False
) -> str:
    """`YYYY-MM-DD HH:MM:SS[.f]` and an offset; without one it is UTC."""
    match = _moment(raw, digits, infinite=infinite, eras=eras)
    if isinstance(match, str):
        return match
    if match:
        return _moment_of(match) + _offset(match["zone"]) + (match["era"] or "")
    accepted = f"2024-02-29T12:30:00Z or with an offset such as +02:00, with up to {digits} digits below a second"
    raise unfit(name, type_name, raw, accepted)


def timestamp_in_utc(name: str, type_name: str, raw: bytes) -> str:
    """`YYYY-MM-DD HH:MM:SS[.f]` in UTC, of an instant with any offset and up to six digits below a second."""
    written = timestamp_with_zone(name, type_name, raw)
    try:
        found = datetime.fromisoformat(written).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise unfit(
            name, type_name, raw, "a time from the year 1 to 9999, with an offset of hours and minutes"
        ) from error
    return found.replace(tzinfo=None).isoformat(" ")


def items(name: str, type_name: str, raw: bytes) -> list[bytes]:
    """The raw JSON of an array's items."""
    if not raw.startswith(b"["):
        raise unfit(name, type_name, raw, "an array")
    return [bytes(item) for item in msgspec.json.decode(raw, type=list[msgspec.Raw])]


def members(name: str, type_name: str, raw: bytes) -> dict[str, bytes]:
    """The raw JSON of an object's members."""
    if not raw.startswith(b"{"):
        raise unfit(name, type_name, raw, "an object")
    return {key: bytes(value) for key, value in msgspec.json.decode(raw, type=dict[str, msgspec.Raw]).items()}


def require_one_type(name: str, type_name: str, raw_items: list[bytes]) -> None:
    """Nulls go with everything."""
    sorts = {b"0" if item[:1] in b"-0123456789" else item[:1].replace(b"f", b"t") for item in raw_items} - {b"n"}
    if len(sorts) > 1:
        raise BadRequest(
            f"Mixed types in array: the items of the argument {name!r} ({type_name}) are to be of one type."
        )


def _whole(written: str) -> int | None:
    """None also for a number that is far larger than any integer's type."""
    found = _number(written)
    if found is None or not found.is_finite() or found.adjusted() > 64 or found != int(found):
        return None
    return int(found)


def _number(written: str) -> Decimal | None:
    try:
        return Decimal(written)
    except InvalidOperation:
        return None


def _moment(raw: bytes, digits: int, *, infinite: bool, eras: bool) -> re.Match[str] | str | None:
    if not is_text(raw):
        return None
    written = text(raw).strip()
    if infinite and written.lower() in _INFINITE:
        return written.lower()
    match = _MOMENT.fullmatch(written)
    if match is None or not _is_moment(match) or (match["era"] and not eras) or not _keeps(match, digits):
        return None
    return match


def _clock(raw: bytes, digits: int) -> re.Match[str] | None:
    match = _CLOCK.fullmatch(text(raw).strip()) if is_text(raw) else None
    if match is None or not _is_time(match) or not _keeps(match, digits) or (match["year"] and not _is_day(match)):
        return None
    return match


def _is_moment(match: re.Match[str]) -> bool:
    return _is_day(match) and (match["hour"] is None or _is_time(match))


def _is_day(match: re.Match[str]) -> bool:
    year, month, day = int(match["year"]), int(match["month"]), int(match["day"])
    if year == 0 or not 1 <= month <= 12:
        return False
    era = match.groupdict().get("era")
    leap = calendar.isleap(1 - year if era else year)
    return 1 <= day <= calendar.monthrange(2000 if leap else 2001, month)[1]


def _is_time(match: re.Match[str]) -> bool:
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"] or 0)
    return (hour < 24 and minute < 60 and second < 60) or (hour == 24 and minute == second == 0)


def _keeps(match: re.Match[str], digits: int) -> bool:
    """Whether nothing would be rounded away."""
    return len((match["fraction"] or "").rstrip("0")) <= digits


def _is_utc(zone: str | None) -> bool:
    return zone is None or zone.strip().upper() in {"Z", "UTC"} or set(zone[1:]) <= {"0", ":"}


def _offset(zone: str | None) -> str:
    return "+00:00" if zone is None or zone.strip().upper() in {"Z", "UTC"} else zone.strip()


def _time_of(match: re.Match[str]) -> str:
    fraction = (match["fraction"] or "").rstrip("0")
    return f"{match['hour']}:{match['minute']}:{match['second'] or '00'}" + (f".{fraction}" if fraction else "")


def _moment_of(match: re.Match[str]) -> str:
    clock = "00:00:00" if match["hour"] is None else _time_of(match)
    return f"{match['year']}-{match['month']}-{match['day']} {clock}"
