"""Turns trees of plain values into BSON: dicts, lists, text, numbers, and `Typed` for what JSON has no form for."""

import struct
from dataclasses import dataclass
from typing import Final, TypeAlias

MAX_DEPTH: Final = 100
"""As many levels as MongoDB itself keeps."""


@dataclass(frozen=True, slots=True)
class Typed:
    """A BSON value that is encoded already: the byte of its type, and its bytes."""

    kind: int
    payload: bytes


Tree: TypeAlias = "dict[str, Tree] | list[Tree] | str | int | float | bool | Typed | None"


class Unfit(ValueError):
    """A value has no BSON form; the message says why, without quoting it at length."""


def to_bson(document: "dict[str, Tree]", *, depth: int = 0) -> bytes:
    """`document` as BSON, its keys in their order.

    Integers are 32 bits long where they fit, else 64.

    Raises:
        Unfit: something in it has no BSON form.
    """
    if depth > MAX_DEPTH:
        raise Unfit(f"it is nested deeper than {MAX_DEPTH} levels")
    pieces = [b"", *(_element(name, value, depth) for name, value in document.items()), b"\0"]
    pieces[0] = struct.pack("<i", 4 + sum(map(len, pieces)))
    return b"".join(pieces)


def typed_text(kind: int, text: str) -> Typed:
    """A value of one of the types that hold a text (string, symbol, code)."""
    raw = _encoded(text)
    return Typed(kind, struct.pack("<i", len(raw) + 1) + raw + b"\0")


def cstring(text: str) -> bytes:
    """A key, or a part of a regular expression: text that ends with a NUL."""
    raw = _encoded(text)
    if b"\0" in raw:
        raise Unfit(f"the name or pattern {text[:40]!r} holds a NUL character")
    return raw + b"\0"


def encoded(value: Tree, *, depth: int = 0) -> Typed:
    """Any value with the type that it has in BSON."""
    match value:
        case Typed():
            return value
        case None:
            return Typed(0x0A, b"")
        case bool():
            return Typed(0x08, b"\1" if value else b"\0")
        case int():
            return _integer(value)
        case float():
            return Typed(0x01, struct.pack("<d", value))
        case str():
            return typed_text(0x02, value)
        case list():
            items: dict[str, Tree] = {str(index): item for index, item in enumerate(value)}
            return Typed(0x04, to_bson(items, depth=depth + 1))
        case dict():
            return Typed(0x03, to_bson(value, depth=depth + 1))


def _element(name: str, value: Tree, depth: int) -> bytes:
    typed = encoded(value, depth=depth)
    return bytes([typed.kind]) + cstring(name) + typed.payload


def fitting(value: int) -> int:
    """`value`, if it fits 64 bits.

    Raises:
        Unfit: it does not.
    """
    if -(2**63) <= value < 2**63:
        return value
    raise Unfit(f"the integer {str(value)[:40]} does not fit 64 bits: write it as {{$numberDecimal: '...'}}")


def _integer(value: int) -> Typed:
    if -(2**31) <= value < 2**31:
        return Typed(0x10, struct.pack("<i", value))
    return Typed(0x12, struct.pack("<q", fitting(value)))


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise Unfit("a text holds half of a surrogate pair") from error
