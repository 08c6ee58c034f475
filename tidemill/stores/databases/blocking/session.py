"""A session on a connection whose calls block."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from tidemill.model.column import Column, Row
from tidemill.model.errors import QueryFailed, TidemillError
from tidemill.stores.databases.blocking.port import (
    BlockingConnection,
    BlockingResult,
    ColumnarBlockingResult,
    ColumnarConnection,
    ManyRowsConnection,
    PlanningConnection,
)
from tidemill.stores.databases.port import ColumnarResult, NamedType, RawRow, Result, SessionOptions, Statement

if TYPE_CHECKING:
    import pyarrow as pa

P = ParamSpec("P")
T = TypeVar("T")

CANCEL_S = 10.0
"""A server that does not end a statement in this time loses its connection."""


class Lane:
    """Runs the calls of one connection in threads, one after the other."""

    def __init__(self, connection: BlockingConnection, executor: Executor) -> None:
        self.connection, self.executor = connection, executor
        self._running: asyncio.Future[Any] | None = None

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Its result. A task that is canceled leaves the call running: `free` ends it."""
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self.executor, lambda: function(*args, **kwargs))
        self._running = future
        found = await asyncio.shield(future)
        self._running = None
        return found

    async def free(self) -> bool:
        """End what still runs; whether the connection is free now."""
        running, self._running = self._running, None
        if running is None or running.done():
            _ = running and running.exception()
            return True
        await self.cancel()
        await asyncio.wait([running], timeout=CANCEL_S)
        if not running.done():
            return False
        running.exception()
        return True

    async def cancel(self) -> None:
        """From beside the call that goes on."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self.executor, self.connection.cancel)


class BlockingSession:
    """A `Session`."""

    def __init__(self, lane: Lane, options: SessionOptions) -> None:
        self._lane, self._connection = lane, lane.connection
        self._options = options
        self._open: BlockingResult | ColumnarBlockingResult[Any] | None = None
        self._is_canceled = False

    async def run(self, statement: Statement) -> list[Result]:
        """See `Session.run`."""
        await self._settle()
        results = await self._in_time(self._connection.run, statement)
        self._open = results[-1] if results else None
        return [_AsyncResult(result, self) for result in results]

    async def run_columnar(self, statement: Statement) -> ColumnarResult | None:
        """See `ColumnarSession.run_columnar`, of connections that can."""
        await self._settle()
        result = await self._in_time(cast("ColumnarConnection", self._connection).run_columnar, statement)
        self._open = result
        return None if result is None else _AsyncColumns(result, self)

    async def write_rows(self, text: str, columns: Sequence[NamedType], rows: Sequence[RawRow]) -> None:
        """See `ManyRowsSession.write_rows`, of connections that can."""
        await self._settle()
        await self._in_time(cast("ManyRowsConnection", self._connection).write_rows, text, columns, rows)

    async def explain(self, statement: Statement, *, runs: bool) -> str:
        """See `PlanningSession.explain`, of connections that can."""
        await self._settle()
        return await self._in_time(cast("PlanningConnection", self._connection).explain, statement, runs=runs)

    async def fetch(self, result: BlockingResult, rows: int) -> Sequence[Row]:
        """The next rows of a result of this session."""
        self._require_going()
        return await self._in_time(result.fetch, rows)

    async def take(self, result: ColumnarBlockingResult[T]) -> T | None:
        """The next rows of one that is read by columns."""
        self._require_going()
        return await self._in_time(result.take)

    async def describe(self, statement: Statement) -> tuple[Column, ...]:
        """See `Session.describe`."""
        await self._settle()
        return await self._lane.call(self._connection.describe, statement)

    async def begin(self) -> None:
        """See `Session.begin`."""
        await self._settle()
        await self._lane.call(self._connection.begin)

    async def commit(self) -> None:
        """See `Session.commit`."""
        await self._settle()
        await self._lane.call(self._connection.commit)

    async def rollback(self) -> None:
        """See `Session.rollback`."""
        await self._settle()
        await self._lane.call(self._connection.rollback)

    async def cancel(self) -> None:
        """See `Session.cancel`."""
        self._is_canceled = True
        await self._lane.cancel()

    async def finish(self) -> None:
        """At the end of a session that went well: everything is read, what is open is rolled back."""
        await self._settle()
        await self._lane.call(self._connection.rollback)

    async def abandon(self) -> bool:
        """At the end of one that did not; whether the connection may be used again."""
        self._is_canceled = True
        if not await self._lane.free():
            return False
        try:
            if self._open is not None:
                await self._lane.cancel()
                await self._skip_canceled(self._open)
            await self._lane.call(self._connection.rollback)
        except TidemillError:
            return False
        return True

    async def _skip_canceled(self, result: BlockingResult | ColumnarBlockingResult[Any]) -> None:
        try:
            await self._lane.call(result.skip)
        except QueryFailed:
            return  # as it was told to

    def _require_going(self) -> None:
        if self._is_canceled:
            raise QueryFailed("The query was canceled.")

    async def _settle(self) -> None:
        self._require_going()
        result, self._open = self._open, None
        if result is not None:
            await self._lane.call(result.skip)

    async def _in_time(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        limit_s = self._options.statement_timeout_s
        if not limit_s or self._connection.ends_late:
            return await self._lane.call(function, *args, **kwargs)
        try:
            async with asyncio.timeout(limit_s):
                return await self._lane.call(function, *args, **kwargs)
        except TimeoutError as error:
            raise QueryFailed(f"Canceled on a statement timeout: it ran for longer than {limit_s:g} s.") from error


class _AsyncResult:
    """A `Result`."""

    def __init__(self, result: BlockingResult, session: BlockingSession) -> None:
        self._result, self._session = result, session
        self.columns = result.columns
        self.affected = result.affected

    async def batches(self, rows: int) -> AsyncIterator[Sequence[Row]]:
        """See `Result.batches`."""
        while batch := await self._session.fetch(self._result, rows):
            yield batch
        self.affected = self._result.affected


class _AsyncColumns:
    """A `ColumnarResult`."""

    def __init__(self, result: ColumnarBlockingResult[Any], session: BlockingSession) -> None:
        self._result, self._session = result, session
        self.columns = result.columns

    async def batches(self) -> AsyncIterator["pa.RecordBatch"]:
        """See `ColumnarResult.batches`."""
        while (rows := await self._session.take(self._result)) is not None:
            batch = await asyncio.to_thread(self._result.batch, rows)
            if batch is not None:
                yield batch
