"""Reads glob patterns: a text becomes rows of elements, one an alternative. `engine/globs.py` says what they mean."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tidemill.model.errors import BadRequest

MAX_CHARS: Final = 1024
MAX_ALTERNATIVES: Final = 100
MAX_DEPTH: Final = 10


@dataclass(frozen=True, slots=True)
class Token:
    """`{name}`: a name that is put in later."""

    name: str


@dataclass(frozen=True, slots=True)
class Literal:
    """One character that stands for itself."""

    character: str


@dataclass(frozen=True, slots=True)
class One:
    """`?` and `[…]`: one character of `ranges`, or (`inverted`) one that is in none of them; never `/`."""

    ranges: tuple[tuple[str, str], ...] = ()
    inverted: bool = True

    def takes(self, character: str) -> bool:
        """Whether it is one of them."""
        found = any(first <= character <= last for first, last in self.ranges)
        return character != "/" and found is not self.inverted


@dataclass(frozen=True, slots=True)
class Star:
    """`*`, or `**` where it `crosses` slashes: any number of characters."""

    crosses: bool


@dataclass(frozen=True, slots=True)
class Segments:
    """`**/` at the start of a segment: any number of whole segments, each with its slash."""


Element = Token | Literal | One | Star | Segments
Row = tuple[Element, ...]

ANYTHING: Final = Star(crosses=True)
_SLASH: Final = Literal("/")


def parse_glob(pattern: str, tokens: Iterable[str] = ()) -> tuple[Row, ...]:
    """The alternatives of `pattern`; `{name}` is a token where it is one of `tokens`.

    Raises:
        BadRequest: it is no pattern, or stands for more than 100 alternatives; the message says what is wrong.
    """
    if not 1 <= len(pattern) <= MAX_CHARS:
        raise BadRequest(f"A pattern has 1 to {MAX_CHARS} characters; {pattern[:80]!r} has {len(pattern)}.")
    reader = _Reader(pattern, frozenset(tokens))
    return tuple(_tidied(row) for row in reader.rows(0))


def put_in(row: Row, name: str) -> Row:
    """`row` with `name` for each token."""
    return tuple(
        element for each in row for element in (tuple(map(Literal, name)) if isinstance(each, Token) else (each,))
    )


class _Reader:
    def __init__(self, pattern: str, tokens: frozenset[str]) -> None:
        self._pattern = pattern
        self._tokens = tokens
        self._position = 0

    def rows(self, depth: int) -> list[Row]:
        """What stands from here to the end, or within braces (`depth` above 0) to the next `,` or `}`."""
        found: list[Row] = [()]
        while self._position < len(self._pattern):
            character = self._pattern[self._position]
            if depth and character in ",}":
                break
            parts = self._part(character, depth)
            found = [(*row, *part) for row in found for part in parts]
            if len(found) > MAX_ALTERNATIVES:
                raise self._fault(f"its braces stand for more than {MAX_ALTERNATIVES} alternatives")
        return found

    def _part(self, character: str, depth: int) -> list[Row]:
        match character:
            case "{":
                return self._braces(depth)
            case "[":
                return [(self._set(),)]
            case "}":
                raise self._fault("a '}' closes nothing")
            case "*":
                start = self._position
                while self._pattern[self._position : self._position + 1] == "*":
                    self._position += 1
                return [(Star(crosses=self._position - start > 1),)]
            case _:
                self._position += 1
                return [(One() if character == "?" else Literal(character),)]

    def _braces(self, depth: int) -> list[Row]:
        close = self._pattern.find("}", self._position)
        name = self._pattern[self._position + 1 : close]
        if name in self._tokens:
            self._position = close + 1
            return [(Token(name),)]
        if depth == MAX_DEPTH:
            raise self._fault(f"its braces are nested more than {MAX_DEPTH} deep")
        return self._alternatives(depth, name)

    def _alternatives(self, depth: int, name: str) -> list[Row]:
        found: list[Row] = []
        count = 0
        while count == 0 or self._pattern[self._position : self._position + 1] == ",":
            self._position += 1
            count += 1
            found += self.rows(depth + 1)
        if self._position >= len(self._pattern):
            raise self._fault("a '{' is not closed")
        self._position += 1
        if count == 1:
            known = ", ".join(f"{{{each}}}" for each in sorted(self._tokens))
            raise self._fault(f"{{{name}}} is none of {known}, and alternatives are separated by commas")
        return found

    def _set(self) -> One:
        """`[abc]`, `[a-z]`, `[!a-z]`; a `]` that comes first stands for itself."""
        start = self._position + 1
        inverted = self._pattern[start : start + 1] in {"!", "^"}
        start += inverted
        close = self._pattern.find("]", start + 1)
        if close < 0:
            raise self._fault("a '[' is not closed")
        self._position = close + 1
        return One(tuple(self._ranges(self._pattern[start:close])), inverted=inverted)

    def _ranges(self, text: str) -> Iterable[tuple[str, str]]:
        while text:
            is_range = len(text) > 2 and text[1] == "-"
            first, last = text[0], text[2] if is_range else text[0]
            if first > last:
                raise self._fault(f"the range '{first}-{last}' is the wrong way round")
            yield first, last
            text = text[3 if is_range else 1 :]

    def _fault(self, what: str) -> BadRequest:
        return BadRequest(f"{self._pattern[:120]!r} is not a pattern: {what}.")


def _tidied(row: Sequence[Element]) -> Row:
    """`row` with stars that meet made one, and `**/` made `Segments` where a segment starts with it."""
    found: list[Element] = []
    for each in row:
        last = found[-1] if found else None
        if isinstance(each, Star) and isinstance(last, Star):
            found[-1] = Star(crosses=each.crosses or last.crosses)
        elif each == _SLASH and last == ANYTHING and (len(found) == 1 or found[-2] in {_SLASH, Segments()}):
            found[-1] = Segments()
        else:
            found.append(each)
    return tuple(found)
