"""The one JSON policy: what counts as JSON at every edge, and how raw JSON text is taken apart without re-encoding it.

Refused everywhere: text that is not UTF-8, a byte order mark, nesting deeper than `max_depth`, `NaN` and `Infinity`,
an object with the same key twice, lone surrogates (`"\\ud800"`), integers of more than 4300 digits, control characters
in strings, and anything after the value. Kept as it is written: numbers of any precision and size (`1e400000` too),
`\\u0000`, the order of keys, blanks. Only `loads` has to refuse `1e400000`, since a Python float cannot hold it.

Everything here is in memory. A check takes about 10 ms a megabyte, and up to 40 ms where `model/jsonquick.py` cannot
tell: callers move values of several megabytes to a thread.
"""

import json
import re
from collections.abc import Callable, Mapping
from json.decoder import scanstring  # type: ignore[attr-defined]  # there, but missing from the type stubs
from typing import Final, TypeAlias

from tidemill.model.errors import InvalidJson, TooLarge
from tidemill.model.jsonquick import is_faithful
from tidemill.model.jsonshape import shape_of

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"

MAX_DEPTH: Final = 512
MAX_INT_DIGITS: Final = 4300
MAX_ARRAYS: Final = 4_000_000
"""In one text: each costs some 70 bytes while it is read, so that 100 MB of `[],` would take gigabytes."""

_LARGE_BYTES: Final = 64 * 1024
"""From here on it is worth while to look first whether a text is surely fine."""
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_PAIRED: Final = re.compile(
    rb"(?:[^\\]++|\\[^u]|\\u(?![dD][89a-fA-F])|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})*+", re.DOTALL
)
_BLANKS: Final = re.compile(r"[ \t\n\r]*")
_EXACT_DIGITS: Final = 10**MAX_INT_DIGITS


def check(raw: bytes, *, max_bytes: int, max_depth: int = MAX_DEPTH) -> None:
    """Nothing, if `raw` is JSON of at most `max_bytes` bytes that Tidemill keeps faithfully.

    Raises:
        TooLarge: `raw` is longer than `max_bytes`, or has more than `MAX_ARRAYS` arrays.
        InvalidJson: it is refused by the policy of this module; the message names what and where, never the value.
    """
    if len(raw) > max_bytes:
        raise TooLarge(f"The JSON text has {len(raw)} bytes; at most {max_bytes} are allowed.")
    if len(raw) >= _LARGE_BYTES and _is_surely_fine(raw, max_depth):
        return
    _decode(_text(raw, max_depth), _VALIDATE)


def loads(raw: bytes, *, max_depth: int = MAX_DEPTH) -> JsonValue:
    """The value of `raw`: integers exactly, other numbers as floats.

    Raises:
        TooLarge: more than `MAX_ARRAYS` arrays.
        InvalidJson: as `check`, or a number is too large for a float (keep the raw text instead).
    """
    value: JsonValue = _decode(_text(raw, max_depth), _BUILD)
    return value


def dumps(value: JsonValue) -> bytes:
    """`value` as compact UTF-8 JSON that `check` accepts.

    Raises:
        InvalidJson: something in it has no JSON form; the message names the place, such as `$.rows[3].price`.
    """
    fault = _find_fault(value)
    if fault is not None:
        raise InvalidJson(fault)
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def object_fields(raw: bytes, *, max_depth: int = MAX_DEPTH) -> dict[str, bytes]:
    """The raw text of each member of the object `raw`, in its order, exactly as it is written.

    Raises:
        InvalidJson: as `check`, or it is not an object.
    """
    text = _text(raw, max_depth)
    start = _skip(text, 0)
    if text[start : start + 1] != "{":
        raise InvalidJson("The JSON text must be an object.")
    fields: dict[str, bytes] = {}
    try:
        end = _collect_members(text, start + 1, fields)
    except (ValueError, StopIteration, RecursionError) as error:
        raise _refusal(error) from error
    if _skip(text, end) != len(text):
        raise InvalidJson(f"The JSON text goes on after the object, at character {end}.")
    return fields


def build_object(fields: Mapping[str, bytes]) -> bytes:
    """One object of members whose values are raw JSON text: the inverse of `object_fields`. Values are not checked."""
    return b"".join(object_pieces(fields))


def object_pieces(fields: Mapping[str, bytes]) -> list[bytes]:
    """What `build_object` joins: before each value of `fields` one piece, and one at the end. A value may be large."""
    pieces: list[bytes] = []
    for name, value in fields.items():
        pieces += ((b"," if pieces else b"{") + dumps(name) + b":", value)
    return [*pieces, b"}" if pieces else b"{}"]


def _is_surely_fine(raw: bytes, max_depth: int) -> bool:
    fine = is_faithful(raw, max_depth=max_depth, max_arrays=MAX_ARRAYS, max_digits=MAX_INT_DIGITS)
    return fine and _half_pair(raw) is None


def _half_pair(raw: bytes) -> int | None:
    """Where half of a surrogate pair stands, if it does."""
    if b"\\u" not in raw or _SURROGATE.search(raw) is None:
        return None
    end: int = _PAIRED.match(raw).end()  # type: ignore[union-attr]  # the pattern matches the empty text too
    return None if end == len(raw) else end


def _text(raw: bytes, max_depth: int) -> str:
    """`raw` decoded, after the checks that work on bytes."""
    if raw.startswith(b"\xef\xbb\xbf"):
        raise InvalidJson("The JSON text starts with a byte order mark; send plain UTF-8.")
    _check_nesting(raw, max_depth)
    if (place := _half_pair(raw)) is not None:
        raise InvalidJson(f"A string has half of a surrogate pair at byte {place}; such text has no UTF-8 form.")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise InvalidJson(f"The JSON text is not UTF-8: byte {error.start} does not fit.") from error


def _check_nesting(raw: bytes, limit: int) -> None:
    """Refuse what nests deeper than `limit` or has too many arrays."""
    if raw.count(b"[") + raw.count(b"{") <= limit:
        return
    shape = shape_of(raw, limit=limit)
    if shape.deepest > limit:
        raise InvalidJson(f"The JSON text is nested deeper than {limit} levels.")
    if shape.arrays > MAX_ARRAYS:
        raise TooLarge(f"The JSON text has more than {MAX_ARRAYS} arrays; keep such data in an object store.")


def _without_duplicates(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise InvalidJson(f"An object has the key {twice[:80]!r} twice.")
    return members


def _validated(pairs: list[tuple[str, JsonValue]]) -> None:
    """As `_without_duplicates`, but what is checked is dropped at once, which keeps a large check small."""
    if len(pairs) > 1:
        _without_duplicates(pairs)


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise InvalidJson(f"The number {text[:40]} is too large for a float.")
    return value


def _refuse_constant(name: str) -> None:
    raise InvalidJson(f"{name} is not JSON; use null or a string.")


_VALIDATE: Final = json.JSONDecoder(
    object_pairs_hook=_validated,
    parse_constant=_refuse_constant,
    parse_float=bool,  # any value will do, and this one takes no memory
)
_BUILD: Final = json.JSONDecoder(
    object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant, parse_float=_finite
)
_scan_value: Final[Callable[[str, int], tuple[object, int]]] = _VALIDATE.scan_once  # type: ignore[attr-defined]


def _decode(text: str, decoder: json.JSONDecoder) -> JsonValue:
    try:
        value: JsonValue = decoder.decode(text)
    except (ValueError, RecursionError) as error:
        raise _refusal(error) from error
    return value


def _refusal(error: Exception) -> InvalidJson:
    """What the standard library's complaint means to a caller; its own messages never quote the text."""
    if isinstance(error, json.JSONDecodeError):
        return InvalidJson(f"Not JSON: {error.msg} at line {error.lineno}, column {error.colno}.")
    if isinstance(error, StopIteration):
        return InvalidJson(f"Not JSON: a value is expected at character {error.value}.")
    if isinstance(error, RecursionError):
        return InvalidJson("The JSON text is nested too deeply.")
    return InvalidJson(f"An integer has more than {MAX_INT_DIGITS} digits; send it as a string.")


def _skip(text: str, position: int) -> int:
    """The position after the blanks at `position`."""
    return _BLANKS.match(text, position).end()  # type: ignore[union-attr]  # the pattern matches the empty text too


def _collect_members(text: str, position: int, fields: dict[str, bytes]) -> int:
    """Fill `fields` from the members that start at `position`; gives the position after the closing brace."""
    position = _skip(text, position)
    if text[position : position + 1] == "}":
        return position + 1
    while True:
        _expect(text, position, '"')
        name, position = scanstring(text, position + 1)
        position = _skip(text, position)
        _expect(text, position, ":")
        start = _skip(text, position + 1)
        _, end = _scan_value(text, start)
        if name in fields:
            raise InvalidJson(f"An object has the key {name[:80]!r} twice.")
        fields[name] = text[start:end].encode()
        position = _skip(text, end)
        if text[position : position + 1] == "}":
            return position + 1
        _expect(text, position, ",")
        position = _skip(text, position + 1)


def _expect(text: str, position: int, wanted: str) -> None:
    if text[position : position + 1] != wanted:
        raise json.JSONDecodeError(f"Expecting {wanted!r}", text, position)


def _find_fault(value: object) -> str | None:
    """What in `value` has no JSON form and where, or None."""
    waiting: list[tuple[object, str, int]] = [(value, "$", 0)]
    while waiting:
        item, place, depth = waiting.pop()
        fault = _fault_of(item)
        if fault is None and depth > MAX_DEPTH:
            fault = f"is nested deeper than {MAX_DEPTH} levels"
        if fault is not None:
            return f"The value at {place[:200]} {fault}."
        if isinstance(item, dict):
            for name, member in item.items():
                fault = "is not a string" if not isinstance(name, str) else _fault_of(name)
                if fault is not None:
                    return f"A key of the object at {place[:200]} {fault}."
                waiting.append((member, f"{place}.{name}", depth + 1))
        elif isinstance(item, list | tuple):
            waiting.extend((member, f"{place}[{index}]", depth + 1) for index, member in enumerate(item))
    return None


def _fault_of(item: object) -> str | None:
    """What is wrong with this one value, its members aside."""
    match item:
        case None | bool() | dict() | list() | tuple():
            return None
        case str():
            return None if _is_encodable(item) else "has half of a surrogate pair"
        case int():
            return None if -_EXACT_DIGITS < item < _EXACT_DIGITS else f"has more than {MAX_INT_DIGITS} digits"
        case float():
            return None if item - item == 0 else f"is {item}, which JSON cannot hold"
        case _:
            return f"is of type {type(item).__name__}, which JSON does not have"


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
