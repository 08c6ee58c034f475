"""An `ObjectStore` in a bucket of Google Cloud Storage."""

from collections.abc import AsyncIterable, Mapping, Sequence
from dataclasses import replace
from typing import Self

from tidemill.engine.egress import EVERYWHERE, Egress
from tidemill.model.errors import InvalidKey, Unsupported
from tidemill.stores.objects.checks import check_batch, check_part_number, fine_if_missing, measured
from tidemill.stores.objects.gcs.client import GcsClient, metadata_of
from tidemill.stores.objects.gcs.config import GcsConfig
from tidemill.stores.objects.gcs.listing import scan
from tidemill.stores.objects.gcs.machine import METADATA, LentTokens
from tidemill.stores.objects.gcs.putting import condition_query, put_object
from tidemill.stores.objects.gcs.tokens import MAX_EXPIRES_S, Bearer
from tidemill.stores.objects.gcs.uploads import Uploads
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
from tidemill.stores.objects.remote.bodies import Source
from tidemill.stores.objects.remote.fields import Fields
from tidemill.stores.objects.remote.hidden import check_visible
from tidemill.stores.objects.remote.http import escape
from tidemill.stores.objects.remote.identity import Prove, nobody
from tidemill.stores.objects.remote.pages import sort_out
from tidemill.stores.objects.remote.together import each
from tidemill.stores.objects.remote.ways import Ways
from tidemill.stores.renewed import Now, utc_now


class GcsStore:
    """Etags are generations, which Google counts up with every write."""

    def __init__(
        self, config: GcsConfig, *, now: Now = utc_now, egress: Egress = EVERYWHERE, bearer: Bearer | None = None
    ) -> None:
        """`bearer`: where tokens come from, unless from the account of the configuration."""
        self._config = config
        self._client = GcsClient(config, now=now, egress=egress, bearer=bearer)
        self._uploads = Uploads(self._client)

    @classmethod
    def open(cls, value: Mapping[str, object], *, egress: Egress, prove: Prove = nobody) -> Self:
        """As a resource `gcloud_storage` says; see `GcsConfig.of`."""
        return cls(GcsConfig.of(value), egress=egress)

    @property
    def can(self) -> Capabilities:
        """Keys are kept but for a few that Google forbids."""
        return Capabilities(signed_urls=self._config.account is not None, any_key=False)

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
        """See `ObjectStore.put`."""
        _check(key)
        told = await put_object(
            self._client,
            key,
            Source(measured(body, size_bytes)),
            what=f"write the object {key!r}",
            attributes=attributes,
            condition=condition,
        )
        return replace(self._client.read(told), attributes=attributes)

    async def delete(self, key: str, *, etag: str = "") -> None:
        """See `ObjectStore.delete`."""
        _check(key)
        query = condition_query(key, Condition(etag=etag))
        path, what = self._client.object_path(key), f"delete the object {key!r}"
        with fine_if_missing(key, etag):
            await self._client.call("DELETE", path, what=what, query=query, once=bool(etag))

    async def delete_many(self, keys: Sequence[str]) -> Mapping[str, Exception]:
        """See `ObjectStore.delete_many`."""
        check_batch(keys)
        failed, good = sort_out(keys)
        return failed | await each(good, self.delete)

    async def copy(
        self, source: str, target: str, *, attributes: Attributes | None = None, condition: Condition = ALWAYS
    ) -> ObjectInfo:
        """See `ObjectStore.copy`. Google copies piece by piece, and says in between how to go on."""
        _check(source)
        _check(target)
        info = await self._client.head(source)
        resource = metadata_of(attributes) if attributes is not None else {}
        into = escape(self._config.prefix + target)
        path = f"{self._client.object_path(source)}/rewriteTo/b/{escape(self._config.bucket)}/o/{into}"
        query = [*condition_query(target, condition), ("ifSourceGenerationMatch", info.etag)]
        token: list[tuple[str, str]] = []
        while True:
            told = await self._client.send_json(
                path, resource, what=f"copy the object {source!r}", query=[*query, *token], once=condition != ALWAYS
            )
            if told["done"]:
                kept = attributes if attributes is not None else info.attributes
                return replace(self._client.read(told["resource"]), attributes=kept)
            token = [("rewriteToken", told["rewriteToken"])]

    async def scan(self, prefix: str, *, after: str = "", limit: int = PAGE) -> list[ObjectInfo]:
        """See `ObjectStore.scan`."""
        page = await scan(self._client, prefix, delimiter="", after=after, limit=limit)
        return [entry for entry in page if isinstance(entry, ObjectInfo)]

    async def scan_folder(
        self, prefix: str, *, delimiter: str = "/", after: str = "", limit: int = PAGE
    ) -> list[ObjectInfo | Folder]:
        """See `ObjectStore.scan_folder`."""
        return await scan(self._client, prefix, delimiter=delimiter, after=after, limit=limit)

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
        """See `ObjectStore.sign`. At most a week."""
        _check(key)
        if not self.can.signed_urls:
            raise Unsupported("An address can only be signed with the key of a service account; the resource has none.")
        return self._client.presign(method, key, expires_s=min(expires_s, MAX_EXPIRES_S))

    async def close(self) -> None:
        """See `ObjectStore.close`."""
        await self._client.close()


class MachineStore(GcsStore):
    """A bucket that is reached with the service account of this machine. No resource leads to it."""

    @classmethod
    def open(cls, value: Mapping[str, object], *, egress: Egress, prove: Prove = nobody) -> Self:
        """As a resource `gcloud_storage` without an account; `metadataEndPoint` is Google's unless it is given."""
        bearer = LentTokens(Fields(value).text("metadataEndPoint", METADATA), now=utc_now)
        return cls(GcsConfig.of(value, is_open=True), egress=egress, bearer=bearer)


def _check(key: str) -> None:
    """Raises InvalidKey also for what Google forbids: it has no objects of such names."""
    check_visible(key)
    if key in (".", "..") or "\r" in key or "\n" in key or key.startswith(".well-known/acme-challenge/"):
        raise InvalidKey(
            f"Google Cloud Storage keeps no key like {key[:80]!r}: choose one without line breaks and dots."
        )
