"""A session on a Postgres: statements one after the other, with arguments bound and rows streamed."""

import re
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from typing import Final, Protocol, cast

from psycopg import AsyncRawCursor, Error
from psycopg.pq import ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGresult

from tidemill.model.column import Column, DataType, Kind
from tidemill.model.errors import BadRequest, ConnectionFailed, QueryFailed, TidemillError
from tidemill.registry import Entry
from tidemill.stores.databases.port import ColumnarResult, NamedType, RawRow, Result, SessionOptions, Statement
from tidemill.stores.databases.postgresql.arguments import DeclaredType, declared_type, parameter
from tidemill.stores.databases.postgresql.connection import FORMS, Connection
from tidemill.stores.databases.postgresql.copy_rows import Target, copy_rows
from tidemill.stores.databases.postgresql.errors import (
    INSIDE_TRANSACTION,
    connection_lost,
    from_driver,
    query_failed,
    sqlstate,
)
from tidemill.stores.databases.postgresql.result import CHUNK_ROWS, PostgresResult, fetch
from tidemill.stores.databases.postgresql.types import TYPES, column_type, plain_columns, signature_of
from tidemill.stores.databases.postgresql.user_types import UserType, UserTypes, register


class OpenResult(Protocol):
    """What a statement gives while it is open."""

    is_complete: bool

    async def skip(self) -> None:
        """Read what is left and forget it."""

    async def stop(self) -> None:
        """Be done with it, after its statement was canceled."""


class CopiedRows(OpenResult, ColumnarResult, Protocol):
    """Those of a query that is read by COPY."""


class Copies(Protocol):
    """Runs queries by COPY."""

    def __init__(self, session: "PostgresSession") -> None: ...

    async def run(self, statement: Statement) -> CopiedRows | None:
        """As `ColumnarSession.run_columnar`; where nothing was run, the transaction goes on."""


LookUp = Callable[[Collection[int]], Awaitable[dict[int, UserType]]]
_ROWS: Final = frozenset({ExecStatus.TUPLES_OK, ExecStatus.TUPLES_CHUNK, ExecStatus.SINGLE_TUPLE})
_COPIES: Final = frozenset({ExecStatus.COPY_IN, ExecStatus.COPY_OUT, ExecStatus.COPY_BOTH})
_OPEN: Final = frozenset({TransactionStatus.INTRANS, TransactionStatus.INERROR})
_BEGINS: Final = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*+(?:begin|start\s+transaction)\b", re.IGNORECASE | re.DOTALL)
_MOST_HELD_BYTES: Final = 8 * 1024 * 1024
_COPY: Final = Entry("tidemill.stores.databases.postgresql.columnar:Copier")
"""Imported when it is used: Arrow takes its time."""
_RESOLVE: Final = "select pg_catalog.to_regtype($1)::pg_catalog.oid"


class PostgresSession:
    """A `Session` on one connection.

    Where a session keeps no settings (a pooler in transaction mode), or is to be read-only, each statement outside of
    a transaction gets one of its own, which begins with the settings.
    """

    def __init__(self, connection: Connection, options: SessionOptions, *, types: UserTypes, look_up: LookUp) -> None:
        self.connection, self._options = connection, options
        self._types, self._look_up_aside = types, look_up
        self._timeout_ms = round(options.statement_timeout_s * 1000)
        self._open: OpenResult | None = None
        self._has_own_transaction = False
        self._is_canceled = False
        self._resolved: dict[str, int] = {}

    async def prepare(self) -> None:
        """Set what the connection was not opened with."""
        connection = self.connection
        if not connection.is_pooled and connection.timeout_ms != self._timeout_ms:
            connection.changed = True
            await connection.command(f"set statement_timeout = {self._timeout_ms}")

    async def run(self, statement: Statement) -> list[Result]:
        """See `Session.run`."""
        await self._settle()
        self.connection.changed = True
        if self._is_wrapped and self.connection.is_idle:
            return [await self._run_wrapped(statement)]
        return [await self._start(statement)]

    async def describe(self, statement: Statement) -> tuple[Column, ...]:
        """See `Session.describe`."""
        await self._settle()
        if opened := self._is_wrapped and self.connection.is_idle:
            await self.connection.command(self._opening())
        try:
            _, oids = await self.parameters(statement)
            described = await self.described(statement.text.encode(), oids)
            if described.status == ExecStatus.FATAL_ERROR:
                raise query_failed(described, statement)
            return (await self.columns_of(described))[0]
        finally:
            if opened:
                await self.connection.command("rollback")

    async def run_columnar(self, statement: Statement) -> ColumnarResult | None:
        """See `ColumnarSession.run_columnar`."""
        await self._settle()
        self.connection.changed = True
        if self._is_wrapped and self.connection.is_idle:
            await self.connection.command(self._opening())
            self._has_own_transaction = True
        copied = await cast("type[Copies]", _COPY.load())(self).run(statement)
        if copied is None and self._has_own_transaction:
            self._has_own_transaction = False
            await self.connection.command("rollback")
        self._open = copied
        return copied

    async def write_rows(self, text: str, columns: Sequence[NamedType], rows: Sequence[RawRow]) -> None:
        """See `ManyRowsSession.write_rows`."""
        await self._settle()
        self.connection.changed = True
        await copy_rows(self.connection, text, [await self._target(each) for each in columns], rows)

    async def _target(self, column: NamedType) -> Target:
        declared, data_type = declared_type(column.type_name), None
        if declared.oid is None:
            oid = await self._resolve(column.name, declared)
            data_type = (await self._look_up({oid}))[oid].data_type
        return Target(column.name, column.type_name, declared, data_type)

    async def begin(self) -> None:
        """See `Session.begin`."""
        await self._settle()
        await self.connection.command(self._opening() if self._is_wrapped else "begin")

    async def commit(self) -> None:
        """Also fails where the server rolls back instead, since a statement has failed."""
        await self._settle()
        failed = self.connection.status == TransactionStatus.INERROR
        await self.connection.command("rollback" if failed else "commit")
        if failed:
            raise QueryFailed("The transaction was rolled back, since one of its statements has failed.")

    async def rollback(self) -> None:
        """See `Session.rollback`."""
        await self._settle()
        await self.connection.command("rollback")

    async def cancel(self) -> None:
        """See `Session.cancel`."""
        self._is_canceled = True
        await self.connection.cancel()

    async def finish(self) -> None:
        """At the end of a session that went well: everything is read, what is open is rolled back."""
        await self._settle()
        if not self.connection.is_idle and self.connection.status in _OPEN:
            await self.connection.command("rollback")

    async def abandon(self) -> None:
        """At the end of one that did not: the server stops what it does. What fails here closes the connection."""
        self._is_canceled = True
        connection = self.connection
        try:
            if connection.status == TransactionStatus.ACTIVE:
                await connection.cancel()
                if self._open is not None:
                    await self._open.stop()
                while await fetch(connection) is not None:
                    pass
            if connection.status in _OPEN:
                await connection.command("rollback")
        except (Error, TidemillError):
            await connection.close()

    @property
    def _is_wrapped(self) -> bool:
        return self.connection.is_pooled or self._options.read_only

    def _opening(self, begin: str = "begin; ") -> str:
        """Of a transaction with our settings. It makes a query, after which no statement can make it write."""
        settings = {**FORMS, "statement_timeout": str(self._timeout_ms)} if self.connection.is_pooled else {}
        calls = ", ".join(f"pg_catalog.set_config('{name}', '{value}', true)" for name, value in settings.items())
        mode = "set transaction read only; " if self._options.read_only else ""
        return f"{begin}{mode}select {calls}"

    async def _run_wrapped(self, statement: Statement) -> Result:
        if _BEGINS.match(statement.text):
            result = await self._start(statement)
            await self._settle()
            await self.connection.command(self._opening(begin=""))
            return result
        await self.connection.command(self._opening())
        self._has_own_transaction = True
        try:
            result = await self._start(statement, is_own=True)
        except _NotInside:
            await self.connection.command("rollback")
            self._has_own_transaction = False
            result = await self._start(statement)
            self._refuse_other_forms(result)
        if result.is_complete:
            await self._settle()
        return result

    def _refuse_other_forms(self, result: PostgresResult) -> None:
        """Of a statement that was run without our settings."""
        formed = {Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ, Kind.INTERVAL, Kind.ARRAY, Kind.STRUCT}
        for column in result.columns:
            if column.type.kind in formed:
                raise QueryFailed(
                    f"Behind this pooler the form of column {column.name!r} ({column.type.name}) is not certain for a "
                    "statement that cannot be run in a transaction: use the direct host of the database."
                )

    async def _settle(self) -> None:
        """Read what is left of the statement before, and commit the transaction that was made for it."""
        if self._is_canceled:
            raise QueryFailed("The query was canceled.")
        result, self._open = self._open, None
        own, self._has_own_transaction = self._has_own_transaction, False
        if result is not None:
            await result.skip()
        if own:
            await self.connection.command("commit")

    async def _start(self, statement: Statement, *, is_own: bool = False) -> PostgresResult:
        if "\0" in statement.text:
            raise BadRequest("The statement holds a NUL.")
        values, oids = await self.parameters(statement)
        first = await self._send(statement, values, oids)
        if first.status == ExecStatus.FATAL_ERROR:
            await self.drain()
            if is_own and sqlstate(first) in INSIDE_TRANSACTION and not self._options.read_only:
                raise _NotInside
            raise query_failed(first, statement)
        if first.status in _COPIES:
            await self.connection.close()
            raise QueryFailed("COPY from stdin and to stdout are for programs: use insert, or select with `-- s3`.")
        held = [first]
        plain = plain_columns(signature_of(first))
        if plain is None:
            unknown = self._types.unknown(_column_oids(first))
            found = await self._look_up_between(unknown, held) if unknown else {}
            plain = self._columns(first, found)
        columns, loaders = plain
        result = PostgresResult(self.connection, statement, held, columns=columns, oids=loaders)
        self._open = result
        if first.status not in _ROWS:
            await result.skip()
        return result

    async def columns_of(self, described: PGresult) -> tuple[tuple[Column, ...], tuple[int, ...]]:
        """The columns that were described, and what their loaders are known by."""
        found = await self._look_up(self._types.unknown(_column_oids(described)))
        return self._columns(described, found)

    async def described(self, text: bytes, oids: Sequence[int]) -> PGresult:
        """What the server says of a statement, or of what is wrong with it."""
        pgconn = self.connection.pgconn
        prepared = (await self._exchange(lambda: pgconn.send_prepare(b"", text, oids)))[-1]
        if prepared.status == ExecStatus.FATAL_ERROR:
            return prepared
        return (await self._exchange(lambda: pgconn.send_describe_prepared(b"")))[-1]

    async def _send(self, statement: Statement, values: Sequence[bytes | None], oids: Sequence[int]) -> PGresult:
        pgconn = self.connection.pgconn

        def send() -> None:
            pgconn.send_query_params(statement.text.encode(), values, oids, None, Format.TEXT)
            pgconn.set_chunked_rows_mode(CHUNK_ROWS)

        return await self.first(send)

    async def first(self, send: Callable[[], None]) -> PGresult:
        """The first that the server answers."""
        try:
            await self.connection.send(send)
        except Error as error:
            raise connection_lost(error) from error
        first = await fetch(self.connection)
        if first is None:
            raise ConnectionFailed("The server gave no answer to a statement.")
        return first

    async def _exchange(self, send: Callable[[], None]) -> list[PGresult]:
        try:
            await self.connection.send(send)
            return await self.connection.rest()
        except Error as error:
            raise connection_lost(error) from error

    async def drain(self) -> None:
        """Read what is left of a statement that has failed."""
        while await fetch(self.connection) is not None:
            pass

    async def parameters(self, statement: Statement) -> tuple[list[bytes | None], list[int]]:
        values, oids = [], []
        for argument in statement.arguments:
            declared = declared_type(argument.type_name)
            oid, data_type = declared.oid, None
            if oid is None:
                oid = await self._resolve(argument.name, declared)
                data_type = (await self._look_up({oid}))[oid].data_type
            values.append(parameter(argument, declared, data_type))
            oids.append(oid)
        return values, oids

    async def _resolve(self, argument: str, declared: DeclaredType) -> int:
        """The OID of a type of this database's own."""
        name = declared.full_name
        if name not in self._resolved:
            cursor = AsyncRawCursor(self.connection.driver)
            try:
                await cursor.execute(_RESOLVE, [name], prepare=False)
                row = await cursor.fetchone()
            except Error as error:
                raise from_driver(error) from error
            if row is None or row[0] is None:
                raise BadRequest(f"The argument {argument!r} is declared as {name!r}, a type that the database lacks.")
            self._resolved[name] = row[0]
        return self._resolved[name]

    async def _look_up(self, oids: Collection[int]) -> dict[int, UserType]:
        """On our own connection, with nothing running on it."""
        known = self._types.known(oids)
        missing = set(oids) - known.keys()
        if not missing:
            return known
        try:
            return known | await self._types.look_up(self.connection.driver, missing)
        except Error as error:
            raise from_driver(error) from error

    async def _look_up_between(self, oids: Collection[int], held: list[PGresult]) -> dict[int, UserType]:
        """While rows arrive: after all of them if they are few, which also finds types of this very transaction."""
        size_bytes = 0
        while size_bytes < _MOST_HELD_BYTES:
            chunk = await fetch(self.connection)
            if chunk is None:
                return await self._look_up(oids)
            held.append(chunk)
            size_bytes += sum(len(value) for row in range(chunk.ntuples) for value in _values(chunk, row))
        return await self._look_up_aside(oids)

    def _columns(self, first: PGresult, found: dict[int, UserType]) -> tuple[tuple[Column, ...], tuple[int, ...]]:
        """The columns, and what their loaders are known by. A type that is found nowhere is text."""
        known = self._types.known(_column_oids(first)) | found
        register(self.connection.adapters, known)
        columns, loaders = [], []
        for index in range(first.nfields):
            oid = first.ftype(index)
            data_type = TYPES[oid] if oid in TYPES else known[oid].data_type if oid in known else _nameless(oid)
            loader, data_type = column_type(oid, data_type, first.fmod(index))
            columns.append(Column((first.fname(index) or b"").decode(), data_type))
            loaders.append(loader)
        return tuple(columns), tuple(loaders)


class _NotInside(Exception):
    """The statement wants to be run outside of a transaction; nothing was done."""


def _column_oids(result: PGresult) -> list[int]:
    return [result.ftype(index) for index in range(result.nfields)]


def _values(chunk: PGresult, row: int) -> Iterator[bytes]:
    return filter(None, (chunk.get_value(row, column) for column in range(chunk.nfields)))


def _nameless(oid: int) -> DataType:
    return DataType(name=f"type {oid}", kind=Kind.TEXT)
