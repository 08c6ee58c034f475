"""Uploads in parts to Google Cloud Storage, which can compose objects of others.

Each part is an object in our corner of the bucket, and so is the note of what the upload is for. Completing composes
them, without moving a byte through us.
"""

import asyncio
import base64
import json
import secrets
from collections.abc import AsyncIterable, Sequence
from contextlib import suppress
from typing import Any, Final

from tidemill.model.errors import BadRequest, NotFound
from tidemill.stores.objects.checks import measured
from tidemill.stores.objects.gcs.client import GcsClient, metadata_of
from tidemill.stores.objects.gcs.putting import condition_query, put_object
from tidemill.stores.objects.port import NO_ATTRIBUTES, Attributes, Condition, ObjectInfo, Part
from tidemill.stores.objects.remote.bodies import Source
from tidemill.stores.objects.remote.hidden import UPLOADS
from tidemill.stores.objects.remote.part_names import names_of, new_part_name, receipt_of
from tidemill.stores.objects.remote.together import each

MAX_SOURCES: Final = 32
"""Of one composition."""
_NOTE: Final = "note"


class Uploads:
    """The uploads of one bucket."""

    def __init__(self, client: GcsClient) -> None:
        self._client = client

    async def start(self, key: str, attributes: Attributes) -> str:
        """See `ObjectStore.start_upload`."""
        upload = secrets.token_hex(16)
        note = json.dumps({"key": key, "attributes": metadata_of(attributes)}).encode()
        await put_object(self._client, _place(upload) + _NOTE, Source(_one(note)), what=_what(key))
        return upload

    async def put_part(
        self, key: str, upload: str, number: int, body: AsyncIterable[bytes], *, size_bytes: int | None
    ) -> Part:
        """See `ObjectStore.put_part`."""
        await self._note(key, upload)
        name = new_part_name(number)
        told = await put_object(
            self._client, f"{_place(upload)}{name}", Source(measured(body, size_bytes)), what=_what(key)
        )
        etag = base64.b64decode(told["md5Hash"]).hex()
        return Part(number=number, size_bytes=int(told["size"]), etag=etag, receipt=receipt_of(name, etag))

    async def complete(self, key: str, upload: str, parts: Sequence[Part], condition: Condition) -> ObjectInfo:
        """See `ObjectStore.complete_upload`; the attributes are those that the upload was begun with."""
        names = names_of(parts)
        note = await self._note(key, upload)
        place = _place(upload)
        sources = [place + name for name in names]
        while len(sources) > MAX_SOURCES:
            groups = [sources[start : start + MAX_SOURCES] for start in range(0, len(sources), MAX_SOURCES)]
            sources = [f"{place}composed-{secrets.token_hex(8)}" for _ in groups]
            await asyncio.gather(
                *(self._compose(group, target, what=_what(key)) for group, target in zip(groups, sources, strict=True))
            )
        told = await self._compose(
            sources, key, what=_what(key), resource=note["attributes"], query=condition_query(key, condition)
        )
        await self._remove(upload)
        return self._client.read(told)

    async def abort(self, key: str, upload: str) -> None:
        """See `ObjectStore.abort_upload`."""
        with suppress(NotFound):
            await self._note(key, upload)
            await self._remove(upload)

    async def _note(self, key: str, upload: str) -> Any:
        """What the upload is for."""
        missing = NotFound(f"There is no upload {upload[:80]!r} for the key {key!r}: begin one.")
        if len(upload) != 32 or not upload.isalnum():
            raise missing
        try:
            path = self._client.object_path(_place(upload) + _NOTE)
            answer = await self._client.call("GET", path, what=_what(key), query=[("alt", "media")])
        except NotFound as error:
            raise missing from error
        note = json.loads(answer.body)
        if note["key"] != key:
            raise missing
        return note

    async def _compose(
        self,
        sources: Sequence[str],
        target: str,
        *,
        what: str,
        resource: dict[str, object] | None = None,
        query: Sequence[tuple[str, str]] = (),
    ) -> Any:
        prefix = self._client.config.prefix
        content = {
            "sourceObjects": [{"name": prefix + name} for name in sources],
            "destination": resource or metadata_of(NO_ATTRIBUTES),
        }
        try:
            path = f"{self._client.object_path(target)}/compose"
            return await self._client.send_json(path, content, what=what, query=query, once=bool(query))
        except NotFound as error:
            raise BadRequest("A part that was named has not been uploaded.") from error

    async def _remove(self, upload: str) -> None:
        """The note first: without it there is no upload any more."""
        await self._delete(_place(upload) + _NOTE)
        prefix = self._client.config.prefix + _place(upload)
        token = ""
        while True:
            query = [("prefix", prefix), ("fields", "items(name),nextPageToken")]
            page = await self._client.list_page([*query, ("pageToken", token)] if token else query)
            names = [str(item["name"]).removeprefix(self._client.config.prefix) for item in page.get("items", [])]
            await each(names, self._delete)
            token = page.get("nextPageToken", "")
            if not token:
                return

    async def _delete(self, key: str) -> None:
        with suppress(NotFound):
            await self._client.call("DELETE", self._client.object_path(key), what="remove parts of an upload")


def _place(upload: str) -> str:
    return f"{UPLOADS}{upload}/"


def _what(key: str) -> str:
    return f"upload the object {key!r} in parts"


async def _one(piece: bytes) -> AsyncIterable[bytes]:
    yield piece
