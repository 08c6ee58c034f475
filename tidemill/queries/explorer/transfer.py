"""Rows of a table to a file, and the records of a file into a table: all of them or none, in bounded memory."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Final, cast

from tidemill.engine.pages import Page
from tidemill.engine.sql.annotations import Format
from tidemill.engine.sql.styles import Style, style_of
from tidemill.engine.sql.tables import Place, insert_rows, select_all, write_rows
from tidemill.engine.table_files import Record
from tidemill.model.errors import BadRequest, QueryFailed
from tidemill.queries.explorer.effects import with_effect
from tidemill.queries.explorer.port import Records
from tidemill.queries.explorer.record_rows import is_nested, nested_value, told, wanted_columns
from tidemill.queries.explorer.staged import load_staged
from tidemill.queries.row_writers import Pieces, row_writer
from tidemill.stores.databases.port import (
    Argument,
    Database,
    ManyRowsSession,
    NamedType,
    RawRow,
    Session,
    SessionOptions,
    Statement,
)

TRANSFER_S: Final = 3600.0
BATCH_ROWS: Final = 8192
_READING: Final = SessionOptions(read_only=True, statement_timeout_s=TRANSFER_S, application="tidemill explorer")
_WRITING: Final = SessionOptions(statement_timeout_s=TRANSFER_S, application="tidemill explorer")


async def export(database: Database, language: str, place: Place, page: Page, *, form: Format) -> AsyncIterator[bytes]:
    """The rows that match, in the order that is asked for, as a file.

    Raises:
        QueryFailed: a value has no form in the format.
    """
    made = select_all(style_of(language), place, page)
    arguments = tuple(
        Argument(name=f"a{number}", type_name=each.type_name, value=each.raw)
        for number, each in enumerate(made.values, start=1)
    )
    async with database.session(replace(_READING, read_only=database.can.read_only)) as session:
        (result,) = await session.run(Statement(text=made.text, arguments=arguments))
        pieces = Pieces(row_writer(form, result.columns, big_numbers_as_text=False))
        async for rows in result.batches(BATCH_ROWS):
            if piece := await pieces.write(rows):
                yield piece
        last = await pieces.finish()
    yield last


async def load(
    database: Database,
    language: str,
    place: Place,
    *,
    records: Records,
    columns: Mapping[str, str],
    is_trial: bool,
) -> int:
    """Insert the records; how many. `columns`: of the file -> of the table; empty: they have the same names.

    Raises:
        BadRequest, QueryFailed: the message names the line of the first record that does not fit; nothing was inserted.
    """
    style = style_of(language)
    loaded = 0
    async with database.session(_WRITING) as session:
        if not database.can.transactions:
            return await load_staged(session, style, place, records=records, columns=columns, is_trial=is_trial)
        await session.begin()
        loader = _Loader(session, style, place, columns, writes_many=database.can.many_rows)
        async for batch in records:
            for alike in _alike(batch):
                await loader.take(alike)
            loaded += len(batch)
        await (session.rollback() if is_trial else session.commit())
    return loaded


def _alike(batch: Sequence[Record]) -> Iterator[list[Record]]:
    """Those that have the same columns: what one has not gets its default, and not null."""
    for _, each in groupby(batch, key=lambda record: tuple(record.values)):
        yield list(each)


class _Loader:
    """Inserts records in a transaction: as many together as can be, and fewer to find the one that does not fit."""

    def __init__(
        self, session: Session, style: Style, place: Place, columns: Mapping[str, str], *, writes_many: bool
    ) -> None:
        self._session, self._style, self._place, self._columns = session, style, place, columns
        self._writes_many = writes_many

    async def take(self, records: Sequence[Record]) -> None:
        """Those of one batch, which have the same columns."""
        if self._writes_many and len(records) > 1:
            await self._run(Statement(text=self._style.savepoint))
            try:
                await self._write_many(records)
            except (BadRequest, QueryFailed):
                # Not all that is inserted can be written like this, and which row it was is not told.
                self._writes_many = False
                await self._run(Statement(text=self._style.back))
            else:
                return
        size = max(1, min(self._style.most_rows, self._style.most_values // max(1, len(records[0].values))))
        for at in range(0, len(records), size):
            await self._insert(records[at : at + size])

    async def _write_many(self, records: Sequence[Record]) -> None:
        names, rows = await asyncio.to_thread(self._rows, records)
        types = [NamedType(name, self._place.types[name]) for name in names]
        session = cast("ManyRowsSession", self._session)
        await session.write_rows(write_rows(self._style, self._place, names), types, rows)

    async def _insert(self, records: Sequence[Record]) -> None:
        """Together; where that fails, halves of them."""
        await self._run(Statement(text=self._style.savepoint))
        try:
            await self._run(self._statement(records))
        except (BadRequest, QueryFailed) as error:
            if len(records) == 1:
                raise told(records[0], self._columns, error) from error
            try:
                await self._run(Statement(text=self._style.back))
            except QueryFailed:
                await self._find(records)
                raise _told_of_all(records, error) from error
            half = len(records) // 2
            await self._insert(records[:half])
            await self._insert(records[half:])

    async def _find(self, records: Sequence[Record]) -> None:
        """Where an error has ended the transaction: each for itself, until one fails.

        Raises:
            BadRequest, QueryFailed: it is this one.
        """
        for record in records:
            await self._session.rollback()
            await self._session.begin()
            try:
                await self._run(self._statement([record]))
            except (BadRequest, QueryFailed) as error:
                raise told(record, self._columns, error) from error

    def _statement(self, records: Sequence[Record]) -> Statement:
        names, rows = self._rows(records)
        made = insert_rows(self._style, self._place, names, rows)
        arguments = tuple(
            Argument(name=f"a{number}", type_name=each.type_name, value=each.raw)
            for number, each in enumerate(made.values, start=1)
        )
        return Statement(text=made.text, arguments=arguments)

    def _rows(self, records: Sequence[Record]) -> tuple[list[str], list[RawRow]]:
        """The columns of the table, and the values for them."""
        wanted = wanted_columns(self._place, records[0], self._columns)
        nested = {name for name, column in wanted if is_nested(self._place.types[column])}
        rows: list[RawRow] = [
            [nested_value(each.values[name]) if name in nested else each.values[name] for name, _ in wanted]
            for each in records
        ]
        return [column for _, column in wanted], rows

    async def _run(self, statement: Statement) -> None:
        for result in await self._session.run(statement):
            async for _ in result.batches(1):
                pass


def _told_of_all(records: Sequence[Record], error: BadRequest | QueryFailed) -> BadRequest | QueryFailed:
    return type(error)(with_effect(f"Lines {records[0].line} to {records[-1].line}: {error}", "Nothing was imported."))
