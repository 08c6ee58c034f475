"""Glob patterns over keys of objects, matched in time that is linear in the key whatever the pattern.

| in a pattern | matches |
| --- | --- |
| `*` | any characters but `/`, also none |
| `**` | any characters, also `/`, also none |
| `**/` at the start of a segment | any number of whole segments, also none |
| `?` | one character but `/` |
| `[a-z_]`, `[!a-z]` | one of these characters, or one that is none of them; never `/` |
| `{a,b*}` | either |

Everything else stands for itself, case and all: there is no escaping (`[*]` is a star), and neither pattern nor key is
normalised in any way. `engine/glob_syntax.py` reads patterns.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from tidemill.engine.glob_syntax import ANYTHING, Element, Literal, One, Segments, Star, Token

_MAX_REMEMBERED: Final = 4096
_MAX_CHARACTERS: Final = 512
_SEGMENT_OF_ANYTHING: Final = Star(crosses=False)


class _Inside:
    """The place within the segments that `**/` stands for; the place before it is the `Segments` itself."""


class Glob:
    """One alternative of a pattern, without tokens, ready to match.

    It is run as a set of places that the key may have reached. The set is one whole number, a bit a place, so that a
    character costs the same few operations however many places there are. Steps that were worked out are remembered.
    """

    def __init__(self, elements: Sequence[Element]) -> None:
        """Raises TypeError where a token was not put in."""
        program: list[Element | _Inside] = []
        for each in elements:
            if isinstance(each, Token):
                raise TypeError(f"The token {each.name} was not put in.")
            program += [each, _Inside()] if isinstance(each, Segments) else [each]
        self._program = program
        self._head = _plain_head(elements)
        self._tail = _plain_head(elements[::-1])[::-1]
        self._end = 1 << len(program)
        self._stars = _bits(isinstance(each, Star) for each in program)
        self._forks = _bits(isinstance(each, Segments) for each in program)
        self._universal = _bits(_is_anything(program[index:]) for index in range(len(program)))
        self._characters: dict[str, tuple[int, int]] = {}
        self._steps: dict[tuple[int, str], int] = {}

    def matches(self, key: str) -> bool:
        """Whether it matches the whole of `key`."""
        start = len(self._head)
        if not (key.startswith(self._head) and key.endswith(self._tail)):
            return False
        return bool(1 << start & self._universal) or bool(self._reached(key, start) & self._end)

    def may_match_below(self, prefix: str) -> bool:
        """Whether it matches some text that starts with `prefix`."""
        if not prefix.startswith(self._head):
            return self._head.startswith(prefix)
        return bool(self._reached(prefix, len(self._head)))

    def matches_all_below(self, prefix: str) -> bool:
        """Whether it matches every text that starts with `prefix`, as far as its end tells (`**`, `**/*`)."""
        return prefix.startswith(self._head) and bool(self._reached(prefix, len(self._head)) & self._universal)

    def _reached(self, key: str, start: int) -> int:
        """The places that may be reached behind `key`, of which the first `start` characters are known to match."""
        places = self._closed(1 << start)
        steps = self._steps
        for character in key[start:]:
            following = steps.get((places, character))
            places = self._step(places, character) if following is None else following
            if not places:
                break
        return places

    def _step(self, places: int, character: str) -> int:
        moves, stays = self._moves(character)
        following = self._closed((places & moves) << 1 | places & stays)
        if len(self._steps) >= _MAX_REMEMBERED:
            self._steps.clear()
        self._steps[places, character] = following
        return following

    def _moves(self, character: str) -> tuple[int, int]:
        """The places that `character` leads on from, and those that it may stay in."""
        found = self._characters.get(character)
        if found is None:
            moves = _bits(_leads_on(each, character) for each in self._program)
            found = moves, _bits(_holds(each, character) for each in self._program)
            if len(self._characters) >= _MAX_CHARACTERS:
                self._characters.clear()
            self._characters[character] = found
        return found

    def _closed(self, places: int) -> int:
        """`places` with those that are reached from them without a character."""
        while True:
            forks = places & self._forks
            more = places | (places & self._stars) << 1 | forks << 1 | forks << 2
            if more == places:
                return places
            places = more


def _plain_head(elements: Sequence[Element]) -> str:
    """The plain text that all matches begin with."""
    head = []
    for each in elements:
        if not isinstance(each, Literal):
            break
        head.append(each.character)
    return "".join(head)


def _leads_on(each: Element | _Inside, character: str) -> bool:
    match each:
        case Literal():
            return each.character == character
        case One():
            return each.takes(character)
        case _Inside():
            return character == "/"
        case _:
            return False


def _holds(each: Element | _Inside, character: str) -> bool:
    match each:
        case Star():
            return each.crosses or character != "/"
        case _Inside():
            return True
        case _:
            return False


def _is_anything(rest: Sequence[Element | _Inside]) -> bool:
    """Whether every text leads from here to the end."""
    if len(rest) == 1:
        return rest[0] == ANYTHING
    return len(rest) == 3 and isinstance(rest[0], Segments) and rest[2] in {_SEGMENT_OF_ANYTHING, ANYTHING}


def _bits(flags: Iterable[bool]) -> int:
    return sum(flag << index for index, flag in enumerate(flags))
