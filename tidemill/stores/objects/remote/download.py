"""The bytes of an object as they come in over HTTP; a connection that breaks is taken up again where it was."""

from collections.abc import Awaitable, Callable
from typing import Final, Self

import aiohttp

from tidemill.model.errors import Unavailable

_RESUMES: Final = 3
"""In a row, without a byte between them."""

Reopen = Callable[[int], Awaitable[aiohttp.ClientResponse]]
"""An answer with the bytes from there to the end of the reading, of the same version, or it raises."""


class Download:
    """`Reading.body` of an answer. Closing it, also unread, lets go of the connection."""

    def __init__(self, response: aiohttp.ClientResponse, reopen: Reopen, *, start: int, end: int) -> None:
        """The answer holds the bytes from `start` to `end`."""
        self._response: aiohttp.ClientResponse | None = response
        self._reopen = reopen
        self._place = start
        self._end = end
        self._resumes = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while self._response is not None and self._place < self._end:
            try:
                piece = await self._response.content.readany()
            except (aiohttp.ClientError, OSError) as error:
                await self._resume(error)
                continue
            except BaseException:
                await self.aclose()
                raise
            if not piece:
                await self._resume(None)
                continue
            self._resumes = 0
            self._place += len(piece)
            return piece
        await self.aclose()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """As of a generator."""
        if self._response is not None:
            self._response.close()  # gives the connection back where the answer was read to its end
            self._response = None

    async def _resume(self, error: Exception | None) -> None:
        await self.aclose()
        self._resumes += 1
        if self._resumes > _RESUMES:
            raise Unavailable(
                f"The connection to the storage broke {_RESUMES} times at byte {self._place} of {self._end}."
            ) from error
        self._response = await self._reopen(self._place)
