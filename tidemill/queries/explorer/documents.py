"""Looks into users' document databases: collections, pages of documents, changes to one document as it was seen."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Any, Final

import msgspec

from tidemill.engine.documents.arguments import default_of, read_value
from tidemill.engine.documents.bson_json import members_to_json, to_json
from tidemill.engine.documents.bson_tree import Tree, Typed, to_bson
from tidemill.engine.documents.definitions import Command, define_collection, steps_of_collections
from tidemill.engine.documents.operations import Asked, Request, Written, find_writes
from tidemill.engine.documents.operations import Change as Write
from tidemill.engine.documents.pages import (
    ID,
    full_order,
    matching,
    read_document,
    read_json,
    sorting,
)
from tidemill.engine.documents.script import read_script, requests
from tidemill.engine.pages import Identity, Page
from tidemill.engine.sql.annotations import Format
from tidemill.engine.sql.definitions import Step
from tidemill.engine.table_files import Record
from tidemill.model.errors import BadRequest, Conflict, ConnectionFailed, NotFound, QueryFailed, Unsupported
from tidemill.queries.explorer.definitions import DEFINING_S, effect_of
from tidemill.queries.explorer.document_pages import columns_of, find_documents, fitting, next_place
from tidemill.queries.explorer.effects import with_effect
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
from tidemill.queries.port import Opened
from tidemill.queries.runners import Runners
from tidemill.stores.databases.catalog import VIEW, Index, Table, TableColumn, TableName
from tidemill.stores.documents.port import DocumentSession

TRANSFER_S: Final = 3600.0
_SAMPLED: Final = 100
_OWN: Final = frozenset({"admin", "local", "config"})
_KINDS: Final = {"collection": "collection", "view": "view", "timeseries": "time series"}


class DocumentExplorer:
    """An `Explorer` of a document database: its databases are the schemas."""

    def __init__(self, language: str, runners: Runners, opened: Opened, identity: str) -> None:
        self.language = language
        self.abilities = Abilities(
            defines=steps_of_collections(), imports=True, exports=(Format.JSON,), plans=True, runs_plans=True
        )
        self._runners, self._opened, self._identity = runners, opened, identity

    async def tables(self) -> list[TableName]:
        """See `Explorer.tables`. All databases where the user may list them, else that of the resource."""
        async with self._session() as session:
            reply = _reply(
                await session.command("admin", {"listDatabases": 1, "nameOnly": True, "authorizedDatabases": True})
            )
            names = sorted(each["name"] for each in reply["databases"] if each["name"] not in _OWN)
            return [each for name in names for each in await _collections(session, name)]

    async def table(self, schema: str, name: str) -> Table:
        """See `Explorer.table`. The columns are what the fields of some documents tell."""
        async with self._session() as session:
            kind = await _kind(session, schema, name)
            options = await _options(session, schema, name)
            page = await find_documents(session, schema, {"find": name, "limit": _SAMPLED}, limit=_SAMPLED)
            indexes = [] if kind == "view" else await _indexes(session, schema, name)
        return Table(
            schema=schema,
            name=name,
            kind=kind,
            comment="",
            columns=tuple(
                TableColumn(
                    name=each.name, type=each.type.name, is_nullable=each.name != ID, default=None, is_generated=False,
                    comment="",
                )
                for each in columns_of(page)
            ),
            key=(ID,),
            indexes=tuple(indexes),
            foreign_keys=(),
            why_read_only=VIEW if kind == "view" else "",
            options=options,
        )  # fmt: skip

    async def rows(self, schema: str, name: str, page: Page) -> Rows:
        """See `Explorer.rows`. Cells of fields that a document has not are null; `documents` tells what it has."""
        if not 1 <= page.limit <= MOST_ROWS:
            raise BadRequest(f"limit must be 1 to {MOST_ROWS}.")
        order = full_order(page.order)
        wanted = matching(page.filters, page.query, order, page.after)
        command: dict[str, Tree] = {"find": name, "filter": wanted, "sort": sorting(order), "limit": page.limit + 1}
        async with self._session() as session:
            found = await find_documents(session, schema, command, limit=page.limit + 1)
            if not found and not page.after:
                await _kind(session, schema, name)
        kept = fitting(found[: page.limit])
        columns = columns_of(kept)
        has_more = len(found) > len(kept)
        return Rows(
            columns=columns,
            cells=[
                [msgspec.Raw(each.members.get(column.name, "null").encode()) for column in columns] for each in kept
            ],
            versions=[each.version for each in kept],
            row_names=None,
            after=next_place(kept, order) if has_more else None,
            has_more=has_more,
            sql=_script(
                schema, name, {"find": _shown(wanted), "sort": _shown(sorting(order)), "limit": page.limit + 1}
            ),
            documents=[msgspec.Raw(to_json(each.raw, is_canonical=page.is_canonical).encode()) for each in kept],
        )

    async def change(self, changes: Sequence[Change], *, is_trial: bool, by_parts: bool = False) -> list[Done]:
        """See `Explorer.change`. One alone needs no transaction, several do, and so does a trial."""
        if not 1 <= len(changes) <= MOST_CHANGES:
            raise BadRequest(f"Send 1 to {MOST_CHANGES} changes.")
        is_together = is_trial or len(changes) > 1
        async with self._session() as session:
            if is_together:
                await session.begin()
            done = [await _apply(session, number, change) for number, change in enumerate(changes, start=1)]
            if is_together:
                await (session.rollback() if is_trial else session.commit())
        return done

    async def export(self, schema: str, name: str, page: Page, *, form: Format) -> AsyncIterator[bytes]:
        """See `Explorer.export`. Documents are JSON Lines of canonical Extended JSON."""
        _require_lines(form)
        command: dict[str, Tree] = {"find": name, "filter": matching(page.filters, page.query, (), ())}
        if page.order:
            command["sort"] = sorting(full_order(page.order))
        async with self._session(timeout_s=TRANSFER_S) as session:
            await _kind(session, schema, name)
            async with aclosing(session.rows(schema, command)) as batches:  # type: ignore[type-var]
                async for batch in batches:
                    yield "".join(f"{to_json(raw, is_canonical=page.is_canonical)}\n" for raw in batch).encode()

    async def load(
        self, schema: str, name: str, records: Records, *, columns: Mapping[str, str], is_trial: bool
    ) -> int:
        """See `Explorer.load`. It needs a server with transactions."""
        loaded = 0
        async with self._session(timeout_s=TRANSFER_S) as session:
            await session.begin()
            async for batch in records:
                writes = [_inserted(each, columns) for each in batch]
                try:
                    await session.write(schema, name, Written(changes=tuple(writes)))
                except QueryFailed as error:
                    raise QueryFailed(with_effect(str(error).capitalize(), "Nothing was imported.")) from error
                loaded += len(batch)
            await (session.rollback() if is_trial else session.commit())
        return loaded

    async def explain(self, content: str, args: Mapping[str, bytes], *, runs: bool) -> Plan:
        """See `Explorer.explain`. What writes is planned and not run."""
        request = _only_request(content, args)
        made = request.made
        if not isinstance(made, Asked) or (runs and find_writes(request)):
            raise BadRequest("A plan is of what reads: find, aggregate, count, distinct.")
        command: dict[str, Tree] = {
            "explain": made.command,
            "verbosity": "executionStats" if runs else "queryPlanner",
        }
        async with self._session() as session:
            told = await session.command(request.database, command)
        return Plan(form="json", plan=msgspec.Raw(to_json(told).encode()), sql=_shown_json(command))

    async def define(self, steps: Sequence[Step], *, is_trial: bool) -> Defined:
        """See `Explorer.define`. Each step takes effect for itself."""
        if not 1 <= len(steps) <= MOST_CHANGES:
            raise BadRequest(f"Send 1 to {MOST_CHANGES} steps.")
        commands = [define_collection(step) for step in steps]
        if not is_trial:
            async with self._session(timeout_s=DEFINING_S) as session:
                for number, command in enumerate(commands):
                    await _define(session, number, command)
        shown = [
            json.dumps({"db": each.database, "command": _shown(each.body)}, ensure_ascii=False) for each in commands
        ]
        return Defined(statements=shown, is_atomic=False)

    def _session(self, *, timeout_s: float = STATEMENT_S) -> AbstractAsyncContextManager[DocumentSession]:
        return self._runners.documents(self._identity, self._opened.value, timeout_s=timeout_s)


def _require_lines(form: Format) -> None:
    if form is not Format.JSON:
        raise Unsupported("Documents go to files as JSON Lines (`json`): they have no columns of one type each.")


def _inserted(record: Record, columns: Mapping[str, str]) -> Write:
    """A document of a record; of CSV and Parquet all of it is text, numbers and lists."""
    members = {}
    for name, raw in record.values.items():
        field = columns.get(name, "") if columns else name
        if field and raw is not None:
            members[field] = raw
    document = read_document(members, f"Line {record.line}")
    return Write(kind="insert", document=document, line=record.line)


def _only_request(content: str, args: Mapping[str, bytes]) -> Request:
    script = read_script(content)
    values = {}
    for each in script.head.arguments:
        raw = args.get(each.name)
        if raw is None and (raw := default_of(each)) is None:
            raise BadRequest(f"Argument {each.name} ({each.type_name}) is missing and has no default.")
        values[each.name] = read_value(each, raw)
    asked = requests(script, values)
    if len(asked) != 1:
        raise BadRequest(f"A plan is of one operation, and here are {len(asked)}.")
    return asked[0]


def _reply(raw: bytes) -> Any:
    return json.loads(to_json(raw))


async def _define(session: DocumentSession, number: int, command: Command) -> None:
    try:
        await session.command(command.database, command.body)
    except (QueryFailed, ConnectionFailed) as error:
        raise type(error)(with_effect(f"Step {number + 1}: {error}", effect_of(number))) from error


async def _collections(session: DocumentSession, database: str) -> list[TableName]:
    found = []
    command: dict[str, Tree] = {"listCollections": 1, "authorizedCollections": True, "nameOnly": True}
    async with aclosing(session.rows(database, command)) as batches:  # type: ignore[type-var]  # generators close
        async for batch in batches:
            found += [_reply(raw) for raw in batch]
    return [
        TableName(
            schema=database,
            name=each["name"],
            kind=_KINDS.get(each["type"], each["type"]),
            rows=await _count(session, database, each),
            comment="",
        )
        for each in sorted(found, key=lambda each: str(each["name"]))
        if not each["name"].startswith("system.")
    ]


async def _count(session: DocumentSession, database: str, told: Mapping[str, Any]) -> int | None:
    """By what the server keeps in mind; of views it would have to count."""
    if told["type"] != "collection":
        return None
    return int(_reply(await session.command(database, {"count": told["name"]}))["n"])


async def _kind(session: DocumentSession, database: str, name: str) -> str:
    for each in await _collections(session, database):
        if each.name == name:
            return each.kind
    raise NotFound(f"There is no collection {database}.{name}, or the user may not see it.")


async def _options(session: DocumentSession, database: str, name: str) -> str:
    """What the collection was made with, such as its validator; "" where the user may not see that."""
    command: dict[str, Tree] = {"listCollections": 1, "filter": {"name": name}}
    try:
        async with aclosing(session.rows(database, command)) as batches:  # type: ignore[type-var]
            found = [_reply(raw) async for batch in batches for raw in batch]
    except QueryFailed:
        return ""
    told = found[0].get("options") if found else None
    return json.dumps(told, ensure_ascii=False) if told else ""


async def _indexes(session: DocumentSession, database: str, name: str) -> list[Index]:
    found = []
    async with aclosing(session.rows(database, {"listIndexes": name})) as batches:  # type: ignore[type-var]
        async for batch in batches:
            for raw in batch:
                told = _reply(raw)
                is_primary = told["name"] == "_id_"
                found.append(
                    Index(
                        name=told["name"],
                        columns=tuple(told["key"]),
                        is_unique=is_primary or bool(told.get("unique")),
                        is_primary=is_primary,
                        definition=json.dumps({key: value for key, value in told.items() if key not in {"v", "ns"}}),
                    )
                )
    return found


async def _apply(session: DocumentSession, number: int, change: Change) -> Done:
    match change.kind:
        case ChangeKind.INSERT:
            return await _insert(session, change)
        case ChangeKind.REPLACE:
            document = read_document(change.values, "The document")
            write = Write(kind="replace", filter=await _seen(session, number, change), document=document)
            shown = {"update": {"filter": _named(change.row), "update": _shown(document)}}
        case ChangeKind.DELETE:
            write = Write(kind="delete", filter=await _seen(session, number, change))
            shown = {"delete": {"filter": _named(change.row)}}
        case ChangeKind.UPDATE:
            raise BadRequest("A document is replaced as a whole: send `replace` with all its fields as `values`.")
    result = await session.write(change.schema, change.table, Written(changes=(write,)))
    if result.matched + result.deleted != 1:
        raise _changed(number, change)
    return Done(_script(change.schema, change.table, shown), [])


async def _insert(session: DocumentSession, change: Change) -> Done:
    document = read_document(change.values, "The document")
    write = Write(kind="insert", document=document)
    result = await session.write(change.schema, change.table, Written(changes=(write,)))
    (identity,) = result.inserted_ids
    shown = {ID: json.loads(members_to_json(identity)[ID]), **_plain(change.values)}
    return Done(_script(change.schema, change.table, {"insert": shown}), [])


async def _seen(session: DocumentSession, number: int, change: Change) -> dict[str, Tree]:
    """A filter that one document matches, as long as it is what was seen: compared as a whole by the server."""
    identity = change.row
    if set(identity.key) != {ID} or not identity.version:
        raise BadRequest('Send the `key` of the document, {"_id": …}, and its `version` as it was seen.')
    wanted: dict[str, Tree] = {ID: {"$eq": read_json(identity.key[ID], "_id")}}
    command: dict[str, Tree] = {"find": change.table, "filter": wanted, "limit": 1, "singleBatch": True}
    found = await find_documents(session, change.schema, command, limit=1)
    if not found or found[0].version != identity.version:
        raise _changed(number, change)
    return {**wanted, "$expr": {"$eq": ["$$ROOT", {"$literal": Typed(0x03, found[0].raw)}]}}


def _changed(number: int, change: Change) -> Conflict:
    return Conflict(
        f"Change {number}: the document of {change.schema}.{change.table} is not there any more, or was changed since "
        "it was read. Nothing was changed; read again."
    )


def _named(identity: Identity) -> dict[str, object]:
    return {ID: {"$eq": json.loads(identity.key[ID])}}


def _plain(values: Mapping[str, bytes]) -> dict[str, object]:
    return {name: json.loads(raw) for name, raw in values.items()}


def _shown(tree: Tree) -> object:
    """Extended JSON again, for a script."""
    assert isinstance(tree, dict)
    return json.loads(to_json(to_bson(tree)))


def _shown_json(tree: Tree) -> str:
    return json.dumps(_shown(tree), ensure_ascii=False)


def _script(database: str, collection: str, operation: Mapping[str, object]) -> str:
    """As a script for MongoDB says it."""
    return json.dumps({"db": database, "collection": collection, **operation}, ensure_ascii=False)
