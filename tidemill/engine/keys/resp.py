"""The Redis protocol, versions 2 and 3, without I/O: commands to bytes, and bytes to replies as they come in."""

from collections.abc import Generator, Sequence
from typing import Final

from tidemill.engine.keys.replies import BigNumber, Double, Failure, Map, Reply, Set, Simple, Verbatim

MAX_DEPTH: Final = 128
MAX_LINE: Final = 64 * 1024 * 1024

Steps = Generator[None, None, Reply]
"""A reply that is being read; it stops where more bytes are needed."""


class Garbled(ValueError):
    """What came in is not the Redis protocol."""


class Oversized(ValueError):
    """A reply is larger than it may be. The rest of it has not been read."""


def encode(words: Sequence[bytes]) -> bytes:
    """A command as it is sent. Every word has its length before it, so that no byte in it is special."""
    return b"".join((b"*%d\r\n" % len(words), *(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)))


class Reader:
    """Takes bytes, gives replies. `limit` is how many bytes may be read until it is set again; 0 for any number."""

    def __init__(self) -> None:
        self.limit = 0
        self._buffer = bytearray()
        self._start = 0
        self._read = 0
        self._steps: Steps | None = None

    def feed(self, data: bytes) -> None:
        """Add what came in."""
        if self._start > 1 << 16:
            del self._buffer[: self._start]
            self._start = 0
        self._buffer += data

    def expect(self, limit: int) -> None:
        """Begin to count what is read anew."""
        self.limit, self._read = limit, 0

    def reply(self) -> tuple[bool, Reply]:
        """Whether a whole reply is there, and that reply. Messages pushed out of turn are left out.

        Raises:
            Garbled, Oversized: the connection cannot be used any more.
        """
        if self._steps is None:
            self._steps = self._value(0)
        return self._advance()

    def header(self) -> tuple[bool, Reply]:
        """As `reply`, but of an array or set only `Members`: how many are to be read next, each by `reply`."""
        if self._steps is None:
            self._steps = self._header()
        return self._advance()

    def _advance(self) -> tuple[bool, Reply]:
        assert self._steps is not None
        try:
            next(self._steps)
        except StopIteration as done:
            self._steps = None
            value: Reply = done.value
            return True, value
        return False, None

    def _header(self) -> Steps:
        kind, text = yield from self._line()
        if kind in b"*~" and text != b"-1":
            return Members(_count(text))
        return (yield from self._body(kind, text, 0))

    def _value(self, depth: int) -> Steps:
        if depth > MAX_DEPTH:
            raise Garbled(f"a reply is nested deeper than {MAX_DEPTH} levels")
        kind, text = yield from self._line()
        while kind in b"|>":  # attributes of what follows, messages out of turn
            for _ in range(_count(text) * (2 if kind == b"|" else 1)):
                yield from self._value(depth + 1)
            kind, text = yield from self._line()
        return (yield from self._body(kind, text, depth))

    def _body(self, kind: bytes, text: bytes, depth: int) -> Steps:  # noqa: C901, PLR0911, PLR0912  # a table of types
        match kind:
            case b"$" | b"=" | b"!":
                if text == b"-1":
                    return None
                content = yield from self._bytes(_count(text))
                if kind == b"!":
                    return Failure(content.decode(errors="replace"))
                return content if kind == b"$" else Verbatim(content[:3].decode(errors="replace"), content[4:])
            case b":":
                return _number(text)
            case b"+":
                return Simple(text.decode(errors="replace"))
            case b"-":
                return Failure(text.decode(errors="replace"))
            case b"*" | b"~":
                if text == b"-1":
                    return None
                members: list[Reply] = []
                for _ in range(_count(text)):
                    members.append((yield from self._value(depth + 1)))  # noqa: PERF401  # a comprehension cannot yield
                return members if kind == b"*" else Set(members)
            case b"%":
                pairs: list[tuple[Reply, Reply]] = []
                for _ in range(_count(text)):
                    key = yield from self._value(depth + 1)
                    pairs.append((key, (yield from self._value(depth + 1))))
                return Map(pairs)
            case b"_":
                return None
            case b"#":
                return text == b"t"
            case b",":
                return Double(text.decode("ascii", errors="replace"))
            case b"(":
                return BigNumber(_number(text))
            case _:
                raise Garbled("what the server sends is not the Redis protocol")

    def _line(self) -> Generator[None, None, tuple[bytes, bytes]]:
        """The sign that a value begins with, and the rest of its line."""
        searched = self._start
        while (end := self._buffer.find(b"\r\n", searched)) < 0:
            if len(self._buffer) - self._start > MAX_LINE:
                raise Garbled("a line of a reply does not end")
            searched = max(self._start, len(self._buffer) - 1)
            self._check(len(self._buffer) - self._start)
            before = self._start
            yield
            searched -= before - self._start
        line = bytes(self._buffer[self._start : end])
        self._start = end + 2
        self._count(len(line))
        if not line:
            raise Garbled("what the server sends is not the Redis protocol")
        return line[:1], line[1:]

    def _bytes(self, size: int) -> Generator[None, None, bytes]:
        self._check(size)
        while len(self._buffer) - self._start < size + 2:
            yield
        content = bytes(self._buffer[self._start : self._start + size])
        self._start += size + 2
        self._count(size)
        return content

    def _count(self, size: int) -> None:
        self._read += size + 8  # what the object costs, so that many empty ones count too
        self._check(0)

    def _check(self, more: int) -> None:
        if self.limit and self._read + more > self.limit:
            raise Oversized


class Members(int):
    """How many members of an array or set follow."""


def _count(text: bytes) -> int:
    count = _number(text)
    if count < 0:
        raise Garbled("a length in a reply is below zero")
    return count


def _number(text: bytes) -> int:
    if not text.lstrip(b"+-").isdigit():
        raise Garbled("a number in a reply is none")
    return int(text)
