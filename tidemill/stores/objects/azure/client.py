"""Requests to one container of Azure Blob Storage."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote

from tidemill.engine.egress import Egress
from tidemill.stores.objects.azure.attributes import read_info
from tidemill.stores.objects.azure.config import AzureConfig
from tidemill.stores.objects.azure.errors import error_of
from tidemill.stores.objects.azure.machine import LentTokens
from tidemill.stores.objects.azure.shared_key import VERSION, authorization, date_text, signed_query
from tidemill.stores.objects.azure.tokens import Tokens
from tidemill.stores.objects.port import ObjectInfo
from tidemill.stores.objects.remote.bodies import Body, Held
from tidemill.stores.objects.remote.connections import Response
from tidemill.stores.objects.remote.http import Answer, Http, Request
from tidemill.stores.objects.remote.identity import Prove
from tidemill.stores.objects.remote.ways import Ways, ways_of
from tidemill.stores.renewed import Now

Query = Sequence[tuple[str, str]]
_COMMON: Final = {"x-ms-version": VERSION}


class AzureClient:
    """Sends requests about the container or a key of it; what is not a success is raised."""

    has_suffix_ranges = False

    def __init__(
        self, config: AzureConfig, *, now: Now, egress: Egress, prove: Prove, lent: LentTokens | None = None
    ) -> None:
        """`lent` are tokens of the machine, which then open the container."""
        self.config = config
        self._now = now
        by_identity = config.identity if not config.access_key and not config.signature else None
        self._tokens = Tokens(by_identity, prove, now=now) if by_identity else lent
        self._http = Http(config.origin, self._authorize, ca_certificate=config.ca_certificate, egress=egress)

    def path(self, key: str) -> str:
        """Escaped."""
        return f"{self.config.root}/{quote(self.config.prefix + key, safe='/-._~')}"

    async def call(
        self,
        method: str,
        key: str | None,
        *,
        what: str,
        query: Query = (),
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        once: bool = False,
    ) -> Answer:
        """The whole answer to a request about `key`, None for the container. `what` it is for stands in errors."""
        path = self.config.root if key is None else self.path(key)
        request = Request(method=method, path=path, query=query, headers=headers or {}, body=body or Held(), once=once)
        answer = await self._http.fetch(request)
        if not 200 <= answer.status < 300:
            raise error_of(answer, self.config, what)
        return answer

    def ways(self) -> Ways:
        """See `Remote.ways`."""
        return ways_of(self._http)

    async def head(self, key: str) -> ObjectInfo:
        """See `ObjectStore.head`."""
        answer = await self.call("HEAD", key, what=f"read the object {key!r}")
        return self.info(key, answer.headers, size_bytes=int(answer.headers.get("content-length", "0")))

    async def open(self, key: str, *, what: str, headers: Mapping[str, str]) -> Response:
        """The answer to a GET, whose body is still to be read."""
        response = await self._http.open(Request(method="GET", path=self.path(key), headers=headers))
        if 200 <= response.status < 300:
            return response
        answer = await self._http.rest(response, most_bytes=64 * 1024)
        raise error_of(answer, self.config, what)

    def info(self, key: str, headers: Mapping[str, str], *, size_bytes: int) -> ObjectInfo:
        """What the headers of an answer tell of the object."""
        return read_info(key, headers, size_bytes=size_bytes)

    def source_url(self, key: str) -> str:
        """Where a copy takes its bytes from."""
        return f"{self.config.origin}{self.path(key)}"

    def presign(self, key: str, *, expires_s: int) -> str:
        """An address that reads a blob for `expires_s` seconds without our key."""
        query = signed_query(
            self.config.account,
            self.config.access_key,
            container=self.config.container,
            blob=self.config.prefix + key,
            permissions="r",
            until=self._now() + timedelta(seconds=expires_s),
            tls_only=self.config.endpoint.scheme == "https",
        )
        return f"{self.config.origin}{self.path(key)}?{query}"

    def now(self) -> datetime:
        return self._now()

    async def close(self) -> None:
        await self._http.close()
        if self._tokens is not None:
            await self._tokens.close()

    async def _authorize(self, request: Request) -> Request:
        headers = {**request.headers, **_COMMON, "x-ms-date": date_text(self._now())}
        config = self.config
        if self._tokens is not None:
            return replace(request, headers={**headers, "authorization": f"Bearer {await self._tokens.get()}"})
        if not config.access_key:
            return replace(request, headers=headers, query=[*request.query, *config.signature])
        signed = authorization(
            config.account,
            config.access_key,
            method=request.method,
            path=request.path,
            query=request.query,
            headers=headers,
            size_bytes=request.body.size_bytes,
        )
        return replace(request, headers={**headers, "authorization": signed})
