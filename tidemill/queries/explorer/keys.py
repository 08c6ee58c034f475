"""Looks into users' key-value stores: keys by pattern, the members of one, changes of what is still as it was seen."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from typing import Final

import msgspec

from tidemill.engine.keys.checked import Check, How, Planned
from tidemill.engine.keys.containers import Asked, Container, container_of
from tidemill.engine.keys.replies import to_json
from tidemill.engine.keys.values import decoded, typed, word
from tidemill.engine.pages import Page
from tidemill.engine.sql.annotations import Format
from tidemill.engine.sql.definitions import Step
from tidemill.model.column import Column, DataType, Kind
from tidemill.model.errors import BadRequest, ConnectionFailed, NotFound, QueryFailed, Unsupported
from tidemill.queries.explorer.key_changes import of_key, of_member
from tidemill.queries.explorer.key_cluster import masters_of, place_of
from tidemill.queries.explorer.key_export import export_keys
from tidemill.queries.explorer.key_import import KeyImport
from tidemill.queries.explorer.key_listing import kind_of, looked_at, pattern_of, run, scan_of, scanned
from tidemill.queries.explorer.key_parts import Outcome, parts_of, run_part, run_parts
from tidemill.queries.explorer.port import (
    MOST_CHANGES,
    MOST_ROWS,
    STATEMENT_S,
    Abilities,
    Change,
    Defined,
    Done,
    Plan,
    Records,
    Rows,
)
from tidemill.queries.port import Opened
from tidemill.queries.runners import Runners
from tidemill.stores.databases.catalog import Table, TableColumn, TableName
from tidemill.stores.keys.port import KeySession

KEYS: Final = "keys"
"""The list of all keys, in the schema ""."""
KEY, KEY_IN_BASE64 = "key", "key:base64"
"""The schemas whose tables are the keys themselves: by their text, or by their bytes."""
_COLUMNS: Final = ("key", "type", "ttl_ms", "size_bytes", "items")


class KeyExplorer:
    """An `Explorer` of a key-value store."""

    def __init__(self, language: str, runners: Runners, opened: Opened, identity: str) -> None:
        self.language = language
        self.abilities = Abilities(imports=True, exports=tuple(Format))
        self._runners, self._opened, self._identity = runners, opened, identity

    async def tables(self) -> list[TableName]:
        """See `Explorer.tables`. There is one: the list of the keys, each of which is a table of the schema `key`."""
        async with self._session() as session:
            count = await _count(session)
        return [TableName(schema="", name=KEYS, kind=KEYS, rows=count, comment="")]

    async def table(self, schema: str, name: str) -> Table:
        """See `Explorer.table`."""
        if (schema, name) == ("", KEYS):
            return _described("", KEYS, KEYS, _COLUMNS, "key")
        async with self._session() as session:
            kind = await kind_of(session, _name_of(schema, name))
        container = container_of(kind)
        return _described(schema, name, kind, container.columns, container.named_by)

    async def rows(self, schema: str, name: str, page: Page) -> Rows:
        """See `Explorer.rows`."""
        if not 1 <= page.limit <= MOST_ROWS:
            raise BadRequest(f"limit must be 1 to {MOST_ROWS}.")
        if len(page.after) > 1:
            raise BadRequest("`after` is not as the page before gave it.")
        after = word(page.after[0], "`after`") if page.after else b""
        async with self._session() as session:
            if (schema, name) == ("", KEYS):
                return await _keys(session, page, after)
            return await _members(session, _name_of(schema, name), page, after)

    async def change(self, changes: Sequence[Change], *, is_trial: bool, by_parts: bool = False) -> list[Done]:
        """See `Explorer.change`. What a script has done of a change that fails in the middle stays: errors say so."""
        if not 1 <= len(changes) <= MOST_CHANGES:
            raise BadRequest(f"Send 1 to {MOST_CHANGES} changes.")
        async with self._session() as session:
            planned = [await _planned(session, each) for each in changes]
            parts = [list(range(len(planned)))]
            if await run_part(session, planned, parts[0], is_trial=is_trial) is Outcome.ACROSS_SLOTS:
                parts = parts_of(planned)
                for each in parts:
                    await run_part(session, planned, each, is_trial=True)
                if not is_trial:
                    await run_parts(session, planned, parts, by_parts=by_parts)
        part_of = {place: number for number, each in enumerate(parts, start=1) for place in each}
        return [Done("\n".join(map(typed, each.commands)), [], part_of[place]) for place, each in enumerate(planned)]

    async def export(self, schema: str, name: str, page: Page, *, form: Format) -> AsyncIterator[bytes]:
        """See `Explorer.export`. Keys that come, go or change meanwhile may be told or not."""
        key = None if (schema, name) == ("", KEYS) else _name_of(schema, name)
        if key is not None and (page.filters or page.query or page.order):
            raise BadRequest("A key goes to a file as a whole, without filters and order.")
        async with self._session() as session:
            if key is not None:
                await kind_of(session, key)
            async with aclosing(export_keys(session, page, key, form=form)) as pieces:  # type: ignore[type-var]
                async for piece in pieces:
                    yield piece

    async def load(
        self, schema: str, name: str, records: Records, *, columns: Mapping[str, str], is_trial: bool
    ) -> int:
        """See `Explorer.load`. A key that is there already is not written over."""
        if (schema, name) != ("", KEYS):
            raise Unsupported(f"Keys are imported into {KEYS!r}: those that the file names, with all that is in them.")
        loading = KeyImport(columns)
        is_done = False
        try:
            async with self._session() as session:
                loaded = await loading.load(session, records, is_trial=is_trial)
            is_done = not is_trial
        finally:
            if not is_done:
                with suppress(QueryFailed, ConnectionFailed):  # it goes by itself
                    async with self._session() as session:
                        await loading.drop(session)
        return loaded

    async def explain(self, content: str, args: Mapping[str, bytes], *, runs: bool) -> Plan:
        """See `Explorer.explain`."""
        raise Unsupported("Stores of keys have no plans: a command says what it does.")

    async def define(self, steps: Sequence[Step], *, is_trial: bool) -> Defined:
        """See `Explorer.define`."""
        raise Unsupported("Stores of keys have no tables to define.")

    def _session(self) -> AbstractAsyncContextManager[KeySession]:
        return self._runners.keys(self.language, self._identity, self._opened.value, timeout_s=STATEMENT_S)


def _name_of(schema: str, name: str) -> bytes:
    match schema:
        case "key":
            return name.encode()
        case "key:base64":
            return decoded(name)
    raise NotFound(f"There is no {schema!r}.{name[:60]!r}: the list of keys is the table {KEYS!r} of the schema ''.")


def _described(schema: str, name: str, kind: str, columns: Sequence[str], named_by: str) -> Table:
    return Table(
        schema=schema,
        name=name,
        kind=kind,
        comment="",
        columns=tuple(
            TableColumn(
                name=each, type=_type(each), is_nullable=each == "ttl_ms", default=None, is_generated=False, comment=""
            )
            for each in columns
        ),
        key=(named_by,),
        indexes=(),
        foreign_keys=(),
    )  # fmt: skip


_TYPES: Final = {
    **dict.fromkeys(("ttl_ms", "size_bytes", "items", "offset", "index"), "integer"),
    "score": "double",
    "fields": "map",
    "type": "text",
    "id": "text",
}


def _wire_columns(names: Sequence[str]) -> tuple[Column, ...]:
    return tuple(Column(each, DataType(name=_type(each), kind=Kind.JSON)) for each in names)


def _type(column: str) -> str:
    return _TYPES.get(column, "bytes")


async def _keys(session: KeySession, page: Page, after: bytes) -> Rows:
    """A page of a SCAN: as many keys as were asked for, or some more, or fewer where few of many match."""
    scan = scan_of(page)
    place = place_of(await masters_of(session), after)
    names, following = await scanned(session, place, page)
    keys = await looked_at(session, names)
    return Rows(
        columns=_wire_columns(_COLUMNS),
        cells=[
            [msgspec.Raw(to_json(each.name).encode()), each.kind, each.ttl_ms, each.size_bytes, each.items]
            for each in keys
        ],
        versions=[each.version for each in keys],
        row_names=None,
        after=[_raw(following)] if following else None,
        has_more=bool(following),
        sql=typed((b"SCAN", place.cursor, *scan)),
    )


def _raw(text: bytes) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(text.decode()))


async def _count(session: KeySession) -> int:
    """All keys; of a cluster those of each of its servers."""
    counts = await run(session, [(b"DBSIZE",)])
    if masters := await masters_of(session):
        counts = []
        for each in masters:
            await session.go_to(each.host, each.port)
            counts += await run(session, [(b"DBSIZE",)])
    return sum(count for count in counts if isinstance(count, int))


async def _members(session: KeySession, key: bytes, page: Page, after: bytes) -> Rows:
    container = container_of(await kind_of(session, key))
    asked = Asked(
        key=key,
        after=after,
        limit=page.limit,
        pattern=_member_pattern(container, page),
        is_descending=_is_descending(container, page),
    )
    words = container.ask(asked)
    (told,) = await run(session, [words])
    members = container.read(asked, told)
    return Rows(
        columns=_wire_columns(container.columns),
        cells=[[msgspec.Raw(to_json(cell).encode()) for cell in each.cells] for each in members.found],
        versions=[each.version for each in members.found],
        row_names=None,
        after=[_raw(members.after)] if members.after else None,
        has_more=bool(members.after),
        sql=typed(words),
    )


def _member_pattern(container: Container, page: Page) -> bytes:
    is_scanned = container.named_by in {"field", "member"}
    if not is_scanned and (page.filters or page.query):
        raise BadRequest("What is in such a key cannot be filtered.")
    if page.query:
        return word(page.query, "`query`")
    if len(page.filters) > 1 or any(each.column != container.named_by for each in page.filters):
        raise BadRequest(f"Members are filtered by one pattern of {container.named_by!r} only.")
    return pattern_of(page.filters[0]) if page.filters else b""


def _is_descending(container: Container, page: Page) -> bool:
    by = {"score": "score", "id": "id"}.keys() & set(container.columns)
    if not page.order:
        return False
    if len(page.order) > 1 or page.order[0].column not in by:
        raise BadRequest("Sorted sets are sorted by `score`, streams by `id`, other keys not at all.")
    return page.order[0].is_descending


async def _planned(session: KeySession, change: Change) -> Planned:
    if (change.schema, change.table) == ("", KEYS):
        return of_key(change)
    key = _name_of(change.schema, change.table)
    kind = await kind_of(session, key)
    container = container_of(kind)
    planned = of_member(container, key, change)
    return Planned(checks=(Check(How.IS, (b"TYPE", key), kind.encode()), *planned.checks), commands=planned.commands)
