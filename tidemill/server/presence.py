"""Whether somebody still waits for an answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from starlette.requests import Request

LOOK_AFTER_S: Final = 0.05
"""What is done by then is done without looking, which would cost more than a small query."""


class CallerGone(Exception):
    """Nobody waits for the answer any more: what is done for it is ended."""


@asynccontextmanager
async def while_waited_for(request: Request, *, limit_s: float) -> AsyncIterator[None]:
    """Ends the block when the caller hangs up, or after `limit_s`. The body must have been read.

    Raises:
        CallerGone: the caller hung up.
        TimeoutError: the time is over.
    """
    watch = _Watch(request, limit_s)
    try:
        async with asyncio.timeout(None) as limit:
            watch.start(limit)
            yield
    except TimeoutError as error:
        if watch.has_hung_up:
            raise CallerGone from error
        raise
    finally:
        await watch.stop()


class _Watch:
    def __init__(self, request: Request, limit_s: float) -> None:
        self.has_hung_up = False
        self._request, self._limit_s = request, limit_s
        self._task: asyncio.Task[None] | None = None
        self._later: asyncio.TimerHandle | None = None

    def start(self, limit: asyncio.Timeout) -> None:
        after_s = min(LOOK_AFTER_S, self._limit_s)
        self._later = asyncio.get_running_loop().call_later(after_s, self._look, limit)

    def _look(self, limit: asyncio.Timeout) -> None:
        limit.reschedule(asyncio.get_running_loop().time() + max(self._limit_s - LOOK_AFTER_S, 0))
        self._task = asyncio.create_task(self._wait(limit), name="caller's presence")

    async def _wait(self, limit: asyncio.Timeout) -> None:
        while (await self._request.receive())["type"] != "http.disconnect":
            pass
        if limit.expired():
            return
        self.has_hung_up = True
        limit.reschedule(asyncio.get_running_loop().time())

    async def stop(self) -> None:
        if self._later is not None:
            self._later.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
