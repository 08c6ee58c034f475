"""Look-ups that requests cannot do without, on one connection of their own: none waits for the answer to another.

A statement on a connection of a pool costs the client 0.3 ms of processor time, most of it for lending the connection
and for waiting at its socket. Here they are prepared once and sent in libpq's pipeline mode, all that are asked for in
one turn of the loop together; whoever asked is woken when its rows are there. That costs a sixth. One that fails takes
those with it that were sent after it in the same turn: they are asked again, too.

Only statements that change nothing and are fast: what goes wrong on the way is asked again through the pool, whose
errors and patience are then what the caller gets. While the connection is made (anew), the pool serves.

Much of what is asked with each request has the same answer as before. `Remembered` compares it as it comes, as bytes,
and makes something of it only where it differs: the database is asked each time, and what it says now is what counts.
"""

import asyncio
import math
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any, Final, Generic, TypeVar, cast

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
T = TypeVar("T")

_PAUSE_S: Final = 1.0
"""Between attempts to connect."""
_MOST: Final = 500
"""Answers that are remembered."""


@dataclass(slots=True, eq=False)
class _Prepared:
    """A statement as the server knows it, and what reads its rows."""

    name: bytes
    reader: Transformer
    columns: tuple[str, ...] = ()

    def rows(self, result: PGresult, row_type: type[Any] | None) -> list[Any]:
        """Those of an answer."""
        self.reader.set_pgresult(result, set_loaders=not self.columns)
        if not self.columns:
            names = (result.fname(at) for at in range(result.nfields))
            self.columns = tuple((name or b"").decode() for name in names)
        return self.reader.load_rows(0, result.ntuples, row_maker(row_type, self.columns))


@dataclass(frozen=True, slots=True)
class _Bound:
    """A statement with its parameters as they are sent."""

    key: tuple[bytes, tuple[int, ...]]
    values: Sequence[Any]
    formats: Sequence[Any] | None


class LookUps(Statements):
    """`Statements` for what only reads. `otherwise` serves where this connection does not."""

    def __init__(self, connect: Connect, *, otherwise: Statements) -> None:
        self._connect = connect
        self._otherwise = otherwise
        self._line: _Line | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._connect_at = 0.0
        self._remembered: OrderedDict[Hashable, Remembered[Any]] = OrderedDict()

    def remembered(
        self, query: Query, make: Callable[[list[Any]], T], *, about: Hashable = None, **parameters: Hashable
    ) -> "Remembered[T]":
        """One look-up for the same query, parameters and `about`, which is what `make` depends on beside the rows."""
        key = query.name, about, *parameters.values()
        found = self._remembered.get(key)
        if found is None:
            found = self._remembered[key] = Remembered(self, query, None, parameters, make)
            if len(self._remembered) > _MOST:
                self._remembered.popitem(last=False)
        else:
            self._remembered.move_to_end(key)
        return cast("Remembered[T]", found)

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
        line = self.line()
        if line is not None:
            check_parameters(query, parameters)
            rows = await line.ask(query, row_type, parameters)
            if rows is not None:
                return rows, len(rows)
        return await self._otherwise.run(query, row_type, parameters)

    async def run_otherwise(
        self, query: Query, row_type: type[Any] | None, parameters: Mapping[str, object]
    ) -> list[Any]:
        """The rows, from the pool."""
        return (await self._otherwise.run(query, row_type, parameters))[0]

    def line(self) -> "_Line | None":
        """The connection; None while there is none, which is then made."""
        if self._line is not None and not self._line.is_closed:
            return self._line
        self._connect_soon()
        return None

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


class Remembered(Generic[T]):
    """A look-up with its parameters, and what `make` made of its rows the last time."""

    def __init__(
        self,
        look_ups: LookUps,
        query: Query,
        row_type: type[Any] | None,
        parameters: Mapping[str, object],
        make: Callable[[list[Any]], T],
    ) -> None:
        """`make` depends on the rows alone; what it raises is not remembered."""
        check_parameters(query, parameters)
        self._look_ups, self._query, self._row_type = look_ups, query, row_type
        self._parameters, self._make = parameters, make
        self._bound: tuple[_Line, _Bound] | None = None
        self._cells: list[bytes | None] = []
        self._made: tuple[T] | None = None

    def ask(self) -> "Look[T]":
        """Send it, with all else that is asked for in this turn of the loop."""
        line = self._look_ups.line()
        if line is None:
            return Look(self, None)
        if self._bound is None or self._bound[0] is not line:
            self._bound = line, line.bind(self._query, self._parameters)
        return Look(self, line.send(self._query, self._bound[1]))

    async def get(self) -> T:
        """What is made of the rows as they are now."""
        return await self.ask().answer()

    async def made_of(self, asked: "_Asked | None") -> T:
        """What is made of the answer, or of the pool's where none comes."""
        result = None if asked is None else await asked.answer
        if asked is None or result is None:
            return self._make(await self._look_ups.run_otherwise(self._query, self._row_type, self._parameters))
        cells = [result.get_value(row, column) for row in range(result.ntuples) for column in range(result.nfields)]
        if self._made is None or cells != self._cells:
            self._made = None
            self._made = (self._make(asked.prepared.rows(result, self._row_type)),)
            self._cells = cells
        return self._made[0]


@dataclass(slots=True, eq=False)
class Look(Generic[T]):
    """One that was sent, or will be where there is no connection yet."""

    of: Remembered[T]
    asked: "_Asked | None"

    async def answer(self) -> T:
        """What `Remembered.get` gives."""
        return await self.of.made_of(self.asked)


@dataclass(slots=True, eq=False)
class _Asked:
    """A statement that was sent. `is_new`: the answer to its preparation comes before its own.

    `answer` is None where nothing came of it on this connection.
    """

    bound: _Bound
    prepared: _Prepared
    answer: "asyncio.Future[PGresult | None]"
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

    def bind(self, query: Query, parameters: Mapping[str, object]) -> _Bound:
        """The statement as it is sent."""
        values = [parameters[name] for name in query.order]
        dumped = self._writer.dump_sequence(values, [PyFormat.AUTO] * len(values))
        return _Bound((query.encoded, self._writer.types or ()), dumped, self._writer.formats)

    def send(self, query: Query, bound: _Bound) -> _Asked:
        """Send it at the end of this turn of the loop."""
        prepared = self._prepared.get(bound.key)
        is_new = prepared is None
        if prepared is None:
            prepared = _Prepared(b"look_up_%d" % next(self._names), adapt.Transformer(self._connection))
        asked = _Asked(bound, prepared, self._loop.create_future(), is_new)
        try:
            if is_new:
                self._pgconn.send_prepare(prepared.name, query.encoded, param_types=bound.key[1])
            self._pgconn.send_query_prepared(prepared.name, bound.values, param_formats=bound.formats)
        except psycopg.Error:
            asked.answer.set_result(None)
            self.close()
            return asked
        self._waiting.append(asked)
        if not self._will_sync:
            self._will_sync = True
            self._loop.call_soon(self._sync)
        return asked

    async def ask(self, query: Query, row_type: type[Any] | None, parameters: Mapping[str, object]) -> list[Any] | None:
        """All rows; None where they did not come."""
        asked = self.send(query, self.bind(query, parameters))
        result = await asked.answer
        return None if result is None else asked.prepared.rows(result, row_type)

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
                each.answer.set_result(None)
        self._waiting.clear()

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
        came = result.status == ExecStatus.TUPLES_OK
        if came:
            self._prepared[asked.bound.key] = asked.prepared
        else:
            self._prepared.pop(asked.bound.key, None)  # a plan from before a migration, perhaps
        if not asked.answer.done():
            asked.answer.set_result(result if came else None)

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
