"""Signed requests to one bucket of an S3 server."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final
from urllib.parse import unquote

from tidemill.engine import sigv4
from tidemill.engine.egress import Egress
from tidemill.engine.signing_keys import SigningKeys
from tidemill.model.errors import NotFound, RangeUnsatisfiable, StorageMisconfigured, TidemillError, Unavailable
from tidemill.stores.objects.port import ObjectInfo
from tidemill.stores.objects.remote.bodies import EMPTY, Body, Held
from tidemill.stores.objects.remote.connections import Response
from tidemill.stores.objects.remote.headers import read_info
from tidemill.stores.objects.remote.http import Answer, Http, Request
from tidemill.stores.objects.remote.ways import Ways, is_unknown_host, ways_of
from tidemill.stores.objects.remote.xml import parse
from tidemill.stores.objects.s3.config import S3Config
from tidemill.stores.objects.s3.credentials import Credentials
from tidemill.stores.objects.s3.errors import error_of, is_elsewhere, other_region, region_of
from tidemill.stores.objects.s3.headers import METADATA
from tidemill.stores.renewed import Now

_IN_LINE_BYTES: Final = 64 * 1024
"""Up to here hashing is faster than going to another thread for it."""


class S3Client:
    """Sends requests about the bucket or a key of it; what is not a success is raised.

    Attributes:
        bucket_is_there: one of them was a success, so that it is the key that is missing when something is.
    """

    has_suffix_ranges = True

    def __init__(self, config: S3Config, credentials: Credentials, *, now: Now, egress: Egress) -> None:
        self.config = config
        self._now = now
        self._credentials = credentials
        self._http = Http(config.origin, self._sign, ca_certificate=config.ca_certificate, egress=egress)
        self._signing_keys = SigningKeys()
        self._signs_bodies = config.endpoint.scheme == "http"
        self.bucket_is_there = False

    async def call(
        self,
        method: str,
        key: str | None,
        *,
        what: str,
        query: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        body: Body = EMPTY,
        once: bool = False,
    ) -> Answer:
        """The whole answer to a request about `key`, None for the bucket. `what` it is for stands in errors."""
        answer = await self._http.fetch(self._request(method, key, query, headers or {}, body, once=once))
        if not 200 <= answer.status < 300:
            raise error_of(answer, self.config, what)
        self.bucket_is_there = True
        return answer

    async def call_slow(
        self,
        method: str,
        key: str | None,
        *,
        what: str,
        query: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        body: Body = EMPTY,
        once: bool = False,
    ) -> Answer:
        """As `call`, for what may take a while: S3 then says 200 at once, and an error may still follow in the body."""
        answer = await self.call(method, key, what=what, query=query, headers=headers, body=body, once=once)
        if parse(answer.body).tag == "Error":
            raise error_of(replace(answer, status=500), self.config, what)
        return answer

    async def open(self, key: str, *, what: str, headers: Mapping[str, str]) -> Response:
        """The answer to a GET, whose body is still to be read."""
        response = await self._http.open(self._request("GET", key, (), headers, EMPTY))
        if 200 <= response.status < 300:
            return response
        answer = await self._http.rest(response, most_bytes=64 * 1024)
        raise error_of(answer, self.config, what)

    def ways(self) -> Ways:
        """See `Remote.ways`."""
        (connect, _), *others = ways_of(self._http)
        return [
            (connect, self._connect),
            *others,
            ("find the bucket in its region", self._region),
            ("address the bucket", self._style),
        ]

    async def _connect(self) -> None:
        try:
            await self._http.connect()
        except Unavailable as error:
            if self.config.path_style or not is_unknown_host(error):
                raise
            raise Unavailable(
                f"{error} Where the storage has no host for each bucket, set pathStyle to true."
            ) from error

    async def _region(self) -> None:
        if region := region_of(await self._look(), self.config):
            raise other_region(region, self.config)

    async def _style(self) -> None:
        answer = await self._look()
        if is_elsewhere(answer):
            raise error_of(answer, self.config, "list objects")
        if 200 <= answer.status < 300 and b"<ListAllMyBucketsResult" in answer.body[:1000]:
            raise StorageMisconfigured(
                f"{self.config.host} does not know the bucket by the name of the host: set pathStyle to true."
            )

    async def _look(self) -> Answer:
        """The answer to a small listing, whatever it is."""
        return await self._http.fetch(self._request("GET", None, [("list-type", "2"), ("max-keys", "1")], {}, EMPTY))

    async def head(self, key: str) -> ObjectInfo:
        """See `ObjectStore.head`."""
        what = f"read the object {key!r}"
        try:
            answer = await self.call("HEAD", key, what=what)
        except TidemillError as error:
            if not (isinstance(error, NotFound) and self.bucket_is_there):
                await self._explain(key, what)
            raise
        return self.info(key, answer.headers, size_bytes=int(answer.headers.get("content-length", "0")))

    def info(self, key: str, headers: Mapping[str, str], *, size_bytes: int) -> ObjectInfo:
        """What the headers of an answer tell of the object."""
        return read_info(key, headers, size_bytes=size_bytes, metadata=METADATA)

    async def presign(self, method: str, key: str, *, expires_s: int) -> str:
        """An address that is good for `expires_s` seconds without our keys."""
        path = self._path(key)
        request = sigv4.Request(method, unquote(path), (), (("host", self.config.host),))
        keys = await self._credentials.keys()
        assert keys is not None, "asked for where there are keys"
        query = sigv4.presign(request, keys, region=self.config.region, moment=self._now(), expires_s=expires_s)
        return f"{self.config.origin}{path}?{query}"

    async def close(self) -> None:
        await self._http.close()
        await self._credentials.close()

    async def _explain(self, key: str, what: str) -> None:
        """Raise what lies behind an error of a HEAD, whose answer has no room for a reason."""
        with suppress(RangeUnsatisfiable):
            (await self.open(key, what=what, headers={"range": "bytes=0-0"})).close()

    def _request(
        self,
        method: str,
        key: str | None,
        query: Sequence[tuple[str, str]],
        headers: Mapping[str, str],
        body: Body,
        *,
        once: bool = False,
    ) -> Request:
        path = (self.config.root or "/") if key is None else self._path(key)
        return Request(method=method, path=path, query=query, headers=headers, body=body, once=once)

    def _path(self, key: str) -> str:
        return sigv4.encode_path(f"{self.config.root}/{self.config.prefix}{key}")

    async def _sign(self, request: Request) -> Request:
        keys = await self._credentials.keys()
        headers = {**request.headers, "host": self.config.host}
        if keys is None:
            return replace(request, headers=headers)
        signed = sigv4.Request(request.method, unquote(request.path), request.query, tuple(headers.items()))
        payload = await self._hash(request.body)
        added = sigv4.sign(
            signed,
            keys,
            region=self.config.region,
            moment=self._now(),
            payload_hash=payload,
            key_of=self._signing_keys.get,
        )
        return replace(request, headers={**headers, **added})

    async def _hash(self, body: Body) -> str:
        """Of what is sent in the clear, so that no byte changes on its way; TLS takes care of that by itself."""
        if not body.size_bytes:
            return sigv4.EMPTY_SHA256
        if not isinstance(body, Held) or not self._signs_bodies:
            return sigv4.UNSIGNED
        if body.sha256:
            return body.sha256
        if body.size_bytes <= _IN_LINE_BYTES:
            return _sha256(body)
        return await asyncio.to_thread(_sha256, body)


def _sha256(body: Held) -> str:
    digest = hashlib.sha256()
    for part in body.parts:
        digest.update(part)
    return digest.hexdigest()
