"""Runs SQL scripts on users' databases: finds the database, binds the arguments, collects what is asked for."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import lru_cache
from typing import Final, cast

import msgspec

from tidemill.engine.egress import Egress
from tidemill.engine.sql.annotations import Annotations
from tidemill.engine.sql.script import SqlScript, read_script
from tidemill.model import jsontext
from tidemill.model.errors import BadRequest, TidemillError, Unsupported
from tidemill.queries.arguments import DATABASE
from tidemill.queries.kept_open import KeptOpen
from tidemill.queries.pointed import content_of
from tidemill.queries.port import Host, Query
from tidemill.queries.sql_binding import bind, value_of
from tidemill.queries.sql_collecting import Collector
from tidemill.queries.sql_streaming import stream
from tidemill.stores.databases import open_database
from tidemill.stores.databases.port import (
    Capabilities,
    Database,
    Session,
    SessionOptions,
    Statement,
    TogetherSession,
)

DATA_TABLE: Final = "datatable:"
_ONLY_READ: Final = ("select", "show", "explain", "describe", "desc", "values", "table")


class SqlRunner:
    """The `QueryRunner` of all dialects whose databases have a `stores/databases` backend."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        self._open: KeptOpen[Database] = KeptOpen()

    async def run(self, query: Query, host: Host) -> bytes:
        """See `QueryRunner.run`."""
        script = await _read(query)
        args: Mapping[str, bytes] = jsontext.object_fields(query.args)
        value = await _database_of(script, query, args, host)
        args = await _with_objects(script, args, host)
        statements = bind(script, args, query.contextual)
        address = script.annotations.database or query.database
        if address:
            await host.touched("database", address, is_write=_may_write(script.annotations, statements))
        options = _options(script.annotations.is_read_only, query.timeout_s, query.job_id)
        async with (
            self.use(query.language, host.identity, value) as database,
            database.session(options) as session,
        ):
            if script.annotations.is_transaction and not script.annotations.is_prepare:
                await _begin(session, statements, can=database.can)
            return await _run_in(session, script.annotations, statements, query, host, can=database.can)

    def use(self, language: str, identity: str, value: bytes) -> AbstractAsyncContextManager[Database]:
        """The database that the value (raw JSON) of a resource describes, for a while.

        Raises:
            BadRequest, MissingExtra: see `open_database`.
        """
        key = language, identity, value
        return self._open.use(key, lambda: open_database(language, _members(value), egress=self._egress))

    async def close_idle(self, idle_s: float) -> int:
        """See `QueryRunner.close_idle`."""
        return await self._open.close_idle(idle_s)

    async def close(self) -> None:
        """See `QueryRunner.close`."""
        await self._open.close()


@lru_cache(maxsize=64)
def _options(read_only: bool, timeout_s: float, job_id: str) -> SessionOptions:  # for the cache
    application = f"tidemill {job_id or 'inline'}"
    return SessionOptions(read_only=read_only, statement_timeout_s=timeout_s, application=application)


async def _begin(session: Session, statements: Sequence[Statement], *, can: Capabilities) -> None:
    """A transaction, or the whole of one where it must be known as a whole."""
    if can.together:
        await cast("TogetherSession", session).run_together(statements)
        return
    try:
        await session.begin()
    except Unsupported as error:  # the backend knows what to do instead
        raise Unsupported(f"-- transaction: {error}") from error


async def _run_in(
    session: Session,
    annotations: Annotations,
    statements: Sequence[Statement],
    query: Query,
    host: Host,
    *,
    can: Capabilities,
) -> bytes:
    if annotations.is_prepare:
        return await _described(session, statements)
    if annotations.streaming is not None:
        return await stream(session, annotations, statements, query, host, can=can)
    collector = Collector(annotations, max_bytes=query.max_result_bytes, max_rows=query.max_rows)
    result = await collector.collect(session, statements)
    if annotations.is_transaction and not can.together:
        await session.commit()
    return result


async def _read(query: Query) -> SqlScript:
    if len(query.content) < 64 * 1024:
        return read_script(query.content, query.language)
    return await asyncio.to_thread(read_script, query.content, query.language)


async def _database_of(script: SqlScript, query: Query, args: Mapping[str, bytes], host: Host) -> bytes:
    """The value of the resource that the script or its argument names."""
    path = script.annotations.database
    given = args.get(DATABASE, b"null")
    if not path and given.lstrip().startswith(b'"'):
        path = str(jsontext.loads(given)).removeprefix("$res:").removeprefix("res://")
    if path.startswith((DATA_TABLE, "datatable", "ducklake")):
        raise Unsupported(f"{path[:100]}: data tables are not there yet. Name a resource: `-- database f/folder/name`.")
    if script.annotations.role:
        raise BadRequest("-- role chooses the role of a data table; the resource of a database names its user itself.")
    if path:
        return (await host.resource(path)).value
    if given.strip() == b"null":
        raise BadRequest(
            "Missing database argument: give `database` as a resource (`$res:f/folder/name`), or begin the script with "
            f"a line `-- database f/folder/name`. The resource is of the type {script.dialect.resource_type}."
        )
    del query
    return given


def _members(value: bytes) -> Mapping[str, object]:
    if not value.lstrip().startswith(b"{"):
        raise BadRequest("The argument database must be a resource of a database, as `$res:f/folder/name` names it.")
    jsontext.check(value, max_bytes=1 << 20)
    return msgspec.json.decode(value, type=dict[str, object])


async def _with_objects(script: SqlScript, args: Mapping[str, bytes], host: Host) -> Mapping[str, bytes]:
    """`args` with the contents of objects in the place of pointers to them, as the dialect takes JSON."""
    found: dict[str, bytes] = {}
    for each in script.declared:
        if each.is_pointer and (pointer := value_of(each, args)) is not None:
            content = await content_of(pointer, host, name=each.name)
            found[each.name] = content if script.dialect.json_type == "json" else jsontext.dumps(content.decode())
    return {**args, **found} if found else args


async def _described(session: Session, statements: Sequence[Statement]) -> bytes:
    """For each statement the names and types of its columns, or why it does not fit the database."""
    described: list[jsontext.JsonValue] = []
    for statement in statements:
        try:
            columns = await session.describe(statement)
        except TidemillError as error:
            described.append({"error": str(error)})
        else:
            described.append({"columns": [{"name": each.name, "type": each.type.name} for each in columns]})
    return jsontext.dumps(described)


def _may_write(annotations: Annotations, statements: Sequence[Statement]) -> bool:
    """Whether the access counts as a write: all but plain reads do."""
    if annotations.is_read_only or annotations.is_prepare:
        return False
    return not all(each.text[:9].lower().startswith(_ONLY_READ) for each in statements)
