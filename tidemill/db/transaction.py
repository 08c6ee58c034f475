"""Running named queries on a connection, and turning what the driver raises into our errors."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Final, LiteralString, TypeVar, overload
from uuid import UUID

import psycopg
from psycopg import AsyncConnection, AsyncRawCursor, errors, sql
from psycopg.pq import ExecStatus
from psycopg_pool import PoolClosed, PoolTimeout

from tidemill.db.queries import Query
from tidemill.db.rows import row_factory
from tidemill.model.errors import AlreadyExists, NotFound, Unavailable

T = TypeVar("T")
Row = dict[str, Any]

LOST: Final = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    errors.ReadOnlySqlTransaction,
    errors.IdleInTransactionSessionTimeout,
    PoolTimeout,
    PoolClosed,
)
"""What the driver raises when the database is not to be had now, whatever the statement was."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes the changes of a transaction, as history and audit record it.

    Attributes:
        name: as `Principal.actor`, `u/alice`.
        job: the job in whose name it is done, if one.
    """

    name: str
    email: str = ""
    job: UUID | None = None


class Statements(ABC):
    """Where queries can be run: inside a transaction, or each for itself."""

    @abstractmethod
    async def _run(
        self, query: Query, row_type: type[Any] | None, parameters: Mapping[str, object]
    ) -> tuple[list[Any], int]:
        """The rows, if the statement gives any, and the number of rows that it touched."""

    async def run(
        self, query: Query, row_type: type[Any] | None, parameters: Mapping[str, object]
    ) -> tuple[list[Any], int]:
        """What the others are made of: the rows, if the statement gives any, and the number of those it touched."""
        return await self._run(query, row_type, parameters)

    @overload
    async def fetch_all(self, query: Query, row_type: None = None, **parameters: object) -> list[Row]: ...
    @overload
    async def fetch_all(self, query: Query, row_type: type[T], **parameters: object) -> list[T]: ...
    async def fetch_all(self, query: Query, row_type: type[Any] | None = None, **parameters: object) -> list[Any]:
        """All rows, as `row_type` (its fields must be exactly the columns) or as dicts."""
        rows, _ = await self._run(query, row_type, parameters)
        return rows

    @overload
    async def fetch_optional(self, query: Query, row_type: None = None, **parameters: object) -> Row | None: ...
    @overload
    async def fetch_optional(self, query: Query, row_type: type[T], **parameters: object) -> T | None: ...
    async def fetch_optional(self, query: Query, row_type: type[Any] | None = None, **parameters: object) -> Any:
        """The only row, or None where there is none."""
        rows, _ = await self._run(query, row_type, parameters)
        if len(rows) > 1:
            raise RuntimeError(f"Query {query.name} gave {len(rows)} rows where at most one was expected.")
        return rows[0] if rows else None

    @overload
    async def fetch_one(self, query: Query, row_type: None = None, **parameters: object) -> Row: ...
    @overload
    async def fetch_one(self, query: Query, row_type: type[T], **parameters: object) -> T: ...
    async def fetch_one(self, query: Query, row_type: type[Any] | None = None, **parameters: object) -> Any:
        """The only row; raises NotFound where there is none."""
        row = await self.fetch_optional(query, row_type, **parameters)
        if row is None:
            raise NotFound(f"There is no such {query.name.partition('.')[0].removesuffix('s')}.")
        return row

    async def fetch_value(self, query: Query, **parameters: object) -> Any:
        """The first column of the only row; None where there is no row."""
        row = await self.fetch_optional(query, None, **parameters)
        return None if row is None else next(iter(row.values()))

    async def execute(self, query: Query, **parameters: object) -> int:
        """Run it and give the number of rows that it touched."""
        _, count = await self._run(query, None, parameters)
        return count


async def run(
    connection: AsyncConnection[Any], query: Query, *, row_type: type[Any] | None, parameters: Mapping[str, object]
) -> tuple[list[Any], int]:
    """Run one query on a connection, after a check that it gets exactly the parameters it names."""
    check_parameters(query, parameters)
    cursor = AsyncRawCursor(connection, row_factory=row_factory(row_type))
    with translated_errors():
        await cursor.execute(query.encoded, [parameters[name] for name in query.order])
        result = cursor.pgresult
        gives_rows = result is not None and result.status == ExecStatus.TUPLES_OK
        return (await cursor.fetchall() if gives_rows else []), cursor.rowcount


def check_parameters(query: Query, parameters: Mapping[str, object]) -> None:
    """Raises TypeError unless these are exactly the parameters that the query names."""
    if parameters.keys() != query.parameters:
        raise TypeError(
            f"Query {query.name} takes {sorted(query.parameters)}: {sorted(query.parameters - set(parameters))} "
            f"are missing, {sorted(set(parameters) - query.parameters)} are not known."
        )


class Transaction(Statements):
    """An open transaction; made by `Database.transaction` and good only inside its block."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection

    async def _run(
        self, query: Query, row_type: type[Any] | None, parameters: Mapping[str, object]
    ) -> tuple[list[Any], int]:
        return await run(self._connection, query, row_type=row_type, parameters=parameters)

    async def execute_many(self, query: Query, rows: Iterable[Mapping[str, object]]) -> int:
        """Run `query` once for each row of parameters, sent together; the number of rows touched in all."""
        cursor = AsyncRawCursor(self._connection)
        with translated_errors():
            await cursor.executemany(query.encoded, [[row[name] for name in query.order] for row in rows])
        return cursor.rowcount

    async def copy_rows(
        self, table: LiteralString, columns: Sequence[LiteralString], rows: Iterable[Sequence[object]]
    ) -> int:
        """Insert many rows by COPY and give their number; columns that are not named get their defaults.

        Postgres refuses COPY into a table behind row-level security, so the rows go through a temporary table;
        worth it from some hundred rows on.
        """
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        values: dict[str, sql.Composable] = {
            "staging": sql.Identifier(f"staging_{table}"),
            "table": sql.Identifier(table),
            "columns": names,
        }
        cursor = self._connection.cursor()
        with translated_errors():
            await cursor.execute(
                sql.SQL(
                    "create temp table {staging} on commit drop as select {columns} from {table} with no data"
                ).format(**values)
            )
            async with cursor.copy(sql.SQL("copy pg_temp.{staging} ({columns}) from stdin").format(**values)) as copy:
                for row in rows:
                    await copy.write_row(row)
            await cursor.execute(
                sql.SQL("insert into {table} ({columns}) select {columns} from pg_temp.{staging}").format(**values)
            )
            count = cursor.rowcount
            await cursor.execute(sql.SQL("drop table pg_temp.{staging}").format(**values))
        return count

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """What fails in this block is undone up to its start; the transaction can go on after it."""
        with translated_errors():
            async with self._connection.transaction():
                yield


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise `Unavailable` where the driver says that the database is gone, busy or shutting down."""
    try:
        yield
    except LOST as error:
        raise Unavailable(f"The database does not answer now; send it again. ({summary(error)})") from error


@contextmanager
def unique(message: str, *, constraint: str = "") -> Iterator[None]:
    """Raise `AlreadyExists(message)` where a statement in this block violates a unique constraint (or just this one).

    The transaction is then spoilt, as always in Postgres: let the error leave it, or put a `savepoint` around.
    """
    try:
        yield
    except errors.UniqueViolation as error:
        if constraint and error.diag.constraint_name != constraint:
            raise
        raise AlreadyExists(message) from error


def is_worth_a_retry(error: BaseException) -> bool:
    """Whether the whole transaction failed by deadlock or serialization, so that nothing of it happened."""
    return isinstance(error.__cause__, errors.DeadlockDetected | errors.SerializationFailure)


def summary(error: BaseException) -> str:
    """The first line of a driver's message, which names neither values nor passwords."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


async def pause(attempt: int, *, spread: float) -> None:
    """Wait a little longer after each attempt; `spread` (0 to 1) keeps two of us apart."""
    await asyncio.sleep(0.01 * 2**attempt * (0.5 + spread))
