"""Writes rows by `COPY … from stdin`: the values of many rows on their way at once."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from psycopg import AsyncRawCursor, Error

from tidemill.model.column import DataType
from tidemill.model.errors import QueryFailed
from tidemill.stores.databases.port import Argument, RawRow, Statement
from tidemill.stores.databases.postgresql.arguments import (
    DeclaredType,
    as_text,
    holds_nul,
    parameter,
    writer_of,
)
from tidemill.stores.databases.postgresql.connection import Connection
from tidemill.stores.databases.postgresql.errors import connection_lost, query_failed

_SPECIAL: Final = re.compile(r"[\\\b\t\n\v\f\r]")
_WRITTEN: Final = {"\\": r"\\", "\b": r"\b", "\t": r"\t", "\n": r"\n", "\v": r"\v", "\f": r"\f", "\r": r"\r"}
_NULL: Final = r"\N"
_NULLS: Final = frozenset({None, b"null"})
_TEXTS: Final = msgspec.json.Decoder(list[str | None])


@dataclass(frozen=True, slots=True)
class Target:
    """A column that is written. `data_type`: what the database says of a type that not every Postgres has."""

    name: str
    type_name: str
    declared: DeclaredType
    data_type: DataType | None


async def copy_rows(connection: Connection, text: str, targets: Sequence[Target], rows: Sequence[RawRow]) -> None:
    """Run `text`, a COPY from stdin, with the rows.

    Raises:
        BadRequest: a value does not fit its column.
        QueryFailed, ConnectionFailed.
    """
    data = await asyncio.to_thread(lines, targets, rows)
    try:
        async with AsyncRawCursor(connection.driver).copy(text.encode()) as copy:
            await copy.write(data)
    except Error as error:
        if connection.is_lost or error.sqlstate is None:
            raise connection_lost(error) from error
        if error.pgresult is not None:
            raise query_failed(error.pgresult, Statement(text=text), has_place=False) from error
        raise QueryFailed(f"{error}\nSQLSTATE: {error.sqlstate}") from error


def lines(targets: Sequence[Target], rows: Sequence[RawRow]) -> bytes:
    """The rows in COPY's text format.

    Raises:
        BadRequest: a value does not fit its column.
    """
    columns = [_cells(target, values) for target, values in zip(targets, zip(*rows, strict=True), strict=True)]
    return "".join(["\t".join(row) + "\n" for row in zip(*columns, strict=True)]).encode()


def _cells(target: Target, values: Sequence[bytes | None]) -> list[str]:
    texts = _texts(target, values)
    joined = "".join(text for text in texts if text is not None)
    if "\0" in joined:
        raise holds_nul(target.name)
    if _SPECIAL.search(joined):
        texts = [None if text is None else _SPECIAL.sub(_escaped, text) for text in texts]
    return [_NULL if text is None else text for text in texts]


def _texts(target: Target, values: Sequence[bytes | None]) -> Sequence[str | None]:
    """What Postgres reads of each. Where they are texts and stay such, they are read together, which is faster."""
    name, type_name = target.name, target.type_name
    if target.declared.is_array:
        return list(_arrays(target, values))
    write = writer_of(target.declared, target.data_type)
    if write is as_text and all(each is None or each[:1] in b'"n' for each in values):
        return _TEXTS.decode(b"[" + b",".join([each or b"null" for each in values]) + b"]")
    return [None if each in _NULLS else write(name, type_name, each) for each in values]  # type: ignore[arg-type]


def _arrays(target: Target, values: Sequence[bytes | None]) -> Iterator[str | None]:
    for each in values:
        argument = Argument(name=target.name, type_name=target.type_name, value=each)
        written = parameter(argument, target.declared, target.data_type)
        yield None if written is None else written.decode()


def _escaped(match: re.Match[str]) -> str:
    return _WRITTEN[match[0]]
