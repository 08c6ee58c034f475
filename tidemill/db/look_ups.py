"""Look-ups that requests cannot do without, on one connection of their own: none waits for the answer to another.

A statement on a connection of a pool costs the client 0.3 ms of processor time, most of it for lending the connection
and for waiting at its socket. Here they are prepared once and sent in libpq's pipeline mode, all that are asked for in
one turn of the loop together; whoever asked is woken when its rows are there. That costs a sixth. One that fails takes
those with it that were sent after it in the same turn: they are asked again, too.

Only statements that change nothing and are fast: what goes wrong on the way is asked again through the pool, whose
errors and patience are then what the caller gets. While the connection is made (anew), the pool serves.
"""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

import psycopg
from psycopg import AsyncConnection, adapt
from psycopg.abc import Transformer
from psycopg.adapt import PyFormat
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from tidemill.db.queries import Query
from tidemill.db.rows import row_maker
from tidemill.db.transaction import Statements, check_parameters
from tidemill.model.errors import Unavailable

Connect = Callable[[], Awaitable[AsyncConnection[Any]]]

_PAUSE_S: Final = 1.0
"""Between attempts to connect."""


class _NotThere(Exception):
    """Nothing came of it on this connection."""


@dataclass(slots=True, eq=False)
class _Prepared:
    """A statement as the server knows it, and what reads its rows."""

    name: bytes
    reader: Transformer
    columns: tuple[str, ...] = ()


class LookUps(Statements):
    """`Statements` for what only reads. `otherwise` serves where this connection does not."""

    def __init__(self, connect: Connect, *, otherwise: Statements) -> None:
        self._connect = connect
        self._otherwise = otherwise
        self._line: _Line | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._connect_at = 0.0

    async def close(self) -> None:
        """Close the connection; from now on all goes through the pool."""
        self._connect_at = math.inf
        if self._connecting is not None:
            self._connecting.cancel()
            with suppress(asyncio.CancelledError):
                await self._connecting
        if self._line is not None:
            self._line.close()

    async def _run(
        self, query: Query, row_type: type[Any] | None, parameters: Mapping[str, object]
    ) -> tuple[list[Any], int]:
        if self._line is None or self._line.is_closed:
            self._connect_soon()
        else:
            check_parameters(query, parameters)
            with suppress(_NotThere):
                rows = await self._line.ask(query, row_type, parameters)
                return rows, len(rows)
        return await self._otherwise.run(query, row_type, parameters)

    def _connect_soon(self) -> None:
        loop = asyncio.get_running_loop()
        if self._connecting is None and loop.time() >= self._connect_at:
            self._connect_at = loop.time() + _PAUSE_S
            self._connecting = loop.create_task(self._make_line(), name="connection for look-ups")

    async def _make_line(self) -> None:
        try:
            self._line = _Line(await self._connect())
        except (psycopg.Error, Unavailable):
            self._line = None  # told by the pool, to those who ask
        finally:
            self._connecting = None


@dataclass(slots=True, eq=False)
class _Asked:
    """A statement that was sent. `is_new`: the answer to its preparation comes before its own."""

    answer: "asyncio.Future[PGresult]"
    is_new: bool


class _Line:
    """The connection, as long as it holds."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection
        self._pgconn = connection.pgconn
        self._socket = self._pgconn.socket
        self._loop = asyncio.get_running_loop()
        self._writer: Transformer = adapt.Transformer(connection)
        self._prepared: dict[tuple[bytes, tuple[int, ...]], _Prepared] = {}
        self._names = count()
        self._waiting: deque[_Asked] = deque()
        self._will_sync = False
        self.is_closed = False
        self._pgconn.enter_pipeline_mode()
        self._loop.add_reader(self._socket, self._read)

    async def ask(self, query: Query, row_type: type[Any] | None, parameters: Mapping[str, object]) -> list[Any]:
        """All rows; raises _NotThere where they did not come."""
        values = [parameters[name] for name in query.order]
        dumped = self._writer.dump_sequence(values, [PyFormat.AUTO] * len(values))
        types, formats = self._writer.types or (), self._writer.formats
        key = query.encoded, types
        prepared = self._prepared.get(key)
        asked = _Asked(self._loop.create_future(), is_new=prepared is None)
        try:
            if prepared is None:
                prepared = _Prepared(b"look_up_%d" % next(self._names), adapt.Transformer(self._connection))
                self._pgconn.send_prepare(prepared.name, query.encoded, param_types=types)
            self._pgconn.send_query_prepared(prepared.name, dumped, param_formats=formats)
        except psycopg.Error as error:
            self.close()
            raise _NotThere from error
        self._waiting.append(asked)
        if not self._will_sync:
            self._will_sync = True
            self._loop.call_soon(self._sync)
        result = await asked.answer
        if result.status != ExecStatus.TUPLES_OK:
            self._prepared.pop(key, None)  # a plan from before a migration, perhaps
            raise _NotThere
        self._prepared[key] = prepared
        return self._rows(prepared, result, row_type)

    def close(self) -> None:
        """Hang up; who still waits is told."""
        if self.is_closed:
            return
        self.is_closed = True
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._pgconn.finish()
        for each in self._waiting:
            if not each.answer.done():
                each.answer.set_exception(_NotThere())
        self._waiting.clear()

    @staticmethod
    def _rows(prepared: _Prepared, result: PGresult, row_type: type[Any] | None) -> list[Any]:
        prepared.reader.set_pgresult(result, set_loaders=not prepared.columns)
        if not prepared.columns:
            names = (result.fname(at) for at in range(result.nfields))
            prepared.columns = tuple((name or b"").decode() for name in names)
        return prepared.reader.load_rows(0, result.ntuples, row_maker(row_type, prepared.columns))

    def _read(self) -> None:
        """The socket has something for us."""
        try:
            self._pgconn.consume_input()
            while self._waiting and not self._pgconn.is_busy():
                result = self._pgconn.get_result()
                if result is not None:
                    self._take(result)
        except psycopg.Error:
            self.close()

    def _take(self, result: PGresult) -> None:
        """The answer to a statement, of one that is new after the answer to its preparation."""
        if result.status == ExecStatus.PIPELINE_SYNC:
            return
        asked = self._waiting[0]
        if asked.is_new:
            asked.is_new = False
            return
        self._waiting.popleft()
        if not asked.answer.done():
            asked.answer.set_result(result)

    def _sync(self) -> None:
        """Send all that was asked for meanwhile."""
        self._will_sync = False
        if self.is_closed:
            return
        try:
            self._pgconn.pipeline_sync()
            self._flush()
        except psycopg.Error:
            self.close()

    def _flush(self) -> None:
        if self._pgconn.flush():
            self._loop.add_writer(self._socket, self._flush_rest)

    def _flush_rest(self) -> None:
        try:
            if not self._pgconn.flush():
                self._loop.remove_writer(self._socket)
        except psycopg.Error:
            self.close()
