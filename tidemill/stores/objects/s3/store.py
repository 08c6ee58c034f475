"""An `ObjectStore` in a bucket of S3."""

from collections.abc import AsyncGenerator, AsyncIterable, Mapping, Sequence
from contextlib import suppress
from typing import Self, cast

from tidemill.engine.egress import EVERYWHERE, Egress
from tidemill.engine.sigv4 import MAX_EXPIRES_S
from tidemill.model.errors import Unsupported
from tidemill.stores.objects.checks import (
    check_batch,
    check_key,
    check_part_number,
    check_parts,
    fine_if_missing,
    measured,
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
    Told,
)
from tidemill.stores.objects.remote import reading
from tidemill.stores.objects.remote.bodies import HELD_BYTES, Body, Source, sealed, sized
from tidemill.stores.objects.remote.headers import read_etag, read_time
from tidemill.stores.objects.remote.identity import Prove, nobody
from tidemill.stores.objects.remote.pages import sort_out
from tidemill.stores.objects.remote.parts import part_bytes
from tidemill.stores.objects.remote.ways import Ways
from tidemill.stores.objects.s3 import listing
from tidemill.stores.objects.s3.client import S3Client
from tidemill.stores.objects.s3.conditions import OTHER, Conditions, Learned, Style
from tidemill.stores.objects.s3.config import S3Config
from tidemill.stores.objects.s3.copying import MAX_COPY_BYTES, copy_whole
from tidemill.stores.objects.s3.credentials import AssumedRole, Credentials, fixed
from tidemill.stores.objects.s3.deleting import delete_batch
from tidemill.stores.objects.s3.headers import attribute_headers
from tidemill.stores.objects.s3.machine import Lender, LentKeys
from tidemill.stores.objects.s3.uploads import Uploads, under_a_condition
from tidemill.stores.renewed import Now, utc_now


class S3Store:
    """An `ObjectStore` in a bucket of S3."""

    def __init__(
        self,
        config: S3Config,
        *,
        credentials: Credentials | None = None,
        now: Now = utc_now,
        learned: Learned | None = None,
        max_copy_bytes: int = MAX_COPY_BYTES,
        egress: Egress = EVERYWHERE,
    ) -> None:
        """`credentials`: those of the configuration unless given. `learned`: what another store on the same server
        found out about it.
        """
        self._client = S3Client(config, credentials or fixed(config), now=now, egress=egress)
        self._has_keys = credentials is not None or config.access_key != ""
        self._conditions = Conditions(self._client, learned or Learned())
        self._uploads = Uploads(self._client, self._conditions)
        self._max_copy_bytes = max_copy_bytes

    @classmethod
    def open(cls, value: Mapping[str, object], *, egress: Egress, prove: Prove = nobody) -> Self:
        """As a resource `s3` says; see `S3Config.of`."""
        return cls(S3Config.of(value), egress=egress)

    @property
    def can(self) -> Capabilities:
        """What is known of the server; conditions count as decided until one was tried, see `learn`."""
        learned = self._conditions.learned
        conditional = learned.style is not Style.NONE
        return Capabilities(
            signed_urls=self._has_keys,
            conditional=conditional,
            conditional_uploads=conditional and learned.on_complete is not False,
            conditional_deletes=learned.on_delete is not Style.NONE,
        )

    async def learn(self) -> Learned:
        """Try out what the server does with conditions."""
        with suppress(Unsupported):
            await self._conditions.for_complete(Condition(create=True))
        with suppress(Unsupported):
            await self._conditions.for_delete(OTHER)
        return self._conditions.learned

    def ways(self) -> Ways:
        """See `Remote.ways`."""
        return self._client.ways()

    async def head(self, key: str) -> ObjectInfo:
        """See `ObjectStore.head`."""
        check_key(key)
        return await self._client.head(key)

    async def get(self, key: str, *, start: int = 0, end: int | None = None, etag: str = "") -> Reading:
        """See `ObjectStore.get`."""
        check_key(key)
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
        """See `ObjectStore.put`. Large objects go as parts where that can be done in one step."""
        check_key(key)
        headers = attribute_headers(attributes)
        conditional = await self._conditions.for_put(condition)
        source = Source(measured(body, size_bytes))
        first = await source.take(part_bytes(1, size_bytes))
        if await source.is_at_end():
            whole = sealed(first, body)
            return await self._put_whole(key, whole, headers=headers | conditional, attributes=attributes)
        if conditional and not await self._conditions.on_complete():
            async with sized(source, first, size_bytes) as streamed:
                return await self._put_whole(key, streamed, headers=headers | conditional, attributes=attributes)
        return await self._uploads.put(
            key, source, first, size_bytes=size_bytes, attributes=attributes, condition=condition
        )

    async def delete(self, key: str, *, etag: str = "") -> None:
        """See `ObjectStore.delete`."""
        check_key(key)
        headers = await self._conditions.for_delete(etag)
        with fine_if_missing(key, etag):
            await self._client.call("DELETE", key, what=f"delete the object {key!r}", headers=headers, once=bool(etag))

    async def delete_many(self, keys: Sequence[str]) -> Mapping[str, Exception]:
        """See `ObjectStore.delete_many`."""
        check_batch(keys)
        failed, good = sort_out(keys)
        return failed | await delete_batch(self._client, good)

    async def copy(
        self, source: str, target: str, *, attributes: Attributes | None = None, condition: Condition = ALWAYS
    ) -> ObjectInfo:
        """See `ObjectStore.copy`. S3 decides no conditions when it copies, so the bytes then come through us."""
        check_key(source)
        check_key(target)
        info = await self.head(source)
        kept = attributes if attributes is not None else info.attributes or NO_ATTRIBUTES
        if condition != ALWAYS:
            return await self._copy_through_us(info, target, kept, condition)
        if source == target and kept == info.attributes:
            return info
        if info.size_bytes > self._max_copy_bytes:
            return await self._uploads.copy(info, target, attributes=kept, max_bytes=self._max_copy_bytes)
        return await copy_whole(self._client, info, target, attributes)

    async def scan(self, prefix: str, *, after: str = "", limit: int = PAGE) -> list[ObjectInfo]:
        """See `ObjectStore.scan`."""
        page = await listing.scan(self._client, prefix, delimiter="", after=after, limit=limit)
        objects = [entry for entry in page if isinstance(entry, ObjectInfo)]
        return Told(objects) if isinstance(page, Told) else objects

    async def scan_folder(
        self, prefix: str, *, delimiter: str = "/", after: str = "", limit: int = PAGE
    ) -> list[ObjectInfo | Folder]:
        """See `ObjectStore.scan_folder`."""
        return await listing.scan(self._client, prefix, delimiter=delimiter, after=after, limit=limit)

    async def start_upload(self, key: str, *, attributes: Attributes = NO_ATTRIBUTES) -> str:
        """See `ObjectStore.start_upload`."""
        check_key(key)
        return await self._uploads.start(key, attributes)

    async def put_part(
        self, key: str, upload: str, number: int, body: AsyncIterable[bytes], *, size_bytes: int | None = None
    ) -> Part:
        """See `ObjectStore.put_part`."""
        check_key(key)
        check_part_number(number)
        source = Source(measured(body, size_bytes))
        first = await source.take(HELD_BYTES)
        if await source.is_at_end():
            return await self._uploads.put_part(key, upload, number, sealed(first, body))
        async with sized(source, first, size_bytes) as part:
            return await self._uploads.put_part(key, upload, number, part)

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
        check_key(key)
        check_parts(parts, {part.number: part.etag for part in parts})
        await self._uploads.check(key, upload)
        return await self._uploads.complete(key, upload, parts, attributes=attributes, condition=condition)

    async def abort_upload(self, key: str, upload: str) -> None:
        """See `ObjectStore.abort_upload`."""
        check_key(key)
        await self._uploads.abort(key, upload)

    async def sign(self, method: str, key: str, *, expires_s: int) -> str:
        """See `ObjectStore.sign`. At most a week."""
        check_key(key)
        if not self.can.signed_urls:
            raise Unsupported("An address can only be signed with keys; the storage's resource has none.")
        return await self._client.presign(method, key, expires_s=min(expires_s, MAX_EXPIRES_S))

    async def close(self) -> None:
        """See `ObjectStore.close`."""
        await self._client.close()

    async def _put_whole(
        self, key: str, body: Body, *, headers: Mapping[str, str], attributes: Attributes
    ) -> ObjectInfo:
        once = "if-match" in headers or "if-none-match" in headers
        with under_a_condition(key, headers):
            answer = await self._client.call(
                "PUT", key, what=f"write the object {key!r}", headers=headers, body=body, once=once
            )
        return ObjectInfo(
            key=key,
            size_bytes=body.size_bytes,
            modified_at=read_time(answer.headers.get("date", "")),
            etag=read_etag(answer.headers),
            attributes=attributes,
        )

    async def _copy_through_us(
        self, source: ObjectInfo, target: str, attributes: Attributes, condition: Condition
    ) -> ObjectInfo:
        await self._conditions.for_put(condition)
        body = (await self.get(source.key, etag=source.etag)).body
        try:
            return await self.put(
                target, body, size_bytes=source.size_bytes, attributes=attributes, condition=condition
            )
        finally:
            await cast("AsyncGenerator[bytes]", body).aclose()


class RoleStore(S3Store):
    """A bucket of Amazon's that is reached by taking on a role, without keys."""

    @classmethod
    def open(cls, value: Mapping[str, object], *, egress: Egress, prove: Prove = nobody) -> Self:
        """As a resource `s3_aws_oidc` says; see `S3Config.of_role`."""
        config = S3Config.of_role(value)
        return cls(config, credentials=AssumedRole(config, prove, now=utc_now, egress=egress), egress=egress)


class MachineStore(S3Store):
    """A bucket of Amazon's that is reached with the keys of this machine or container. No resource leads to it."""

    @classmethod
    def open(cls, value: Mapping[str, object], *, egress: Egress, prove: Prove = nobody) -> Self:
        """As a resource `s3` without keys, and with what `Lender.of` reads."""
        return cls(S3Config.of(value), credentials=LentKeys(Lender.of(value), now=utc_now), egress=egress)
