"""One connection to a Postgres, and whether what we set for it stays with it."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final, Self

from psycopg import AsyncConnection, Error, generators
from psycopg.abc import AdaptContext
from psycopg.adapt import AdaptersMap
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult

from tidemill.model.errors import ConnectionFailed
from tidemill.stores.databases.postgresql.config import Connecting
from tidemill.stores.databases.postgresql.errors import connection_failed, connection_lost, query_failed
from tidemill.stores.databases.postgresql.types import ADAPTERS

FORMS: Final = {"DateStyle": "ISO", "TimeZone": "UTC", "IntervalStyle": "iso_8601", "extra_float_digits": "1"}
"""How the server writes values; `types.py` reads only these."""
_TELLS: Final = {b"IntervalStyle": b"iso_8601", b"TimeZone": b"UTC"}
"""Of these every Postgres tells a session when they are set; a pooler lets them pass or not."""
_REFUSED: Final = ("unsupported startup parameter", "unrecognized configuration parameter", "startup options")
_TRUSTED_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class _Context(AdaptContext):
    """Lets a new connection read values in our way."""

    adapters: AdaptersMap = ADAPTERS
    connection: None = None


@dataclass(eq=False, slots=True)
class Connection:
    """A connection of a pool.

    Attributes:
        is_pooled: a pooler stands between, or a server that keeps no settings: each transaction may be on another
            connection of the server, so what is set must be set in each transaction.
        timeout_ms: the statement timeout that it was opened with.
        changed: its user may have left something behind.
    """

    driver: AsyncConnection[Any]
    is_pooled: bool
    timeout_ms: int
    changed: bool = field(default=False)
    _is_resetting: bool = field(default=False)

    @classmethod
    async def open(cls, connecting: Connecting, *, timeout_ms: int, application: str, secret: str) -> Self:
        """Connect, with the forms of values set for the whole session where the server lets us.

        Raises:
            ConnectionFailed: the message names the fix.
        """
        settings = {**FORMS, "statement_timeout": str(timeout_ms)}
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        try:
            try:
                driver = await _connect(await connecting.conninfo(options=options, application=application))
            except Error as error:
                if not any(words in str(error) for words in _REFUSED):
                    raise
                driver = await _connect(await connecting.conninfo(options="", application=application))
        except (Error, OSError) as error:
            raise connection_failed(error, secret=secret) from error
        told = all(driver.pgconn.parameter_status(name) == value for name, value in _TELLS.items())
        return cls(driver, is_pooled=not told, timeout_ms=timeout_ms)

    @property
    def is_lost(self) -> bool:
        return self.driver.closed or self.driver.pgconn.status == ConnStatus.BAD

    @property
    def status(self) -> TransactionStatus:
        return TransactionStatus(self.driver.pgconn.transaction_status)

    async def command(self, text: str) -> list[PGresult]:
        """Run statements of ours, without arguments, in one round trip.

        Raises:
            QueryFailed, ConnectionFailed.
        """
        try:
            self.driver.pgconn.send_query(text.encode())
            await self.flush()
            results = await self.rest()
        except Error as error:
            raise connection_lost(error) from error
        for result in results:
            if result.status == ExecStatus.FATAL_ERROR:
                raise query_failed(result, None)
        return results

    async def flush(self) -> None:
        """Send what waits to be sent; mostly it has gone already."""
        pgconn = self.driver.pgconn
        if pgconn.flush():
            await self.driver.wait(generators.send(pgconn))

    async def next_result(self) -> PGresult | None:
        """What the server sends next; None when it has answered. The driver's own waiting costs more than a query.

        Raises:
            psycopg.Error: the connection is lost.
        """
        pgconn = self.driver.pgconn
        while pgconn.is_busy():
            await self._readable()
            pgconn.consume_input()
        return pgconn.get_result()

    async def rest(self) -> list[PGresult]:
        """All that the server still answers to what it was sent; nothing of it is COPY."""
        results = []
        while (result := await self.next_result()) is not None:
            results.append(result)
        return results

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        socket = self.driver.pgconn.socket
        loop.add_reader(socket, _wake, ready)
        try:
            await ready
        finally:
            loop.remove_reader(socket)

    async def is_fit(self, idle_s: float) -> bool:
        """See `Pooled`. What the server said as it left is looked for without asking it."""
        try:
            if self._is_resetting:
                self._is_resetting = False
                if any(result.status == ExecStatus.FATAL_ERROR for result in await self.rest()):
                    return False
            self.driver.pgconn.consume_input()
            if not self.is_lost and idle_s > _TRUSTED_S:
                await self.command("")
        except (Error, ConnectionFailed):
            return False
        return not self.is_lost

    def begin_reset(self) -> bool:
        """See `Pooled`. Behind a pooler there is nothing of ours to undo."""
        pgconn = self.driver.pgconn
        if self.is_lost or self.status != TransactionStatus.IDLE:
            return False
        if self.is_pooled or not self.changed:
            return True
        try:
            while pgconn.notifies() is not None:
                pass  # nobody reads what a script has listened for
            pgconn.send_query(b"discard all")
        except Error:
            return False
        self.changed = False
        self._is_resetting = True
        return True

    async def reset(self) -> bool:
        """See `Pooled`."""
        return False  # what could not begin is closed

    async def cancel(self) -> None:
        """Tell the server to end what runs now."""
        if not self.is_lost:
            await self.driver.cancel_safe(timeout=5.0)

    async def close(self) -> None:
        await self.driver.close()


async def _connect(conninfo: str) -> AsyncConnection[Any]:
    return await AsyncConnection.connect(conninfo, autocommit=True, prepare_threshold=None, context=_Context())


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
