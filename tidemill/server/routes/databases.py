"""The explorer of users' databases: their tables, their rows, and changes to rows.

The caller must be able to read the resource of the database.
"""

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends
from msgspec import Raw
from starlette.responses import Response

from tidemill.engine.pages import Filter, Identity, Operator, Order, Page
from tidemill.queries.explorer.port import Abilities, Change, ChangeKind, Rows
from tidemill.server.exploring import WhichDatabase, answers, explorer_for, plain
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.parts import Caller, InParts
from tidemill.server.wire import ERRORS, json_answer, json_body
from tidemill.stores.databases.catalog import Table, TableName

router = APIRouter(tags=["databases"], responses=ERRORS, route_class=LazyRoute)

_W: Final = "/api/w/{workspace}"


class WhichTable(msgspec.Struct):
    """A table of it."""

    resource: str
    schema: str
    table: str


class WireFilter(msgspec.Struct):
    """A condition: `=`, `!=`, `<`, `<=`, `>`, `>=`, `contains`, `begins`, `is null`, `is not null`."""

    column: str
    operator: Operator
    value: Raw = msgspec.field(default_factory=lambda: Raw(b"null"))


class WireOrder(msgspec.Struct):
    """A column to sort by."""

    column: str
    descending: bool = False


class WantedRows(msgspec.Struct, kw_only=True):
    """Which rows of a table are wanted. `after`: as the page before gave it, with the same filters and sort.

    Of documents alone: `query`, a filter of MongoDB's, and `canonical`, to mark each number with its type.
    """

    resource: str
    schema: str
    table: str
    filters: list[WireFilter] = []
    sort: list[WireOrder] = []
    after: list[Raw] = []
    limit: int = 100
    query: Raw = msgspec.field(default_factory=lambda: Raw(b""))
    canonical: bool = False


class WireColumn(msgspec.Struct):
    """A column of the rows, with the database's name of its type and the kind of its values."""

    name: str
    type: str
    kind: str


class ListedRows(msgspec.Struct, kw_only=True):
    """A page of rows. `versions`, and the key or `row_names`, go back with a change."""

    columns: list[WireColumn]
    rows: list[list[Raw]]
    versions: list[str] | None
    row_names: list[str] | None
    after: list[Raw] | None
    has_more: bool
    sql: str
    documents: list[Raw] | None = None


class WireRow(msgspec.Struct, kw_only=True):
    """Which row is meant, by its key, or by `row` in a table without one; and as what it was seen, by its `version`."""

    key: dict[str, Raw] = {}
    row: str = ""
    version: str = ""


class WireChange(msgspec.Struct, kw_only=True):
    """A change to one row: `values` of all but deletes, `row` of all but inserts. Documents are replaced as a whole."""

    kind: ChangeKind
    schema: str
    table: str
    values: dict[str, Raw] = {}
    row: WireRow = msgspec.field(default_factory=WireRow)


class Changes(msgspec.Struct, kw_only=True):
    """Changes that take effect together or not at all. `dry_run`: the database tries them, and nothing stays.

    `by_parts`: where a store cannot (keys in several slots of a cluster), each part together, one after the other.
    """

    resource: str
    changes: list[WireChange]
    dry_run: bool = False
    by_parts: bool = False


class RunStatement(msgspec.Struct):
    """A statement that was run, the values of its placeholders in their order, and to which part it belongs."""

    sql: str
    arguments: list[Raw]
    part: int


class Changed(msgspec.Struct):
    """What was done: in one transaction, or if it is not `atomic`, by parts."""

    statements: list[RunStatement]
    applied: bool
    atomic: bool


class ListedTables(msgspec.Struct):
    """The tables and views of a database, by schema and name, and what can be asked of it."""

    language: str
    tables: list[TableName]
    can: Abilities


@router.post(_W + "/databases/tables", **answers(ListedTables, WhichDatabase))
async def list_tables(
    parts: InParts, caller: Caller, body: Annotated[WhichDatabase, Depends(json_body(WhichDatabase))]
) -> Response:
    """Tables and views that the database's user may see."""
    async with explorer_for(parts, caller, body.resource) as explorer:
        found = ListedTables(explorer.language, await explorer.tables(), explorer.abilities)
    return json_answer(found)


@router.post(_W + "/databases/table", **answers(Table, WhichTable))
async def describe_table(
    parts: InParts, caller: Caller, body: Annotated[WhichTable, Depends(json_body(WhichTable))]
) -> Response:
    """Columns, key, indexes and foreign keys of a table."""
    async with explorer_for(parts, caller, body.resource) as explorer:
        found = await explorer.table(body.schema, body.table)
    return json_answer(found)


@router.post(_W + "/databases/rows", **answers(ListedRows, WantedRows))
async def list_rows(
    parts: InParts, caller: Caller, body: Annotated[WantedRows, Depends(json_body(WantedRows))]
) -> Response:
    """A page of a table's rows, filtered and sorted, and where the next one begins."""
    page = Page(
        filters=filters_of(body.filters),
        order=order_of(body.sort),
        after=tuple(map(bytes, body.after)),
        limit=body.limit,
        query=bytes(body.query),
        is_canonical=body.canonical,
    )
    async with explorer_for(parts, caller, body.resource) as explorer:
        found = await explorer.rows(body.schema, body.table, page)
    parts.access_log.note_other(caller, "database", plain(body.resource), "read")
    return json_answer(_wire(found))


@router.post(_W + "/databases/change", **answers(Changed, Changes))
async def change_rows(
    parts: InParts, caller: Caller, body: Annotated[Changes, Depends(json_body(Changes))]
) -> Response:
    """Insert, update and delete rows, each exactly one that is still as it was seen; all together or none."""
    async with explorer_for(parts, caller, body.resource) as explorer:
        changes = [_change(each) for each in body.changes]
        done = await explorer.change(changes, is_trial=body.dry_run, by_parts=body.by_parts)
    if not body.dry_run:
        parts.access_log.note_other(caller, "database", plain(body.resource), "write")
    statements = [RunStatement(each.sql, each.arguments, each.part) for each in done]
    is_atomic = all(each.part == 1 for each in done)
    return json_answer(Changed(statements, applied=not body.dry_run, atomic=is_atomic))


def filters_of(wire: Sequence[WireFilter]) -> tuple[Filter, ...]:
    """The conditions that a request names."""
    return tuple(Filter(each.column, each.operator, bytes(each.value)) for each in wire)


def order_of(wire: Sequence[WireOrder]) -> tuple[Order, ...]:
    """The order that a request names."""
    return tuple(Order(each.column, each.descending) for each in wire)


def _change(wire: WireChange) -> Change:
    row = wire.row
    identity = Identity(key=_raw(row.key), row=row.row, version=row.version)
    return Change(kind=wire.kind, schema=wire.schema, table=wire.table, values=_raw(wire.values), row=identity)


def _raw(members: dict[str, Raw]) -> dict[str, bytes]:
    return {name: bytes(value) for name, value in members.items()}


def _wire(found: Rows) -> ListedRows:
    return ListedRows(
        columns=[WireColumn(each.name, each.type.name, each.type.kind) for each in found.columns],
        rows=found.cells,  # type: ignore[arg-type]  # each is what msgspec writes as the JSON of its value
        versions=found.versions,
        row_names=found.row_names,
        after=found.after,
        has_more=found.has_more,
        sql=found.sql,
        documents=found.documents,
    )
