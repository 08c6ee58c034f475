"""Rows of a table to a file, and the records of a file into a table: all of them or none, in bounded memory."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import groupby
from typing import Final

from tidemill.engine.pages import Page
from tidemill.engine.sql.annotations import Format
from tidemill.engine.sql.styles import style_of
from tidemill.engine.sql.tables import Place, insert_rows, select_all
from tidemill.engine.table_files import Record
from tidemill.model import jsontext
from tidemill.model.errors import BadRequest, InvalidJson, QueryFailed
from tidemill.queries.explorer.port import Records
from tidemill.queries.row_writers import row_writer
from tidemill.stores.databases.port import Argument, Database, Session, SessionOptions, Statement

TRANSFER_S: Final = 3600.0
BATCH_ROWS: Final = 8192
PIECE_BYTES: Final = 1024 * 1024
MOST_VALUES: Final = 20_000
"""Bound to one statement; Postgres and MySQL take 65,535."""
MOST_TOGETHER: Final = 500
_READING: Final = SessionOptions(read_only=True, statement_timeout_s=TRANSFER_S, application="tidemill explorer")
_WRITING: Final = SessionOptions(statement_timeout_s=TRANSFER_S, application="tidemill explorer")
_PLACE: Final = re.compile(r"\ba(\d+)\b")


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
    async with database.session(_READING) as session:
        (result,) = await session.run(Statement(text=made.text, arguments=arguments))
        writer = row_writer(form, result.columns, big_numbers_as_text=False)
        ready = bytearray()
        async for rows in result.batches(BATCH_ROWS):
            ready += await asyncio.to_thread(writer.write, rows)
            if len(ready) >= PIECE_BYTES:
                yield bytes(ready)
                ready.clear()
        ready += await asyncio.to_thread(writer.finish)
    yield bytes(ready)


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
    loaded = 0
    async with database.session(_WRITING) as session:
        await session.begin()
        async for batch in records:
            for each in _together(batch, len(place.types)):
                await _insert(session, language, place, records=each, columns=columns)
                loaded += len(each)
        await (session.rollback() if is_trial else session.commit())
    return loaded


def _together(batch: Sequence[Record], width: int) -> list[Sequence[Record]]:
    """Those that have the same columns: what one has not gets its default, and not null."""
    size = max(1, min(MOST_TOGETHER, MOST_VALUES // max(1, width)))
    alike = [list(each) for _, each in groupby(batch, key=lambda record: tuple(record.values))]
    return [each[at : at + size] for each in alike for at in range(0, len(each), size)]


async def _insert(
    session: Session, language: str, place: Place, *, records: Sequence[Record], columns: Mapping[str, str]
) -> None:
    """Together; where that fails, one by one, so that it can be told which does not fit."""
    await _run(session, Statement(text="savepoint tidemill_rows"))
    try:
        await _run(session, _statement(language, place, records, columns))
    except (BadRequest, QueryFailed):
        await _run(session, Statement(text="rollback to savepoint tidemill_rows"))
        for record in records:
            await _insert_one(session, language, place, record=record, columns=columns)


async def _insert_one(
    session: Session, language: str, place: Place, *, record: Record, columns: Mapping[str, str]
) -> None:
    try:
        await _run(session, _statement(language, place, [record], columns))
    except (BadRequest, QueryFailed) as error:
        names = [column for name in record.values if (column := columns.get(name, "") if columns else name)]
        words = _PLACE.sub(lambda match: _column(names, int(match[1])), str(error))
        words = words.replace("(statement at line 1)", "").strip()
        raise type(error)(f"Line {record.line}: {words} Nothing was imported.") from error


def _column(names: Sequence[str], number: int) -> str:
    return names[number - 1] if number <= len(names) else f"a{number}"


def _statement(language: str, place: Place, records: Sequence[Record], columns: Mapping[str, str]) -> Statement:
    rows = [_named(place, record, columns) for record in records]
    made = insert_rows(style_of(language), place, list(rows[0]), [list(row.values()) for row in rows])
    arguments = tuple(
        Argument(name=f"a{number}", type_name=each.type_name, value=each.raw)
        for number, each in enumerate(made.values, start=1)
    )
    return Statement(text=made.text, arguments=arguments)


def _named(place: Place, record: Record, columns: Mapping[str, str]) -> dict[str, bytes | None]:
    """By the columns of the table."""
    found: dict[str, bytes | None] = {}
    for name, raw in record.values.items():
        column = columns.get(name, "") if columns else name
        if not column:
            continue  # the mapping leaves it out
        if column not in place.types:
            raise BadRequest(f"the table {place.schema}.{place.table} has no column {column[:80]!r}.")
        found[column] = _fitting(place.types[column], raw)
    for name in columns:
        if name not in record.values:
            raise BadRequest(f"there is no {name[:80]!r}, which the mapping names.")
    return found


def _fitting(type_name: str, raw: bytes | None) -> bytes | None:
    """A text that is meant as JSON (CSV has no other way), as what it says."""
    is_nested = type_name.endswith("[]") or type_name.startswith("json")
    if raw is None or not is_nested or not raw.startswith(b'"'):
        return raw
    text = str(jsontext.loads(raw)).encode()
    try:
        jsontext.check(text, max_bytes=len(text))
    except InvalidJson:
        return raw
    return text


async def _run(session: Session, statement: Statement) -> None:
    for result in await session.run(statement):
        async for _ in result.batches(1):
            pass
