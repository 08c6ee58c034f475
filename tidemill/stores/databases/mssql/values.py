"""Values of SQL Server's types, from the bytes that [MS-TDS] 2.2.5.5 gives them."""

import base64
import json
import struct
import uuid
from collections.abc import Callable
from decimal import Context, Decimal
from typing import Final

from pytds.collate import Collation

from tidemill.stores.databases.mssql.moments import DAYS_TO_1900, clock_text, day_text, old_clock_text, units_of

Value = Callable[[bytes], object]
"""Makes a value of its bytes, of which there are some."""

_UTF8: Final = 1 << 26
_EXACT: Final = Context(prec=60)


class Unreadable(Exception):
    """A value of the result that has no form here; says what to do."""


def number_of(data: bytes) -> int:
    """Little-endian, without a sign."""
    return int.from_bytes(data, "little")


def signed(data: bytes) -> int:
    return int.from_bytes(data, "little", signed=True)


def truth(data: bytes) -> bool:
    return data != b"\0"


def double(data: bytes) -> float:
    return float(struct.unpack("<d", data)[0])


def money(data: bytes) -> Decimal:
    """Of eight bytes the upper four come first."""
    number = signed(data) if len(data) == 4 else signed(data[4:] + data[:4])
    return Decimal(number).scaleb(-4, _EXACT)


def decimal_value(scale: int) -> Value:
    """A byte for the sign, then the digits."""

    def value(data: bytes) -> Decimal:
        digits = number_of(data[1:])
        return Decimal(digits if data[0] else -digits).scaleb(-scale, _EXACT)

    return value


def smalldatetime(data: bytes) -> str:
    days, minutes = struct.unpack("<HH", data)
    return f"{day_text(days + DAYS_TO_1900)} {clock_text(minutes * 60 * 10**7)}"


def datetime(data: bytes) -> str:
    days, ticks = struct.unpack("<iI", data)
    return f"{day_text(days + DAYS_TO_1900)} {old_clock_text(ticks)}"


def day(data: bytes) -> str:
    return day_text(number_of(data))


def time_value(scale: int) -> Value:
    return lambda data: clock_text(units_of(number_of(data), scale))


def datetime2_value(scale: int) -> Value:
    return lambda data: f"{day(data[-3:])} {clock_text(units_of(number_of(data[:-3]), scale))}"


def datetimeoffset_value(scale: int) -> Value:
    """The wire has the time in UTC, and then the offset."""
    in_utc = datetime2_value(scale)
    return lambda data: f"{in_utc(data[:-2])} UTC"


def guid(data: bytes) -> str:
    return str(uuid.UUID(bytes_le=data))


def utf16(data: bytes) -> str:
    try:
        return data.decode("utf-16-le")
    except UnicodeDecodeError as error:
        raise Unreadable(
            "A text of the result is no Unicode (it has half of a character): cast it to varbinary(max)."
        ) from error


def text_value(collation: bytes) -> Value:
    """By the code page of a collation."""
    codec = codec_of(collation)

    def value(data: bytes) -> str:
        try:
            return data.decode(codec)
        except UnicodeDecodeError as error:
            raise Unreadable(
                f"A text of the result has signs that its code page ({codec}) does not have: cast it to nvarchar(max)."
            ) from error

    return value


def codec_of(collation: bytes) -> str:
    """Python's name for what texts of a collation are written in."""
    if number_of(collation[:4]) & _UTF8:
        return "utf-8"
    return str(Collation.unpack(collation).get_codec().name)


def xml_text(data: bytes) -> str:
    """Without the mark of the byte order, which is no part of the document."""
    return utf16(data).removeprefix("\ufeff")


def as_json(value: object) -> bytes:
    if isinstance(value, Decimal):
        return format(value, "f").encode()
    if isinstance(value, bytes):
        value = base64.b64encode(value).decode()
    return json.dumps(value, ensure_ascii=False).encode()
