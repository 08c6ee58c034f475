"""Runs scripts for MongoDB: finds the database, binds the arguments, collects or streams what is asked for."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from tidemill.engine.documents.arguments import S3_OBJECT, Value, default_of, read_value
from tidemill.engine.documents.bson_json import members_to_json, to_json
from tidemill.engine.documents.operations import Asked, Request, Written, find_writes
from tidemill.engine.documents.script import Script, read_script, requests
from tidemill.engine.egress import Egress
from tidemill.engine.result_collection import DEFAULT_MODE
from tidemill.model import jsontext
from tidemill.model.errors import BadRequest, InvalidScript, QueryFailed
from tidemill.queries.bounds import Bounds
from tidemill.queries.database_argument import named_database
from tidemill.queries.kept_open import KeptOpen
from tidemill.queries.object_documents import read_documents
from tidemill.queries.port import Host, Query
from tidemill.queries.streamed_object import upload_lines, upload_rows
from tidemill.stores.documents import open_documents
from tidemill.stores.documents.port import DocumentDatabase, DocumentSession, WriteResult

MAX_IDS: Final = 1000
_GOSSIP: Final = ("$clusterTime", "operationTime")
"""What servers of a cluster tell the driver in each reply."""


class MongoRunner:
    """The `QueryRunner` of `mongodb`."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        self._open: KeptOpen[DocumentDatabase] = KeptOpen()

    async def run(self, query: Query, host: Host) -> bytes:
        """See `QueryRunner.run`."""
        script = await asyncio.to_thread(read_script, query.content)  # large ones take a while
        args = jsontext.object_fields(query.args)
        asked = await asyncio.to_thread(requests, script, await _values(script, args, host))
        if script.head.streamed and "result_collection" in script.head.options:
            raise InvalidScript("`# s3` writes all documents of the last operation: leave out result_collection.")
        if script.head.streamed and not _has_rows(asked[-1]):
            raise InvalidScript(
                f"Line {asked[-1].line}: `# s3` streams documents, and {asked[-1].operation} gives none."
            )
        named = await named_database(script.head.database, args, host, resource_type="mongodb")
        is_write = any(find_writes(request) for request in asked)
        if address := named.path or query.database:
            await host.touched("database", address, is_write=is_write)
        async with self.session(host.identity, named.raw, timeout_s=query.timeout_s) as session:
            if "transaction" not in script.head.options:
                return await _run(_Run(session, script, query, host), asked)
            await session.begin()
            result = await _run(_Run(session, script, query, host), asked)
            if not script.head.streamed:  # a stream commits before its object is there
                await session.commit()
            return result

    async def close_idle(self, idle_s: float) -> int:
        """See `QueryRunner.close_idle`."""
        return await self._open.close_idle(idle_s)

    async def close(self) -> None:
        """See `QueryRunner.close`."""
        await self._open.close()

    @asynccontextmanager
    async def session(self, identity: str, raw: bytes, *, timeout_s: float) -> AsyncGenerator[DocumentSession]:
        """A session of the database that the value (raw JSON) of a resource describes, for one identity."""
        key = b"mongodb", identity.encode(), raw
        async with (
            self._open.use(
                key, lambda: open_documents("mongodb", jsontext.loads(raw), egress=self._egress)
            ) as database,
            database.session(timeout_s=timeout_s) as session,
        ):
            yield session


async def _values(script: Script, args: Mapping[str, bytes], host: Host) -> dict[str, Value]:
    """What each declared argument is bound to."""
    found: dict[str, Value] = {}
    for declaration in script.head.arguments:
        raw = args.get(declaration.name)
        if raw is None and (raw := default_of(declaration)) is None:
            raise BadRequest(f"Argument {declaration.name} ({declaration.type_name}) is missing and has no default.")
        value = (
            await asyncio.to_thread(read_value, declaration, raw) if len(raw) > 65536 else read_value(declaration, raw)
        )
        if declaration.type_name == S3_OBJECT and value.tree is not None:
            value = Value(declaration.name, S3_OBJECT, await read_documents(raw, host, name=declaration.name))
        found[declaration.name] = value
    return found


def _has_rows(request: Request) -> bool:
    return isinstance(request.made, Asked) and request.made.has_rows and not request.made.only_first


@dataclass(frozen=True, slots=True)
class _Run:
    """One run of a script."""

    session: DocumentSession
    script: Script
    query: Query
    host: Host

    @property
    def mode(self) -> str:
        return self.script.head.options.get("result_collection", DEFAULT_MODE)

    @property
    def is_canonical(self) -> bool:
        return self.script.head.options.get("extended_json") == "canonical"


async def _run(run: _Run, asked: list[Request]) -> bytes:
    bounds = Bounds(run.query.max_result_bytes, run.query.max_rows)
    results: list[str] = []
    for number, request in enumerate(asked, start=1):
        is_last = number == len(asked)
        try:
            if is_last and run.script.head.streamed:
                return await _streamed(run, request)
            if is_last or run.mode.startswith("all_"):
                results.append(await _result(run, request, bounds))
            else:
                await _perform(run, request)
        except QueryFailed as error:
            raise _located(error, request.line) from error
    return (f"[{','.join(results)}]" if run.mode.startswith("all_") else results[-1]).encode()


def _located(error: QueryFailed, line: int) -> QueryFailed:
    """With the line of the script before the server's words, unless a closer one is there."""
    words = str(error)
    return QueryFailed(words[0].upper() + words[1:] if words.startswith("line ") else f"Line {line}: {words}")


async def _perform(run: _Run, request: Request) -> None:
    """Run a statement whose result nobody wants."""
    made = request.made
    if isinstance(made, Written):
        await run.session.write(request.database, request.collection, made)
    elif made.has_rows:
        async with aclosing(_rows(run, request, made)) as rows:
            async for _ in rows:
                break  # the server has begun, and has done what `$out` or `$merge` asked for
    else:
        await run.session.command("admin" if made.is_admin else request.database, made.command)


async def _result(run: _Run, request: Request, bounds: Bounds) -> str:
    """The JSON of what a statement gives."""
    made = request.made
    if isinstance(made, Written):
        return _told(await run.session.write(request.database, request.collection, made))
    if made.has_rows:
        return await _collected(run, request, made, bounds)
    reply = await run.session.command("admin" if made.is_admin else request.database, made.command)
    bounds.add(len(reply), 0)
    return _reply(request, await asyncio.to_thread(members_to_json, reply, is_canonical=run.is_canonical))


def _reply(request: Request, members: dict[str, str]) -> str:
    if request.operation == "count":
        return members["n"]
    if request.operation == "distinct":
        return members["values"]
    kept = (f"{json.dumps(name, ensure_ascii=False)}:{text}" for name, text in members.items() if name not in _GOSSIP)
    return "{" + ",".join(kept) + "}"


async def _collected(run: _Run, request: Request, made: Asked, bounds: Bounds) -> str:
    is_first = made.only_first or "_first_row" in run.mode
    found: list[str] = []
    async with aclosing(_rows(run, request, made)) as rows:
        async for batch in rows:
            for raw in batch[:1] if is_first else batch:
                text = _row(run, raw)
                bounds.add(len(text.encode()) + 1)
                found.append(text)
            if is_first:
                break
            await asyncio.sleep(0)  # heartbeats and other jobs go on meanwhile
    if is_first:
        return found[0] if found else "null"
    return f"[{','.join(found)}]"


def _row(run: _Run, raw: bytes) -> str:
    if not run.mode.endswith("_scalar"):
        return to_json(raw, is_canonical=run.is_canonical)
    members = members_to_json(raw, is_canonical=run.is_canonical)
    if not members:
        raise QueryFailed("A document without fields has no first value, which result_collection asks for.")
    return next(iter(members.values()))


async def _rows(run: _Run, request: Request, made: Asked) -> AsyncGenerator[list[bytes]]:
    async for batch in run.session.rows("admin" if made.is_admin else request.database, made.command):
        yield list(batch)


async def _streamed(run: _Run, request: Request) -> bytes:
    """Write the documents to an object; its pointer."""
    made, streamed = request.made, run.script.head.streamed
    assert isinstance(made, Asked)
    assert streamed is not None

    async def batches() -> AsyncGenerator[list[bytes]]:
        async with aclosing(_rows(run, request, made)) as rows:
            async for batch in rows:
                yield batch
                await asyncio.sleep(0)
        if "transaction" in run.script.head.options:
            await run.session.commit()

    async def lines() -> AsyncIterator[bytes]:
        async for batch in batches():
            yield "".join(f"{to_json(raw, is_canonical=run.is_canonical)}\n" for raw in batch).encode()

    async def documents() -> AsyncGenerator[list[dict[str, str]]]:
        async for batch in batches():
            yield [members_to_json(raw, is_canonical=run.is_canonical) for raw in batch]

    if streamed.format == "json":
        return await upload_lines(lines(), streamed, run.query, run.host)
    return await upload_rows(documents(), streamed, run.query, run.host)


def _told(result: WriteResult) -> str:
    """What writes did, by the names that MongoDB's shell gives them. Ids are told of at most `MAX_IDS` documents."""
    told: list[str] = [
        f'"insertedCount":{result.inserted}',
        f'"matchedCount":{result.matched}',
        f'"modifiedCount":{result.modified}',
        f'"deletedCount":{result.deleted}',
        f'"upsertedCount":{len(result.upserted_ids)}',
    ]
    for name, ids in (("insertedIds", result.inserted_ids), ("upsertedIds", result.upserted_ids)):
        if 0 < len(ids) <= MAX_IDS:
            told.append(f'"{name}":[{",".join(members_to_json(each)["_id"] for each in ids)}]')
    return "{" + ",".join(told) + "}"
