"""Requests to one bucket of Google Cloud Storage: objects are read as its XML interface has it, all else is JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from tidemill.engine.egress import Egress
from tidemill.stores.objects.gcs.config import GcsConfig
from tidemill.stores.objects.gcs.errors import error_of, no_bucket
from tidemill.stores.objects.gcs.tokens import Bearer, Tokens, presigned_query
from tidemill.stores.objects.port import Attributes, ObjectInfo
from tidemill.stores.objects.remote.bodies import Body, Held
from tidemill.stores.objects.remote.connections import Response
from tidemill.stores.objects.remote.headers import attribute_headers, read_info
from tidemill.stores.objects.remote.http import Answer, Http, Request, escape
from tidemill.stores.objects.remote.ways import Ways, ways_of
from tidemill.stores.renewed import Now

METADATA: Final = "x-goog-meta-"
_JSON: Final = {
    "content_type": "contentType",
    "content_disposition": "contentDisposition",
    "content_encoding": "contentEncoding",
    "content_language": "contentLanguage",
    "cache_control": "cacheControl",
}
_RAW: Final = {"accept-encoding": "gzip"}
"""Without it, Google unpacks what was put with the encoding gzip."""

Query = Sequence[tuple[str, str]]


class GcsClient:
    """Sends requests about the bucket or a key of it; what is not a success is raised."""

    has_suffix_ranges = True

    def __init__(self, config: GcsConfig, *, now: Now, egress: Egress, bearer: Bearer | None = None) -> None:
        self.config = config
        self._now = now
        authorities = config.ca_certificate
        self._tokens = None
        if config.account:
            self._tokens = Tokens(config.account, now=now, ca_certificate=authorities, egress=egress)
        self._bearer: Bearer | None = bearer or self._tokens
        self._http = Http(config.origin, self._authorize, ca_certificate=authorities, egress=egress)
        self._bucket_is_there = False

    def object_path(self, key: str) -> str:
        """Of the JSON interface; every character of the key is escaped, so that none has a meaning."""
        return f"{self._objects}/{escape(self.config.prefix + key)}"

    @property
    def _objects(self) -> str:
        return f"{self.config.endpoint.path}/storage/v1/b/{escape(self.config.bucket)}/o"

    @property
    def upload_path(self) -> str:
        """Where objects are put."""
        return f"{self.config.endpoint.path}/upload/storage/v1/b/{escape(self.config.bucket)}/o"

    async def call(
        self,
        method: str,
        path: str,
        *,
        what: str,
        query: Query = (),
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        once: bool = False,
    ) -> Answer:
        """The whole answer. `what` it is for stands in errors; 308, which goes on with an upload, is a success."""
        request = Request(method=method, path=path, query=query, headers=headers or {}, body=body or Held(), once=once)
        answer = await self._http.fetch(request)
        if not 200 <= answer.status < 300 and answer.status != 308:
            await self._look_for_bucket(answer)
            raise error_of(answer, self.config, what)
        self._bucket_is_there = True
        return answer

    async def send_json(
        self, path: str, content: Mapping[str, object], *, what: str, query: Query = (), once: bool = False
    ) -> Any:
        """POST it; the parsed answer."""
        answer = await self.call(
            "POST",
            path,
            what=what,
            query=query,
            headers={"content-type": "application/json"},
            body=Held([json.dumps(content).encode()]),
            once=once,
        )
        return json.loads(answer.body)

    async def list_page(self, query: Query) -> Any:
        """The parsed answer to a listing."""
        return json.loads((await self.call("GET", self._objects, what="list objects", query=query)).body)

    def ways(self) -> Ways:
        """See `Remote.ways`."""
        return ways_of(self._http)

    async def head(self, key: str) -> ObjectInfo:
        """See `ObjectStore.head`."""
        answer = await self.call("HEAD", self._xml_path(key), what=f"read the object {key!r}", headers=_RAW)
        return self.info(key, answer.headers, size_bytes=int(answer.headers.get("content-length", "0")))

    async def open(self, key: str, *, what: str, headers: Mapping[str, str]) -> Response:
        """The answer to a GET, whose body is still to be read."""
        response = await self._http.open(Request(method="GET", path=self._xml_path(key), headers={**_RAW, **headers}))
        if 200 <= response.status < 300:
            self._bucket_is_there = True
            return response
        answer = await self._http.rest(response, most_bytes=64 * 1024)
        await self._look_for_bucket(answer)
        raise error_of(answer, self.config, what)

    def info(self, key: str, headers: Mapping[str, str], *, size_bytes: int) -> ObjectInfo:
        """What the headers of an answer tell of the object. Its etag is the generation, which conditions go by."""
        found = read_info(key, headers, size_bytes=size_bytes, metadata=METADATA)
        return replace(found, etag=headers.get("x-goog-generation", ""))

    def read(self, told: Mapping[str, Any]) -> ObjectInfo:
        """An object as JSON tells of it."""
        return ObjectInfo(
            key=str(told["name"]).removeprefix(self.config.prefix),
            size_bytes=int(told["size"]),
            modified_at=datetime.fromisoformat(told["updated"]).astimezone(UTC),
            etag=str(told["generation"]),
        )

    def presign(self, method: str, key: str, *, expires_s: int) -> str:
        """An address that is good for `expires_s` seconds without our key."""
        assert self._tokens is not None, "asked for where there is an account"
        assert self.config.account is not None
        path = self._xml_path(key)
        query = presigned_query(
            self._tokens,
            self.config.account.email,
            method=method,
            host=self.config.endpoint.authority,
            path=path,
            now=self._now(),
            expires_s=expires_s,
        )
        return f"{self.config.origin}{path}?{query}"

    async def close(self) -> None:
        await self._http.close()
        if self._bearer is not None:
            await self._bearer.close()

    async def _look_for_bucket(self, answer: Answer) -> None:
        """Where something is missing, find out whether it is the bucket; the answers look alike."""
        if answer.status != 404 or self._bucket_is_there:
            return
        listing = await self._http.fetch(Request(method="GET", path=self._objects, query=[("maxResults", "1")]))
        if listing.status == 404:
            raise no_bucket(self.config)
        self._bucket_is_there = listing.status == 200

    def _xml_path(self, key: str) -> str:
        name = escape(self.config.prefix + key)
        return f"{self.config.endpoint.path}/{escape(self.config.bucket)}/{name}"

    async def _authorize(self, request: Request) -> Request:
        if self._bearer is None:
            return request
        return replace(request, headers={**request.headers, "authorization": f"Bearer {await self._bearer.get()}"})


def metadata_of(attributes: Attributes) -> dict[str, object]:
    """Attributes as JSON has them.

    Raises:
        BadRequest: a value cannot come back, as reads tell of attributes in headers.
    """
    attribute_headers(attributes, metadata=METADATA)
    found: dict[str, object] = {name: value for field, name in _JSON.items() if (value := getattr(attributes, field))}
    return {**found, "metadata": dict(attributes.metadata)}
