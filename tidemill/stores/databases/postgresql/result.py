"""What a statement gives, read as the server sends it."""

from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Final, Self

from psycopg import Error
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from tidemill.model.column import Column, Row
from tidemill.model.errors import QueryFailed
from tidemill.stores.databases.port import Statement
from tidemill.stores.databases.postgresql.connection import Connection
from tidemill.stores.databases.postgresql.errors import connection_lost, query_failed

CHUNK_ROWS: Final = 64
"""Rows that libpq holds at a time."""
_LAST: Final = frozenset({ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK})
_WITH_COUNT: Final = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "COPY"})


class PostgresResult:
    """A `Result`. The rest of it is read before anything else is run on the connection."""

    def __init__(
        self,
        connection: Connection,
        statement: Statement,
        held: Sequence[PGresult],
        *,
        columns: Sequence[Column],
        oids: Sequence[int],
    ) -> None:
        """`held`: what was read already. `oids`: what the columns' loaders are known by."""
        self.columns = tuple(columns)  # the same one, where it is one
        self.affected: int | None = None
        self.is_complete = False
        self._connection, self._statement = connection, statement
        self._transformer = connection.transformer(oids)
        self._held = deque(held)

    def batches(self, rows: int) -> AsyncIterator[Sequence[Row]]:
        """See `Result.batches`."""
        return _Batches(self, rows)

    async def next_chunk(self) -> PGresult | None:
        """The next rows; None at the end. The last one is the place where a statement that fails late says so."""
        while not self.is_complete:
            chunk = await self._next()
            if chunk is None:
                self.is_complete = True
            elif chunk.status == ExecStatus.FATAL_ERROR:
                await self.skip()
                raise query_failed(chunk, self._statement)
            elif chunk.ntuples:
                return chunk
        return None

    async def skip(self) -> None:
        """Read what is left and forget it.

        Raises:
            QueryFailed: the statement fails meanwhile.
        """
        failed: PGresult | None = None
        while not self.is_complete:
            chunk = await self._next()
            if chunk is None:
                self.is_complete = True
            elif chunk.status == ExecStatus.FATAL_ERROR:
                failed = chunk
        if failed:
            raise query_failed(failed, self._statement)

    async def stop(self) -> None:
        """Nothing: what still comes is what the connection gives next."""

    async def _next(self) -> PGresult | None:
        chunk = self._held.popleft() if self._held else await fetch(self._connection)
        if chunk is not None and chunk.status in _LAST:
            tag = (chunk.command_status or b"").decode()
            if tag.partition(" ")[0] in _WITH_COUNT:
                self.affected = chunk.command_tuples
        return chunk

    def load(self, chunk: PGresult) -> list[Row]:
        """The rows that came together."""
        transformer = self._transformer
        transformer.set_pgresult(chunk, set_loaders=False)
        try:
            rows: list[Row] = transformer.load_rows(0, chunk.ntuples, tuple)
        except (Error, ValueError) as error:
            raise QueryFailed(
                "A value of the result cannot be read, as if its type had just changed: run it again."
            ) from error
        finally:
            transformer.set_pgresult(None, set_loaders=False)  # it is kept, and the rows are not
        return rows


class _Batches:
    """The rows of a result, so many at a time. A generator would cost a small query more than its rows do."""

    def __init__(self, result: PostgresResult, rows: int) -> None:
        self._result, self._rows = result, rows
        self._held: list[Row] = []

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Row]:
        while len(self._held) < self._rows and (chunk := await self._result.next_chunk()) is not None:
            self._held.extend(self._result.load(chunk))
        if not self._held:
            raise StopAsyncIteration
        batch, self._held = self._held[: self._rows], self._held[self._rows :]
        return batch


async def fetch(connection: Connection) -> PGresult | None:
    """The next part of what the server sends; None when the statement has ended.

    Raises:
        ConnectionFailed: the connection is lost.
    """
    try:
        found = connection.pgconn.get_result() if connection.has_next() else await connection.next_result()
    except Error as error:
        raise connection_lost(error) from error
    if found is not None and found.status == ExecStatus.FATAL_ERROR and connection.is_lost:
        raise connection_lost(found.error_message.decode(errors="replace"))
    return found
