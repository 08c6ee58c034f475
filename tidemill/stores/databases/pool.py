"""Connections of one database, opened when needed and kept for the next caller."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Generic, Protocol, TypeVar

from tidemill.model.errors import ConnectionFailed


class Pooled(Protocol):
    """What a pool asks of a connection. None of these raises for a connection that is lost."""

    async def is_fit(self, idle_s: float) -> bool:
        """Whether it still leads to the server, after having been idle for so long, and is as new."""

    def begin_reset(self) -> bool:
        """Begin to undo what its last user set, without waiting for anything; `is_fit` waits for the end of it.

        False: that cannot be done so, and `reset` is for it.
        """

    async def reset(self) -> bool:
        """Undo what its last user set; False where that cannot be done."""

    async def close(self) -> None: ...


C = TypeVar("C", bound=Pooled)


class Pool(Generic[C]):
    """At most `most` connections at a time; who comes then waits, for `wait_s` at the longest.

    What was used last is used first, so that the others grow old and are closed. A connection is reset behind its
    user's back, who need not wait for that.
    """

    def __init__(self, connect: Callable[[], Awaitable[C]], *, most: int = 10, wait_s: float = 60.0) -> None:
        self._connect = connect
        self._idle: list[tuple[float, C]] = []
        self._places = asyncio.Semaphore(most)
        self._most, self._wait_s = most, wait_s
        self._resetting: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def open_count(self) -> int:
        """Connections that wait for somebody."""
        return len(self._idle) + len(self._resetting)

    async def take(self) -> C:
        """A connection for the caller alone; `give` or `drop` it.

        Raises:
            ConnectionFailed: none can be had.
        """
        if self._places.locked():
            await self._wait_for_place()
        else:
            await self._places.acquire()  # at once
        try:
            return await self._fit_one() or await self._connect()
        except BaseException:
            self._places.release()
            raise

    async def _wait_for_place(self) -> None:
        try:
            async with asyncio.timeout(self._wait_s):
                await self._places.acquire()
        except TimeoutError as error:
            raise ConnectionFailed(
                f"All {self._most} connections to this database have been busy for {self._wait_s:.0f} s: run less at a "
                "time, or shorten the queries."
            ) from error

    async def _fit_one(self) -> C | None:
        while self._idle:
            since, connection = self._idle.pop()
            try:
                is_fit = await connection.is_fit(time.monotonic() - since)
            except BaseException:  # who asked is canceled, and nobody else has it
                await to_its_end(connection.close())
                raise
            if is_fit:
                return connection
            await connection.close()
        return None

    def give(self, connection: C) -> None:
        """Hand it back, with nothing running on it and no transaction open."""
        if not self._closed and connection.begin_reset():
            self._idle.append((time.monotonic(), connection))
            self._places.release()
            return
        task = asyncio.get_running_loop().create_task(self._reset(connection))
        self._resetting.add(task)
        task.add_done_callback(self._resetting.discard)

    async def _reset(self, connection: C) -> None:
        try:
            if not self._closed and await connection.reset() and not self._closed:
                self._idle.append((time.monotonic(), connection))
            else:
                await connection.close()
        finally:
            self._places.release()

    async def drop(self, connection: C) -> None:
        """Close one that may be broken."""
        try:
            await connection.close()
        finally:
            self._places.release()

    async def close_idle(self, idle_s: float) -> int:
        """Close those that nobody has used for so long; how many are left."""
        latest = time.monotonic() - idle_s
        old = [connection for since, connection in self._idle if since <= latest]
        self._idle = [(since, connection) for since, connection in self._idle if since > latest]
        for connection in old:
            await connection.close()
        return self.open_count

    async def close(self) -> None:
        """Close those that are idle; what is in use is closed when it is given back."""
        self._closed = True
        await asyncio.gather(*self._resetting)
        await self.close_idle(0)


async def to_its_end(work: Coroutine[object, object, None]) -> None:
    """Tidying up goes on when the task is canceled again meanwhile."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
