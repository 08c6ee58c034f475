"""What changed between two JSON texts, exactly: nothing is parsed into numbers, so `1.10` and `1.1` differ."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

MAX_DEPTH: Final = 32
"""Objects and lists deeper than this are compared as a whole."""
MAX_CHANGES: Final = 1000


@dataclass(frozen=True, slots=True)
class Difference:
    """One place that differs. `pointer` is a JSON pointer (RFC 6901); `old` or `new` is None where it is not there."""

    pointer: str
    old: bytes | None
    new: bytes | None


def differences(old: bytes, new: bytes) -> list[Difference]:
    """The places at which two valid JSON texts differ, in the order of the old one, at most `MAX_CHANGES`.

    The order of keys and blanks do not count. Elements of lists are compared by position.
    """
    found: list[Difference] = []
    for difference in _differences(old.strip(), new.strip(), pointer="", depth=0):
        found.append(difference)
        if len(found) == MAX_CHANGES:
            break
    return found


def _differences(old: bytes, new: bytes, *, pointer: str, depth: int) -> Iterator[Difference]:
    if old == new:
        return
    if depth < MAX_DEPTH and old[:1] == new[:1] and old[:1] in (b"{", b"["):
        before, after = _parts(old), _parts(new)
        for name in dict.fromkeys((*before, *after)):
            place = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
            if name in before and name in after:
                yield from _differences(before[name], after[name], pointer=place, depth=depth + 1)
            else:
                yield Difference(place, before.get(name), after.get(name))
        return
    yield Difference(pointer, old, new)


def _parts(raw: bytes) -> dict[str, bytes]:
    """The members of an object by name, or the elements of a list by position."""
    if raw.startswith(b"{"):
        return {name: bytes(member) for name, member in msgspec.json.decode(raw, type=dict[str, msgspec.Raw]).items()}
    return {str(place): bytes(each) for place, each in enumerate(msgspec.json.decode(raw, type=list[msgspec.Raw]))}
