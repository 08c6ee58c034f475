"""Looks into users' SQL databases and changes rows: pages, and changes that take effect together or not at all."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Final

import msgspec

from tidemill.engine.cell_json import Cells
from tidemill.engine.pages import Identity, Page
from tidemill.engine.sql.annotations import Format
from tidemill.engine.sql.definitions import Step, steps_of
from tidemill.engine.sql.styles import Style, style_of
from tidemill.engine.sql.tables import (
    Generated,
    Place,
    delete_row,
    full_order,
    insert_row,
    is_unique,
    lock_row,
    select_page,
    update_row,
)
from tidemill.model.column import Column, Row
from tidemill.model.errors import BadRequest, Conflict, Unsupported
from tidemill.queries.explorer.definitions import define_all
from tidemill.queries.explorer.plans import explain, plans_of
from tidemill.queries.explorer.port import (
    MOST_CHANGES,
    MOST_ROWS,
    STATEMENT_S,
    Abilities,
    Change,
    ChangeKind,
    Defined,
    Done,
    Plan,
    Records,
    Rows,
)
from tidemill.queries.explorer.transfer import export, load
from tidemill.queries.port import Opened
from tidemill.queries.runners import Runners
from tidemill.stores.databases.catalog import Catalog, Table, TableName, catalog_of
from tidemill.stores.databases.port import Argument, Database, Session, SessionOptions, Statement

_LOOKING: Final = SessionOptions(read_only=True, statement_timeout_s=STATEMENT_S, application="tidemill explorer")
_CHANGING: Final = SessionOptions(statement_timeout_s=STATEMENT_S, application="tidemill explorer")


class SqlExplorer:
    """An `Explorer` of a SQL database."""

    def __init__(self, language: str, runners: Runners, opened: Opened, identity: str) -> None:
        style = style_of(language)
        self.language = language
        plans, runs_plans = plans_of(language)
        self.abilities = Abilities(
            defines=steps_of(language),
            imports=bool(style.version or style.staging),
            exports=tuple(Format),
            plans=plans,
            runs_plans=runs_plans,
        )
        self._runners, self._opened, self._identity = runners, opened, identity

    async def tables(self) -> list[TableName]:
        """See `Explorer.tables`."""
        catalog = catalog_of(self.language)
        async with self._database() as database, database.session(_looking(database)) as session:
            return await catalog.tables(session)

    async def table(self, schema: str, name: str) -> Table:
        """See `Explorer.table`."""
        catalog = catalog_of(self.language)
        async with self._database() as database, database.session(_looking(database)) as session:
            return await catalog.table(session, schema, name)

    async def rows(self, schema: str, name: str, page: Page) -> Rows:
        """See `Explorer.rows`."""
        style, catalog = style_of(self.language), catalog_of(self.language)
        if not 1 <= page.limit <= MOST_ROWS:
            raise BadRequest(f"limit must be 1 to {MOST_ROWS}.")
        if page.query:
            raise BadRequest("`query` is a filter of document databases: send `filters`.")
        async with self._database() as database, database.session(_looking(database)) as session:
            place = place_of(await catalog.table(session, schema, name))
            asked = select_page(style, place, page)
            (result,) = await session.run(_statement(asked))
            found = [row async for batch in result.batches(page.limit + 1) for row in batch]
        return _page(style, place, page, result.columns, found, asked.text)

    async def change(self, changes: Sequence[Change], *, is_trial: bool, by_parts: bool = False) -> list[Done]:
        """See `Explorer.change`."""
        if not 1 <= len(changes) <= MOST_CHANGES:
            raise BadRequest(f"Send 1 to {MOST_CHANGES} changes.")
        async with self._database() as database:
            _require_transactions(database, self.language)
            async with database.session(_CHANGING) as session:
                await session.begin()
                done = [await self._apply(session, number, change) for number, change in enumerate(changes, start=1)]
                await (session.rollback() if is_trial else session.commit())
        return done

    async def _apply(self, session: Session, number: int, change: Change) -> Done:
        style, catalog = style_of(self.language), catalog_of(self.language)
        place = place_of(await _known(catalog, session, change))
        if change.kind is not ChangeKind.INSERT:
            await _lock(session, style, place, change.row, number)
        match change.kind:
            case ChangeKind.INSERT:
                made = insert_row(style, place, change.values)
            case ChangeKind.UPDATE:
                made = update_row(style, place, change.row, change.values)
            case ChangeKind.REPLACE:
                raise BadRequest("A row is not replaced as a whole: send `update` with the columns to set.")
            case ChangeKind.DELETE:
                made = delete_row(style, place, change.row)
        for result in await session.run(_statement(made)):
            async for _ in result.batches(1):
                pass
        return Done(made.text, [msgspec.Raw(value.raw or b"null") for value in made.values])

    async def export(self, schema: str, name: str, page: Page, *, form: Format) -> AsyncIterator[bytes]:
        """See `Explorer.export`."""
        if page.query:
            raise BadRequest("`query` is a filter of document databases: send `filters`.")
        async with self._database() as database:
            place = await self._place(database, schema, name)
            async for piece in export(database, self.language, place, page, form=form):
                yield piece

    async def load(
        self, schema: str, name: str, records: Records, *, columns: Mapping[str, str], is_trial: bool
    ) -> int:
        """See `Explorer.load`."""
        async with self._database() as database:
            if not style_of(self.language).staging:
                _require_transactions(database, self.language)
            async with database.session(_looking(database)) as session:
                table = await catalog_of(self.language).table(session, schema, name)
            if "view" in table.kind:
                raise BadRequest(f"{schema}.{name} is a view: import into the tables that it is made of.")
            place = place_of(table)
            return await load(database, self.language, place, records=records, columns=columns, is_trial=is_trial)

    async def _place(self, database: Database, schema: str, name: str) -> Place:
        async with database.session(_looking(database)) as session:
            return place_of(await catalog_of(self.language).table(session, schema, name))

    async def explain(self, content: str, args: Mapping[str, bytes], *, runs: bool) -> Plan:
        """See `Explorer.explain`."""
        async with self._database() as database:
            return await explain(database, self.language, content, args, runs=runs)

    async def define(self, steps: Sequence[Step], *, is_trial: bool) -> Defined:
        """See `Explorer.define`."""
        async with self._database() as database:
            return await define_all(database, catalog_of(self.language), self.language, steps=steps, is_trial=is_trial)

    def _database(self) -> AbstractAsyncContextManager[Database]:
        return self._runners.use(self.language, self._identity, self._opened.value)


def _looking(database: Database) -> SessionOptions:
    """For statements of our own that read."""
    return replace(_LOOKING, read_only=database.can.read_only)


async def _known(catalog: Catalog, session: Session, change: Change) -> Table:
    return await catalog.table(session, change.schema, change.table)


async def _lock(session: Session, style: Style, place: Place, row: Identity, number: int) -> None:
    (result,) = await session.run(_statement(lock_row(style, place, row)))
    found = sum([len(batch) async for batch in result.batches(2)])
    if found != 1 and not (found and (style.only_one or style.first_one)):
        what = "is not there any more, or was changed since it was read" if not found else f"is one of {found} alike"
        raise Conflict(
            f"Change {number}: the row of {place.schema}.{place.table} {what}. Nothing was changed; read again."
        )


def place_of(table: Table) -> Place:
    """A table as statements need it."""
    return Place(
        schema=table.schema,
        table=table.name,
        types={column.name: column.type for column in table.columns},
        key=table.key,
        sorted_by=table.sorted_by,
        is_table=table.is_table,
        why_read_only=table.why_read_only,
    )


def _require_transactions(database: Database, language: str) -> None:
    if not database.can.transactions:
        raise Unsupported(
            f"{language} has no transactions of several statements, so that rows are changed by scripts only."
        )


def _statement(made: Generated) -> Statement:
    arguments = [
        Argument(name=f"a{number}", type_name=value.type_name, value=value.raw)
        for number, value in enumerate(made.values, start=1)
    ]
    return Statement(text=made.text, arguments=tuple(arguments))


def _page(style: Style, place: Place, page: Page, columns: Sequence[Column], found: Sequence[Row], sql: str) -> Rows:
    width = len(place.types)
    kept = found[: page.limit]
    has_more = len(found) > page.limit
    cells = [list(row) for row in Cells(columns[:width]).converted([row[:width] for row in kept])]
    has_version = place.is_table and style.version is not None
    has_row = place.is_table and bool(style.row)
    row_at = width + has_version
    by = _sorted_by(style, place, page, columns[row_at + has_row :], kept, row_at=row_at)
    return Rows(
        columns=tuple(columns[:width]),
        cells=cells,
        versions=[str(row[width]) for row in kept] if has_version else None,
        row_names=[str(row[row_at]) for row in kept] if has_row and not place.key else None,
        after=_next(style, place, page, by) if has_more and place.is_table else None,
        has_more=has_more,
        sql=sql,
    )


def _sorted_by(
    style: Style, place: Place, page: Page, columns: Sequence[Column], rows: Sequence[Row], *, row_at: int
) -> list[list[msgspec.Raw]]:
    """What each row is sorted by, as `after` tells it."""
    if not place.is_table:
        return []
    order = full_order(style, place, page.order)
    begin = row_at + bool(style.row)
    values = Cells(columns).converted([row[begin:] for row in rows])
    found = []
    for row, sorted_by in zip(rows, values, strict=True):
        rest = iter(sorted_by)
        found.append(
            [
                msgspec.Raw(msgspec.json.encode(str(row[row_at]) if each.column == style.row else next(rest)))
                for each in order
            ]
        )
    return found


def _next(style: Style, place: Place, page: Page, by: Sequence[list[msgspec.Raw]]) -> list[msgspec.Raw]:
    """Where the next page begins. Where rows share a place, it tells how many of the last one's have been shown."""
    last = by[-1]
    if is_unique(style, place):
        return last
    alike = 0
    for each in reversed(by):
        if not _same(each, last):
            break
        alike += 1
    is_all = alike == len(by)
    before = int(bytes(page.after[-1])) if is_all and page.after and _same(page.after[:-1], last) else 0
    return [*last, msgspec.Raw(str(alike + before).encode())]


def _same(one: Sequence[bytes | msgspec.Raw], other: Sequence[msgspec.Raw]) -> bool:
    """By what they mean: clients write JSON anew."""
    return [msgspec.json.decode(each) for each in one] == [msgspec.json.decode(each) for each in other]
