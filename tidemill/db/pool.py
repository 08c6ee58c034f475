"""Our connections to Postgres: transactions that know their workspace, and a fast path for single statements.

How row-level security is made to bind. Tables that hold rows of a workspace show only the rows of the workspace
in the setting `tidemill.workspace` (`*` is all). `Database.transaction` sets it together with BEGIN in one message, so
it costs no round trip, ends with the transaction and is safe behind a pooler that hands out connections for each
transaction. A superuser and a role with BYPASSRLS are above such policies: when we log in as one, each transaction (and
each session of the system pool) first becomes `tidemill_runtime`, a role without LOGIN that `migrate` makes then and
only then. For a role that policies bind (the embedded database's is one) no second role is needed: the policies
are FORCEd on owners.

Two pools. The first is for transactions and needs nothing of a session but its transaction. The system pool is for
single statements that see all workspaces (claim, heartbeat, sign-in, taking a job in): its connections commit each
statement, and the settings are made once for a session. It needs a direct connection, as LISTEN does: behind a
transaction pooler give `direct_dsn`. Prepared statements are used on it, and on the first pool only when asked for.
Beside them there is one connection like those of the system pool, for look-ups that requests need: `look_ups.py`.

Idle connections cost nothing: no keep-alive statements, and no test statement before use. A connection that the server
closed is noticed by looking at its socket, which is a local call; and BEGIN, the first message of every transaction,
is sent again on another connection when it finds the line dead, since nothing was done yet.
"""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Self, TypeVar, overload

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import Escaping, TransactionStatus

from tidemill.db.checks import RUNTIME_ROLE, check_server
from tidemill.db.lender import Lender
from tidemill.db.look_ups import LookUps
from tidemill.db.queries import Query
from tidemill.db.rows import Json, prepare_session
from tidemill.db.transaction import (
    LOST,
    Actor,
    Row,
    Statements,
    Transaction,
    is_worth_a_retry,
    pause,
    run,
    summary,
    translated_errors,
    unique,
)
from tidemill.model.errors import Unavailable

__all__ = ["ALL_WORKSPACES", "Actor", "Database", "Json", "Row", "Statements", "Transaction", "unique"]

T = TypeVar("T")

ALL_WORKSPACES: Final = "*"
_BEGIN: Final = b"begin; "
_SNAPSHOT: Final = b"begin isolation level repeatable read; "
CONNECTION_OPTIONS: Final[dict[str, Any]] = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


class Database:
    """Give `await Database(dsn).open()` or use it as `async with`; every error of the driver leaves it as one of ours.

    Args:
        dsn: connection string or URL; may lead to a pooler.
        direct_dsn: the same database without a transaction pooler between; default `dsn`.
        pool_size: most connections for transactions.
        system_pool_size: most connections for single system statements.
        prepared_statements: also prepare statements inside transactions; only without a transaction pooler.
        unsafe_durability: go on where the server may lose what it acknowledged.
        timeout_s: how long a caller waits for a free connection before `Unavailable`; less where there is no server.
    """

    def __init__(
        self,
        dsn: str,
        *,
        direct_dsn: str = "",
        pool_size: int = 10,
        system_pool_size: int = 4,
        prepared_statements: bool = False,
        unsafe_durability: bool = False,
        timeout_s: float = 30.0,
        application: str = "tidemill",
    ) -> None:
        self.direct_dsn = direct_dsn or dsn
        self._unsafe_durability = unsafe_durability
        self._role_command = b""
        options = {**CONNECTION_OPTIONS, "application_name": application, "autocommit": True}
        self._transactions = Lender(
            dsn,
            {**options, "prepare_threshold": 2 if prepared_statements else None},
            max_size=pool_size,
            timeout_s=timeout_s,
            configure=prepare_session,
        )
        self._singles = Lender(
            self.direct_dsn,
            {**options, "prepare_threshold": 2},
            max_size=system_pool_size,
            timeout_s=timeout_s,
            configure=self._prepare_system_session,
        )
        self._look_ups = LookUps(lambda: self._connect_for_look_ups(options), otherwise=SingleStatements(self._singles))

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> Self:
        """Check the server and connect.

        Raises:
            Unavailable: it cannot be reached.
            DatabaseUnusable: too old, may lose acknowledged work, or row-level security cannot be made to bind.
        """
        with translated_errors():
            async with await AsyncConnection.connect(
                self.direct_dsn, autocommit=True, connect_timeout=10
            ) as connection:
                role = await check_server(connection, unsafe_durability=self._unsafe_durability)
        self._role_command = f"; set local role {role}".encode() if role else b""
        with translated_errors():
            await self._transactions.open()
            await self._singles.open()
        return self

    async def close(self) -> None:
        """Close all connections; transactions that are open then fail."""
        await self._look_ups.close()
        await self._transactions.close()
        await self._singles.close()

    @asynccontextmanager
    async def transaction(
        self, workspace: str, *, actor: Actor | None = None, is_snapshot: bool = False
    ) -> AsyncIterator[Transaction]:
        """A transaction that sees the rows of `workspace` only; commits at the end of the block, undoes on an error.

        `is_snapshot`: all of its statements see one state of the database, and what it changes must be its own alone.

        Raises:
            Unavailable: no connection, or it was lost; said so where it was lost during the commit, when nobody can
                know whether the change was kept.
        """
        if workspace in ("", ALL_WORKSPACES):
            raise ValueError(f"{workspace!r} is no workspace; for all of them use system().")
        begin = _SNAPSHOT if is_snapshot else _BEGIN
        async with self._open_transaction(workspace, actor, role=self._role_command, begin=begin) as transaction:
            yield transaction

    @asynccontextmanager
    async def system(self, *, actor: Actor | None = None) -> AsyncIterator[Transaction]:
        """A transaction that sees all workspaces: for workers, the scheduler, sign-in and the chores."""
        async with self._open_transaction(ALL_WORKSPACES, actor, role=self._role_command) as transaction:
            yield transaction

    @asynccontextmanager
    async def maintenance(self) -> AsyncIterator[Transaction]:
        """As `system`, but always as the role that we logged in as, which owns the tables: to add partitions."""
        async with self._open_transaction(ALL_WORKSPACES, None, role=b"") as transaction:
            yield transaction

    async def run(
        self,
        workspace: str,
        work: Callable[[Transaction], Awaitable[T]],
        *,
        actor: Actor | None = None,
        attempts: int = 5,
    ) -> T:
        """What `work` gives, run in a transaction, and run again when it met a deadlock or serialization failure.

        `work` may thus be called several times and must do nothing that outlives its transaction. `workspace` may be
        `*` here.
        """
        for attempt in range(attempts):
            try:
                async with self._open_transaction(workspace, actor, role=self._role_command) as transaction:
                    return await work(transaction)
            except Unavailable as error:
                if not is_worth_a_retry(error) or attempt == attempts - 1:
                    raise
            await pause(attempt, spread=random.random())  # noqa: S311  # jitter, not a secret
        raise ValueError("attempts must be at least 1")

    @overload
    async def system_statement(self, query: Query, row_type: None = None, **parameters: object) -> list[Row]: ...
    @overload
    async def system_statement(self, query: Query, row_type: type[T], **parameters: object) -> list[T]: ...
    async def system_statement(
        self, query: Query, row_type: type[Any] | None = None, **parameters: object
    ) -> list[Any]:
        """All rows of one statement over all workspaces, committed when it returns; one round trip.

        As `fetch_all` of a transaction; `single` has the other forms. `Unavailable` leaves open whether it happened.
        """
        rows: list[Any] = await self.single.fetch_all(query, row_type, **parameters)
        return rows

    @property
    def single(self) -> "SingleStatements":
        """Statements over all workspaces, each on its own and committed when it returns."""
        return SingleStatements(self._singles)

    @property
    def look_ups(self) -> LookUps:
        """As `single`, for statements that change nothing, are fast, and are needed for every request."""
        return self._look_ups

    @asynccontextmanager
    async def _open_transaction(
        self, workspace: str, actor: Actor | None, *, role: bytes, begin: bytes = _BEGIN
    ) -> AsyncIterator[Transaction]:
        if not workspace:
            raise ValueError("A transaction needs a workspace.")
        connection = await self._begin(begin, workspace, actor, role)
        try:
            try:
                yield Transaction(connection)
            except BaseException:
                await _roll_back(connection)
                raise
            await _commit(connection)
        finally:
            await self._transactions.give_back(connection)

    async def _begin(self, begin: bytes, workspace: str, actor: Actor | None, role: bytes) -> AsyncConnection[Any]:
        """A connection with the transaction begun; a dead one is thrown away, for nothing was done on it yet."""
        for _ in range(self._transactions.max_size + 1):
            connection = await self._transactions.take()
            try:
                await connection.execute(begin + _settings(connection, workspace, actor) + role, prepare=False)
            except LOST as error:
                lost = connection.closed or connection.broken
                await self._transactions.give_back(connection)
                if not lost:
                    raise Unavailable(f"The database does not answer now; send it again. ({summary(error)})") from error
            except BaseException:
                await _roll_back(connection)
                await self._transactions.give_back(connection)
                raise
            else:
                return connection
        raise Unavailable("The database hangs up on every connection; send it again.")

    async def _connect_for_look_ups(self, options: Mapping[str, Any]) -> AsyncConnection[Any]:
        connection = await AsyncConnection.connect(self.direct_dsn, **options)
        try:
            await self._prepare_system_session(connection)
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _prepare_system_session(self, connection: AsyncConnection[Any]) -> None:
        await prepare_session(connection)
        role = f"; set role {RUNTIME_ROLE}" if self._role_command else ""
        await connection.execute(
            f"select set_config('tidemill.workspace', '{ALL_WORKSPACES}', false){role}".encode(), prepare=False
        )


class SingleStatements(Statements):
    """`Statements` that each take a connection of the system pool for themselves."""

    def __init__(self, lender: Lender) -> None:
        self._lender = lender

    async def _run(
        self, query: Query, row_type: type[Any] | None, parameters: Mapping[str, object]
    ) -> tuple[list[Any], int]:
        connection = await self._lender.take()
        try:
            return await run(connection, query, row_type=row_type, parameters=parameters)
        except Unavailable as error:
            if connection.closed:  # it commits by itself, so it may have been done
                raise Unavailable(
                    "The database was lost meanwhile; if something was to be changed, look whether it was before you "
                    f"send it again. ({summary(error.__cause__ or error)})"
                ) from error
            raise
        except psycopg.errors.FeatureNotSupported as error:
            # A plan that was prepared before a migration changed the columns. It is refused before it does anything,
            # so the statement can be sent again on a connection that has not prepared it.
            if "cached plan" not in str(error):
                raise
            await connection.close()
        finally:
            await self._lender.give_back(connection)
        return await self._run(query, row_type, parameters)


def _settings(connection: AsyncConnection[Any], workspace: str, actor: Actor | None) -> bytes:
    """What follows BEGIN in the same message, which the simple protocol takes in one round trip."""
    actor = actor or Actor("")
    settings = {
        b"workspace": workspace,
        b"actor": actor.name,
        b"email": actor.email,
        b"job": str(actor.job) if actor.job else "",
    }
    quote = Escaping(connection.pgconn).escape_literal
    calls = b", ".join(
        b"set_config('tidemill.%s', %s, true)" % (name, bytes(quote(_without_nul(value))))
        for name, value in settings.items()
    )
    return b"select " + calls


def _without_nul(value: str) -> bytes:
    if "\0" in value:
        raise ValueError("A NUL character cannot be in the name of a workspace or an actor.")
    return value.encode()


async def _commit(connection: AsyncConnection[Any]) -> None:
    if connection.pgconn.transaction_status != TransactionStatus.INTRANS:
        await _roll_back(connection)
        raise RuntimeError("A statement of this transaction failed and its error was swallowed; nothing was kept.")
    try:
        await connection.commit()
    except LOST as error:
        raise Unavailable(
            "The database was lost while it kept the change; look whether it is there before you send it again."
            f" ({summary(error)})"
        ) from error


async def _roll_back(connection: AsyncConnection[Any]) -> None:
    """Undo the transaction; where that cannot be said to the server, hanging up says it."""
    try:
        await connection.rollback()
    except LOST:
        await connection.close()
