"""Objects of a workspace, for everybody who reaches them: the API, the SDK's helpers, previews, the S3 gateway.

Each call names its caller; nothing here is reached without a decision about the exact key that the store gets.
"""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Self

from tidemill.db.keys import Keyring
from tidemill.db.pool import Database
from tidemill.engine.object_rules import Access, Verdict
from tidemill.model.errors import Conflict
from tidemill.model.identity import Principal
from tidemill.model.object_address import Address, parse_place
from tidemill.server.objects.access_log import AccessLog
from tidemill.server.objects.body import Body
from tidemill.server.objects.fencing import fenced, require_lease
from tidemill.server.objects.listing import Listing, visible_page
from tidemill.server.objects.opened import OpenStores
from tidemill.server.objects.ranged import RangedObject
from tidemill.server.objects.storage import Storage
from tidemill.server.objects.uploads import Uploads
from tidemill.server.objects.way import Opener, Ways, open_way
from tidemill.stores.objects.checks import check_key
from tidemill.stores.objects.port import (
    ALWAYS,
    NO_ATTRIBUTES,
    PAGE,
    Attributes,
    Condition,
    Folder,
    ObjectInfo,
    Reading,
)

Release = Callable[[], Awaitable[None]]


class Objects:
    """The one object service; `uploads` are the multipart ones. Use it as `async with`."""

    def __init__(self, database: Database, keyring: Keyring, opener: Opener, access_log: AccessLog) -> None:
        self._database = database
        self._opener = opener
        self._ways = Ways(database, keyring)
        self._stores = OpenStores()
        self._log = access_log
        self.uploads = Uploads(self, database, access_log)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stores.close()

    def check_folder(self, path: str) -> None:
        """See `Opener.check_folder`."""
        self._opener.check_folder(path)

    async def flush_log(self) -> None:
        """Write the accesses that were noted so far, for who is about to read them."""
        await self._log.flush()

    async def erase(self, workspace: str) -> None:
        """Remove the objects that the instance itself keeps for a workspace, which is deleted or made anew."""
        await self._stores.forget(lambda place: place[0] == workspace)
        await self._opener.erase(workspace)

    @asynccontextmanager
    async def storage(self, caller: Principal, at: Address) -> AsyncIterator[Storage]:
        """The storage of `at` as `caller` has it; its store stays open within the block.

        Raises:
            NotFound: there is no such storage or resource, as far as the caller may know.
            Denied: the caller may not read the value of the resource.
            StorageMisconfigured: it leads nowhere.
        """
        storage, release = await self._hold(caller, at)
        try:
            yield storage
        finally:
            await release()

    async def reach(self, caller: Principal, at: Address) -> str:
        """Ask the store of `at` for something, and tell nothing of it but what answered.

        Raises:
            StorageDenied, StorageMisconfigured, Unavailable: it does not answer; the message says why.
        """
        async with self.storage(caller, at) as storage:
            with storage.named():
                await storage.store.scan("", limit=1)
            return storage.label

    async def head(self, caller: Principal, at: Address) -> ObjectInfo:
        """See `ObjectStore.head`; needs `read`."""
        async with self._allowed(caller, at, Access.READ) as storage:
            return await storage.store.head(at.key)

    async def get(
        self, caller: Principal, at: Address, *, start: int = 0, end: int | None = None, etag: str = ""
    ) -> Reading:
        """See `ObjectStore.get`; needs `read`. The body must be read to its end or closed."""
        check_key(at.key)
        storage, release = await self._hold(caller, at)
        try:
            storage.require(caller, Access.READ, at.key)
            with storage.named():
                reading = await storage.store.get(at.key, start=start, end=end, etag=etag)
        except BaseException:
            await release()
            raise
        self._log.note(caller, at, "read", reading.end - reading.start)
        return replace(reading, body=Body(reading.body, storage, release))

    @asynccontextmanager
    async def ranged(self, caller: Principal, at: Address) -> AsyncIterator[RangedObject]:
        """The object as it is now, of which parts are read within the block; needs `read`, and is noted as one access.

        Raises:
            NotFound: there is none.
        """
        check_key(at.key)
        async with self.storage(caller, at) as storage:
            storage.require(caller, Access.READ, at.key)
            with storage.named():
                info = await storage.store.head(at.key)
            ranged = RangedObject(storage, info)
            try:
                yield ranged
            finally:
                self._log.note(caller, at, "read", ranged.read_bytes)

    async def put(
        self,
        caller: Principal,
        at: Address,
        body: AsyncIterable[bytes],
        *,
        size_bytes: int | None = None,
        attributes: Attributes = NO_ATTRIBUTES,
        condition: Condition = ALWAYS,
    ) -> ObjectInfo:
        """See `ObjectStore.put`; needs `write`, whether or not an object is there."""
        body = fenced(self._database, caller, body, size_bytes=size_bytes)
        async with self._allowed(caller, at, Access.WRITE) as storage:
            info = await storage.store.put(
                at.key, body, size_bytes=size_bytes, attributes=attributes, condition=condition
            )
        self._log.note(caller, at, "write", info.size_bytes)
        return info

    async def delete(self, caller: Principal, at: Address, *, etag: str = "") -> None:
        """See `ObjectStore.delete`; needs `delete`."""
        async with self._allowed(caller, at, Access.DELETE) as storage:
            await require_lease(self._database, caller)
            await storage.store.delete(at.key, etag=etag)
        self._log.note(caller, at, "delete")

    async def delete_many(self, caller: Principal, at: Address, keys: Sequence[str]) -> Mapping[str, Exception]:
        """See `ObjectStore.delete_many`; `at` says where. Keys that the caller may not delete stay, with `Denied`."""
        for key in keys:
            check_key(key)
        async with self.storage(caller, at) as storage:
            refused: dict[str, Exception] = {
                key: storage.denied(caller, Access.DELETE, key)
                for key in keys
                if not storage.allows(caller, Access.DELETE, key)
            }
            allowed = [key for key in keys if key not in refused]
            await require_lease(self._database, caller)
            with storage.named():
                failed = await storage.store.delete_many(allowed) if allowed else {}
        for key in allowed:
            if key not in failed:
                self._log.note(caller, at.at(key), "delete")
        return {**refused, **failed}

    async def copy(
        self,
        caller: Principal,
        source: Address,
        target: Address,
        *,
        attributes: Attributes | None = None,
        condition: Condition = ALWAYS,
    ) -> ObjectInfo:
        """As `ObjectStore.copy`, from one storage to another too; needs `read` on the source and `write` on the target.

        Within a storage the store copies by itself; between two, the bytes are streamed through us.
        """
        async with self._decided(caller, source, Access.READ), self._allowed(caller, target, Access.WRITE) as storage:
            if source.place == target.place:
                await require_lease(self._database, caller)
                info = await storage.store.copy(source.key, target.key, attributes=attributes, condition=condition)
                self._log.note(caller, source, "read", info.size_bytes)
                self._log.note(caller, target, "write", info.size_bytes)
                return info
        return await self._stream(caller, source, target, attributes=attributes, condition=condition)

    async def move(self, caller: Principal, source: Address, target: Address, *, condition: Condition = ALWAYS) -> None:
        """Copy and then delete the source; needs `delete` on it as well. A break in between leaves both.

        Raises:
            Conflict: the source was written meanwhile; it is still there.
        """
        if source == target:
            return
        async with self._decided(caller, source, Access.DELETE) as storage:
            with storage.named():
                before = await storage.store.head(source.key)
            await self.copy(caller, source, target, condition=condition)
            with storage.named():
                after = await storage.store.head(source.key)
                if (before.etag, before.modified_at) != (after.etag, after.modified_at):
                    why = f"{source.key[:200]!r} was written while it was moved; both are there."
                    raise Conflict(f"{storage.label}: {why}")
                await require_lease(self._database, caller)
                await storage.store.delete(source.key)
        self._log.note(caller, source, "delete")

    async def scan(self, caller: Principal, at: Address, *, after: str = "", limit: int = PAGE) -> Listing[ObjectInfo]:
        """As `ObjectStore.scan` with the key of `at` as the prefix: the objects that the caller may list.

        Raises:
            Denied: no key below the prefix could be listed.
        """
        async with self.storage(caller, at) as storage:
            return await visible_page(
                lambda place, count: storage.store.scan(at.key, after=place, limit=count),
                storage,
                caller,
                prefix=at.key,
                after=after,
                limit=limit,
            )

    async def scan_folder(
        self, caller: Principal, at: Address, *, delimiter: str = "/", after: str = "", limit: int = PAGE
    ) -> Listing[ObjectInfo | Folder]:
        """As `scan`, with keys folded at the delimiter; folders in which nothing could be listed are left out."""
        async with self.storage(caller, at) as storage:
            return await visible_page(
                lambda place, count: storage.store.scan_folder(at.key, delimiter=delimiter, after=place, limit=count),
                storage,
                caller,
                prefix=at.key,
                after=after,
                limit=limit,
            )

    async def sign(self, caller: Principal, method: str, at: Address, *, expires_s: int) -> str:
        """See `ObjectStore.sign`: an address that leads past us, so what comes by it is noted as one access here."""
        access = Access.READ if method == "GET" else Access.WRITE
        async with self._allowed(caller, at, access) as storage:
            url = await storage.store.sign(method, at.key, expires_s=expires_s)
        self._log.note(caller, at, "read" if access is Access.READ else "write")
        return url

    async def reader(self, caller: Principal, place: str) -> Callable[[str], bool]:
        """Tells of keys at a place (`Address.place`) whether `caller` may read them; raises as `storage` does."""
        async with self.storage(caller, parse_place(place)) as storage:
            return lambda key: storage.allows(caller, Access.READ, key)

    async def explain(self, caller: Principal, at: Address, access: Access) -> Verdict:
        """Which rule decides whether `caller` may do `access` with this key, and why."""
        async with self.storage(caller, at) as storage:
            return storage.decide(caller, access, at.key)

    async def _stream(
        self,
        caller: Principal,
        source: Address,
        target: Address,
        *,
        attributes: Attributes | None,
        condition: Condition,
    ) -> ObjectInfo:
        reading = await self.get(caller, source)
        body = reading.body
        assert isinstance(body, Body)
        try:
            kept = reading.info.attributes or NO_ATTRIBUTES
            return await self.put(
                caller,
                target,
                body,
                size_bytes=reading.end - reading.start,
                attributes=kept if attributes is None else attributes,
                condition=condition,
            )
        finally:
            await body.aclose()

    @asynccontextmanager
    async def _allowed(self, caller: Principal, at: Address, access: Access) -> AsyncIterator[Storage]:
        """As `_decided`; errors of the store in the block are named after the storage."""
        async with self._decided(caller, at, access) as storage:
            with storage.named():
                yield storage

    @asynccontextmanager
    async def _decided(self, caller: Principal, at: Address, access: Access) -> AsyncIterator[Storage]:
        """The storage, after the decision on the key."""
        check_key(at.key)
        async with self.storage(caller, at) as storage:
            storage.require(caller, access, at.key)
            yield storage

    async def _hold(self, caller: Principal, at: Address) -> tuple[Storage, Release]:
        way = await self._ways.find(caller, at)
        opened = await self._stores.hold(
            (caller.workspace, at.place, way.config if at.resource else None),
            way.config,
            lambda: open_way(self._opener, caller.workspace, at, way=way),
        )
        storage = Storage(
            address=at.at(""),
            kind=way.kind,
            store=opened.store,
            rules=way.rules,
            read_only=way.read_only,
            passed_over=way.passed_over,
        )

        async def release() -> None:
            await self._stores.release(opened)

        return storage, release
