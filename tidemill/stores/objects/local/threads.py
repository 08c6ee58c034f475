"""The threads of a local store, in which all that blocks is done."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from threading import Lock, local
from typing import Final, TypeVar, TypeVarTuple, Unpack

from tidemill.model.errors import Unavailable
from tidemill.stores.objects.local.failures import ours
from tidemill.stores.objects.local.folder import StoreFolder
from tidemill.stores.objects.local.index import connect

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
_MOST: Final = 8


class Threads:
    """Some threads, each with a connection of its own for reading. What fails in them fails with errors of ours."""

    def __init__(self, folder: StoreFolder) -> None:
        self._folder = folder
        self._pool = ThreadPoolExecutor(_MOST, thread_name_prefix="objects")
        self._own = local()
        self._lock = Lock()
        self._connections: list[sqlite3.Connection] = []

    async def run(self, call: Callable[[Unpack[Ts]], T], *args: *Ts) -> T:
        """What `call` gives. When the caller is canceled it may still run to its end."""
        return await asyncio.wrap_future(self.start(call, *args))

    async def run_surely(self, call: Callable[[Unpack[Ts]], T], *args: *Ts) -> T:
        """As `run`, and it does run even when the caller is canceled."""
        return await asyncio.shield(asyncio.wrap_future(self.start(call, *args)))

    def start(self, call: Callable[[Unpack[Ts]], T], *args: *Ts) -> Future[T]:
        """Begin it; nobody need wait for it.

        Raises:
            Unavailable: the store is closed.
        """
        try:
            return self._pool.submit(lambda: self._guarded(call, *args))
        except RuntimeError as error:
            raise Unavailable("The storage was closed.") from error

    def reader(self) -> sqlite3.Connection:
        """The connection of the thread that calls."""
        connection: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = connect(self._folder)
            self._own.connection = connection
            with self._lock:
                self._connections.append(connection)
        return connection

    def close(self) -> None:
        """Wait for what was begun, then close the connections; blocks."""
        self._pool.shutdown()
        for connection in self._connections:
            with suppress(sqlite3.Error):
                connection.close()
        self._connections.clear()

    def _guarded(self, call: Callable[[Unpack[Ts]], T], *args: *Ts) -> T:
        with ours(self._folder.root):
            return call(*args)
