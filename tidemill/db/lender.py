"""Lends connections of a pool: none that is dead, and none to wait for where there is no server to give one."""

import asyncio
import select
from collections.abc import Awaitable, Callable, Coroutine, Generator
from functools import partial
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus
from psycopg_pool import AsyncConnectionPool

from tidemill.db.transaction import translated_errors
from tidemill.model.errors import Unavailable

Connection = AsyncConnection[Any]

AWAY_S: Final = 5.0
"""How long a caller waits while no connection is in use that could be given back: a short restart is bridged."""
_LOOK_S: Final = 1.0
_RECONNECT_S: Final = 4.0
"""How long the pool tries by itself to replace a lost connection; after that, the next use tries again. It pauses for
longer after each try: kept below `AWAY_S`, everybody who waits sees one."""
_IDLE_S: Final = 300.0


class Lender:
    """At most `max_size` connections, each made ready by `configure`; they are opened when they are needed."""

    def __init__(
        self,
        dsn: str,
        options: dict[str, Any],
        *,
        max_size: int,
        timeout_s: float,
        configure: Callable[[Connection], Awaitable[None]],
    ) -> None:
        self.max_size = max_size
        self._lent = 0
        self._moved_at = 0.0
        """When a connection was last lent or given back, by the loop's clock."""
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            dsn,
            kwargs=options,
            min_size=1,
            max_size=max_size,
            open=False,
            timeout=timeout_s,
            max_idle=_IDLE_S,
            reconnect_timeout=_RECONNECT_S,
            configure=configure,
        )

    async def open(self) -> None:
        """Connect for the first time."""
        await self._pool.open(wait=True)

    async def close(self) -> None:
        """Close all connections; what is done on them then fails."""
        await self._pool.close()

    async def take(self) -> Connection:
        """A connection on which the server has not hung up, as far as can be seen without asking it.

        Raises:
            Unavailable: none became free in time, or the server lets nobody in.
        """
        while True:
            connection = await self._next()
            if not _has_hung_up(connection):
                return connection
            await connection.close()
            await self.give_back(connection)

    async def give_back(self, connection: Connection) -> None:
        """Return it even when the caller is being cancelled: a connection that is not returned is lost for the pool."""
        self._move(-1)
        giving = self._pool.putconn(connection)
        if connection.pgconn.transaction_status == TransactionStatus.IDLE:
            await finished(giving)
        else:
            await asyncio.shield(giving)

    async def _next(self) -> Connection:
        watch = _Watch(self._is_idle)
        try:
            async with asyncio.timeout(None) as limit:
                watch.start(limit)
                with translated_errors():
                    connection = await self._pool.getconn()
        except TimeoutError as error:
            raise Unavailable("The database lets nobody in now; send it again.") from error
        finally:
            watch.stop()
        self._move(1)
        return connection

    def _move(self, change: int) -> None:
        self._lent += change
        self._moved_at = asyncio.get_running_loop().time()

    def _is_idle(self) -> bool:
        """Whether nobody will give a connection back, since nobody has one."""
        return self._lent == 0 and asyncio.get_running_loop().time() - self._moved_at >= AWAY_S


async def finished(work: Coroutine[Any, Any, None]) -> None:
    """See `work` to its end, even when the caller is cancelled.

    It is begun at once, and mostly has nothing to wait for: then it costs neither a task nor turns of the loop. It must
    not ask which task it runs in.
    """
    try:
        awaited = work.send(None)
    except StopIteration:
        return
    await asyncio.shield(_continued(work, awaited))


async def _continued(work: Coroutine[Any, Any, None], awaited: object) -> None:
    while True:
        try:
            await _Awaited(awaited)
        except BaseException as error:  # noqa: BLE001  # it is for whoever waits inside
            go_on: Callable[[], object] = partial(work.throw, error)
        else:
            go_on = partial(work.send, None)
        try:
            awaited = go_on()
        except StopIteration:
            return


class _Awaited:
    """What a coroutine has asked the loop to wait for, asked for once more by another."""

    def __init__(self, awaited: object) -> None:
        self._awaited = awaited

    def __await__(self) -> Generator[object, None, None]:
        yield self._awaited


class _Watch:
    """Looks now and then while somebody waits, and ends the wait once it is in vain."""

    def __init__(self, is_in_vain: Callable[[], bool]) -> None:
        self._is_in_vain = is_in_vain
        self._next: asyncio.TimerHandle | None = None

    def start(self, limit: asyncio.Timeout) -> None:
        self._next = asyncio.get_running_loop().call_later(_LOOK_S, self._look, limit)

    def stop(self) -> None:
        if self._next is not None:
            self._next.cancel()

    def _look(self, limit: asyncio.Timeout) -> None:
        if self._is_in_vain():
            limit.reschedule(0.0)
        else:
            self.start(limit)


def _has_hung_up(connection: Connection) -> bool:
    """Whether the line is dead. An idle server says nothing, so something to read is the end, or a notice."""
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if not poll.poll(0):
        return False
    try:
        connection.pgconn.consume_input()
        connection.pgconn.is_busy()
    except psycopg.OperationalError:
        return True
    return bool(poll.poll(0)) or connection.closed
