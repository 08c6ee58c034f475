"""The brackets and colons of a JSON text outside of its strings: how deep it nests, how many arrays and members it has.

Counted on bytes, in pieces, at nearly the speed of memory. The text need not be JSON: then the counts mean little.
"""

import re
from dataclasses import dataclass
from typing import Final

_PIECE_BYTES: Final = 1 << 20
_FLATTEN: Final = 4
"""Levels of nesting that are removed by replacing `[]` before the depth is walked; it only makes the walk shorter."""
_NO_STRUCTURE: Final = bytes(b for b in range(256) if b not in b'[]{}":')
_ONE_KIND: Final = bytes.maketrans(b"{}", b"[]")
_RUN: Final = re.compile(rb"\[+|\]+")
_ESCAPE_TAIL: Final = re.compile(rb"\\*.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a text is made of.

    Attributes:
        deepest: its levels of nesting; exact where they are more than the `limit` that was asked for.
        arrays: how many arrays begin in it.
        members: how many members its objects have in all.
        objects: how many of its objects have members.
    """

    deepest: int
    arrays: int
    members: int
    objects: int


def shape_of(raw: bytes, *, limit: int) -> Shape:
    """The shape of `raw`. `limit`: up to so many levels it does not matter how many there are."""
    position, depth, deepest, in_string = 0, 0, 0, False
    arrays = members = objects = 0
    last = b""
    while position < len(raw):
        end = position + _PIECE_BYTES
        if raw[end - 1 : end] == b"\\":  # an escape is never cut in two
            tail = _ESCAPE_TAIL.match(raw, end)
            end = tail.end() if tail else len(raw)
        structure, in_string = _structure(raw[position:end], in_string=in_string)
        arrays += structure.count(b"[")
        members += structure.count(b":")
        objects += (last + structure).count(b"{:")
        brackets = structure.translate(_ONE_KIND, b":")
        reached, after = _walk(_flattened(brackets), depth)
        if reached + _FLATTEN > limit:
            reached, _ = _walk(brackets, depth)
        deepest, depth = max(deepest, reached), after
        position, last = end, structure[-1:] or last
    return Shape(deepest, arrays, members, objects)


def _structure(piece: bytes, *, in_string: bool) -> tuple[bytes, bool]:
    """The brackets and colons of `piece` outside of strings, and whether it ends within one."""
    if b"\\" in piece:
        piece = piece.replace(b"\\\\", b"").replace(b'\\"', b"")
    kept = piece.translate(None, _NO_STRUCTURE)
    if in_string:
        kept = b'"' + kept
    ends_in_string = kept.count(b'"') % 2 == 1
    if ends_in_string:
        kept += b'"'
    structure = kept.replace(b'""', b"")
    if b'"' in structure:  # a string holds brackets or colons: take the strings out one by one
        structure = b"".join(kept.split(b'"')[::2])
    return structure, ends_in_string


def _flattened(brackets: bytes) -> bytes:
    for _ in range(_FLATTEN):
        brackets = brackets.replace(b"[]", b"")
    return brackets


def _walk(brackets: bytes, depth: int) -> tuple[int, int]:
    """The deepest level reached and the level at the end, starting at `depth`."""
    deepest = depth
    for run in _RUN.finditer(brackets):
        length = run.end() - run.start()
        if brackets[run.start()] == 0x5B:
            depth += length
            deepest = max(deepest, depth)
        else:
            depth -= length
    return deepest, depth
