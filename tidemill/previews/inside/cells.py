"""Values as JSON that loses nothing, also in readers that keep numbers as JavaScript does.

A number that JavaScript would change is given as a text; so are dates, times, decimals and whatever else JSON has no
word for. Bytes are in base64. The type of the column tells what a text is.
"""

import base64
import math
import re
from collections.abc import Callable
from typing import Final

import msgspec

Encode = Callable[[object], bytes]

_NULL: Final = b"null"
_MOST_EXACT: Final = 2**53 - 1
_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]{0,15})", re.ASCII)
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,15})\.[0-9]{1,17}", re.ASCII)
_BARE: Final = frozenset({"BIGINT", "DOUBLE"})


def typed(value: object) -> bytes:
    """A value as DuckDB gives it."""
    return msgspec.json.encode(_plain(value))


def _plain(value: object) -> object:
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if abs(value) <= _MOST_EXACT else str(value)
        case float():
            if math.isfinite(value):
                return value
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        case bytes() | bytearray() | memoryview():
            return base64.b64encode(value).decode()
        case dict():
            return {str(key): _plain(member) for key, member in value.items()}
        case list() | tuple():
            return [_plain(member) for member in value]
        case _:
            return str(value)


def written(type_name: str) -> Encode:
    """How to encode a cell of a text format (CSV) whose column looks like this type."""
    if type_name in _BARE:
        return lambda text: _NULL if text is None else _bare(str(text))
    if type_name == "BOOLEAN":
        return lambda text: text.encode() if isinstance(text, str) and text in {"true", "false"} else typed(text)
    return typed


def raw(cell: object) -> bytes:
    """A cell that is JSON already."""
    if cell is None:
        return _NULL
    text = str(cell)
    return _bare(text) if text[:1] in "-0123456789" else text.encode()


def _bare(text: str) -> bytes:
    """A number as it stands if it means the same to everyone, else as a text."""
    is_exact = _INTEGER.fullmatch(text) is not None and abs(int(text)) <= _MOST_EXACT and text != "-0"
    if is_exact or (_NUMBER.fullmatch(text) is not None and repr(float(text)) == text):
        return text.encode()
    return msgspec.json.encode(text)
