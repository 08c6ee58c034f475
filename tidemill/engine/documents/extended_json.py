"""Reads MongoDB's Extended JSON, canonical and relaxed: turns `{"$oid": "..."}` and its like into BSON values."""

import base64
import binascii
import re
import struct
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final

from bson.decimal128 import Decimal128, create_decimal128_context

from tidemill.engine.documents.bson_json import TYPE_KEYS
from tidemill.engine.documents.bson_tree import Tree, Typed, Unfit, cstring, to_bson, typed_text

_DATE: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d+))?\s*(Z|[+-]\d\d(?::?\d\d)?)?)?", re.ASCII
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def typed(tree: Tree) -> Tree:
    """`tree` with each object that marks a type replaced by the value that it stands for.

    Raises:
        Unfit: an object has the key of a type, and not what belongs to it.
    """
    if isinstance(tree, list):
        return [typed(item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    marks = TYPE_KEYS & tree.keys()
    if not marks:
        for name, value in tree.items():
            if isinstance(value, dict | list):
                tree[name] = typed(value)
        return tree
    mark = min(marks)
    allowed = {"$code": {"$code", "$scope"}, "$binary": {"$binary", "$type"}}.get(mark, {mark})
    if not tree.keys() <= allowed:
        raise Unfit(f"an object with {mark} has other keys beside it: {', '.join(sorted(tree.keys() - allowed))}")
    return _READERS[mark](tree)


def date(text: str) -> Typed:
    """A point in time: `2024-01-02`, `2024-01-02T03:04:05.678Z` or with an offset; without one it is UTC.

    Raises:
        Unfit: it is none, or has digits below the millisecond, which MongoDB does not keep.
    """
    match = _DATE.fullmatch(text)
    if match is None:
        raise Unfit(f"{text[:40]!r} is not a date such as 2024-01-02 or 2024-01-02T03:04:05.678Z")
    day, time, fraction, offset = match.groups()
    if fraction and fraction[3:].strip("0"):
        raise Unfit(f"{text[:40]!r} is finer than a millisecond, which MongoDB does not keep")
    zone = "+00:00" if offset in {None, "Z"} else offset
    try:
        moment = datetime.fromisoformat(f"{day}T{time or '00:00'}{zone}")
        milliseconds = (moment - _EPOCH) // timedelta(milliseconds=1) + int((fraction or "0")[:3].ljust(3, "0"))
    except (ValueError, OverflowError) as error:
        raise Unfit(f"{text[:40]!r} is not a date: {error}") from error
    return Typed(0x09, struct.pack("<q", milliseconds))


def object_id(text: str) -> Typed:
    """The ObjectId of 24 hexadecimal digits."""
    if not re.fullmatch("[0-9a-fA-F]{24}", text):
        raise Unfit(f"{text[:40]!r} is not an ObjectId: 24 hexadecimal digits")
    return Typed(0x07, bytes.fromhex(text))


def decimal(text: str) -> Typed:
    """A Decimal128 with exactly these digits."""
    try:
        exact = Decimal(text)
        context = create_decimal128_context()
        kept = context.create_decimal(exact)
        if exact.is_finite() and kept != exact:
            raise Unfit(f"{text[:60]!r} has more digits than the 34 of a Decimal128")
        return Typed(0x13, Decimal128(kept).bid)
    except InvalidOperation as error:
        raise Unfit(f"{text[:60]!r} is not a number that a Decimal128 holds") from error


def long(text: str) -> Typed:
    """A 64-bit integer."""
    return _number(text, "<q", 0x12)


def binary(text: str, subtype: int = 0) -> Typed:
    """Bytes, from base64."""
    try:
        content = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise Unfit(f"{text[:40]!r} is not base64") from error
    if subtype == 2:
        content = struct.pack("<i", len(content)) + content
    return Typed(0x05, struct.pack("<iB", len(content), subtype) + content)


def identifier(text: str) -> Typed:
    """A UUID."""
    try:
        return Typed(0x05, struct.pack("<iB", 16, 4) + uuid.UUID(text).bytes)
    except ValueError as error:
        raise Unfit(f"{text[:40]!r} is not a UUID") from error


def expression(pattern: str, options: str = "") -> Typed:
    """A regular expression."""
    return Typed(0x0B, cstring(pattern) + cstring("".join(sorted(options))))


def _number(text: object, layout: str, kind: int) -> Typed:
    try:
        if not re.fullmatch(r"-?\d+", _text(text), re.ASCII):
            raise Unfit(f"{str(text)[:40]!r} is not an integer")
        return Typed(kind, struct.pack(layout, int(_text(text))))
    except struct.error as error:
        raise Unfit(f"{str(text)[:40]} does not fit {8 * struct.calcsize(layout)} bits") from error


def _double(tree: dict[str, Tree]) -> Typed:
    text = _text(tree["$numberDouble"])
    try:
        number = float(text)
    except ValueError as error:
        raise Unfit(f"{text[:40]!r} is not a number") from error
    if number in (float("inf"), float("-inf")) and "inf" not in text.lower():
        raise Unfit(f"{text[:40]} is too large for a double")
    return Typed(0x01, struct.pack("<d", number))


def _date(tree: dict[str, Tree]) -> Typed:
    value = tree["$date"]
    if isinstance(value, dict) and value.keys() == {"$numberLong"}:
        return Typed(0x09, _number(value["$numberLong"], "<q", 0x12).payload)
    return date(_text(value))


def _binary(tree: dict[str, Tree]) -> Typed:
    value = tree["$binary"]
    if isinstance(value, dict) and value.keys() == {"base64", "subType"} and "$type" not in tree:
        content, subtype = value["base64"], value["subType"]
    else:
        content, subtype = value, tree.get("$type", "00")
    if not re.fullmatch("[0-9a-fA-F]{1,2}", _text(subtype)):
        raise Unfit("the subType of a $binary is one or two hexadecimal digits")
    return binary(_text(content), int(_text(subtype), 16))


def _expression(tree: dict[str, Tree]) -> Typed:
    value = tree["$regularExpression"]
    if not isinstance(value, dict) or value.keys() != {"pattern", "options"}:
        raise Unfit("a $regularExpression has a pattern and options")
    return expression(_text(value["pattern"]), _text(value["options"]))


def _timestamp(tree: dict[str, Tree]) -> Typed:
    value = tree["$timestamp"]
    parts = [value[part] for part in ("i", "t")] if isinstance(value, dict) and value.keys() == {"t", "i"} else []
    numbers = [part for part in parts if isinstance(part, int) and 0 <= part < 2**32]
    if len(numbers) != 2:
        raise Unfit("a $timestamp has t and i, unsigned integers of 32 bits")
    return Typed(0x11, struct.pack("<II", *numbers))


def _code(tree: dict[str, Tree]) -> Typed:
    if "$code" not in tree:
        raise Unfit("a $scope needs a $code beside it")
    code = typed_text(0x0D, _text(tree["$code"]))
    if "$scope" not in tree:
        return code
    scope = typed(tree["$scope"])
    if not isinstance(scope, dict):
        raise Unfit("a $scope is an object")
    payload = code.payload + to_bson(scope)
    return Typed(0x0F, struct.pack("<i", len(payload) + 4) + payload)


def _pointer(tree: dict[str, Tree]) -> Typed:
    value = tree["$dbPointer"]
    if not isinstance(value, dict) or value.keys() != {"$ref", "$id"}:
        raise Unfit("a $dbPointer has $ref and $id")
    identity = typed(value["$id"])
    if not isinstance(identity, Typed) or identity.kind != 0x07:
        raise Unfit("the $id of a $dbPointer is an ObjectId")
    return Typed(0x0C, typed_text(0x02, _text(value["$ref"])).payload + identity.payload)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Unfit("a text is expected where Extended JSON marks a type")
    return value


def _always(kind: int, mark: str, wanted: Tree) -> Callable[[dict[str, Tree]], Typed]:
    def read(tree: dict[str, Tree]) -> Typed:
        if tree[mark] is not wanted and tree[mark] != wanted:
            raise Unfit(f"{mark} is always {wanted}")
        return Typed(kind, b"")

    return read


_READERS: Final[dict[str, Callable[[dict[str, Tree]], Typed]]] = {
    "$oid": lambda tree: object_id(_text(tree["$oid"])),
    "$numberInt": lambda tree: _number(tree["$numberInt"], "<i", 0x10),
    "$numberLong": lambda tree: _number(tree["$numberLong"], "<q", 0x12),
    "$numberDouble": _double,
    "$numberDecimal": lambda tree: decimal(_text(tree["$numberDecimal"])),
    "$date": _date,
    "$binary": _binary,
    "$uuid": lambda tree: identifier(_text(tree["$uuid"])),
    "$regularExpression": _expression,
    "$timestamp": _timestamp,
    "$code": _code,
    "$symbol": lambda tree: typed_text(0x0E, _text(tree["$symbol"])),
    "$dbPointer": _pointer,
    "$minKey": _always(0xFF, "$minKey", 1),
    "$maxKey": _always(0x7F, "$maxKey", 1),
    "$undefined": _always(0x06, "$undefined", True),
}
