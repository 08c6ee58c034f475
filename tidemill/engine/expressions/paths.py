"""Plain paths such as `results.a.rows[0].id`, read without JavaScript, and parts taken out of raw JSON text.

A part is cut out of the text as it is written, so numbers stay exact. What is not on the way is passed over by a
parser in C that makes no values.
"""

import re
from functools import lru_cache
from typing import Any, Final

import msgspec

from tidemill.engine.expressions.need import ROOTS, Key, Need, NeedKind
from tidemill.model.errors import ExpressionFailed

_NAME: Final = r"[A-Za-z_$][A-Za-z0-9_$]*"
_INDEX: Final = r"0|[1-9][0-9]{0,8}"
_KEY: Final = r"""(?P<quote>["'])(?P<key>[^"'\\\n]*)(?P=quote)"""
_STEP: Final = rf"\.\s*(?P<name>{_NAME})|\[\s*(?:(?P<index>{_INDEX})|{_KEY})\s*\]"
_START: Final = re.compile(rf"\s*({_NAME})\s*")
_NEXT: Final = re.compile(rf"\s*(?:{_STEP})\s*")
_END: Final = re.compile(r"\s*+(?:;\s*+)?\Z")
_INHERITED: Final = frozenset({
    "__proto__", "constructor", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString", "toString",
    "valueOf",
})  # fmt: skip
_CANONICAL: Final = re.compile(_INDEX)
_UNFIT: Final = re.compile(r'[\x00-\x1f"\\]')
"""What the parser does not take in the name of a single member."""
_LARGE_BYTES: Final = 16 * 1024
_SMALL_INDEX: Final = 256
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ELEMENTS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_BLANKS: Final = b" \t\r\n"


def parse_path(expression: str) -> Need | None:
    """What a plain path leads to; None where only JavaScript can tell."""
    if (start := _START.match(expression)) is None or start[1] not in ROOTS:
        return None
    keys: list[Key] = []
    position = start.end()
    while step := _NEXT.match(expression, position):
        keys.append(int(step["index"]) if step["index"] is not None else step["name"] or step["key"] or "")
        position = step.end()
    if _END.match(expression, position) is None or not _INHERITED.isdisjoint(keys):
        return None
    if start[1] != "results" or not keys:
        return Need(NeedKind.ROOT, start[1], tuple(keys))
    return Need(NeedKind.RESULT, str(keys[0]), tuple(keys[1:]))


def pick(raw: bytes | None, need: Need, *, behind: int = 0) -> bytes | None:
    """The part of `raw` that `need.path` leads to; None where it is undefined.

    `raw` is all of what `need` names, or what the first keys of the path have led to, as many as `behind` says.

    Raises:
        ExpressionFailed: the path goes on behind null or what is undefined; the message names that place.
    """
    part = raw
    for depth, key in enumerate(need.path[behind:], behind):
        if part is None or part.strip(_BLANKS) == b"null":
            place = Need(need.kind, need.name, need.path[:depth])
            what = "undefined" if part is None else "null"
            raise ExpressionFailed(f"{place} is {what}, so that {key!r} cannot be read from it.")
        part = member(part, key)
    return part


def member(raw: bytes, key: Key) -> bytes | None:
    """The raw text of one member, element or `length` of a value; None where it has none of that name."""
    match raw.lstrip(_BLANKS)[:1]:
        case b"{":
            return _of_object(raw, str(key))
        case b"[":
            return _of_array(raw, key)
        case b'"':
            return _of_text(msgspec.json.decode(raw, type=str), key)
        case _:
            return None


def kind_of(raw: bytes) -> str:
    """`{`, `[`, or what else the text begins with."""
    return raw.lstrip(_BLANKS)[:1].decode(errors="replace")


def _of_object(raw: bytes, key: str) -> bytes | None:
    if len(raw) < _LARGE_BYTES or _UNFIT.search(key):
        return _copied(_MEMBERS.decode(raw).get(key))
    return _copied(_only_member(key).decode(raw).value)


def _of_array(raw: bytes, key: Key) -> bytes | None:
    index = index_of(key)
    if index is not None and index < _SMALL_INDEX and len(raw) >= _LARGE_BYTES:
        return _copied(getattr(_first_elements(index + 1).decode(raw), f"_{index}"))
    elements = _ELEMENTS.decode(raw)
    if key == "length":
        return str(len(elements)).encode()
    return _copied(elements[index]) if index is not None and index < len(elements) else None


@lru_cache(maxsize=256)
def _only_member(key: str) -> msgspec.json.Decoder[Any]:
    """Reads one member of an object; the others are passed over and take no memory."""
    return msgspec.json.Decoder(
        msgspec.defstruct("Member", [("value", msgspec.Raw, msgspec.Raw())], rename={"value": key})
    )


@lru_cache(maxsize=_SMALL_INDEX)
def _first_elements(count: int) -> msgspec.json.Decoder[Any]:
    fields = [(f"_{place}", msgspec.Raw, msgspec.Raw()) for place in range(count)]
    return msgspec.json.Decoder(msgspec.defstruct("Elements", fields, array_like=True))


def _copied(part: msgspec.Raw | None) -> bytes | None:
    """A copy, so that the large text that it was cut out of can go."""
    return bytes(part) or None if part is not None else None


def index_of(key: Key) -> int | None:
    """Which element of a list a key names; None where it names none, as in JavaScript."""
    if isinstance(key, int):
        return key
    return int(key) if _CANONICAL.fullmatch(key) else None


def _of_text(text: str, key: Key) -> bytes | None:
    """As JavaScript counts, in UTF-16."""
    units = text.encode("utf-16-le", "surrogatepass")
    if key == "length":
        return str(len(units) // 2).encode()
    index = index_of(key)
    if index is None or index * 2 >= len(units):
        return None
    unit = units[index * 2 : index * 2 + 2].decode("utf-16-le", "surrogatepass")
    if "\ud800" <= unit <= "\udfff":
        raise ExpressionFailed(f"Character {index} of the text is half of a surrogate pair, which JSON cannot hold.")
    return msgspec.json.encode(unit)
