"""Arguments of statements, from JSON to the types and bytes that SQL Server takes them in.

`sp_executesql` turns what comes into what was declared, and rounds and cuts in silence. So a value goes in the declared
type itself, and one that the type would change is refused here.
"""

import re
import struct
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import Final

from tidemill.engine import bound_values as bound
from tidemill.model.errors import BadRequest
from tidemill.stores.databases.mssql.moments import DAYS_TO_1900, clock_of, day_of, shifted
from tidemill.stores.databases.port import Argument

_NAME: Final = re.compile(
    r"(?P<word>[a-z0-9_.]+(?: +[a-z0-9_.]+)*+)\s*+(?:\(\s*(?P<first>\d{1,9}|max)\s*(?:,\s*(?P<second>\d{1,9})\s*)?\))?"
)
_MOST_DIGITS: Final = 38
_MOST_BYTES: Final = 8000
_PIECES: Final = 0xFFFF
NO_COLLATION: Final = bytes(5)
_LARGEST: Final = {"<f": 3.4028234663852886e38, "<d": 1.7976931348623157e308}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value on the wire: how it is declared, its type ([MS-TDS] TYPE_INFO), and its bytes with their size."""

    declaration: str
    info: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class _Declared:
    """An argument whose type was read. `size` is 0 where none is declared, and for `max`."""

    name: str
    type_name: str
    size: int
    scale: int
    raw: bytes | None

    def unfit(self, accepted: str) -> BadRequest:
        assert self.raw is not None
        return bound.unfit(self.name, self.type_name or "value", self.raw, accepted)


Writer = Callable[[_Declared], Parameter]


def parameter(argument: Argument) -> Parameter:
    """The value as SQL Server is given it.

    Raises:
        BadRequest: it does not fit the declared type, or would be changed by it.
    """
    raw = None if argument.value is None or argument.value == b"null" else argument.value
    match = _NAME.fullmatch(argument.type_name.strip().lower())
    if match is None:
        return text_parameter(None if raw is None else bound.text(raw))
    first = match["first"] or ""
    size = int(first) if first.isdigit() else 0
    declared = _Declared(argument.name, argument.type_name.strip(), size, int(match["second"] or 0), raw)
    return _WRITERS.get(match["word"], _text)(declared)


def text_parameter(text: str | None) -> Parameter:
    """A text of any length, as `nvarchar`."""
    data = None if text is None else text.encode("utf-16-le")
    if data is not None and len(data) > _MOST_BYTES:
        pieces = struct.pack("<QI", len(data), len(data)) + data + bytes(4)
        return Parameter("nvarchar(max)", b"\xe7" + struct.pack("<H", _PIECES) + NO_COLLATION, pieces)
    info = b"\xe7" + struct.pack("<H", _MOST_BYTES) + NO_COLLATION
    return Parameter("nvarchar(4000)", info, struct.pack("<H", _PIECES) if data is None else _sized(data))


def _sized(data: bytes) -> bytes:
    return struct.pack("<H", len(data)) + data


def _counted(data: bytes | None) -> bytes:
    """With a byte for its size; none for NULL."""
    return b"\0" if data is None else bytes([len(data)]) + data


def _integer(word: str, size: int) -> Writer:
    def write(declared: _Declared) -> Parameter:
        data = None
        if declared.raw is not None:
            unsigned = size == 1
            number = bound.integer(declared.name, declared.type_name, declared.raw, bits=8 * size, is_unsigned=unsigned)
            data = number.to_bytes(size, "little", signed=not unsigned)
        return Parameter(word, bytes([0x26, size]), _counted(data))

    return write


def _boolean(declared: _Declared) -> Parameter:
    raw = declared.raw
    data = None if raw is None else bytes([bound.boolean(declared.name, declared.type_name, raw)])
    return Parameter("bit", b"\x68\1", _counted(data))


def _number(declared: _Declared) -> Decimal:
    assert declared.raw is not None
    digits = bound.decimal(declared.name, declared.type_name, declared.raw)
    if digits[-1].isalpha():
        raise declared.unfit("a number; SQL Server has no NaN and no infinities")
    return Decimal(digits)


def _float(word: str, form: str) -> Writer:
    def write(declared: _Declared) -> Parameter:
        data = None
        if declared.raw is not None:
            number = float(_number(declared))
            if abs(number) > _LARGEST[form]:
                raise declared.unfit(f"a number that a {word} holds")
            data = struct.pack(form, number)
        return Parameter(word, bytes([0x6D, struct.calcsize(form)]), _counted(data))

    return write


def _some_float(declared: _Declared) -> Parameter:
    """`float(24)` and less is `real`."""
    return (_float("real", "<f") if 0 < declared.size <= 24 else _float("float", "<d"))(declared)


def _decimal(declared: _Declared) -> Parameter:
    """Where no size is declared, the value's own digits are: `decimal` alone would have none behind the point."""
    precision, scale = declared.size, declared.scale
    if precision > _MOST_DIGITS or scale > precision > 0:
        raise BadRequest(f"The argument {declared.name!r} has no type of SQL Server: {declared.type_name[:80]}.")
    if declared.raw is None:
        precision = precision or _MOST_DIGITS
        return _decimal_parameter(None, precision, scale)
    number = _number(declared)
    digits, behind = _digits(number)
    if not precision:
        precision, scale = _MOST_DIGITS, behind
    if behind > scale or digits - behind > precision - scale:
        raise declared.unfit(f"at most {precision - scale} digits before the point and {scale} behind it")
    return _decimal_parameter(int(number.scaleb(scale, _exact(number))), precision, scale)


def _decimal_parameter(whole: int | None, precision: int, scale: int) -> Parameter:
    """The digits without the point, in as many bytes as the precision has ([MS-TDS] 2.2.5.5.1.6)."""
    size = 4 if precision <= 9 else 8 if precision <= 19 else 12 if precision <= 28 else 16
    data = None if whole is None else bytes([whole >= 0]) + abs(whole).to_bytes(size, "little")
    return Parameter(f"decimal({precision},{scale})", bytes([0x6A, size + 1, precision, scale]), _counted(data))


def _money(word: str, size: int) -> Writer:
    def write(declared: _Declared) -> Parameter:
        data = None
        if declared.raw is not None:
            number = _number(declared)
            _, behind = _digits(number)
            is_near = behind <= 4 and number.adjusted() < 20
            whole = int(number.scaleb(4, _exact(number))) if is_near else 1 << 64
            if not -(1 << (8 * size - 1)) <= whole < 1 << (8 * size - 1):
                raise declared.unfit(f"a number that {word} holds, with at most 4 digits behind the point")
            data = whole.to_bytes(size, "little", signed=True)
            data = data[4:] + data[:4]
        return Parameter(word, bytes([0x6E, size]), _counted(data))

    return write


def _digits(number: Decimal) -> tuple[int, int]:
    """How many digits there are, and how many of them behind the point; zeros at the end do not count there."""
    if not number:
        return 1, 0
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    kept = "".join(map(str, digits))
    behind = max(0, len(kept.rstrip("0")) - len(kept) - exponent)
    return max(0, number.adjusted() + 1) + behind, behind


def _exact(number: Decimal) -> Context:
    return Context(prec=max(80, len(number.as_tuple().digits) + 40), Emax=MAX_EMAX, Emin=MIN_EMIN)


def _text(declared: _Declared) -> Parameter:
    """Unknown types too: what they are is decided where the argument is used."""
    return text_parameter(None if declared.raw is None else bound.text(declared.raw))


def _unicode(declared: _Declared) -> Parameter:
    if declared.raw is not None:
        _check_size(declared, len(bound.text(declared.raw).encode("utf-16-le")) // 2, "characters")
    return _text(declared)


def _characters(declared: _Declared) -> Parameter:
    """As `varchar` where every code page has its signs, so that an index on such a column is used; else Unicode."""
    if declared.raw is None:
        return Parameter("varchar(8000)", b"\xa7" + struct.pack("<H", _MOST_BYTES) + NO_COLLATION, b"\xff\xff")
    text = bound.text(declared.raw)
    _check_size(declared, len(text), "characters")
    if not text.isascii() or len(text) > _MOST_BYTES:
        return text_parameter(text)
    info = b"\xa7" + struct.pack("<H", _MOST_BYTES) + NO_COLLATION
    return Parameter("varchar(8000)", info, _sized(text.encode()))


def _check_size(declared: _Declared, size: int, what: str) -> None:
    if declared.raw is not None and declared.size and size > declared.size:
        raise declared.unfit(f"at most {declared.size} {what}")


def _binary(declared: _Declared) -> Parameter:
    if declared.raw is None:
        return Parameter("varbinary(8000)", b"\xa5" + struct.pack("<H", _MOST_BYTES), b"\xff\xff")
    data = bound.binary(declared.name, declared.type_name, declared.raw)
    _check_size(declared, len(data), "bytes")
    if len(data) > _MOST_BYTES:
        pieces = struct.pack("<QI", len(data), len(data)) + data + bytes(4)
        return Parameter("varbinary(max)", b"\xa5" + struct.pack("<H", _PIECES), pieces)
    return Parameter("varbinary(8000)", b"\xa5" + struct.pack("<H", _MOST_BYTES), _sized(data))


def _guid(declared: _Declared) -> Parameter:
    data = None
    if declared.raw is not None:
        try:
            data = uuid.UUID(bound.text(declared.raw).strip()).bytes_le
        except ValueError as error:
            raise declared.unfit("a UUID such as a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11") from error
    return Parameter("uniqueidentifier", b"\x24\x10", _counted(data))


def _date(declared: _Declared) -> Parameter:
    data = None
    if declared.raw is not None:
        data = _day_bytes(declared, bound.date(declared.name, declared.type_name, declared.raw))
    return Parameter("date", b"\x28", _counted(data))


def _time(declared: _Declared) -> Parameter:
    scale, data = _scale(declared), None
    if declared.raw is not None:
        text = bound.time(declared.name, declared.type_name, declared.raw, digits=scale)
        data = _clock_bytes(declared, text, scale)
    return Parameter(f"time({scale})", bytes([0x29, scale]), _counted(data))


def _datetime2(declared: _Declared) -> Parameter:
    scale, data = _scale(declared), None
    if declared.raw is not None:
        text = bound.timestamp(declared.name, declared.type_name, declared.raw, digits=scale)
        day, clock = text.split(" ")
        data = _clock_bytes(declared, clock, scale) + _day_bytes(declared, day)
    return Parameter(f"datetime2({scale})", bytes([0x2A, scale]), _counted(data))


_OFFSET: Final = re.compile(r"(.+?)([+-])(\d\d):?(\d\d)?(?::?00)?")


def _datetimeoffset(declared: _Declared) -> Parameter:
    """The wire has the time in UTC and the offset, which is kept."""
    scale, data = _scale(declared), None
    if declared.raw is not None:
        text = bound.timestamp_with_zone(declared.name, declared.type_name, declared.raw, digits=scale)
        match = _OFFSET.fullmatch(text)
        minutes = _offset_minutes(match) if match else 1 << 15
        if match is None or not -840 <= minutes <= 840:
            raise declared.unfit("a time with an offset of whole minutes, at most 14 hours")
        day, clock = match[1].strip().split(" ")
        days, units = _units(declared, day, clock)
        days, units = shifted(days, units, minutes=-minutes)
        if not 0 <= days < 3652059:
            raise declared.unfit("a time from the year 1 to 9999 in UTC, too")
        data = _scaled_bytes(units, scale) + days.to_bytes(3, "little") + struct.pack("<h", minutes)
    return Parameter(f"datetimeoffset({scale})", bytes([0x2B, scale]), _counted(data))


def _offset_minutes(match: re.Match[str]) -> int:
    minutes = int(match[3]) * 60 + int(match[4] or 0)
    return -minutes if match[2] == "-" else minutes


def _datetime(declared: _Declared) -> Parameter:
    """Only the milliseconds that it shows: those that end in 0, 3 and 7."""
    data = None
    if declared.raw is not None:
        text = bound.timestamp(declared.name, declared.type_name, declared.raw, digits=3)
        days, units = _units(declared, *text.split(" "))
        milliseconds = units // 10**4
        ticks = (milliseconds * 3 + 5) // 10
        if (ticks * 10 + 1) // 3 != milliseconds:
            raise declared.unfit(
                "a time whose milliseconds end in 0, 3 or 7, which is all that datetime keeps; datetime2 keeps more"
            )
        if days < 639905:  # 1753-01-01
            raise declared.unfit("a time from the year 1753 on; datetime2 begins with the year 1")
        data = struct.pack("<iI", days - DAYS_TO_1900, ticks)
    return Parameter("datetime", b"\x6f\x08", _counted(data))


def _smalldatetime(declared: _Declared) -> Parameter:
    data = None
    if declared.raw is not None:
        text = bound.timestamp(declared.name, declared.type_name, declared.raw, digits=0)
        days, units = _units(declared, *text.split(" "))
        minutes, rest = divmod(units, 60 * 10**7)
        if rest or not 0 <= days - DAYS_TO_1900 <= _PIECES:
            raise declared.unfit("a time of whole minutes from 1900 to June 2079; datetime2 keeps more")
        data = struct.pack("<HH", days - DAYS_TO_1900, minutes)
    return Parameter("smalldatetime", b"\x6f\x04", _counted(data))


def _scale(declared: _Declared) -> int:
    return min(declared.size, 7) if "(" in declared.type_name else 7


def _units(declared: _Declared, day: str, clock: str) -> tuple[int, int]:
    try:
        return day_of(day), clock_of(clock)
    except ValueError as error:
        raise declared.unfit("a time of a day from the year 1 to 9999, before 24:00") from error


def _day_bytes(declared: _Declared, day: str) -> bytes:
    days, _ = _units(declared, day, "00:00:00")
    return days.to_bytes(3, "little")


def _clock_bytes(declared: _Declared, clock: str, scale: int) -> bytes:
    _, units = _units(declared, "0001-01-01", clock)
    return _scaled_bytes(units, scale)


def _scaled_bytes(units: int, scale: int) -> bytes:
    size = 3 if scale < 3 else 4 if scale < 5 else 5
    return int(units // 10 ** (7 - scale)).to_bytes(size, "little")


_WRITERS: Final[dict[str, Writer]] = {
    "tinyint": _integer("tinyint", 1),
    "smallint": _integer("smallint", 2),
    **dict.fromkeys(("int", "integer"), _integer("int", 4)),
    "bigint": _integer("bigint", 8),
    **dict.fromkeys(("bit", "bool", "boolean"), _boolean),
    **dict.fromkeys(("decimal", "dec", "numeric"), _decimal),
    "money": _money("money", 8),
    "smallmoney": _money("smallmoney", 4),
    **dict.fromkeys(("float", "double precision"), _some_float),
    "real": _float("real", "<f"),
    **dict.fromkeys(("char", "varchar", "text", "character", "character varying"), _characters),
    **dict.fromkeys(("nchar", "nvarchar", "ntext", "sysname"), _unicode),
    **dict.fromkeys(("binary", "varbinary", "image", "rowversion", "timestamp"), _binary),
    "uniqueidentifier": _guid,
    "date": _date,
    "time": _time,
    "datetime2": _datetime2,
    "datetimeoffset": _datetimeoffset,
    "datetime": _datetime,
    "smalldatetime": _smalldatetime,
}
"""What is not among them is a text: `xml`, `json`, `sql_variant`, types of the database's own."""
