"""Tells fast of most JSON texts that they keep the policy of `model/jsontext.py`; of the others it says nothing.

A parser in C looks at the syntax without making values (`msgspec`; the standard library has none). What it lets pass
and we do not is looked for on the bytes: text that is not UTF-8, long integers, nesting. Keys that come twice show
when the members of all objects are counted: before and after each key is taken once.
"""

import codecs
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

import msgspec

from tidemill.model.jsonshape import shape_of

_STRETCH_BYTES: Final = 1 << 20
_PIECE_BYTES: Final = 1 << 16
_MOST_BYTES: Final = 1 << 22
"""Of a piece whose values are made: some ten times as much memory."""
_ZEROS: Final = bytes.maketrans(b"123456789", b"000000000")
_BLANKS: Final = b" \t\r\n"
_BETWEEN: Final = {
    b"{": re.compile(rb"\}[ \t\r\n]*+(,)[ \t\r\n]*+\{"),
    b"[": re.compile(rb"\][ \t\r\n]*+(,)[ \t\r\n]*+\["),
}
"""What stands between two elements of an array, by how the first one begins."""
_CONTAINERS: Final[frozenset[type]] = frozenset({dict, list})
_ROWS: Final = msgspec.json.Decoder(list[dict[str, str | int | float | bool | None]])
_TRIES: Final = 4


def is_faithful(raw: bytes, *, max_depth: int, max_arrays: int, max_digits: int) -> bool:
    """Whether `raw` surely keeps the policy; where this is False it still may. Lone surrogates are not looked for."""
    try:
        msgspec.json.decode(raw, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    shape = shape_of(raw, limit=max_depth)
    if shape.deepest > max_depth or shape.arrays > max_arrays:
        return False
    if not _is_utf8(raw) or _has_digits(raw, max_digits + 1):
        return False
    return shape.members == shape.objects or _distinct_members(raw) == shape.members


def _is_utf8(raw: bytes) -> bool:
    if raw.isascii():
        return True
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(raw), _STRETCH_BYTES):
            decoder.decode(raw[start : start + _STRETCH_BYTES])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _has_digits(raw: bytes, count: int) -> bool:
    """Whether so many digits stand in a row somewhere."""
    run = b"0" * count
    steps = range(0, len(raw), _STRETCH_BYTES)
    return any(run in raw[start : start + _STRETCH_BYTES + count].translate(_ZEROS) for start in steps)


def _distinct_members(raw: bytes, *, levels: int = 4) -> int | None:
    """How many members all objects have when each key counts once; None where that takes too much to tell.

    `levels`: how many containers of more than a piece may lie within each other.
    """
    if len(raw) <= _PIECE_BYTES:
        return _in_pieces([raw])
    if b"{" not in raw:
        return 0
    if levels == 0:
        return None
    match raw.lstrip(_BLANKS)[:1]:
        case b"[":
            return _in_array(raw)
        case b"{":
            return _in_object(raw, levels=levels)
        case _:  # one long text
            return 0


def _in_object(raw: bytes, *, levels: int) -> int | None:
    """As `_distinct_members`, of an object: small members together, large ones by themselves."""
    fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    total = _in_pieces(_packed(fields.values()))
    for value in fields.values():
        inner = _distinct_members(bytes(value), levels=levels - 1) if len(value) > _PIECE_BYTES else 0
        if total is None or inner is None:
            return None
        total += inner
    return None if total is None else total + len(fields)


def _packed(values: Iterable[msgspec.Raw]) -> Iterator[bytes]:
    """The values that are no more than a piece, in arrays of about a piece."""
    pack: list[msgspec.Raw] = []
    size = 0
    for value in values:
        length = len(value)
        if length > _PIECE_BYTES:
            continue
        pack.append(value)
        size += length
        if size > _PIECE_BYTES:
            yield b"[" + b",".join(pack) + b"]"
            pack, size = [], 0
    yield b"[" + b",".join(pack) + b"]"


def _in_pieces(pieces: Iterable[bytes]) -> int | None:
    try:
        return sum(_members(msgspec.json.decode(piece)) for piece in pieces)
    except msgspec.DecodeError:  # a number that no float holds
        return None


def _in_rows(piece: bytes) -> int | None:
    """The members of an array of objects that hold no other containers; None where it is something else."""
    try:
        return sum(map(len, _ROWS.decode(piece)))
    except msgspec.DecodeError:
        return None


def _in_array(raw: bytes) -> int | None:
    """As `_distinct_members`, of an array of objects or of arrays, piece by piece.

    A piece ends where one element seems to end and the next to begin. It is cut right if it parses: a parser that has
    read so far expects the next element, and so does the one that reads on.
    """
    start, end = raw.index(b"[") + 1, raw.rindex(b"]")
    between = _BETWEEN.get(raw[start : start + 64].lstrip(_BLANKS)[:1])
    total = 0
    are_rows = True
    while between is not None and start < end:
        cut = start + _PIECE_BYTES
        for _ in range(_TRIES):
            found = between.search(raw, cut, start + _MOST_BYTES)
            stop = found.start(1) if found else end
            if stop - start > _MOST_BYTES:
                return None
            piece = b"[" + raw[start:stop] + b"]"
            counted = _in_rows(piece) if are_rows else None
            are_rows = counted is not None
            counted = counted if are_rows else _in_pieces([piece])
            if counted is not None:
                break
            cut = stop + 1
        else:
            return None
        total += counted
        start = stop + 1
    return None if between is None else total


def _members(value: object) -> int:
    """How many members all objects in it have, level by level."""
    total = 0
    level = [value]
    while not _CONTAINERS.isdisjoint(map(type, level)):
        objects = [each for each in level if type(each) is dict]
        arrays = [each for each in level if type(each) is list]
        total += sum(map(len, objects))
        level = list(chain(chain.from_iterable(map(dict.values, objects)), chain.from_iterable(arrays)))
    return total
