"""The bytes of an object as they come in over HTTP; a connection that breaks is taken up again where it was."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Self

from tidemill.model.errors import Unavailable
from tidemill.stores.objects.remote.connections import Response

_PAUSES_S: Final = (0.0, 0.2, 0.8, 2.0, 4.0)
"""Before each attempt to go on, in a row without a byte between them: a server that is started anew is waited for."""
_PATIENCE_S: Final = 30.0
"""So long one row of attempts may take: who reads from us does not wait for ever either."""

Reopen = Callable[[int], Awaitable[Response]]
"""An answer with the bytes from there to the end of the reading, of the same version, or it raises."""


class Download:
    """`Reading.body` of an answer. Closing it, also unread, lets go of the connection."""

    def __init__(
        self,
        response: Response,
        reopen: Reopen,
        *,
        start: int,
        end: int,
        pauses_s: Sequence[float] = _PAUSES_S,
    ) -> None:
        """The answer holds the bytes from `start` to `end`."""
        self._response: Response | None = response
        self._reopen = reopen
        self._place = start
        self._end = end
        self._pauses_s = pauses_s
        self._pauses = iter(pauses_s)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while self._response is not None and self._place < self._end:
            try:
                piece = await self._response.next_piece()
            except OSError as error:
                await self._resume(error)
                continue
            except BaseException:
                await self.aclose()
                raise
            if not piece:
                await self._resume(None)
                continue
            self._pauses = iter(self._pauses_s)
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
        """Go on behind the last byte, or raise."""
        await self.aclose()
        try:
            async with asyncio.timeout(_PATIENCE_S):
                for pause_s in self._pauses:
                    await asyncio.sleep(pause_s)
                    try:
                        self._response = await self._reopen(self._place)
                    except Unavailable as failure:
                        error = failure
                    else:
                        return
        except TimeoutError as late:
            error = late
        raise Unavailable(
            f"The connection to the storage broke at byte {self._place} of {self._end}, and it could not be gone on."
        ) from error
