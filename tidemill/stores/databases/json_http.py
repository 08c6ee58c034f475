"""Databases that are reached over HTTP: a client under the egress rule, and answers in JSON."""

import asyncio
import random
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import aiohttp
import msgspec

from tidemill.engine.egress import Egress
from tidemill.model.errors import ConnectionFailed
from tidemill.stores.guarded_connector import GuardedConnector

CONNECT_S: Final = 10.0
READ_S: Final = 90.0
"""So long may a server be silent; those that wait for a statement answer sooner that it still runs."""
ATTEMPTS: Final = 4
MOST_BYTES: Final = 512 * 1024 * 1024
"""Of one answer. Pages of BigQuery have 10 MB, partitions of Snowflake some 100."""
_PAUSE_S: Final = 0.25
_CONNECTIONS: Final = 10
_LARGE_BYTES: Final = 1 << 18
_AGAIN: Final = frozenset({429, 500, 502, 503, 504})
_LOST: Final = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientPayloadError)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `body` is what its JSON says; {} where it is none."""

    status: int
    body: Mapping[str, Any]
    text: str = ""
    """The begin of a body that is no JSON."""


def guarded_client(egress: Egress, context: ssl.SSLContext | None = None) -> aiohttp.ClientSession:
    """A client that connects only where `egress` lets it, checks certificates, and keeps no cookies."""
    return aiohttp.ClientSession(
        connector=GuardedConnector(egress, ssl=context or True, limit=_CONNECTIONS),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=True,
        read_bufsize=1 << 18,
        trust_env=False,
    )


def unreachable(error: Exception, *, tls_advice: str, advice: str) -> ConnectionFailed:
    """What a failure to talk to the server means."""
    is_tls = isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError)
    told = str(error) or type(error).__name__
    return ConnectionFailed(f"The database cannot be reached: {told}. {tls_advice if is_tls else advice}")


class Closable(Protocol):
    """What holds connections."""

    async def close(self) -> None: ...


class OverHttp:
    """The part of a `Database` without connections of its own: aiohttp closes those that are idle for 15 s."""

    def __init__(self, api: Closable) -> None:
        self.__api = api

    async def close_idle(self, idle_s: float) -> int:
        """See `Database.close_idle`."""
        if idle_s == 0:
            await self.__api.close()
        return 0

    async def close(self) -> None:
        """See `Database.close`."""
        await self.__api.close()


class JsonHttp:
    """Requests and their answers. What may be sent again is, after a lost connection and where a server is busy."""

    def __init__(self, egress: Egress, *, advice: str) -> None:
        """`advice`: which fields to look at when nobody answers."""
        self._egress, self._advice = egress, advice
        self._client: aiohttp.ClientSession | None = None
        self._sent = ""

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Callable[[], Awaitable[Mapping[str, str]]],
        query: Mapping[str, str] | None = None,
        again: Mapping[str, str] | None = None,
        body: object = None,
        form: Mapping[str, str] | None = None,
    ) -> Reply:
        """The answer, whatever its status. `again` is added to `query` when it is sent once more: the server is to know
        a request that it has had before.

        Raises:
            AddressClosed: the rule lets nobody connect there.
            ConnectionFailed: there is no answer.
        """
        for attempt in range(1, ATTEMPTS + 1):
            is_last = attempt == ATTEMPTS
            asked = {**(query or {}), **(again or {})} if attempt > 1 else query
            try:
                given = await headers()
                self._sent = given.get("Authorization", "").removeprefix("Bearer ") or self._sent
                reply = await self._once(method, url, headers=given, query=asked, body=body, form=form)
            except (aiohttp.ClientError, OSError) as error:
                if is_last or not isinstance(error, _LOST) or isinstance(error, aiohttp.ClientConnectorError):
                    raise self._unreachable(error) from error
            else:
                if is_last or reply.status not in _AGAIN:
                    return reply
            await asyncio.sleep(_PAUSE_S * 2 ** (attempt - 1) * random.uniform(0.5, 1.5))  # noqa: S311 - spreads load
        raise AssertionError("the last attempt answers or raises")

    async def close(self) -> None:
        """Let go of the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _once(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        query: Mapping[str, str] | None,
        body: object,
        form: Mapping[str, str] | None,
    ) -> Reply:
        if self._client is None:
            self._client = guarded_client(self._egress)
        own = {"Content-Type": "application/json"} if body is not None else {}
        async with self._client.request(
            method,
            url,
            params=query,
            data=msgspec.json.encode(body) if body is not None else form,
            headers={"Accept": "application/json", **own, **headers},
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=READ_S),
        ) as answer:
            raw = await _bounded(answer)
        if answer.status >= 400 and self._sent:  # should the server repeat what it was sent
            raw = raw.replace(self._sent.encode(), b"***")
        if len(raw) < _LARGE_BYTES:
            return _read(answer.status, raw)
        return await asyncio.to_thread(_read, answer.status, raw)

    def _unreachable(self, error: Exception) -> ConnectionFailed:
        tls_advice = "The certificate of the server is checked and cannot be trusted: is the address right?"
        return unreachable(error, tls_advice=tls_advice, advice=self._advice)


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    raw = bytearray()
    async for piece in answer.content.iter_any():
        raw += piece
        if len(raw) > MOST_BYTES:
            raise ConnectionFailed(
                f"The database answers with more than {MOST_BYTES} bytes at once, which is not read."
            )
    return bytes(raw)


def _read(status: int, raw: bytes) -> Reply:
    try:
        body = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return Reply(status, {}, raw[:300].decode(errors="replace"))
    return Reply(status, body if isinstance(body, dict) else {})
