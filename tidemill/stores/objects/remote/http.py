"""HTTP to object stores: signed, bounded in time, tried again where that is safe, and with errors that name the fix."""

import asyncio
import random
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Self
from urllib.parse import quote

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from yarl import URL

from tidemill.engine.egress import EVERYWHERE, Egress
from tidemill.model.errors import AddressClosed, StorageMisconfigured, Unavailable
from tidemill.stores.objects.remote.bodies import Body, Held
from tidemill.stores.reach import GuardedConnector

CONNECT_S: Final = 3.0
READ_S: Final = 60.0
"""So long may a server be silent in an answer."""
ATTEMPTS: Final = 3
_PAUSE_S: Final = 0.1
_CONNECTIONS: Final = 64
_WORTH_ANOTHER_TRY: Final = frozenset({429, 500, 502, 503, 504})
_OURS: Final = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is sent.

    Attributes:
        path: escaped, with its leading `/`, below the origin; it is sent exactly so.
        query: not escaped.
        headers: names in lower case.
        once: it must not be sent again once it may have been acted on (a condition would then fail by its own doing).
    """

    method: str
    path: str
    query: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=lambda: _NO_HEADERS)
    body: Body = field(default_factory=Held)
    once: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whole. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Authorize = Callable[[Request], Awaitable[Request]]
"""Adds what proves who asks; called anew for each attempt."""


class Http:
    """Connections to one server."""

    def __init__(
        self, origin: str, authorize: Authorize, *, ca_certificate: str = "", egress: Egress = EVERYWHERE
    ) -> None:
        """`origin`: scheme, host and port. `ca_certificate`: PEM of those to trust beside the usual ones.

        `egress` is what a user's `origin` must obey.

        Raises:
            StorageMisconfigured: `ca_certificate` is not one.
        """
        self.origin = origin
        self._authorize = authorize
        self._egress = egress
        self._tls = _tls(ca_certificate) if origin.startswith("https:") else None
        self._session: aiohttp.ClientSession | None = None

    async def fetch(self, request: Request) -> Answer:
        """Send it and read the whole answer, whatever its status.

        Raises:
            Unavailable: there is no answer.
            StorageMisconfigured: TLS fails, or it is where the server may not go.
        """
        response = await self.open(request)
        try:
            body = await response.content.read() if request.method != "HEAD" else b""
        except (aiohttp.ClientError, OSError) as error:
            raise self.explained(error) from error
        finally:
            response.close()  # an answer that was read to its end has given its connection back
        return Answer(response.status, headers_of(response), body)

    async def open(self, request: Request) -> aiohttp.ClientResponse:
        """Send it; the body of the answer is still to be read. Raises as `fetch` does."""
        for attempt in range(1, ATTEMPTS + 1):
            last = attempt == ATTEMPTS or not request.body.can_repeat
            try:
                response = await self._send(await self._authorize(request))
            except AddressClosed as error:
                raise StorageMisconfigured(f"{error} Else change endPoint.") from error
            except (aiohttp.ClientError, OSError) as error:
                if request.body.failure is not None:
                    raise request.body.failure from None
                if last or not _may_repeat(request, error):
                    raise self.explained(error) from error
            else:
                if last or request.once or response.status not in _WORTH_ANOTHER_TRY:
                    return response
                response.close()
            await asyncio.sleep(_PAUSE_S * 4 ** (attempt - 1) * random.uniform(0.5, 1.5))  # noqa: S311 - spreads load
        raise AssertionError("the last attempt answers or raises")

    async def close(self) -> None:
        """Let go of the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def _send(self, request: Request) -> aiohttp.ClientResponse:
        query = "&".join(f"{escape(name)}={escape(value)}" if value else escape(name) for name, value in request.query)
        url = URL(f"{self.origin}{request.path}{'?' if query else ''}{query}", encoded=True)
        return await self._opened().request(
            request.method,
            url,
            headers=request.headers,
            data=_Payload(request) if request.body.size_bytes else None,
            skip_auto_headers=_OURS,
            allow_redirects=False,
        )

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=GuardedConnector(self._egress, limit=_CONNECTIONS, ssl=self._tls or True),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=READ_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                read_bufsize=256 * 1024,
            )
        return self._session

    def explained(self, error: Exception) -> Exception:
        """What a failure to talk to the server means."""
        where = self.origin.partition("://")[2]
        match error:
            case aiohttp.ClientConnectorCertificateError():
                return StorageMisconfigured(
                    f"The TLS certificate of {where} is not trusted: {error.certificate_error}. Where its authority is "
                    f"your own, give its certificate as caCertificate."
                )
            case aiohttp.ClientConnectorSSLError() | ssl.SSLError():
                return StorageMisconfigured(f"{where} does not talk TLS as it should: is useSSL right? ({error})")
            case aiohttp.InvalidURL():
                return StorageMisconfigured(f"{where} is no address that can be connected to: check endPoint.")
            case aiohttp.ClientConnectorDNSError():
                return Unavailable(f"There is no host of the name {where}: check endPoint and region.")
            case aiohttp.ClientConnectorError():
                return Unavailable(f"{where} refuses connections ({error.strerror}): does the storage run there?")
            case aiohttp.ConnectionTimeoutError() | aiohttp.ServerTimeoutError() | TimeoutError():
                return Unavailable(f"{where} does not answer in time: check endPoint, port and firewalls.")
        return Unavailable(f"The connection to {where} broke: {type(error).__name__}.")


def escape(text: str) -> str:
    """Percent-encoded but for unreserved characters."""
    return quote(text, safe="-._~")


def headers_of(response: aiohttp.ClientResponse) -> dict[str, str]:
    """Names in lower case; of several with one name the last."""
    return {name.lower(): value for name, value in response.headers.items()}


def _may_repeat(request: Request, error: Exception) -> bool:
    """A request that was never sent may go out again, and so may one that does the same twice."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return False
    was_not_sent = isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
    return was_not_sent or not request.once


def _tls(ca_certificate: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_certificate:
        try:
            context.load_verify_locations(cadata=ca_certificate)
        except ssl.SSLError as error:
            raise StorageMisconfigured("caCertificate is not a certificate in PEM form.") from error
    return context


class _Payload(aiohttp.Payload):
    """A body for aiohttp, which may send a request twice by itself: not where that is wrong."""

    _autoclose = True

    def __init__(self, request: Request) -> None:
        super().__init__(request.body, content_type="application/octet-stream")
        self._size = request.body.size_bytes
        self._once = request.once or not request.body.can_repeat
        self._body = request.body

    async def write(self, writer: AbstractStreamWriter) -> None:
        self._consumed = self._once
        async for piece in self._body.pieces():
            await writer.write(piece)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        await self.write(writer)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        raise NotImplementedError("a body is never text")
