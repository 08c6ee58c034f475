"""Multipart uploads of S3: those that a caller makes, and those by which large objects are put and copied."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress

from tidemill.model.errors import NotFound, PreconditionFailed, TidemillError
from tidemill.stores.objects.checks import multipart_etag
from tidemill.stores.objects.port import ALWAYS, Attributes, Condition, ObjectInfo, Part
from tidemill.stores.objects.remote.bodies import Body, Held, Source
from tidemill.stores.objects.remote.headers import read_etag, read_time
from tidemill.stores.objects.remote.parts import SLOTS, send_parts
from tidemill.stores.objects.remote.xml import parse
from tidemill.stores.objects.s3.client import S3Client
from tidemill.stores.objects.s3.conditions import Conditions
from tidemill.stores.objects.s3.copying import copy_parts
from tidemill.stores.objects.s3.headers import attribute_headers
from tidemill.stores.objects.s3.xml import completion


class Uploads:
    """The uploads of one bucket."""

    def __init__(self, client: S3Client, conditions: Conditions) -> None:
        self._client = client
        self._conditions = conditions
        self._slots = asyncio.Semaphore(SLOTS)

    async def start(self, key: str, attributes: Attributes) -> str:
        """See `ObjectStore.start_upload`."""
        headers = attribute_headers(attributes)
        answer = await self._client.call("POST", key, what=_what(key), query=[("uploads", "")], headers=headers)
        return parse(answer.body).findtext("UploadId", "")

    async def check(self, key: str, upload: str) -> None:
        """Raises NotFound unless there is such an upload.

        Asked before it is completed: for one that is gone, servers say all kinds of things then, also yes.
        """
        await self._client.call("GET", key, what=_what(key), query=[("uploadId", upload), ("max-parts", "1")])

    async def put_part(self, key: str, upload: str, number: int, body: Body) -> Part:
        """See `ObjectStore.put_part`."""
        query = [("partNumber", str(number)), ("uploadId", upload)]
        answer = await self._client.call("PUT", key, what=_what(key), query=query, body=body)
        return Part(number=number, size_bytes=body.size_bytes, etag=read_etag(answer.headers))

    async def complete(
        self, key: str, upload: str, parts: Sequence[Part], *, attributes: Attributes, condition: Condition = ALWAYS
    ) -> ObjectInfo:
        """Make the object of an upload that is there."""
        headers = await self._conditions.for_complete(condition)
        body = Held([completion(parts)])
        with under_a_condition(key, headers):
            answer = await self._client.call_slow(  # Ceph 16 leaves the ETag out of its answer
                "POST", key, what=_what(key), query=[("uploadId", upload)], headers=headers, body=body, once=True
            )
        return ObjectInfo(
            key=key,
            size_bytes=sum(part.size_bytes for part in parts),
            modified_at=read_time(answer.headers.get("date", "")),
            etag=parse(answer.body).findtext("ETag", "").strip('"') or multipart_etag([part.etag for part in parts]),
            attributes=attributes,
        )

    async def abort(self, key: str, upload: str) -> None:
        """See `ObjectStore.abort_upload`."""
        with suppress(NotFound):
            await self._client.call("DELETE", key, what=_what(key), query=[("uploadId", upload)])

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
        async with self._begun(key, attributes) as upload:

            async def send(number: int, part: Held) -> Part:
                return await self.put_part(key, upload, number, part)

            parts = await send_parts(source, first, send, slots=self._slots, size_bytes=size_bytes)
            return await self.complete(key, upload, parts, attributes=attributes, condition=condition)

    async def copy(self, source: ObjectInfo, target: str, *, attributes: Attributes, max_bytes: int) -> ObjectInfo:
        """A copy by way of parts of at most `max_bytes`, which do not pass through us."""
        async with self._begun(target, attributes) as upload:
            parts = await copy_parts(self._client, source, target, upload, max_bytes=max_bytes)
            return await self.complete(target, upload, parts, attributes=attributes)

    @asynccontextmanager
    async def _begun(self, key: str, attributes: Attributes) -> AsyncIterator[str]:
        """An upload that is aborted where the block fails; where that fails too, the first error is what is told."""
        upload = await self.start(key, attributes)
        try:
            yield upload
        except BaseException:
            with suppress(TidemillError):
                await asyncio.shield(self.abort(key, upload))
            raise


@contextmanager
def under_a_condition(key: str, headers: Mapping[str, str]) -> Iterator[None]:
    """Where an object with a certain ETag was to be replaced, S3 says 404 when there is none at all."""
    try:
        yield
    except NotFound as error:
        if "if-match" not in headers:
            raise
        raise PreconditionFailed(f"The object {key!r} is not there, so it has not the ETag that was named.") from error


def _what(key: str) -> str:
    return f"upload the object {key!r} in parts"
