"""One connection to a Postgres, and whether what we set for it stays with it."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from psycopg import AsyncConnection, Error, adapt, generators
from psycopg.abc import AdaptContext, Transformer
from psycopg.adapt import AdaptersMap
from psycopg.pq import ConnStatus, ExecStatus, Format, TransactionStatus
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
_GOOD: Final = int(ConnStatus.OK)
_IDLE: Final = int(TransactionStatus.IDLE)


@dataclass(frozen=True, slots=True)
class _Context(AdaptContext):
    """Lets a new connection read values in our way."""

    adapters: AdaptersMap = ADAPTERS
    connection: None = None


class Connection:
    """A connection of a pool.

    Its socket is watched from the first wait on, for as long as what comes is taken at once: to begin anew with each
    query costs as much as to read its answer. That ends where nobody takes what comes, and before anything else can
    happen once libpq has closed the socket, whose number may be another's then.

    Attributes:
        is_pooled: a pooler stands between, or a server that keeps no settings: each transaction may be on another
            connection of the server, so what is set must be set in each transaction.
        timeout_ms: the statement timeout that it was opened with.
        changed: its user may have left something behind.
    """

    def __init__(self, driver: AsyncConnection[Any], *, is_pooled: bool, timeout_ms: int) -> None:
        self.is_pooled, self.timeout_ms, self.changed = is_pooled, timeout_ms, False
        self.pgconn: Final = driver.pgconn
        self._driver = driver
        self._socket = driver.pgconn.socket
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[None] | None = None
        self._is_watched = False
        self._is_resetting = False
        self._has_failed_to_reset = False
        self._transformer: tuple[Sequence[int], Transformer] | None = None

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
    def driver(self) -> AsyncConnection[Any]:
        """The driver's own connection. It waits at the socket in its own way, and takes any watch away with it."""
        self._stop_watching()
        return self._driver

    @property
    def adapters(self) -> AdaptersMap:
        """By which values are read."""
        return self._driver.adapters

    def transformer(self, oids: Sequence[int]) -> Transformer:
        """What reads values of these types; for columns of the very same object the one that has read the last ones."""
        if self._transformer is None or self._transformer[0] is not oids:
            made: Transformer = adapt.Transformer(self._driver)
            made.set_loader_types(oids, Format.TEXT)
            self._transformer = oids, made
        return self._transformer[1]

    @property
    def is_lost(self) -> bool:
        return self.pgconn.status != _GOOD

    @property
    def is_idle(self) -> bool:
        """Nothing runs, and no transaction is open."""
        return self.pgconn.transaction_status == _IDLE

    @property
    def status(self) -> TransactionStatus:
        return TransactionStatus(self.pgconn.transaction_status)

    async def command(self, text: str) -> list[PGresult]:
        """Run statements of ours, without arguments, in one round trip.

        Raises:
            QueryFailed, ConnectionFailed.
        """
        try:
            await self.send(lambda: self.pgconn.send_query(text.encode()))
            results = await self.rest()
        except Error as error:
            raise connection_lost(error) from error
        for result in results:
            if result.status == ExecStatus.FATAL_ERROR:
                raise query_failed(result, None)
        return results

    async def send(self, give: Callable[[], None]) -> None:
        """Send what `give` gives libpq; mostly it has gone already when that returns.

        Raises:
            psycopg.Error: the connection is lost.
        """
        try:
            give()
            if self.pgconn.flush():
                await self.driver.wait(generators.send(self.pgconn))
        finally:
            self._look_whether_lost()

    async def next_result(self) -> PGresult | None:
        """What the server sends next; None when it has answered. The driver's own waiting costs more than a query.

        Raises:
            psycopg.Error: the connection is lost.
        """
        pgconn = self.pgconn
        try:
            while pgconn.is_busy():
                await self._readable()
                pgconn.consume_input()
            return pgconn.get_result()
        finally:
            if pgconn.status != _GOOD:
                self._stop_watching()

    def has_next(self) -> bool:
        """Whether `pgconn` gives what comes next without waiting for the server."""
        return self.pgconn.status == _GOOD and not self.pgconn.is_busy()

    async def rest(self) -> list[PGresult]:
        """All that the server still answers to what it was sent; nothing of it is COPY."""
        results = []
        while (result := await self.next_result()) is not None:
            results.append(result)
        return results

    async def _readable(self) -> None:
        self._ready = ready = self._loop.create_future()
        if not self._is_watched:
            self._loop.add_reader(self._socket, self._on_readable)
            self._is_watched = True
        try:
            await ready
        finally:
            self._ready = None

    def _on_readable(self) -> None:
        if self._ready is not None:
            if not self._ready.done():
                self._ready.set_result(None)
            return
        if self._is_resetting:
            try:
                self.pgconn.consume_input()
                self._take_reset()
                self._look_whether_lost()
            except Error:  # `is_fit` finds it lost
                self._stop_watching()
            return
        self._stop_watching()

    def _stop_watching(self) -> None:
        if self._is_watched:
            self._is_watched = False
            self._loop.remove_reader(self._socket)

    def _look_whether_lost(self) -> None:
        if self.pgconn.status != _GOOD:
            self._stop_watching()

    def _take_reset(self) -> None:
        """What the server has answered so far to what begins a reset."""
        while not self.pgconn.is_busy():
            result = self.pgconn.get_result()
            if result is None:
                self._is_resetting = False
                return
            if result.status == ExecStatus.FATAL_ERROR:
                self._has_failed_to_reset = True

    async def is_fit(self, idle_s: float) -> bool:
        """See `Pooled`. What the server said as it left is looked for without asking it."""
        pgconn = self.pgconn
        try:
            if not self._is_resetting:
                pgconn.consume_input()
            while self._is_resetting:
                await self._readable()
                pgconn.consume_input()
                self._take_reset()
            if not self.is_lost and idle_s > _TRUSTED_S:
                await self.command("")
        except (Error, ConnectionFailed):
            return False
        finally:
            self._look_whether_lost()
        return not self.is_lost and not self._has_failed_to_reset

    def begin_reset(self) -> bool:
        """See `Pooled`. Behind a pooler there is nothing of ours to undo."""
        pgconn = self.pgconn
        if self.is_lost or not self.is_idle:
            return False
        if self.is_pooled or not self.changed:
            return True
        try:
            while pgconn.notifies() is not None:
                pass  # nobody reads what a script has listened for
            pgconn.send_query(b"discard all")
        except Error:
            return False
        finally:
            self._look_whether_lost()
        self.changed = False
        self._is_resetting = True
        return True

    async def reset(self) -> bool:
        """See `Pooled`."""
        return False  # what could not begin is closed

    async def cancel(self) -> None:
        """Tell the server to end what runs now."""
        if not self.is_lost:
            await self._driver.cancel_safe(timeout=5.0)

    async def close(self) -> None:
        self._stop_watching()
        await self._driver.close()


async def _connect(conninfo: str) -> AsyncConnection[Any]:
    return await AsyncConnection.connect(conninfo, autocommit=True, prepare_threshold=None, context=_Context())
