"""An `ObjectStore` in a container of Azure Blob Storage."""

from collections.abc import AsyncIterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, Self

from tidemill.engine.egress import EVERYWHERE, Egress
from tidemill.model.errors import InvalidKey, Unsupported
from tidemill.stores.objects.azure.attributes import attribute_headers
from tidemill.stores.objects.azure.client import AzureClient
from tidemill.stores.objects.azure.config import LOGIN, AzureConfig
from tidemill.stores.objects.azure.copying import condition_headers, copy_blob, copy_with_attributes
from tidemill.stores.objects.azure.listing import Listings
from tidemill.stores.objects.azure.machine import Lender, LentTokens
from tidemill.stores.objects.azure.uploads import Uploads
from tidemill.stores.objects.checks import check_batch, check_part_number, fine_if_missing, measured
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
)
from tidemill.stores.objects.remote import reading
from tidemill.stores.objects.remote.bodies import HELD_BYTES, Body, Source, Streamed
from tidemill.stores.objects.remote.fields import Fields
from tidemill.stores.objects.remote.headers import read_etag, read_time
from tidemill.stores.objects.remote.hidden import check_visible
from tidemill.stores.objects.remote.identity import Prove, nobody
from tidemill.stores.objects.remote.pages import sort_out
from tidemill.stores.objects.remote.together import each
from tidemill.stores.objects.remote.ways import Ways
from tidemill.stores.renewed import Now, utc_now

MAX_PUT_BYTES: Final = 4000 * 1024**2
"""Of one request."""
_MAX_SEGMENTS: Final = 254
_FORBIDDEN_SEGMENTS: Final = frozenset({"", ".", ".."})


class AzureStore:
    """An account key opens the whole account; a shared access signature or an identity may open less."""

    def __init__(
        self,
        config: AzureConfig,
        *,
        now: Now = utc_now,
        egress: Egress = EVERYWHERE,
        prove: Prove = nobody,
        lent: LentTokens | None = None,
    ) -> None:
        """`prove` is asked for federated tokens of an identity without a secret; `lent` are tokens of the machine."""
        self._config = config
        self._client = AzureClient(config, now=now, egress=egress, prove=prove, lent=lent)
        self._listings = Listings(self._client)
        self._uploads = Uploads(self._client)

    @classmethod
    def open(cls, value: Mapping[str, object], *, egress: Egress, prove: Prove = nobody) -> Self:
        """As a resource `azure_blob` says; see `AzureConfig.of`."""
        return cls(AzureConfig.of(value), egress=egress, prove=prove)

    @property
    def can(self) -> Capabilities:
        """Azure reads paths as folders of a disk, so some keys cannot be kept."""
        return Capabilities(signed_urls=bool(self._config.access_key), any_key=False)

    def ways(self) -> Ways:
        """See `Remote.ways`."""
        return self._client.ways()

    async def head(self, key: str) -> ObjectInfo:
        """See `ObjectStore.head`."""
        _check(key)
        return await self._client.head(key)

    async def get(self, key: str, *, start: int = 0, end: int | None = None, etag: str = "") -> Reading:
        """See `ObjectStore.get`."""
        _check(key)
        return await reading.get(self._client, key, start=start, end=end, etag=etag)

    async def put(
        self,
        key: str,
        body: AsyncIterable[bytes],
        *,
        size_bytes: int | None = None,
        attributes: Attributes = NO_ATTRIBUTES,
        condition: Condition = ALWAYS,
    ) -> ObjectInfo:
        """See `ObjectStore.put`. By one request where the size is known, and otherwise by way of parts."""
        _check(key)
        source = Source(measured(body, size_bytes))
        first = await source.take(HELD_BYTES)
        if await source.is_at_end():
            return await self._put_whole(key, first, attributes, condition)
        if size_bytes is not None and size_bytes <= MAX_PUT_BYTES:
            return await self._put_whole(key, Streamed(source.rest(first), size_bytes), attributes, condition)
        return await self._uploads.put(
            key, source, first, size_bytes=size_bytes, attributes=attributes, condition=condition
        )

    async def delete(self, key: str, *, etag: str = "") -> None:
        """See `ObjectStore.delete`."""
        _check(key)
        headers = {"x-ms-delete-snapshots": "include", **condition_headers(Condition(etag=etag))}
        with fine_if_missing(key, etag):
            await self._client.call("DELETE", key, what=f"delete the object {key!r}", headers=headers, once=bool(etag))

    async def delete_many(self, keys: Sequence[str]) -> Mapping[str, Exception]:
        """See `ObjectStore.delete_many`."""
        check_batch(keys)
        failed, good = sort_out(keys)
        return failed | await each(good, self.delete)

    async def copy(
        self, source: str, target: str, *, attributes: Attributes | None = None, condition: Condition = ALWAYS
    ) -> ObjectInfo:
        """See `ObjectStore.copy`."""
        _check(source)
        _check(target)
        what = f"copy the object {source!r}"
        info = await self._client.head(source)
        if attributes is None:
            return await copy_blob(self._client, info, target, what=what, condition=condition)
        return await copy_with_attributes(
            self._client, info, target, attributes=attributes, what=what, condition=condition
        )

    async def scan(self, prefix: str, *, after: str = "", limit: int = PAGE) -> list[ObjectInfo]:
        """See `ObjectStore.scan`."""
        page = await self._listings.scan(prefix, delimiter="", after=after, limit=limit)
        return [entry for entry in page if isinstance(entry, ObjectInfo)]

    async def scan_folder(
        self, prefix: str, *, delimiter: str = "/", after: str = "", limit: int = PAGE
    ) -> list[ObjectInfo | Folder]:
        """See `ObjectStore.scan_folder`."""
        return await self._listings.scan(prefix, delimiter=delimiter, after=after, limit=limit)

    async def start_upload(self, key: str, *, attributes: Attributes = NO_ATTRIBUTES) -> str:
        """See `ObjectStore.start_upload`."""
        _check(key)
        return await self._uploads.start(key, attributes)

    async def put_part(
        self, key: str, upload: str, number: int, body: AsyncIterable[bytes], *, size_bytes: int | None = None
    ) -> Part:
        """See `ObjectStore.put_part`."""
        _check(key)
        check_part_number(number)
        return await self._uploads.put_part(key, upload, number, body, size_bytes=size_bytes)

    async def complete_upload(
        self,
        key: str,
        upload: str,
        parts: Sequence[Part],
        *,
        attributes: Attributes = NO_ATTRIBUTES,
        condition: Condition = ALWAYS,
    ) -> ObjectInfo:
        """See `ObjectStore.complete_upload`."""
        _check(key)
        return replace(await self._uploads.complete(key, upload, parts, condition), attributes=attributes)

    async def abort_upload(self, key: str, upload: str) -> None:
        """See `ObjectStore.abort_upload`."""
        _check(key)
        await self._uploads.abort(key, upload)

    async def sign(self, method: str, key: str, *, expires_s: int) -> str:
        """See `ObjectStore.sign`. To write, Azure wants a header that no address can hold."""
        _check(key)
        if not self.can.signed_urls or method != "GET":
            raise Unsupported("Azure signs addresses to read only, and with accessKey only; go through Tidemill.")
        return self._client.presign(key, expires_s=expires_s)

    async def close(self) -> None:
        """See `ObjectStore.close`."""
        await self._client.close()

    async def _put_whole(self, key: str, body: Body, attributes: Attributes, condition: Condition) -> ObjectInfo:
        headers = {"x-ms-blob-type": "BlockBlob", **attribute_headers(attributes), **condition_headers(condition)}
        answer = await self._client.call(
            "PUT", key, what=f"write the object {key!r}", headers=headers, body=body, once=condition != ALWAYS
        )
        return ObjectInfo(
            key=key,
            size_bytes=body.size_bytes,
            modified_at=read_time(answer.headers.get("last-modified", "")),
            etag=read_etag(answer.headers),
            attributes=attributes,
        )


class IdentityStore(AzureStore):
    """A container that is reached by an identity, without a secret."""

    @classmethod
    def open(cls, value: Mapping[str, object], *, egress: Egress, prove: Prove = nobody) -> Self:
        """As a resource `azure_workload_identity` says; see `AzureConfig.of_identity`."""
        return cls(AzureConfig.of_identity(value), egress=egress, prove=prove)


class InstanceStore(AzureStore):
    """A container of the instance's own, whose settings may name another cloud's login. No resource leads to it."""

    @classmethod
    def open(cls, value: Mapping[str, object], *, egress: Egress, prove: Prove = nobody) -> Self:
        """As a resource `azure_blob`, and with `loginEndPoint`."""
        config = AzureConfig.of(value)
        if config.identity is not None:
            login = Fields(value).text("loginEndPoint", LOGIN).rstrip("/")
            config = replace(config, identity=replace(config.identity, login=login))
        return cls(config, egress=egress, prove=prove)


class MachineStore(AzureStore):
    """A container that is reached by the managed identity of this machine or container. No resource leads to it."""

    @classmethod
    def open(cls, value: Mapping[str, object], *, egress: Egress, prove: Prove = nobody) -> Self:
        """As a resource `azure_blob` without credentials, and with what `Lender.of` reads."""
        return cls(AzureConfig.of_machine(value), egress=egress, lent=LentTokens(Lender.of(value), now=utc_now))


def _check(key: str) -> None:
    """Raises InvalidKey also for what Azure would keep as another key, or not at all."""
    check_visible(key)
    segments = key.removesuffix("/").split("/")  # one at the end is kept: many clients mark folders so
    if not _FORBIDDEN_SEGMENTS.isdisjoint(segments) or "\\" in key or len(segments) > _MAX_SEGMENTS:
        raise InvalidKey(
            f"Azure keeps no key like {key[:80]!r}: it has no empty segments, none of dots, no backslashes, and "
            f"at most {_MAX_SEGMENTS} segments."
        )
    if any(character < " " or character in "\x7f\ufffe\uffff" for character in key):
        raise InvalidKey(f"Azure keeps no key like {key[:80]!r}: it has no control characters.")
