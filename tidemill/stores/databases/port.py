"""What every SQL database of users can do. A backend imports this, `model`, `engine`, and its vendor's driver.

A backend turns its driver's errors into ours at its own edge: `ConnectionFailed` (cannot be reached, refuses the
credentials, TLS refused), `QueryFailed` (the database refuses a statement: its own words, position, line, hint). No
message holds a password. Values go in and out in the forms of `model/column.py`.

Everything is `async`; a driver that blocks is called in a thread, one at a time for each session.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tidemill.model.column import Column, Row

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What an engine can do; asked, never guessed from its name.

    Attributes:
        transactions: statements between `begin` and `commit` take effect together or not at all.
        together: its sessions are `TogetherSession`s, which have transactions that are known as a whole only.
        transactional_ddl: so do `create table` and its like.
        read_only: a session can be opened that refuses to write, by the server itself.
        cancel: `Session.cancel` ends a running statement on the server.
        several_statements: one call takes a text of several statements (MSSQL's batch).
        row_locks: `select ... for update`.
        columnar: its sessions are `ColumnarSession`s.
        many_rows: its sessions are `ManyRowsSession`s.
        plans: its sessions are `PlanningSession`s; of others a statement with a word before it asks for a plan.
        upsert: how, "" for none: `on conflict`, `on duplicate key`, `merge`.
    """

    transactions: bool = True
    together: bool = False
    transactional_ddl: bool = False
    read_only: bool = True
    cancel: bool = True
    several_statements: bool = False
    row_locks: bool = True
    columnar: bool = False
    many_rows: bool = False
    plans: bool = False
    upsert: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """A value to be bound.

    Attributes:
        name: as the script declares it; errors name it.
        type_name: the declared SQL type, lower case, such as `bigint[]` or `numeric(10,2)`; "" if the database decides.
        value: raw JSON text; None for SQL's NULL.
    """

    name: str
    type_name: str
    value: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement with its arguments, in the dialect's own placeholders (`$1`, `:name`, `@P1`, `@name`, `?`).

    Attributes:
        text: without the `;` at its end.
        arguments: those that the text uses, each once: by position for `$1` (renumbered without gaps), `?` (one an
            occurrence) and `@P1`, else by name.
        line: where it begins in the script, from 1; for errors.
    """

    text: str
    arguments: tuple[Argument, ...] = ()
    line: int = 1


class Result(Protocol):
    """What one statement gives, while its session stays open."""

    columns: tuple[Column, ...]
    """Empty for a statement that gives no rows, or rows without columns."""

    affected: int | None
    """Rows changed; None where the database does not tell, or not before the rows are read."""

    def batches(self, rows: int) -> AsyncIterator[Sequence[Row]]:
        """The rows in their order, at most `rows` at a time, never empty; memory stays bounded by one batch.

        Raises:
            QueryFailed: the statement failed on the way.
            ConnectionFailed: the connection was lost.
        """


class Session(Protocol):
    """One connection, used by one caller. A statement is run after the one before has been read or given up."""

    async def run(self, statement: Statement) -> list[Result]:
        """Run it. One result, or one a result set for a batch of several statements; all but the last are read already.

        Raises:
            BadRequest: an argument does not fit its type; the message names the argument, never the value of a secret.
            QueryFailed, ConnectionFailed.
        """

    async def describe(self, statement: Statement) -> tuple[Column, ...]:
        """The columns that it would give, without running it.

        Raises:
            Unsupported: the engine cannot tell.
            QueryFailed: it does not fit the database.
        """

    async def begin(self) -> None:
        """Begin a transaction; `commit` or `rollback` ends it. Outside of one each statement is its own.

        Raises:
            Unsupported: the engine has none.
        """

    async def commit(self) -> None: ...

    async def rollback(self) -> None: ...

    async def cancel(self) -> None:
        """End what runs now, on the server too. May be called from another task; nothing runs afterwards."""


class TogetherSession(Session, Protocol):
    """A session of a server that takes a transaction in one request."""

    async def run_together(self, statements: Sequence[Statement]) -> None:
        """Run them in a transaction, and commit it. Afterwards `run` is called with each of them, in their order, and
        gives what they gave, without running them again.

        Raises:
            BadRequest, QueryFailed: nothing has taken effect.
            ConnectionFailed: it is not known whether all has, or nothing.
        """


class ColumnarResult(Protocol):
    """What a query gives, column by column: the very values that `Result` has, as `arrow_columns.py` makes them."""

    columns: tuple[Column, ...]

    def batches(self) -> "AsyncIterator[pa.RecordBatch]":
        """The rows in their order, none where there are none; memory stays bounded by two batches.

        Raises:
            QueryFailed: the query failed on the way, or Arrow has no form for a value.
            ConnectionFailed: the connection was lost.
        """


class ColumnarSession(Session, Protocol):
    """A session that reads many rows without an object for each value."""

    async def run_columnar(self, statement: Statement) -> ColumnarResult | None:
        """Run a query; None where it cannot be read so, and nothing was run.

        Raises:
            BadRequest, QueryFailed, ConnectionFailed: see `run`.
        """


@dataclass(frozen=True, slots=True)
class NamedType:
    """A column that values are for; errors name it. `type_name`: as `Argument` has it."""

    name: str
    type_name: str


RawRow = Sequence[bytes | None]
"""Values as raw JSON; None for SQL's NULL."""


class ManyRowsSession(Session, Protocol):
    """A session that takes the values of many rows on their way at once."""

    async def write_rows(self, text: str, columns: Sequence[NamedType], rows: Sequence[RawRow]) -> None:
        """Run `text`, which takes one row (of Postgres: a COPY from stdin), for each of the rows; all in a transaction
        that has begun. What fails leaves it as a statement that fails does.

        Raises:
            BadRequest, QueryFailed, ConnectionFailed: see `run`; which row it is, is not told.
        """


class PlanningSession(Session, Protocol):
    """A session that tells how a statement is run by more than one of its own."""

    async def explain(self, statement: Statement, *, runs: bool) -> str:
        """The plan, in the database's own form. If it `runs`, in the transaction that has begun.

        Raises:
            Unsupported: it does not tell how a statement has run.
            BadRequest, QueryFailed, ConnectionFailed: see `run`.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """How a session is opened.

    Attributes:
        read_only: the server refuses writes.
        statement_timeout_s: the server ends a statement after it; 0 for no limit.
        application: shown in the server's list of connections where it has one.
    """

    read_only: bool = False
    statement_timeout_s: float = 0.0
    application: str = "tidemill"


class Database(Protocol):
    """A database that a resource describes. It holds a pool of connections, opened when used."""

    can: Capabilities

    def session(self, options: SessionOptions) -> AbstractAsyncContextManager[Session]:
        """A connection for the caller alone. At its end a running statement is canceled, an open transaction rolled
        back, and whatever the session set is reset (or the connection closed).

        Raises:
            AddressClosed: the rule lets nobody connect there.
            ConnectionFailed: see above.
        """

    async def test(self) -> str:
        """Connect within a few seconds; a sentence on what answered (product, version, user, TLS), without secrets.

        Raises:
            AddressClosed, ConnectionFailed: the message names the fix.
        """

    async def close_idle(self, idle_s: float) -> int:
        """Close connections that nobody has used for so long; how many are left."""

    async def close(self) -> None: ...
