"""Where the parts of a large JSON text lie in it, so that one of them can be read without the others.

An index is a tree of the containers that are large. Of an object it tells where each large member lies, and where the
rest; of an array how many elements it has, and where every so manieth begins. It is bounded: what is too fine for it
lies within something that is read as a whole. Offsets are in bytes of the text.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec

from tidemill.model import jsontext

Key: TypeAlias = str | int

PART_BYTES: Final = 128 * 1024
"""What is read to get at something small, about."""
_MOST_STEPS: Final = 1024
_MOST_PLACES: Final = 4096
_MOST_LEVELS: Final = 8
_MOST_MEMBERS: Final = 20_000
_MOST_NAME_BYTES: Final = 200
_MOST_SMALL: Final = 512
"""So many small elements are looked for one by one, at most, in all arrays together."""
_TRIES: Final = 2
_WINDOW: Final = 4
_SPACES: Final = b" \t\r\n"
_BLANKS: Final = rb"[ \t\r\n]*+"
_NAME: Final = re.compile(rb'("(?:[^"\\]++|\\.)*+")' + _BLANKS + rb":" + _BLANKS, re.DOTALL)
_COMMA: Final = re.compile(_BLANKS + rb"(?:," + _BLANKS + rb")?")
_SKIPPED: Final = re.compile(_BLANKS)
_WORD: Final = re.compile(rb"[-+0-9.eE]++|true|false|null")
_TRAILING: Final = re.compile(r"trailing characters \(byte (\d+)\)")
_BETWEEN: Final = {
    0x7B: re.compile(rb"\}" + _BLANKS + rb"(,)" + _BLANKS + rb"\{"),
    0x5B: re.compile(rb"\]" + _BLANKS + rb"(,)" + _BLANKS + rb"\["),
    0x22: re.compile(rb'"' + _BLANKS + rb"(,)" + _BLANKS + rb'"'),
}
"""What stands between two elements of an array, by how the first one begins."""
_ANY_COMMA: Final = re.compile(rb"(,)")
_CANONICAL: Final = re.compile(r"0|[1-9][0-9]{0,8}")
_ELEMENTS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_TEXT: Final = msgspec.json.Decoder(str)
_ANYTHING: Final = msgspec.json.Decoder(msgspec.Raw)


class Place(msgspec.Struct, frozen=True, array_like=True):
    """One value, from `start` up to `end`; `inside`: what is known of it where it is a large container."""

    start: int
    end: int
    inside: "LargeObject | LargeArray | None" = None


class LargeObject(msgspec.Struct, frozen=True, array_like=True, tag="o"):
    """An object: its large members, and the stretches of text that hold the others, without the commas around them."""

    large: dict[str, Place]
    rest: list[tuple[int, int]]


class Stretch(msgspec.Struct, frozen=True, array_like=True):
    """Elements of an array that stand together: `first` is the index of the first one."""

    first: int
    start: int
    end: int
    inside: "LargeObject | LargeArray | None" = None


class LargeArray(msgspec.Struct, frozen=True, array_like=True, tag="a"):
    """An array of `count` elements. A large one is a stretch of its own."""

    count: int
    stretches: list[Stretch]


@dataclass(frozen=True, slots=True)
class Among:
    """What is looked for is in the array or object that these stretches of text make, as `key`, or else nowhere."""

    stretches: tuple[tuple[int, int], ...]
    key: Key
    is_array: bool

    def text(self, parts: list[bytes]) -> bytes:
        """The JSON text of that array or object, of the texts of the stretches."""
        joined = b",".join(parts)
        return b"[%s]" % joined if self.is_array else b"{%s}" % joined


Found: TypeAlias = Place | Among | int | None


def index_of(raw: bytes) -> Place | None:
    """The index of a JSON text that is well-formed; None where it tells nothing."""
    found = _Finding(raw, size=len(raw))
    start = _skip(raw, 0)
    end = len(raw.rstrip(_SPACES))
    inside = found.inside(start, end, level=0)
    return None if inside is None else Place(start, end, inside)


def index_of_object(fields: Mapping[str, bytes]) -> Place | None:
    """As `index_of`, of the object that `jsontext.build_object` makes of `fields`, which need not be put together."""
    pieces = jsontext.object_pieces(fields)
    size = sum(map(len, pieces))
    if size < _step_of(size) or len(fields) > _MOST_MEMBERS:
        return None
    large: dict[str, Place] = {}
    rest: list[tuple[int, int]] = []
    position, left, is_joined = 0, _MOST_PLACES, False
    for name, head, value in zip(fields, pieces[::2], pieces[1::2], strict=False):
        first = position + len(head)
        after = first + len(value)
        is_large = len(value) >= _step_of(size) and len(head) <= _MOST_NAME_BYTES and left > 0
        if is_large:
            found = _Finding(value, size=size, left=left - 1)
            inside = found.inside(_skip(value, 0), len(value.rstrip(_SPACES)), level=1)
            left = found.left
            large[name] = Place(first, after, _moved(inside, first))
        elif is_joined:
            rest[-1] = (rest[-1][0], after)
        else:
            rest.append((position + 1, after))  # behind the comma, or the bracket
        position, is_joined = after, not is_large
    return Place(0, size, LargeObject(large, rest))


def _moved(inside: LargeObject | LargeArray | None, by: int) -> LargeObject | LargeArray | None:
    """The same within a text that has so many bytes before it."""
    match inside:
        case LargeObject(large, rest):
            places = {name: Place(at.start + by, at.end + by, _moved(at.inside, by)) for name, at in large.items()}
            return LargeObject(places, [(start + by, end + by) for start, end in rest])
        case LargeArray(count, stretches):
            moved = [Stretch(at.first, at.start + by, at.end + by, _moved(at.inside, by)) for at in stretches]
            return LargeArray(count, moved)
        case None:
            return None


def _step_of(size: int) -> int:
    """How large the parts are that are noted of so many bytes, at least."""
    return max(PART_BYTES, size // _MOST_STEPS)


def look(inside: LargeObject | LargeArray, key: Key) -> Found:
    """Where the member `key` of a container is. A number is itself the value (`length`); None: there is none."""
    if isinstance(inside, LargeObject):
        name = str(key)
        return inside.large.get(name) or (Among(tuple(inside.rest), name, is_array=False) if inside.rest else None)
    if key == "length":
        return inside.count
    index = key if isinstance(key, int) else int(key) if _CANONICAL.fullmatch(key) else -1
    if not 0 <= index < inside.count:
        return None
    number = bisect_right(inside.stretches, index, key=lambda stretch: stretch.first) - 1
    stretch = inside.stretches[number]
    if stretch.inside is not None:
        return Place(stretch.start, stretch.end, stretch.inside)
    return Among(((stretch.start, stretch.end),), index - stretch.first, is_array=True)


class _Finding:
    """An index in the making. Fewer places are noted than there are where they would be too many."""

    def __init__(self, raw: bytes, *, size: int, left: int = _MOST_PLACES) -> None:
        """`size`: of all that has one index with it; `left`: how many places may be noted."""
        self._raw = raw
        self._view = memoryview(raw)
        self._step = _step_of(size)
        self.left = left
        self._small = 0

    def inside(self, start: int, end: int, *, level: int) -> LargeObject | LargeArray | None:
        """What there is to know of the value from `start` to `end`."""
        if end - start < self._step or level >= _MOST_LEVELS or self.left <= 0:
            return None
        try:
            match self._raw[start]:
                case 0x7B:
                    return self._object(start, end, level)
                case 0x5B:
                    return self._array(start, end, level)
                case _:
                    return None
        except (msgspec.DecodeError, RecursionError):
            return None

    def _object(self, start: int, end: int, level: int) -> LargeObject | None:
        raw, position, is_joined = self._raw, _skip(self._raw, start + 1), False
        large: dict[str, Place] = {}
        rest: list[tuple[int, int]] = []
        for _ in range(_MOST_MEMBERS):
            if position == end - 1:
                return LargeObject(large, rest)
            named = _NAME.match(raw, position, end)
            if named is None:
                return None
            first = named.end()
            after = self._one(first, end)
            if after == first:
                return None
            is_large = after - first >= self._step and first - position <= _MOST_NAME_BYTES and self.left > 0
            if is_large:
                self.left -= 1
                large[_TEXT.decode(named[1])] = Place(first, after, self.inside(first, after, level=level + 1))
            elif is_joined:
                rest[-1] = (rest[-1][0], after)
            else:
                rest.append((position, after))
            is_joined = not is_large
            position = _COMMA.match(raw, after, end).end()  # type: ignore[union-attr]  # it matches the empty text
        return None

    def _array(self, start: int, end: int, level: int) -> LargeArray | None:
        stretches: list[Stretch] = []
        count, open_since = 0, -1
        for first, after, elements in self._pieces(start + 1, end - 1):
            if elements == 0:
                return None
            if elements == 1 and after - first >= self._step:
                inside = self.inside(first, after, level=level + 1)
                stretches.append(Stretch(count, first, after, inside))
                open_since = -1
            elif open_since >= 0:
                last = stretches[-1]
                stretches[-1] = Stretch(last.first, last.start, after)
            else:
                stretches.append(Stretch(count, first, after))
                open_since = first
            if open_since >= 0 and after - open_since >= self._step:
                open_since = -1
            count += elements
        self.left -= len(stretches)
        return LargeArray(count, stretches)

    def _pieces(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """The elements of an array, some at a time: from where, to where, and how many; 0 where that takes too long."""
        raw, start = self._raw, _skip(self._raw, start)
        while start < end:
            stop, count = self._piece(start, end)
            if count == 0:
                stop, count = self._one(start, end), 1
                self._small += stop - start < self._step
                if stop == start or self._small > _MOST_SMALL:
                    yield start, start, 0
                    return
            yield start, stop, count
            start = _COMMA.match(raw, stop).end()  # type: ignore[union-attr]  # it matches the empty text
            if start < end and b"," not in raw[stop:start]:
                yield start, start, 0
                return

    def _piece(self, start: int, end: int) -> tuple[int, int]:
        """Where a stretch of about a step ends, and how many elements it has; 0 where none is found.

        It is cut where one element seems to end and the next to begin, and is cut right if it parses: a parser that
        has read so far expects the next element, and so does the one that reads on.
        """
        raw, step = self._raw, self._step
        if end - start <= step:
            return self._ended(start, end)
        between, cut = _BETWEEN.get(raw[start], _ANY_COMMA), start + step
        for _ in range(_TRIES):
            found = between.search(raw, cut, min(end, start + _WINDOW * step))
            if found is None:
                return start, 0
            cut = found.start(1)
            stop, count = self._ended(start, cut)
            if count:
                return stop, count
            cut += 1
        return start, 0

    def _ended(self, start: int, cut: int) -> tuple[int, int]:
        text = self._raw[start:cut].rstrip(_SPACES)
        try:
            return start + len(text), len(_ELEMENTS.decode(b"[%s]" % text))
        except msgspec.DecodeError:
            return start, 0

    def _one(self, start: int, end: int) -> int:
        """Where the value that begins at `start` ends: the parser complains of the byte behind it. `start`: nowhere."""
        if (word := _WORD.match(self._raw, start, end)) is not None:
            return word.end()
        try:
            _ANYTHING.decode(self._view[start:end])
        except msgspec.DecodeError as error:
            told = _TRAILING.search(str(error))
            after = start if told is None else start + int(told[1]) - 1
            if self._raw[after : after + 1] not in {b",", b"}"}:
                return start
        else:
            after = end
        while self._raw[after - 1] in b" \t\r\n":
            after -= 1
        return after


def _skip(raw: bytes, position: int) -> int:
    return _SKIPPED.match(raw, position).end()  # type: ignore[union-attr]  # the pattern matches the empty text too
