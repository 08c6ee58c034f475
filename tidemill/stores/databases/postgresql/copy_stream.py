"""Reads what `COPY … to stdout` sends, some rows at a time, in short turns of a thread."""

import asyncio
import select
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, ParamSpec, TypeVar

import pyarrow as pa
from psycopg import Error
from psycopg.abc import PQGen
from psycopg.adapt import Transformer
from psycopg.pq import ExecStatus, Format
from psycopg.waiting import Wait

from tidemill.model.column import Column
from tidemill.model.errors import QueryFailed
from tidemill.stores.databases.arrow_columns import converted, converter
from tidemill.stores.databases.cells import Cells
from tidemill.stores.databases.port import Statement
from tidemill.stores.databases.postgresql.cells import TRAILER, split_columns, without_header
from tidemill.stores.databases.postgresql.connection import Connection
from tidemill.stores.databases.postgresql.copy_query import Field
from tidemill.stores.databases.postgresql.errors import connection_lost, query_failed
from tidemill.stores.databases.postgresql.result import fetch

P = ParamSpec("P")
T = TypeVar("T")

BATCH_BYTES: Final = 1024 * 1024
_PATIENCE_MS: Final = 2
"""So long a thread waits for more; then the loop does, without one."""

Rows = tuple[bytearray, list[int]]
"""The bytes of rows, one after the other, and how many each has."""


class CopiedResult:
    """A `ColumnarResult`. The rest of it is read before anything else is run on the connection."""

    def __init__(self, connection: Connection, statement: Statement, fields: Sequence[Field]) -> None:
        self.columns: tuple[Column, ...] = tuple(field.column for field in fields)
        self.is_complete = False
        self._connection, self._statement, self._fields = connection, statement, fields
        self._transformer = Transformer(connection.driver)
        self._reading: asyncio.Task[Rows] | None = None
        self._has_begun = self._has_ended = False
        # One for each, that the next rows are taken meanwhile; more would each keep memory.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="copied rows")
        self._columns_thread = ThreadPoolExecutor(1, thread_name_prefix="copied columns")

    async def batches(self) -> AsyncIterator[pa.RecordBatch]:
        """See `ColumnarResult.batches`. The next rows are read while those before are worked on."""
        while not self.is_complete:
            rows = await (self._reading or self._read_ahead())
            self._reading = None
            is_last = self._has_ended
            if not is_last:
                self._read_ahead()
            if rows[1]:
                yield await asyncio.get_running_loop().run_in_executor(self._columns_thread, self._decoded, *rows)
            if is_last:
                await self._end()

    async def skip(self) -> None:
        """Read what is left and forget it.

        Raises:
            QueryFailed: the query fails meanwhile.
        """
        while not self.is_complete:
            await (self._reading or self._read_ahead())
            self._reading = None
            if self._has_ended:
                await self._end()

    async def stop(self) -> None:
        """Read what still comes after the query was canceled, whatever it is."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])
            if not self._reading.cancelled():
                self._reading.exception()  # of no use any more
        while not self._has_ended:
            await self._read()
        self._let_threads_go()

    async def _in_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What it gives. A task that is canceled waits for its end."""
        future = asyncio.get_running_loop().run_in_executor(self._thread, lambda: function(*args, **kwargs))
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])
            raise

    def _let_threads_go(self) -> None:
        for each in (self._thread, self._columns_thread):
            each.shutdown(wait=False)

    def _read_ahead(self) -> "asyncio.Task[Rows]":
        self._reading = asyncio.create_task(self._read(), name="copied rows")
        return self._reading

    async def _read(self) -> Rows:
        held: Rows = bytearray(), []
        try:
            while not self._has_ended and len(held[0]) < BATCH_BYTES:
                await self._connection.driver.wait(_readable())
                await self._in_thread(self._take, *held)
        except Error as error:
            self._let_threads_go()
            raise connection_lost(error) from error
        return held

    def _take(self, held: bytearray, lengths: list[int]) -> None:
        """What is there, until nothing comes for a moment.

        Few rows are kept apart at a time, many cost memory, and as bytes: Python's garbage collection looks through
        views again and again, which cost more than all else here.
        """
        pgconn = self._connection.pgconn
        take = pgconn.get_copy_data
        ready = select.poll()
        ready.register(pgconn.socket, select.POLLIN)
        rows: list[bytes] = []
        while len(held) < BATCH_BYTES:
            pgconn.consume_input()
            size, row = take(1)
            while size > 0:
                rows.append(bytes(row))
                size, row = take(1)
            has_some = bool(rows)
            self._keep(rows, held, lengths)
            if size < 0:
                self._has_ended = True
                return
            # Of what TLS has decrypted already the socket tells nothing: after some rows it is looked once more.
            if not has_some and not ready.poll(_PATIENCE_MS):
                return

    def _keep(self, rows: list[bytes], held: bytearray, lengths: list[int]) -> None:
        if rows and not self._has_begun:
            self._has_begun = True
            rows[0] = without_header(rows[0])
        if rows and rows[-1] == TRAILER:
            rows.pop()
        if rows and not rows[0]:
            del rows[0]
        lengths += map(len, rows)
        held += b"".join(rows)
        rows.clear()

    async def _end(self) -> None:
        self._let_threads_go()
        while (result := await fetch(self._connection)) is not None:
            if result.status == ExecStatus.FATAL_ERROR:
                self.is_complete = True
                while await fetch(self._connection) is not None:
                    pass
                raise query_failed(result, self._statement, has_place=False)
        self.is_complete = True

    def _decoded(self, rows: bytearray, lengths: list[int]) -> pa.RecordBatch:
        try:
            cells = split_columns(rows, lengths, count=len(self._fields))
        except ValueError as error:
            raise QueryFailed(f"The rows cannot be read: {error} Run it again.") from error
        arrays = [
            converted(field.column, field.decode or partial(self._loaded, field), each)
            for field, each in zip(self._fields, cells, strict=True)
        ]
        return pa.record_batch(arrays, names=[column.name for column in self.columns])

    def _loaded(self, field: Field, cells: Cells) -> pa.Array:
        """Each text by itself, as those of rows are."""
        load = self._transformer.get_loader(field.loader_oid, Format.TEXT).load
        texts = cells.texts(pa.binary()).to_pylist()
        return converter(field.column.type)([None if text is None else load(text) for text in texts])


def _readable() -> PQGen[None]:
    yield Wait.R
