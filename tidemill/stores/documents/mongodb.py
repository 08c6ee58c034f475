"""MongoDB, and what speaks its protocol: Atlas, DocumentDB, Cosmos DB, FerretDB."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress
from typing import Any, Final, Self

import bson
import pymongo
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.objectid import ObjectId
from bson.raw_bson import RawBSONDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.command_cursor import AsyncCommandCursor
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError
from pymongo.operations import DeleteMany, DeleteOne, InsertOne, ReplaceOne, UpdateMany, UpdateOne
from pymongo.read_preferences import ReadPreference

from tidemill.engine.documents.bson_tree import Tree, Typed, to_bson
from tidemill.engine.documents.operations import Change, Written
from tidemill.engine.egress import Egress
from tidemill.model.errors import BadRequest
from tidemill.stores.documents.mongodb_config import MongoConfig
from tidemill.stores.documents.mongodb_errors import translated
from tidemill.stores.documents.mongodb_reach import reaching
from tidemill.stores.documents.port import WriteResult
from tidemill.stores.reach import addresses_of

RAW: Final[CodecOptions[RawBSONDocument]] = CodecOptions(
    document_class=RawBSONDocument, datetime_conversion=DatetimeConversion.DATETIME_MS
)
CANCEL_S: Final = 5.0
CLOSE_S: Final = 2.0
_OURS: Final = frozenset({"lsid", "txnNumber", "autocommit", "startTransaction"})
"""Parts of a command that are the driver's affair."""

_Client = pymongo.AsyncMongoClient[RawBSONDocument]


class MongoDatabase:
    """A `DocumentDatabase`."""

    def __init__(self, config: MongoConfig, egress: Egress) -> None:
        self._config = config
        self._egress = egress
        self._client: _Client | None = None
        self._opening = asyncio.Lock()

    @classmethod
    def open(cls, value: object, *, egress: Egress) -> Self:
        """See `Backend.open`."""
        return cls(MongoConfig.of(value), egress)

    @asynccontextmanager
    async def session(self, *, timeout_s: float = 0.0) -> AsyncGenerator["MongoSession"]:
        """See `DocumentDatabase.session`."""
        config = self._config
        with reaching(self._egress):
            client = await self._connected()
            with translated(config.where, config.servers.secrets):
                opened = client.start_session()
            session = MongoSession(client, opened, config, timeout_s)
            try:
                yield session
            except asyncio.CancelledError:
                await session.kill()
                raise
            finally:
                with suppress(PyMongoError):  # it rolls back what is open; the server does so by itself after a while
                    await opened.end_session()

    async def test(self) -> str:
        """See `DocumentDatabase.test`."""
        config = self._config
        with translated(config.where, config.servers.secrets), reaching(self._egress):
            client = await self._connected()
            told = await client.admin.command("buildInfo", codec_options=RAW)
        user = f" as {config.servers.username}" if config.servers.username else ""
        tls = "over TLS" if config.servers.tls else "without TLS"
        return f"MongoDB {told.get('version', '')} answered{user} {tls}."

    async def close_idle(self, idle_s: float) -> int:
        """None that are worth counting: the driver keeps its own pool, which `close` ends."""
        return 0

    async def close(self) -> None:
        """See `DocumentDatabase.close`."""
        client, self._client = self._client, None
        if client is None:
            return
        with reaching(self._egress):
            try:
                async with asyncio.timeout(CLOSE_S):  # it tells the server which sessions have ended
                    await client.close()
            except TimeoutError:
                await client.close()  # the sessions were given up with the first try: nothing is sent any more

    async def _connected(self) -> _Client:
        async with self._opening:
            if self._client is None:
                self._client = await self._made()
            return self._client

    async def _made(self) -> _Client:
        """The driver's client, connected, so that what is wrong is told before anything is sent."""
        config = self._config
        with translated(config.where, config.servers.secrets):
            if not config.servers.is_srv:
                for host, port in config.servers.hosts:
                    await self._look_at(host, port)
            with config.certificate_options() as certificates:
                client: _Client = pymongo.AsyncMongoClient(
                    config.address, document_class=RawBSONDocument, **config.options, **certificates
                )
            try:
                await client.admin.command("ping")
            except BaseException:
                await client.close()
                raise
        return client

    async def _look_at(self, host: str, port: int) -> None:
        """Tell at once of a host that is closed to us; of one that is not found the driver tells."""
        with suppress(OSError):
            await addresses_of(host, port, self._egress)


class MongoSession:
    """A `DocumentSession`."""

    def __init__(self, client: _Client, session: AsyncClientSession, config: MongoConfig, timeout_s: float) -> None:
        self._client = client
        self._session = session
        self._config = config
        self._timeout_s = timeout_s

    async def command(self, database: str, command: Mapping[str, Tree]) -> bytes:
        """See `DocumentSession.command`."""
        with self._translated(), self._timeout():
            target = self._database(database)
            reply = await target.command(_sent(command), codec_options=RAW, session=self._session)
        return bytes(reply.raw)

    async def rows(self, database: str, command: Mapping[str, Tree]) -> AsyncIterator[Sequence[bytes]]:
        """See `DocumentSession.rows`."""
        with self._translated():
            target = self._database(database)
            with self._timeout():
                cursor = await target.cursor_command(
                    _sent(command),
                    codec_options=RAW,
                    session=self._session,
                    read_preference=self._read_preference(target),
                )
            async with cursor:
                while batch := await self._next_batch(cursor):
                    yield batch

    async def _next_batch(self, cursor: AsyncCommandCursor[RawBSONDocument]) -> list[bytes]:
        batch: list[bytes] = []
        size_bytes = 0
        with self._timeout():
            async for document in cursor:
                batch.append(bytes(document.raw))
                size_bytes += len(batch[-1])
                if len(batch) >= _BATCH_ROWS or size_bytes >= _BATCH_BYTES:
                    break
        return batch

    async def write(self, database: str, collection: str, written: Written) -> WriteResult:
        """See `DocumentSession.write`."""
        with self._translated(written.changes), self._timeout():
            documents, ids = _with_ids(written.changes)
            options = {_WRITE_OPTIONS[name]: _python(value) for name, value in written.options.items()}
            result = await self._database(database)[collection].bulk_write(
                [_operation(change, document) for change, document in zip(written.changes, documents, strict=True)],
                ordered=written.is_ordered,
                session=self._session,
                **options,
            )
        upserted = result.upserted_ids or {}
        return WriteResult(
            inserted=result.inserted_count,
            matched=result.matched_count,
            modified=result.modified_count,
            deleted=result.deleted_count,
            inserted_ids=tuple(ids),
            upserted_ids=tuple(_id_document(upserted[index]) for index in sorted(upserted)),
        )

    async def begin(self) -> None:
        """See `DocumentSession.begin`."""
        with self._translated():
            await self._session.start_transaction()

    async def commit(self) -> None:
        """See `DocumentSession.commit`."""
        with self._translated(), self._timeout():
            await self._session.commit_transaction()

    async def rollback(self) -> None:
        """See `DocumentSession.rollback`."""
        with self._translated():
            if self._session.in_transaction:
                await self._session.abort_transaction()

    async def kill(self) -> None:
        """End on the server what the session runs. Whoever runs it may do so, without further rights there."""
        with suppress(PyMongoError, TimeoutError):  # nothing more can be done: the server ends it when it sees us gone
            async with asyncio.timeout(CANCEL_S):
                await self._client.admin.command({"killSessions": [self._session.session_id]})

    def _database(self, name: str) -> AsyncDatabase[RawBSONDocument]:
        chosen = name or self._config.database
        if not chosen:
            raise BadRequest("No database is named: fill in `db` in the resource, or say `db: name` in the script.")
        return self._client[chosen]

    def _read_preference(self, database: AsyncDatabase[RawBSONDocument]) -> Any:
        """As the resource says; in a transaction all reads go to the primary."""
        return ReadPreference.PRIMARY if self._session.in_transaction else database.read_preference

    def _translated(self, changes: Sequence[Change] = ()) -> Any:
        return translated(self._config.where, self._config.servers.secrets, changes)

    def _timeout(self) -> Any:
        """The driver tells the server how long each operation may take."""
        return pymongo.timeout(self._timeout_s) if self._timeout_s else nullcontext()


_BATCH_ROWS: Final = 1000
_BATCH_BYTES: Final = 1024 * 1024
_WRITE_OPTIONS: Final = {"comment": "comment", "let": "let", "bypassDocumentValidation": "bypass_document_validation"}
_CHANGE_OPTIONS: Final = {
    "upsert": "upsert",
    "arrayFilters": "array_filters",
    "collation": "collation",
    "hint": "hint",
    "sort": "sort",
}


def _sent(command: Mapping[str, Tree]) -> dict[str, Any]:
    """A command for the driver, which adds to its top level; what is below stays BSON."""
    for name in command:
        if name in _OURS or name.startswith("$"):
            raise BadRequest(f"The part {name[:40]!r} of a command is set by the driver; leave it out.")
    return dict(_raw(dict(command)).items())


def _raw(document: dict[str, Tree]) -> RawBSONDocument:
    return RawBSONDocument(to_bson(document), RAW)


def _python(value: Tree) -> Any:
    """A value for the driver; objects stay BSON."""
    return _raw({"value": value})["value"]


def _with_ids(changes: Sequence[Change]) -> tuple[list[RawBSONDocument | None], list[bytes]]:
    """The documents that are inserted, each with an `_id`, in their places; and documents of their ids."""
    documents: list[RawBSONDocument | None] = []
    ids: list[bytes] = []
    for change in changes:
        if change.kind != "insert":
            documents.append(None)
            continue
        assert isinstance(change.document, dict)
        document: dict[str, Tree] = change.document
        if "_id" not in document:
            document = {"_id": Typed(0x07, ObjectId().binary), **document}
        documents.append(_raw(document))
        ids.append(to_bson({"_id": document["_id"]}))
    return documents, ids


def _operation(change: Change, inserted: RawBSONDocument | None) -> Any:
    if inserted is not None:
        return InsertOne(inserted)
    wanted = _raw(change.filter)
    options = {_CHANGE_OPTIONS[name]: _python(value) for name, value in change.options.items()}
    match change.kind, change.is_many:
        case "delete", False:
            return DeleteOne(wanted, **options)
        case "delete", True:
            return DeleteMany(wanted, **options)
        case "replace", _:
            return ReplaceOne(wanted, _python(change.document), **options)
        case _, many:
            return (UpdateMany if many else UpdateOne)(wanted, _python(change.document), **options)


def _id_document(value: Any) -> bytes:
    return bson.encode({"_id": value}, codec_options=RAW)
