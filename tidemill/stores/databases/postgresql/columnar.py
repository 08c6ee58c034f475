"""Begins to read a query by `COPY`, if the server takes it as a part of another one."""

from collections.abc import Callable, Collection, Sequence
from typing import Final, Protocol

from psycopg import AsyncRawCursor, Error
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult

from tidemill.model.column import Column
from tidemill.stores.databases.port import Statement
from tidemill.stores.databases.postgresql.connection import Connection
from tidemill.stores.databases.postgresql.copy_query import (
    LOOK_UP,
    Field,
    Literal,
    TypeName,
    fields_of,
    may_be_copied,
    wrapped,
)
from tidemill.stores.databases.postgresql.copy_stream import CopiedResult
from tidemill.stores.databases.postgresql.errors import from_driver, query_failed

_TEXT: Final = 25
"""The OID of text, fixed in Postgres's catalogue."""


class Asking(Protocol):
    """What is asked of a session."""

    connection: Connection

    async def parameters(self, statement: Statement) -> tuple[list[bytes | None], list[int]]: ...

    async def described(self, text: bytes, oids: Sequence[int]) -> PGresult: ...

    async def columns_of(self, described: PGresult) -> tuple[tuple[Column, ...], list[int]]: ...

    async def first(self, send: Callable[[], None]) -> PGresult: ...

    async def drain(self) -> None: ...


class Copier:
    """Runs queries of a session by COPY. Nothing else runs on its connection meanwhile."""

    def __init__(self, session: Asking) -> None:
        self._session = session

    async def run(self, statement: Statement) -> CopiedResult | None:
        """The rows of a query; None where nothing was run, and the transaction goes on."""
        if "\0" in statement.text or not may_be_copied(statement.text):
            return None
        session = self._session
        values, oids = await session.parameters(statement)
        described = await session.described(statement.text.encode(), oids)
        if described.status == ExecStatus.FATAL_ERROR:
            raise query_failed(described, statement)
        columns, loaders = await session.columns_of(described)
        fields = fields_of(columns, _oids(described), loaders)
        if not columns or fields is None:
            return None
        literals = [Literal(value, described.param_type(index)) for index, value in enumerate(values)]
        names = await self._type_names({field.oid for field in fields} | {literal.oid for literal in literals})
        pgconn = session.connection.pgconn
        text = wrapped(statement.text, literals, fields, names=names, pgconn=pgconn)
        if not await self._gives(text, fields):
            return None
        return await self._begin(statement, text, fields)

    async def _begin(self, statement: Statement, text: bytes, fields: Sequence[Field]) -> CopiedResult:
        copy = b"copy (" + text + b") to stdout (format binary)"
        connection = self._session.connection
        first = await self._session.first(lambda: connection.pgconn.send_query_params(copy, None))
        if first.status == ExecStatus.FATAL_ERROR:
            await self._session.drain()
            raise query_failed(first, statement, has_place=False)
        return CopiedResult(connection, statement, fields)

    async def _gives(self, text: bytes, fields: Sequence[Field]) -> bool:
        """Whether a query would give these columns. Where it is refused in a transaction, that goes on."""
        connection = self._session.connection
        is_inside = connection.status == TransactionStatus.INTRANS
        if is_inside:
            await connection.command("savepoint tidemill")
        described = await self._session.described(text, [])
        is_refused = described.status == ExecStatus.FATAL_ERROR
        if is_inside:
            await connection.command(f"{'rollback to' if is_refused else 'release'} savepoint tidemill")
        return not is_refused and _oids(described) == [field.oid if field.is_binary else _TEXT for field in fields]

    async def _type_names(self, oids: Collection[int]) -> dict[int, TypeName]:
        cursor = AsyncRawCursor(self._session.connection.driver)
        try:
            await cursor.execute(LOOK_UP, [list(oids)], prepare=False)
            return {oid: TypeName(output, name) for oid, output, name in await cursor.fetchall()}
        except Error as error:
            raise from_driver(error) from error


def _oids(described: PGresult) -> list[int]:
    return [described.ftype(index) for index in range(described.nfields)]
