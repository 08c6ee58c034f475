"""Multipart uploads: begun, filled and completed over many requests, servers and restarts.

What is known of an upload is in our database, the bytes of its parts in the backend. Whoever may write the key may go
on with its uploads.
"""

import time
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from itertools import pairwise
from typing import Final, Protocol
from uuid import UUID

import msgspec
import structlog

from tidemill.db import uploads
from tidemill.db.pool import Database
from tidemill.db.uploads import StoredPart, Upload
from tidemill.engine.object_rules import Access
from tidemill.model.errors import Conflict, InvalidPart, NotFound, PartTooSmall, TidemillError
from tidemill.model.identity import Principal, Role
from tidemill.model.ids import new_id
from tidemill.model.object_address import Address, parse_place
from tidemill.server.objects.access_log import AccessLog
from tidemill.server.objects.fencing import fenced, require_lease
from tidemill.server.objects.storage import Storage
from tidemill.stores.objects.checks import check_key, check_part_number
from tidemill.stores.objects.port import (
    ALWAYS,
    MIN_PART_BYTES,
    NO_ATTRIBUTES,
    Attributes,
    Condition,
    ObjectInfo,
    Part,
)

STALE_S: Final = 7 * 24 * 3600.0
"""An upload that got nothing for so long is aborted."""
REMEMBERED_S: Final = 24 * 3600.0
"""How long a completed upload answers when it is completed again."""
_FIRST: Final = UUID(int=0)

log = structlog.get_logger(__name__)


class Holder(Protocol):
    """What opens storages: `Objects`."""

    def storage(self, caller: Principal, at: Address) -> AbstractAsyncContextManager[Storage]:
        """See `Objects.storage`."""
        ...


class Uploads:
    """Every method needs `write` on the key, but for `page`, which needs it on each upload that it tells of.

    `at` is the address of the object that is being made, `upload` the id that `start` gave.
    """

    def __init__(self, holder: Holder, database: Database, access_log: AccessLog) -> None:
        self._holder = holder
        self._database = database
        self._log = access_log

    async def start(
        self,
        caller: Principal,
        at: Address,
        *,
        attributes: Attributes = NO_ATTRIBUTES,
        waits_for: UUID | None = None,
    ) -> UUID:
        """Begin an upload; its id. `waits_for`: the statement of a job whose end `settle` tells; see `choose`."""
        async with self._writable(caller, at) as storage:
            await require_lease(self._database, caller)
            backend_upload = await storage.store.start_upload(at.key, attributes=attributes)
        upload = new_id(time.time_ns() // 1_000_000)
        await uploads.create(
            self._database.single,
            upload,
            workspace=caller.workspace,
            place=at.place,
            key=at.key,
            attributes=msgspec.json.encode(attributes, enc_hook=dict),  # of the read-only metadata
            backend_upload=backend_upload,
            actor=caller.actor,
            job=caller.credential.job_id,
            waits_for=waits_for,
        )
        return upload

    async def put_part(
        self,
        caller: Principal,
        at: Address,
        upload: UUID,
        number: int,
        body: AsyncIterable[bytes],
        *,
        size_bytes: int | None = None,
    ) -> Part:
        """Store a part, also in the place of an earlier one of its number.

        Raises:
            NotFound: there is no such upload of this key under way.
            InvalidPart: its number is not 1 to 10,000.
        """
        check_part_number(number)
        body = fenced(self._database, caller, body, size_bytes=size_bytes)
        async with self._writable(caller, at) as storage:
            found = await self._under_way(caller, at, upload)
            part = await storage.store.put_part(at.key, found.backend_upload, number, body, size_bytes=size_bytes)
        kept = await uploads.put_part(
            self._database.single,
            caller.workspace,
            upload,
            number=number,
            size_bytes=part.size_bytes,
            etag=part.etag,
            receipt=part.receipt,
        )
        if not kept:
            raise _no_upload(at, upload)
        return part

    async def complete(
        self,
        caller: Principal,
        at: Address,
        upload: UUID,
        chosen: Sequence[tuple[int, str]] | None = None,
        *,
        condition: Condition = ALWAYS,
    ) -> ObjectInfo:
        """Make the object of the parts that `chosen` names by number and etag, in this order; None: of all.

        Completing once more, as after a lost answer, gives the same answer for a day.

        Raises:
            NotFound: there is no such upload of this key.
            InvalidPart: a part is not there or has another etag, or the numbers do not grow.
            PartTooSmall: one that is not the last has less than 5 MiB.
            PreconditionFailed: `condition` does not hold; the upload is still there.
        """
        async with self._writable(caller, at) as storage:
            found = await self._find(caller, at, upload)
            if found.completed_etag is not None:
                return await self._completed(storage, at, found)
            stored = await uploads.parts(self._database.single, caller.workspace, upload)
            parts = chosen_parts(stored, chosen)
            await require_lease(self._database, caller)
            info = await storage.store.complete_upload(
                at.key,
                found.backend_upload,
                parts,
                attributes=attributes_of(found),
                condition=condition,
            )
            await uploads.complete(self._database.single, caller.workspace, upload, etag=info.etag)
        self._log.note(caller, at, "write", info.size_bytes)
        return info

    async def choose(self, caller: Principal, at: Address, upload: UUID, chosen: Sequence[tuple[int, str]]) -> None:
        """Keep what an upload that waits is to be made of, instead of completing it now.

        Raises:
            NotFound, InvalidPart, PartTooSmall: see `complete`.
        """
        async with self._writable(caller, at):
            await self._under_way(caller, at, upload)
            chosen_parts(await uploads.parts(self._database.single, caller.workspace, upload), chosen)
            await require_lease(self._database, caller)
        if not await uploads.choose(
            self._database.single, caller.workspace, upload, chosen=msgspec.json.encode(chosen)
        ):
            raise _no_upload(at, upload)

    async def settle(self, caller: Principal, statement: UUID, *, keep: bool) -> list[Address]:
        """Make objects of what a statement of the caller's job has written, or remove all of it; which they are.

        What was begun and got no bytes becomes an empty object.

        Raises:
            Conflict: something was not written to its end; nothing is kept then.
        """
        job = caller.credential.job_id
        if job is None:  # nobody else has any
            return []
        await require_lease(self._database, caller)
        found = await uploads.waiting(self._database.single, caller.workspace, statement, job=job)
        broken = [each for each in found if keep and await self._is_broken(caller, each)]
        for each in found:
            at = replace(parse_place(each.place), key=each.key)
            if broken or not keep:
                await self.abort(caller, at, each.id)
            elif each.chosen is None:
                await self.abort(caller, at, each.id)
                await self._keep_empty(caller, at, _attributes(each.attributes))
            else:
                chosen = msgspec.json.decode(each.chosen, type=list[tuple[int, str]])
                await self.complete(caller, at, each.id, chosen)
        if broken:
            raise Conflict(f"{broken[0].key[:200]!r} was not written to its end, and nothing of the statement is kept.")
        return [replace(parse_place(each.place), key=each.key) for each in found if keep]

    async def _keep_empty(self, caller: Principal, at: Address, attributes: Attributes) -> None:
        body = fenced(self._database, caller, _nothing(), size_bytes=0)
        async with self._writable(caller, at) as storage:
            await storage.store.put(at.key, body, size_bytes=0, attributes=attributes)
        self._log.note(caller, at, "write", 0)

    async def _is_broken(self, caller: Principal, upload: uploads.Waiting) -> bool:
        """Whether parts are there, and nobody has said that they are all."""
        if upload.chosen is not None:
            return False
        return bool(await uploads.parts(self._database.single, caller.workspace, upload.id, limit=1))

    async def abort(self, caller: Principal, at: Address, upload: UUID) -> None:
        """Remove an upload with its parts.

        Raises:
            NotFound: there is no such upload of this key under way.
        """
        async with self._writable(caller, at) as storage:
            found = await self._under_way(caller, at, upload)
            await require_lease(self._database, caller)
            await storage.store.abort_upload(at.key, found.backend_upload)
            await uploads.delete(self._database.single, caller.workspace, upload)

    async def find(self, caller: Principal, at: Address, upload: UUID) -> Upload:
        """An upload of this key that is under way; raises NotFound."""
        async with self._writable(caller, at):
            return await self._under_way(caller, at, upload)

    async def parts(
        self, caller: Principal, at: Address, upload: UUID, *, after: int = 0, limit: int = 1000
    ) -> list[StoredPart]:
        """Up to `limit` parts with greater numbers than `after`, by number; raises NotFound."""
        async with self._writable(caller, at):
            await self._under_way(caller, at, upload)
            return await uploads.parts(self._database.single, caller.workspace, upload, after=after, limit=limit)

    async def page(
        self, caller: Principal, at: Address, *, after_key: str = "", after_id: UUID = _FIRST, limit: int = 1000
    ) -> list[Upload]:
        """Uploads under way below the key of `at`, by key and then by age, of which the caller may write the keys.

        At most `limit`, all behind that key and id; fewer mean that there are no more.
        """
        found: list[Upload] = []
        async with self._holder.storage(caller, at) as storage:
            while len(found) < limit:
                page = await uploads.page(
                    self._database.single,
                    caller.workspace,
                    at.place,
                    prefix=at.key,
                    after_key=after_key,
                    after_id=after_id,
                    limit=limit,
                )
                found += [each for each in page if storage.allows(caller, Access.WRITE, each.key)]
                if len(page) < limit:
                    break
                after_key, after_id = page[-1].key, page[-1].id
        return found[:limit]

    async def expire(self, *, limit: int = 100) -> None:
        """Abort uploads of all workspaces that nobody goes on with, and forget those that ended long ago."""
        await uploads.forget_completed(self._database.single, age_s=REMEMBERED_S)
        for each in await uploads.stale(self._database.single, age_s=STALE_S, limit=limit):
            keeper = Principal(email="upload expiry", workspace=each.workspace_id, role=Role.ADMIN)
            try:
                async with self._holder.storage(keeper, parse_place(each.place)) as storage:
                    await storage.store.abort_upload(each.key, each.backend_upload)
            except TidemillError as error:  # its storage may be gone; the backend's own expiry is left to do the rest
                log.warning("an upload was not aborted", place=each.place, code=error.code, error=str(error))
            await uploads.delete(self._database.single, each.workspace_id, each.id)

    @asynccontextmanager
    async def _writable(self, caller: Principal, at: Address) -> AsyncIterator[Storage]:
        check_key(at.key)
        async with self._holder.storage(caller, at) as storage:
            storage.require(caller, Access.WRITE, at.key)
            with storage.named():
                yield storage

    async def _under_way(self, caller: Principal, at: Address, upload: UUID) -> Upload:
        found = await self._find(caller, at, upload)
        if found.completed_etag is not None:
            raise _no_upload(at, upload)
        return found

    async def _find(self, caller: Principal, at: Address, upload: UUID) -> Upload:
        found = await uploads.find(
            self._database.look_ups, upload, workspace=caller.workspace, place=at.place, key=at.key
        )
        if found is None:
            raise _no_upload(at, upload)
        return found

    @staticmethod
    async def _completed(storage: Storage, at: Address, upload: Upload) -> ObjectInfo:
        """The answer of the first completion, as long as its object is the one that is there."""
        info = await storage.store.head(at.key)
        if info.etag != upload.completed_etag:
            raise _no_upload(at, upload.id)
        return info


def chosen_parts(stored: Sequence[StoredPart], chosen: Sequence[tuple[int, str]] | None) -> list[Part]:
    """The parts to make an object of.

    Raises:
        InvalidPart, PartTooSmall: see `Uploads.complete`.
    """
    by_number = {part.number: part for part in stored}
    wanted = [(part.number, part.etag) for part in stored] if chosen is None else list(chosen)
    if not wanted:
        raise InvalidPart("A multipart upload is completed with at least one part.")
    if any(later[0] <= earlier[0] for earlier, later in pairwise(wanted)):
        raise InvalidPart("The parts of a multipart upload are named in the order of their numbers, each once.")
    parts = [_chosen(by_number.get(number), number, etag.strip('"')) for number, etag in wanted]
    for part in parts[:-1]:
        if part.size_bytes < MIN_PART_BYTES:
            least = f"all but the last need {MIN_PART_BYTES}"
            raise PartTooSmall(f"Part {part.number} has {part.size_bytes} bytes; {least}.")
    return parts


def _chosen(stored: StoredPart | None, number: int, etag: str) -> Part:
    if stored is None:
        raise InvalidPart(f"Part {number} is not there.")
    if stored.etag != etag:
        raise InvalidPart(f"Part {number} has the ETag {stored.etag}, not {etag[:80]}.")
    return Part(number=number, size_bytes=stored.size_bytes, etag=stored.etag, receipt=stored.receipt)


def attributes_of(upload: Upload) -> Attributes:
    """The attributes that an upload was begun with."""
    return _attributes(upload.attributes)


def _attributes(raw: bytes) -> Attributes:
    return msgspec.json.decode(raw, type=Attributes)


async def _nothing() -> AsyncIterator[bytes]:
    pieces: tuple[bytes, ...] = ()
    for piece in pieces:
        yield piece


def _no_upload(at: Address, upload: UUID) -> NotFound:
    return NotFound(f"There is no upload {upload} of {at.key[:200]!r} under way.")
