"""How many queries a server itself runs at a time: inline ones, and those of whoever looks into a database."""

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from typing import Final

from tidemill.model.errors import TooManyRequests

RETRY_AFTER_S: Final = 1


class Gate:
    """Lets `most` in at a time. Who comes then is refused at once: waiting requests would pile up in the server."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._inside = 0

    def enter(self) -> None:
        """For the time of a query; `leave` ends it.

        Raises:
            TooManyRequests: the server runs as many as it may.
        """
        if self._inside >= self._most:
            raise TooManyRequests(
                f"This server runs {self._most} queries itself already (TIDEMILL_INLINE_QUERIES): send it again later, "
                "or run it as a job, which waits for its turn.",
                retry_after_s=RETRY_AFTER_S,
            )
        self._inside += 1

    def leave(self) -> None:
        """Once for each `enter` that let somebody in."""
        self._inside -= 1

    @contextmanager
    def passed(self) -> Iterator[None]:
        """Both, around a block."""
        self.enter()
        try:
            yield
        finally:
            self.leave()

    async def counted(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The rest of an answer that has begun: it counts, and is not refused."""
        self._inside += 1
        try:
            async with aclosing(pieces):  # type: ignore[type-var]  # generators close
                async for piece in pieces:
                    yield piece
        finally:
            self._inside -= 1
