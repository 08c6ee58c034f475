"""Uploads in parts to Azure.

The parts are blocks of a blob of the upload's own in our corner of the container, since Azure drops the blocks of a
blob whenever somebody else writes it. Completing makes that blob of them and copies it to its place, without moving a
byte through us.
"""

import asyncio
import base64
import secrets
from collections.abc import AsyncIterable, Sequence
from contextlib import suppress
from hashlib import sha256

from tidemill.model.errors import NotFound, TidemillError
from tidemill.stores.objects.azure.attributes import attribute_headers
from tidemill.stores.objects.azure.client import AzureClient
from tidemill.stores.objects.azure.copying import copy_blob
from tidemill.stores.objects.checks import check_condition, measured
from tidemill.stores.objects.port import ALWAYS, NO_ATTRIBUTES, Attributes, Condition, ObjectInfo, Part
from tidemill.stores.objects.remote.bodies import HELD_BYTES, Body, Digested, Held, Source, sized
from tidemill.stores.objects.remote.hidden import UPLOADS
from tidemill.stores.objects.remote.part_names import names_of, new_part_name, receipt_of
from tidemill.stores.objects.remote.parts import SLOTS, send_parts


class Uploads:
    """The uploads of one container."""

    def __init__(self, client: AzureClient) -> None:
        self._client = client
        self._slots = asyncio.Semaphore(SLOTS)

    async def start(self, key: str, attributes: Attributes) -> str:
        """See `ObjectStore.start_upload`. Azure keeps blocks for a week."""
        upload = secrets.token_hex(16)
        headers = {"x-ms-blob-type": "BlockBlob", **attribute_headers(attributes)}
        await self._client.call("PUT", _place(key, upload), what=_what(key), headers=headers)
        return upload

    async def put_part(
        self, key: str, upload: str, number: int, body: AsyncIterable[bytes], *, size_bytes: int | None
    ) -> Part:
        """See `ObjectStore.put_part`."""
        await self._check(key, upload)
        source = Source(measured(body, size_bytes))
        async with sized(source, await source.take(HELD_BYTES), size_bytes) as whole:
            return await self._put_block(key, upload, number, whole)

    async def complete(self, key: str, upload: str, parts: Sequence[Part], condition: Condition) -> ObjectInfo:
        """See `ObjectStore.complete_upload`; the attributes are those that the upload was begun with.

        The condition is looked at before the blocks become a blob, which drops those that are not named, and decided
        when it is copied.
        """
        names = names_of(parts)
        begun = await self._check(key, upload)
        if condition != ALWAYS:
            check_condition(key, await self._etag(key), condition)
        await self._commit(key, upload, names, begun.attributes or NO_ATTRIBUTES)
        whole = await self._client.head(_place(key, upload))
        made = await copy_blob(self._client, whole, key, what=_what(key), condition=condition)
        await self.abort(key, upload)
        return made

    async def abort(self, key: str, upload: str) -> None:
        """See `ObjectStore.abort_upload`."""
        with suppress(NotFound):
            await self._client.call("DELETE", _place(key, upload), what=_what(key))

    async def put(
        self,
        key: str,
        source: Source,
        first: Held,
        *,
        size_bytes: int | None,
        attributes: Attributes,
        condition: Condition,
    ) -> ObjectInfo:
        """A whole object by way of parts; `first` was taken off `source` already."""
        upload = await self.start(key, attributes)

        async def send(number: int, part: Held) -> Part:
            return await self._put_block(key, upload, number, part)

        try:
            parts = await send_parts(source, first, send, slots=self._slots, size_bytes=size_bytes)
            return await self.complete(key, upload, parts, condition)
        except BaseException:
            with suppress(TidemillError):
                await asyncio.shield(self.abort(key, upload))
            raise

    async def _put_block(self, key: str, upload: str, number: int, body: Body) -> Part:
        name = new_part_name(number)
        digested = Digested(body)
        query = [("comp", "block"), ("blockid", _block_id(str(name)))]
        await self._client.call("PUT", _place(key, upload), what=_what(key), query=query, body=digested)
        etag = digested.md5
        return Part(number=number, size_bytes=body.size_bytes, etag=etag, receipt=receipt_of(name, etag))

    async def _commit(self, key: str, upload: str, names: Sequence[str], attributes: Attributes) -> None:
        blocks = "".join(f"<Latest>{_block_id(name)}</Latest>" for name in names)
        body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{blocks}</BlockList>'.encode()
        await self._client.call(
            "PUT",
            _place(key, upload),
            what=_what(key),
            query=[("comp", "blocklist")],
            headers=attribute_headers(attributes),
            body=Held([body]),
        )

    async def _check(self, key: str, upload: str) -> ObjectInfo:
        """The blob of the upload.

        Raises:
            NotFound: there is no such upload of this key.
        """
        if len(upload) == 32 and upload.isalnum():
            with suppress(NotFound):
                return await self._client.head(_place(key, upload))
        raise NotFound(f"There is no upload {upload[:80]!r} for the key {key!r}: begin one.")

    async def _etag(self, key: str) -> str | None:
        with suppress(NotFound):
            return (await self._client.head(key)).etag
        return None


def _place(key: str, upload: str) -> str:
    """Its blob, whose name holds the key as well, so that an upload belongs to one."""
    return f"{UPLOADS}{upload}-{sha256(key.encode()).hexdigest()[:32]}"


def _block_id(name: str) -> str:
    """As Azure wants it: Base64, and equally long for all blocks of a blob."""
    return base64.b64encode(name.encode()).decode()


def _what(key: str) -> str:
    return f"upload the object {key!r} in parts"
