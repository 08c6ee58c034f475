"""Turns BSON documents into JSON text: MongoDB's Extended JSON, relaxed where that loses nothing, else canonical.

Written out of the bytes at once, so that nothing passes through a type of Python that could not hold it.
"""

import base64
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from json.encoder import encode_basestring as quoted
from typing import Final

from bson.decimal128 import Decimal128

from tidemill.model.errors import QueryFailed

EXACT_INTEGER: Final = 2**53 - 1
"""The largest integer that every reader of JSON keeps; larger ones are written as `$numberLong`."""
TYPE_KEYS: Final = frozenset(
    {
        *("$oid", "$numberInt", "$numberLong", "$numberDouble", "$numberDecimal", "$date", "$binary", "$uuid"),
        *("$regularExpression", "$timestamp", "$minKey", "$maxKey", "$code", "$symbol", "$undefined", "$dbPointer"),
    }
)
"""The keys by which Extended JSON marks a type."""

_INT32: Final = struct.Struct("<i")
_INT64: Final = struct.Struct("<q")
_DOUBLE: Final = struct.Struct("<d")
_TIMESTAMP: Final = struct.Struct("<II")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_RELAXED_DATES: Final = range(253_402_300_800_000)  # milliseconds of the years 1970 to 9999


def to_json(raw: bytes, *, is_canonical: bool = False) -> str:
    """The document `raw` as one JSON object; its keys stay in their order.

    `is_canonical` marks each number with its type, so that reading it again gives the very same BSON.

    Raises:
        QueryFailed: it has a key twice, a key that marks a type, text that is not UTF-8, or is not BSON.
    """
    try:
        return BsonReader(raw, is_canonical).document(0)
    except (struct.error, IndexError, ValueError) as error:
        raise _unreadable(error) from error


def members_to_json(raw: bytes, *, is_canonical: bool = False) -> dict[str, str]:
    """The JSON text of each field of the document `raw`, in their order.

    Raises:
        QueryFailed: as `to_json`.
    """
    try:
        return dict(BsonReader(raw, is_canonical).members(0))
    except (struct.error, IndexError, ValueError) as error:
        raise _unreadable(error) from error


def _unreadable(error: Exception) -> QueryFailed:
    return QueryFailed(f"A document cannot be shown as JSON: {error}.")


class BsonReader:
    """Reads on through the bytes. Each method begins at `position` and leaves it behind what it has read."""

    def __init__(self, raw: bytes, is_canonical: bool) -> None:
        self.raw = raw
        self.position = 0
        self.is_canonical = is_canonical

    def document(self, depth: int) -> str:
        members = self.members(depth)
        names = {name for name, _ in members}
        if len(names) != len(members):
            raise ValueError("it has a field twice: " + ", ".join(sorted(names)))
        if not TYPE_KEYS.isdisjoint(names):
            raise ValueError(f"it has a field that is itself called {min(TYPE_KEYS & names)}")
        return "{" + ",".join(f"{quoted(name)}:{text}" for name, text in members) + "}"

    def value(self, kind: int, depth: int = 0) -> str:
        if depth > 180:
            raise ValueError("it is nested deeper than 180 levels")
        if kind in {3, 4}:
            return self.document(depth) if kind == 3 else self._array(depth)
        reader = _VALUES.get(kind)
        if reader is None:
            raise ValueError(f"it has a value of the unknown type {kind:#04x}")
        return reader(self)

    def members(self, depth: int) -> list[tuple[str, str]]:
        raw = self.raw
        size = self._int32()
        end = self.position + size - 5
        if size < 5 or end >= len(raw) or raw[end]:
            raise ValueError("its length does not fit its bytes")
        position = self.position
        members: list[tuple[str, str]] = []
        while position < end:
            kind, stop = raw[position], raw.index(0, position + 1)
            name = raw[position + 1 : stop].decode()
            position = stop + 1
            if kind == 0x02:  # the two most frequent types are read here: this loop is what a stream costs
                stop = position + 4 + _INT32.unpack_from(raw, position)[0]
                if stop > end or stop < position + 5:
                    raise ValueError("it ends too early")
                text = quoted(raw[position + 4 : stop - 1].decode())
                position = stop
            elif kind == 0x10 and not self.is_canonical:
                text = str(_INT32.unpack_from(raw, position)[0])
                position += 4
            else:
                self.position = position
                text = self.value(kind, depth + 1)
                position = self.position
            members.append((name, text))
        if position != end:
            raise ValueError("its length does not fit its bytes")
        self.position = end + 1
        return members

    def _array(self, depth: int) -> str:
        return "[" + ",".join(text for _, text in self.members(depth)) + "]"

    def _take(self, size: int) -> bytes:
        start = self.position
        self.position += size
        if size < 0 or self.position > len(self.raw):
            raise ValueError("it ends too early")
        return self.raw[start : self.position]

    def _cstring(self) -> str:
        end = self.raw.index(b"\0", self.position)
        text = self.raw[self.position : end].decode()
        self.position = end + 1
        return text

    def _int32(self) -> int:
        number: int = _INT32.unpack_from(self.raw, self.position)[0]
        self.position += 4
        return number

    def _int64(self) -> int:
        number: int = _INT64.unpack_from(self.raw, self.position)[0]
        self.position += 8
        return number

    def _string(self) -> str:
        return self._take(self._int32())[:-1].decode()

    def text(self) -> str:
        return quoted(self._string())

    def number(self) -> str:
        number: float = _DOUBLE.unpack_from(self.raw, self.position)[0]
        self.position += 8
        if number - number != 0:
            name = "NaN" if number != number else "Infinity" if number > 0 else "-Infinity"  # noqa: PLR0124
            return f'{{"$numberDouble":"{name}"}}'
        return f'{{"$numberDouble":"{number!r}"}}' if self.is_canonical else repr(number)

    def integer(self) -> str:
        number = self._int32()
        return f'{{"$numberInt":"{number}"}}' if self.is_canonical else str(number)

    def long(self) -> str:
        number = self._int64()
        is_plain = not self.is_canonical and -EXACT_INTEGER <= number <= EXACT_INTEGER
        return str(number) if is_plain else f'{{"$numberLong":"{number}"}}'

    def binary(self) -> str:
        size = self._int32()
        subtype = self._take(1)[0]
        content = self._take(size)
        if subtype == 2:  # the old form repeats the length inside
            content = content[4:]
        text = base64.b64encode(content).decode()
        return f'{{"$binary":{{"base64":"{text}","subType":"{subtype:02x}"}}}}'

    def object_id(self) -> str:
        return f'{{"$oid":"{self._take(12).hex()}"}}'

    def bool(self) -> str:
        return "true" if self._take(1) != b"\0" else "false"

    def date(self) -> str:
        milliseconds = self._int64()
        if self.is_canonical or milliseconds not in _RELAXED_DATES:
            return f'{{"$date":{{"$numberLong":"{milliseconds}"}}}}'
        text = (_EPOCH + timedelta(milliseconds=milliseconds)).isoformat(
            timespec="milliseconds" if milliseconds % 1000 else "seconds"
        )
        return f'{{"$date":"{text.removesuffix("+00:00")}Z"}}'

    def expression(self) -> str:
        pattern, options = self._cstring(), "".join(sorted(self._cstring()))
        return f'{{"$regularExpression":{{"pattern":{quoted(pattern)},"options":{quoted(options)}}}}}'

    def pointer(self) -> str:
        collection = self.text()
        return f'{{"$dbPointer":{{"$ref":{collection},"$id":{self.object_id()}}}}}'

    def scoped_code(self) -> str:
        self._int32()
        code = self.text()
        return f'{{"$code":{code},"$scope":{self.document(0)}}}'

    def timestamp(self) -> str:
        increment, seconds = _TIMESTAMP.unpack(self._take(8))
        return f'{{"$timestamp":{{"t":{seconds},"i":{increment}}}}}'

    def decimal(self) -> str:
        return f'{{"$numberDecimal":"{Decimal128.from_bid(self._take(16))}"}}'

    def code(self) -> str:
        return f'{{"$code":{self.text()}}}'

    def symbol(self) -> str:
        return f'{{"$symbol":{self.text()}}}'


_VALUES: Final[dict[int, Callable[[BsonReader], str]]] = {
    0x01: BsonReader.number,
    0x02: BsonReader.text,
    0x05: BsonReader.binary,
    0x06: lambda _: '{"$undefined":true}',
    0x07: BsonReader.object_id,
    0x08: BsonReader.bool,
    0x09: BsonReader.date,
    0x0A: lambda _: "null",
    0x0B: BsonReader.expression,
    0x0C: BsonReader.pointer,
    0x0D: BsonReader.code,
    0x0E: BsonReader.symbol,
    0x0F: BsonReader.scoped_code,
    0x10: BsonReader.integer,
    0x11: BsonReader.timestamp,
    0x12: BsonReader.long,
    0x13: BsonReader.decimal,
    0x7F: lambda _: '{"$maxKey":1}',
    0xFF: lambda _: '{"$minKey":1}',
}
