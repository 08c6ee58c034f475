"""A database whose driver blocks, with the connections that are open to it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from tidemill.stores.databases.blocking.port import BlockingConnection
from tidemill.stores.databases.blocking.session import BlockingSession, Lane
from tidemill.stores.databases.pool import Pool, to_its_end
from tidemill.stores.databases.port import Capabilities, SessionOptions

T = TypeVar("T")

MOST: Final = 10
Connect = Callable[[SessionOptions], BlockingConnection]


class BlockingDatabase:
    """A `Database` over a function that connects. `find` is awaited before: it gives that function.

    It raises `AddressClosed` and `ConnectionFailed`, as connecting does.
    """

    def __init__(self, find: Callable[[], Awaitable[Connect]], can: Capabilities) -> None:
        self.can = can
        self._find = find
        # As many again for those that cancel; threads are started only when they are needed.
        self._executor = ThreadPoolExecutor(2 * MOST, thread_name_prefix="database")
        self._options = SessionOptions()
        self._pool: Pool[_Pooled] = Pool(self._connect, most=MOST)

    @asynccontextmanager
    async def session(self, options: SessionOptions) -> AsyncIterator[BlockingSession]:
        """See `Database.session`."""
        self._options = options
        pooled = await self._pool.take()
        lane = Lane(pooled.connection, self._executor)
        session = BlockingSession(lane, options)
        try:
            await lane.call(pooled.connection.prepare, options)
            yield session
            await session.finish()
        except BaseException:
            await to_its_end(self._give_up(session, pooled))
            raise
        self._pool.give(pooled)

    async def test(self) -> str:
        """See `Database.test`."""
        pooled = await self._pool.take()
        try:
            return await Lane(pooled.connection, self._executor).call(pooled.connection.tell)
        finally:
            await self._pool.drop(pooled)

    async def close_idle(self, idle_s: float) -> int:
        """See `Database.close_idle`."""
        return await self._pool.close_idle(idle_s)

    async def close(self) -> None:
        """See `Database.close`."""
        await self._pool.close()

    async def _connect(self) -> "_Pooled":
        connect, options = await self._find(), self._options
        loop = asyncio.get_running_loop()
        connecting = loop.run_in_executor(self._executor, lambda: connect(options))
        try:
            return _Pooled(await asyncio.shield(connecting), self._executor)
        except asyncio.CancelledError:
            connecting.add_done_callback(_close_unused)
            raise

    async def _give_up(self, session: BlockingSession, pooled: "_Pooled") -> None:
        if await session.abandon():
            self._pool.give(pooled)
        else:
            await self._pool.drop(pooled)


class _Pooled:
    """A connection in a pool."""

    def __init__(self, connection: BlockingConnection, executor: ThreadPoolExecutor) -> None:
        self.connection, self._executor = connection, executor
        self._resetting: asyncio.Future[bool] | None = None

    async def is_fit(self, idle_s: float) -> bool:
        """See `Pooled`."""
        if self._resetting is not None and not await self._reset_ended():
            return False
        return await self._call(lambda: self.connection.is_fit(idle_s))

    def begin_reset(self) -> bool:
        """See `Pooled`. It goes on in a thread."""
        self._resetting = asyncio.get_running_loop().run_in_executor(self._executor, self.connection.reset)
        return True

    async def reset(self) -> bool:
        """See `Pooled`."""
        return False  # what could not begin is closed

    async def close(self) -> None:
        """See `Pooled`."""
        if self._resetting is not None:
            await self._reset_ended()
        await self._call(self.connection.close)

    async def _reset_ended(self) -> bool:
        """Whether it went well. Who is canceled meanwhile leaves it to the next."""
        assert self._resetting is not None
        was_reset = await asyncio.shield(self._resetting)
        self._resetting = None
        return was_reset

    async def _call(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, function)


def _close_unused(connecting: "asyncio.Future[BlockingConnection]") -> None:
    if not connecting.cancelled() and connecting.exception() is None:
        connecting.result().close()
