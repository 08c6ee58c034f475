"""What is sent to a store over HTTP: bytes at hand, which can be sent again, and streams, which cannot."""

import asyncio
import tempfile
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from hashlib import md5
from typing import IO, Final, Protocol, cast

from tidemill.stores.objects.port import Sealed

PIECE_BYTES: Final = 1024 * 1024
HELD_BYTES: Final = 8 * 1024 * 1024
"""As much of a body is kept in memory; what is larger goes out in parts, or by way of a temporary file."""


class Body(Protocol):
    """Something to send.

    Attributes:
        size_bytes: exactly as many bytes as `pieces` gives.
        can_repeat: `pieces` may be called more than once.
        failure: what the source of a stream raised while it was read.
    """

    size_bytes: int
    can_repeat: bool

    @property
    def failure(self) -> BaseException | None: ...

    def pieces(self) -> AsyncIterator[bytes]: ...


@dataclass(slots=True)
class Held:
    """Bytes in memory, in the pieces that they came in. `sha256`: theirs in hex, "" where nobody told it."""

    parts: Sequence[bytes] = ()
    sha256: str = ""
    size_bytes: int = field(init=False)
    can_repeat: bool = field(init=False, default=True)
    failure: BaseException | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.size_bytes = sum(map(len, self.parts))

    async def pieces(self) -> AsyncIterator[bytes]:
        """Large ones are cut, so that others have their turn between them."""
        for part in self.parts:
            if len(part) <= PIECE_BYTES:
                yield part
                continue
            view = _view(part)
            for place in range(0, len(part), PIECE_BYTES):
                yield view[place : place + PIECE_BYTES]


@dataclass(slots=True)
class Streamed:
    """A stream of known length, which is read once. Its own errors are kept in `failure`, for HTTP hides them."""

    source: AsyncIterable[bytes]
    size_bytes: int
    can_repeat: bool = field(init=False, default=False)
    failure: BaseException | None = field(init=False, default=None)

    async def pieces(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self.source:
                yield piece
        except Exception as error:
            self.failure = error
            raise


@dataclass(slots=True)
class Spooled:
    """Bytes in a temporary file."""

    file: IO[bytes]
    size_bytes: int
    can_repeat: bool = field(init=False, default=True)
    failure: BaseException | None = field(init=False, default=None)

    async def pieces(self) -> AsyncIterator[bytes]:
        self.file.seek(0)
        while piece := await asyncio.to_thread(self.file.read, PIECE_BYTES):
            yield piece


class Digested:
    """Another body, whose MD5 is known once it was sent."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self.size_bytes = body.size_bytes
        self.can_repeat = body.can_repeat
        self.md5 = md5(usedforsecurity=False).hexdigest()

    @property
    def failure(self) -> BaseException | None:
        return self._body.failure

    async def pieces(self) -> AsyncIterator[bytes]:
        digest = md5(usedforsecurity=False)
        async for piece in self._body.pieces():
            digest.update(piece)
            yield piece
        self.md5 = digest.hexdigest()


EMPTY: Final = Held()


class Source:
    """Takes pieces off a stream, as many bytes at a time as are wanted."""

    def __init__(self, body: AsyncIterable[bytes]) -> None:
        self._pieces = aiter(body)
        self._left = b""
        self._is_at_end = False

    async def take(self, size_bytes: int) -> Held:
        """The next `size_bytes`; fewer are the last."""
        taken: list[bytes] = []
        missing = size_bytes
        while missing:
            piece = self._left or await self._next()
            if not piece:
                break
            if len(piece) > missing:
                view = _view(piece)
                piece, self._left = view[:missing], view[missing:]
            else:
                self._left = b""
            taken.append(piece)
            missing -= len(piece)
        return Held(taken)

    async def take_behind(self, held: Held, size_bytes: int) -> Held:
        """What is left of `held` behind its first bytes, if anything, and otherwise the next that is due."""
        if size_bytes == held.size_bytes:
            return await self.take(HELD_BYTES)
        return Held([_view(b"".join(held.parts))[size_bytes:]])

    async def is_at_end(self) -> bool:
        """Whether nothing comes after what was taken."""
        if not self._left:
            self._left = await self._next()
        return not self._left

    async def rest(self, first: Held) -> AsyncIterator[bytes]:
        """What was taken first, and then all that follows."""
        async for piece in first.pieces():
            yield piece
        while following := self._left or await self._next():
            self._left = b""
            yield following

    async def _next(self) -> bytes:
        while not self._is_at_end:
            try:
                if piece := await anext(self._pieces):
                    return piece
            except StopAsyncIteration:
                self._is_at_end = True
        return b""


def sealed(whole: Held, body: AsyncIterable[bytes]) -> Held:
    """All that there was of `body`, with its digest where it told one: it was compared as it was read to its end."""
    return replace(whole, sha256=body.sha256) if isinstance(body, Sealed) else whole


@asynccontextmanager
async def sized(source: Source, first: Held, size_bytes: int | None) -> AsyncIterator[Body]:
    """`first` and what follows as a body whose length is known: by way of a temporary file where nobody told it."""
    if await source.is_at_end():
        yield first
    elif size_bytes is not None:
        yield Streamed(source.rest(first), size_bytes)
    else:
        with tempfile.TemporaryFile(buffering=0) as file:
            size = 0
            async for piece in source.rest(first):
                size += await asyncio.to_thread(file.write, piece)
            yield Spooled(file, size)


def _view(piece: bytes) -> bytes:
    """Slices of it copy nothing; to a socket, a file and a digest it is as good as bytes."""
    return cast("bytes", memoryview(piece))
