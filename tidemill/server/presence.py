"""Whether somebody still waits for an answer."""

import asyncio
from typing import Final

from starlette.requests import Request

LOOK_AFTER_S: Final = 0.05
"""What is done by then is done without looking, which would cost more than a small query."""


class CallerGone(Exception):
    """Nobody waits for the answer any more: what is done for it is ended."""


def while_waited_for(request: Request, *, limit_s: float) -> "_Watch":
    """Ends the block when the caller hangs up, or after `limit_s`. The body must have been read.

    Raises:
        CallerGone: the caller hung up.
        TimeoutError: the time is over.
    """
    return _Watch(request, limit_s)


class _Watch:
    """As `asyncio.timeout`, of which it is one, but that nothing is begun for what is done at once."""

    def __init__(self, request: Request, limit_s: float) -> None:
        self._request, self._limit_s = request, limit_s
        self._has_hung_up = self._is_over = False
        self._waiting: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        running = asyncio.current_task()
        assert running is not None
        self._running, self._cancelling = running, running.cancelling()
        self._loop = asyncio.get_running_loop()
        self._later = self._loop.call_later(min(LOOK_AFTER_S, self._limit_s), self._look)

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        self._later.cancel()
        if self._waiting is not None:
            self._waiting.cancel()
            await asyncio.wait([self._waiting])
        if self._is_over and self._running.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise (CallerGone() if self._has_hung_up else TimeoutError()) from error

    def _look(self) -> None:
        self._later = self._loop.call_later(max(self._limit_s - LOOK_AFTER_S, 0), self._end)
        self._waiting = asyncio.create_task(self._wait(), name="caller's presence")

    def _end(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._running.cancel()

    async def _wait(self) -> None:
        while (await self._request.receive())["type"] != "http.disconnect":
            pass
        self._has_hung_up = not self._is_over
        self._end()
