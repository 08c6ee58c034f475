"""Objects in the memory of this process, gone with it: for tests and trials."""

import secrets
from bisect import bisect_left, bisect_right, insort
from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import md5
from typing import Final, Self

from tidemill.engine.egress import EVERYWHERE, Egress
from tidemill.model.errors import InvalidKey, NotFound, Unsupported
from tidemill.stores.objects import folding
from tidemill.stores.objects.checks import (
    check_batch,
    check_condition,
    check_key,
    check_limit,
    check_part_number,
    check_parts,
    check_text,
    measured,
    multipart_etag,
    resolve_range,
)
from tidemill.stores.objects.port import (
    ALWAYS,
    NO_ATTRIBUTES,
    PAGE,
    Attributes,
    Capabilities,
    Condition,
    Folder,
    ObjectInfo,
    Part,
    Reading,
    Usage,
)
from tidemill.stores.objects.remote.identity import Prove, nobody

_PIECE_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Kept:
    """An object, or a part of one (without a key), as it lies in memory."""

    info: ObjectInfo
    content: bytes


@dataclass(frozen=True, slots=True)
class _Upload:
    key: str
    attributes: Attributes
    parts: dict[int, _Kept] = field(default_factory=dict)


class MemoryStore:
    """An `ObjectStore` that keeps whole objects in a dictionary."""

    def __init__(self) -> None:
        self._objects: dict[str, _Kept] = {}
        self._keys: list[str] = []
        self._uploads: dict[str, _Upload] = {}

    @classmethod
    def open(cls, value: Mapping[str, object], *, egress: Egress = EVERYWHERE, prove: Prove = nobody) -> Self:
        """A new, empty store; there is nothing to set."""
        del value, egress, prove
        return cls()

    @property
    def can(self) -> Capabilities:
        """All but addresses that lead past us."""
        return Capabilities()

    async def head(self, key: str) -> ObjectInfo:
        """See `ObjectStore.head`."""
        return self._kept(key).info

    async def get(self, key: str, *, start: int = 0, end: int | None = None, etag: str = "") -> Reading:
        """See `ObjectStore.get`."""
        kept = self._kept(key)
        if etag:
            check_condition(key, kept.info.etag, Condition(etag=etag))
        first, last = resolve_range(len(kept.content), start, end)
        return Reading(kept.info, first, last, _pieces(kept.content, first, last))

    async def put(
        self,
        key: str,
        body: AsyncIterable[bytes],
        *,
        size_bytes: int | None = None,
        attributes: Attributes = NO_ATTRIBUTES,
        condition: Condition = ALWAYS,
    ) -> ObjectInfo:
        """See `ObjectStore.put`."""
        check_key(key)
        content = await _collect(body, size_bytes)
        return self._keep(key, content, _md5(content), attributes=attributes, condition=condition)

    async def delete(self, key: str, *, etag: str = "") -> None:
        """See `ObjectStore.delete`."""
        check_key(key)
        if etag:
            present = self._objects.get(key)
            check_condition(key, present.info.etag if present else None, Condition(etag=etag))
        if self._objects.pop(key, None) is not None:
            del self._keys[bisect_left(self._keys, key)]

    async def delete_many(self, keys: Sequence[str]) -> Mapping[str, Exception]:
        """See `ObjectStore.delete_many`."""
        check_batch(keys)
        failed: dict[str, Exception] = {}
        for key in keys:
            try:
                await self.delete(key)
            except InvalidKey as error:
                failed[key] = error
        return failed

    async def copy(
        self, source: str, target: str, *, attributes: Attributes | None = None, condition: Condition = ALWAYS
    ) -> ObjectInfo:
        """See `ObjectStore.copy`."""
        check_key(target)
        kept = self._kept(source)
        beside = attributes if attributes is not None else kept.info.attributes or NO_ATTRIBUTES
        return self._keep(target, kept.content, kept.info.etag, attributes=beside, condition=condition)

    async def scan(self, prefix: str, *, after: str = "", limit: int = PAGE) -> list[ObjectInfo]:
        """See `ObjectStore.scan`. Texts sort by code points, which is the byte order of their UTF-8."""
        check_limit(limit)
        check_text(prefix + after)
        place = bisect_left(self._keys, prefix) if after < prefix else bisect_right(self._keys, after)
        page = self._keys[place : place + limit]
        return [replace(self._objects[key].info, attributes=None) for key in page if key.startswith(prefix)]

    async def scan_folder(
        self, prefix: str, *, delimiter: str = "/", after: str = "", limit: int = PAGE
    ) -> list[ObjectInfo | Folder]:
        """See `ObjectStore.scan_folder`."""
        check_limit(limit)
        return await folding.scan_folder(self.scan, prefix, delimiter=delimiter, after=after, limit=limit)

    async def usage(self, prefix: str = "", *, depth: int = 1, delimiter: str = "/") -> list[Usage]:
        """See `Counting.usage`."""
        sizes = ((key, len(kept.content)) for key, kept in self._objects.items() if key.startswith(prefix))
        return folding.summed(sizes, prefix, depth=depth, delimiter=delimiter)

    async def start_upload(self, key: str, *, attributes: Attributes = NO_ATTRIBUTES) -> str:
        """See `ObjectStore.start_upload`; there is no restart here."""
        check_key(key)
        upload = secrets.token_hex(16)
        self._uploads[upload] = _Upload(key, attributes)
        return upload

    async def put_part(
        self, key: str, upload: str, number: int, body: AsyncIterable[bytes], *, size_bytes: int | None = None
    ) -> Part:
        """See `ObjectStore.put_part`."""
        check_part_number(number)
        self._upload(key, upload)
        content = await _collect(body, size_bytes)
        info = _info("", content, _md5(content))
        self._upload(key, upload).parts[number] = _Kept(info, content)
        return Part(number=number, size_bytes=len(content), etag=info.etag)

    async def complete_upload(
        self,
        key: str,
        upload: str,
        parts: Sequence[Part],
        *,
        attributes: Attributes = NO_ATTRIBUTES,
        condition: Condition = ALWAYS,
    ) -> ObjectInfo:
        """See `ObjectStore.complete_upload`; the attributes are those that the upload was begun with."""
        found = self._upload(key, upload)
        check_parts(parts, {number: kept.info.etag for number, kept in found.parts.items()})
        content = b"".join(found.parts[part.number].content for part in parts)
        etag = multipart_etag([part.etag for part in parts])
        info = self._keep(key, content, etag, attributes=found.attributes, condition=condition)
        del self._uploads[upload]
        return info

    async def abort_upload(self, key: str, upload: str) -> None:
        """See `ObjectStore.abort_upload`."""
        if upload in self._uploads and self._uploads[upload].key == key:
            del self._uploads[upload]

    async def sign(self, method: str, key: str, *, expires_s: int) -> str:
        """Raises Unsupported: the memory of a process has no address."""
        raise Unsupported("Objects in memory have no address of their own; read them through Tidemill.")

    async def close(self) -> None:
        """Nothing to let go of."""

    def _kept(self, key: str) -> _Kept:
        check_key(key)
        if key not in self._objects:
            raise NotFound(f"There is no object {key!r}.")
        return self._objects[key]

    def _upload(self, key: str, upload: str) -> _Upload:
        found = self._uploads.get(upload)
        if found is None or found.key != key:
            raise NotFound(f"There is no upload {upload[:80]!r} for the key {key!r}: begin one.")
        return found

    def _keep(self, key: str, content: bytes, etag: str, *, attributes: Attributes, condition: Condition) -> ObjectInfo:
        present = self._objects.get(key)
        check_condition(key, present.info.etag if present else None, condition)
        info = replace(_info(key, content, etag), attributes=attributes)
        self._objects[key] = _Kept(info, content)
        if present is None:
            insort(self._keys, key)
        return info


def _info(key: str, content: bytes, etag: str) -> ObjectInfo:
    return ObjectInfo(key=key, size_bytes=len(content), modified_at=datetime.now(UTC), etag=etag)


def _md5(content: bytes) -> str:
    return md5(content, usedforsecurity=False).hexdigest()


async def _collect(body: AsyncIterable[bytes], size_bytes: int | None) -> bytes:
    return b"".join([piece async for piece in measured(body, size_bytes)])


async def _pieces(content: bytes, start: int, end: int) -> AsyncIterator[bytes]:
    for place in range(start, end, _PIECE_BYTES):
        yield content[place : min(end, place + _PIECE_BYTES)]
