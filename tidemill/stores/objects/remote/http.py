"""HTTP to object stores: signed, bounded in time, tried again where that is safe, and with errors that name the fix."""

import asyncio
import random
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Self
from urllib.parse import quote, urlsplit

from tidemill.engine.egress import EVERYWHERE, Egress
from tidemill.model.errors import AddressClosed, StorageMisconfigured, Unavailable, Unsupported
from tidemill.stores.objects.remote.bodies import Body, Held
from tidemill.stores.objects.remote.connections import Connections, NotConnected, Response

ATTEMPTS: Final = 3
_PAUSE_S: Final = 0.1
_WORTH_ANOTHER_TRY: Final = frozenset({429, 500, 502, 503, 504})
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
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
        self._tls = tls_context(ca_certificate) if origin.startswith("https:") else None
        self._connections: Connections | None = None

    async def fetch(self, request: Request) -> Answer:
        """Send it and read the whole answer, whatever its status.

        Raises:
            Unavailable: there is no answer.
            StorageMisconfigured: TLS fails, or it is where the server may not go.
        """
        return await self.rest(await self.open(request))

    async def connect(self) -> None:
        """Whether the server is there, and is who it says: an answer of whatever kind; raises as `fetch` does."""
        try:
            response = await self._send(Request(method="HEAD", path="/"))
        except AddressClosed as error:
            raise StorageMisconfigured(f"{error} Else change endPoint.") from error
        except OSError as error:
            raise self.explained(error) from error
        response.close()

    async def encrypt(self) -> None:
        """Raises Unsupported where what is sent can be read on its way."""
        place = urlsplit(self.origin)
        if place.scheme == "http" and place.hostname not in _LOOPBACK:
            raise Unsupported(f"what goes to {place.netloc} is in the clear: set useSSL where the storage has TLS.")

    async def rest(self, response: Response, *, most_bytes: int | None = None) -> Answer:
        """The answer with its body, or with about so much of it; `response` is closed. Raises as `fetch` does."""
        try:
            return Answer(response.status, response.headers, await response.read(most_bytes))
        except OSError as error:
            raise self.explained(error) from error
        finally:
            response.close()

    async def open(self, request: Request) -> Response:
        """Send it; the body of the answer is still to be read. Raises as `fetch` does."""
        for attempt in range(1, ATTEMPTS + 1):
            last = attempt == ATTEMPTS or not request.body.can_repeat
            try:
                response = await self._send(await self._authorize(request))
            except AddressClosed as error:
                raise StorageMisconfigured(f"{error} Else change endPoint.") from error
            except OSError as error:
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
        if self._connections is not None:
            self._connections.close()
            self._connections = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def _send(self, request: Request) -> Response:
        query = "&".join(f"{escape(name)}={escape(value)}" if value else escape(name) for name, value in request.query)
        target = f"{request.path}?{query}" if query else request.path
        if self._connections is None:
            self._connections = Connections(self.origin, tls=self._tls, egress=self._egress)
        return await self._connections.open(request.method, target, request.headers, request.body)

    def explained(self, error: Exception) -> Exception:
        """What a failure to talk to the server means."""
        where = self.origin.partition("://")[2]
        match error.__cause__ if isinstance(error, NotConnected) else error:
            case ssl.SSLCertVerificationError() as wrong:
                return StorageMisconfigured(
                    f"The TLS certificate of {where} is not trusted: {wrong}. Where its authority is your own, give "
                    "its certificate as caCertificate."
                )
            case ssl.SSLError() as wrong:
                return StorageMisconfigured(f"{where} does not talk TLS as it should: is useSSL right? ({wrong})")
            case UnicodeError():
                return StorageMisconfigured(f"{where} is no address that can be connected to: check endPoint.")
            case socket.gaierror():
                return Unavailable(f"There is no host of the name {where}: check endPoint and region.")
            case TimeoutError():
                return Unavailable(f"{where} does not answer in time: check endPoint, port and firewalls.")
            case OSError() as wrong if isinstance(error, NotConnected):
                return Unavailable(
                    f"{where} refuses connections ({wrong.strerror or wrong}): does the storage run there?"
                )
        return Unavailable(f"The connection to {where} broke: {error}.")


async def as_it_is(request: Request) -> Request:
    """`Authorize` where nothing has to be proven, or the request proves it itself."""
    return request


def escape(text: str) -> str:
    """Percent-encoded but for unreserved characters."""
    return quote(text, safe="-._~")


def _may_repeat(request: Request, error: Exception) -> bool:
    """A request that was never sent may go out again, and so may one that does the same twice."""
    if isinstance(error, NotConnected):
        return not isinstance(error.__cause__, ssl.SSLError)
    return not request.once


def tls_context(ca_certificate: str = "") -> ssl.SSLContext:
    """Trusts the usual authorities, and those of `ca_certificate`.

    Raises:
        StorageMisconfigured: `ca_certificate` is not one.
    """
    context = ssl.create_default_context()
    if ca_certificate:
        try:
            context.load_verify_locations(cadata=ca_certificate)
        except ssl.SSLError as error:
            raise StorageMisconfigured("caCertificate is not a certificate in PEM form.") from error
    return context
