"""Upstash over its REST API: commands as JSON, replies in base64 so that every byte of them arrives."""

import asyncio
import base64
import binascii
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, Self
from urllib.parse import urlsplit

import aiohttp

from tidemill.engine.egress import Egress
from tidemill.engine.keys.reading import full_name, only_reads
from tidemill.engine.keys.replies import Double, Failure, Reply, Simple
from tidemill.model.errors import AddressClosed, BadRequest, ConnectionFailed, QueryFailed, TooLarge, Unsupported
from tidemill.stores.guarded_connector import GuardedConnector
from tidemill.stores.keys.port import Words

CONNECT_S: Final = 8.0
_OVERHEAD: Final = 4
_BATCH: Final = 1000
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_KEEPS_STATE: Final = frozenset({"WATCH", "UNWATCH", "MULTI", "EXEC", "SELECT", "AUTH", "CLIENT"})


class UpstashStore:
    """A `KeyStore`."""

    def __init__(self, url: str, token: str, egress: Egress) -> None:
        self.url = url
        self._token = token
        self._egress = egress
        self._client: aiohttp.ClientSession | None = None

    @classmethod
    def open(cls, value: object, *, egress: Egress) -> Self:
        """See `Backend.open`. The value has `url` and `token`, as the console shows them."""
        fields = value if isinstance(value, Mapping) else {}
        url, token = fields.get("url"), fields.get("token")
        if not isinstance(token, str) or not token.isascii() or any(each.isspace() for each in token):
            raise BadRequest("The field token of the database's resource must be the token of the REST API.")
        if not isinstance(url, str):
            raise BadRequest("The field url of the database's resource must be the URL of the REST API: https://…")
        try:
            parts = urlsplit(url.strip())
            is_fine = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
            is_fine = is_fine and bool(parts.hostname) and not (parts.username or parts.query or parts.fragment)
        except ValueError:
            is_fine = False
        if not is_fine:
            raise BadRequest("The field url of the database's resource must be the URL of the REST API: https://…")
        return cls(url.strip().rstrip("/"), token, egress)

    @asynccontextmanager
    async def session(self, *, timeout_s: float = 0.0) -> AsyncGenerator["UpstashSession"]:
        """See `KeyStore.session`. There is no connection that would keep a state, and nothing to cancel."""
        yield UpstashSession(self, timeout_s)

    async def test(self) -> str:
        """See `KeyStore.test`."""
        (answer,) = await UpstashSession(self, CONNECT_S).run([[b"PING"]], max_bytes=1024)
        if isinstance(answer, Failure):
            raise ConnectionFailed(f"{self.url} refuses the connection: {answer.text}.")
        return "Upstash answered over its REST API."

    async def close_idle(self, idle_s: float) -> int:
        """None that are worth counting: the client closes its own."""
        return 0

    async def close(self) -> None:
        """See `KeyStore.close`."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()
            await asyncio.sleep(0)  # what it has not waited for

    async def post(self, path: str, body: object, *, timeout_s: float, max_bytes: int) -> object:
        """What the API answers to `body`, a success or an error of a command.

        Raises:
            ConnectionFailed, QueryFailed, TooLarge: see `KeySession.run`.
        """
        if self._client is None:
            self._client = aiohttp.ClientSession(
                connector=GuardedConnector(self._egress), cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
            )
        headers = {"authorization": f"Bearer {self._token}", "upstash-encoding": "base64"}
        timeout = aiohttp.ClientTimeout(total=timeout_s or None, connect=CONNECT_S)
        try:
            async with self._client.post(
                self.url + path, json=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                raw = await _bounded(answer, max_bytes)
                return self._understood(answer.status, raw)
        except AddressClosed:
            raise
        except aiohttp.ClientConnectorCertificateError as error:
            raise ConnectionFailed(f"The certificate of {self.url} is not trusted: {self._hidden(error)}.") from error
        except TimeoutError as error:
            raise QueryFailed("It took longer than is allowed; whether it was done is not known.") from error
        except (aiohttp.ClientError, OSError) as error:
            raise ConnectionFailed(
                f"{self.url} cannot be reached: {self._hidden(error)}. Look at url in the resource."
            ) from error

    def _understood(self, status: int, raw: bytes) -> object:
        try:
            told: object = json.loads(raw)
        except ValueError:
            told = None
        if status in {401, 403}:
            raise ConnectionFailed(f"{self.url} refuses the token of the resource (HTTP {status}).")
        if told is None or status not in {200, 400}:
            raise ConnectionFailed(f"{self.url} answers as no Upstash REST API does (HTTP {status}). Look at url.")
        return told

    def _hidden(self, error: Exception) -> str:
        return (str(error) or type(error).__name__).replace(self._token, "***")


class UpstashSession:
    """A `KeySession`."""

    def __init__(self, store: UpstashStore, timeout_s: float) -> None:
        self._store = store
        self._timeout_s = timeout_s

    async def run(self, commands: Sequence[Words], *, max_bytes: int) -> list[Reply]:
        """See `KeySession.run`."""
        sent = [_sent(command) for command in commands]
        path, body = ("", sent[0]) if len(sent) == 1 else ("/pipeline", sent)
        told = await self._post(path, body, max_bytes)
        return [_reply(each) for each in ([told] if len(sent) == 1 else _list(told))]

    async def transaction(self, commands: Sequence[Words], *, max_bytes: int) -> list[Reply] | None:
        """See `KeySession.transaction`."""
        told = await self._post("/multi-exec", [_sent(command) for command in commands], max_bytes)
        if isinstance(told, dict) and "error" in told:
            raise QueryFailed(str(told["error"]))
        return [_reply(each) for each in _list(told)]

    async def go_to(self, host: str, port: int) -> None:
        """See `KeySession.go_to`."""
        raise Unsupported("Upstash's REST API is one server.")

    async def stream(self, command: Words) -> AsyncIterator[Sequence[Reply]]:
        """See `KeySession.stream`. The API gives a reply in one piece, up to the size that the plan allows."""
        (reply,) = await self.run([command], max_bytes=1 << 30)
        if not isinstance(reply, list):
            raise QueryFailed(
                reply.text if isinstance(reply, Failure) else "`# s3` streams the members of a list, which this is not."
            )
        for start in range(0, len(reply), _BATCH):
            yield reply[start : start + _BATCH]
            await asyncio.sleep(0)

    async def writers(self, commands: Sequence[Words]) -> Mapping[int, str]:
        """See `KeySession.writers`. By a list of our own."""
        return {index: full_name(each)[0] for index, each in enumerate(commands) if not only_reads(each)}

    async def _post(self, path: str, body: object, max_bytes: int) -> object:
        return await self._store.post(path, body, timeout_s=self._timeout_s, max_bytes=max_bytes)


async def _bounded(answer: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    pieces = bytearray()
    async for piece in answer.content.iter_chunked(1 << 16):
        pieces += piece
        if len(pieces) > max_bytes * _OVERHEAD:
            raise TooLarge(f"The reply has more than {max_bytes} bytes: ask for less (SCAN, HSCAN, LRANGE).")
    return bytes(pieces)


def _sent(command: Words) -> list[str]:
    """A command as JSON.

    Raises:
        QueryFailed: it is one that needs a connection of its own, or has bytes that are no text.
    """
    name = full_name(command)[0]
    if name in _KEEPS_STATE:
        raise QueryFailed(
            f"{name} needs a connection of its own, which the REST API has not: use the resource over TLS."
        )
    try:
        return [word.decode() for word in command]
    except UnicodeDecodeError as error:
        raise QueryFailed(
            f"{name} has bytes that are no text, which the REST API cannot take: use the resource over TLS."
        ) from error


def _list(told: object) -> list[object]:
    if isinstance(told, list):
        return told
    if isinstance(told, dict) and "error" in told:
        raise QueryFailed(str(told["error"]))
    raise ConnectionFailed("What the REST API answers to several commands is no list.")


def _reply(told: object) -> Reply:
    if isinstance(told, dict) and "error" in told:
        return Failure(str(told["error"]))
    if isinstance(told, dict) and "result" in told:
        return _value(told["result"])
    raise ConnectionFailed("What the REST API answers has neither a result nor an error.")


def _value(told: object) -> Reply:
    match told:
        case None | bool() | int():
            return told
        case float():
            return Double(repr(told))
        case list():
            return [_value(each) for each in told]
        case "OK":  # the one text that is not encoded
            return Simple("OK")
        case str():
            try:
                return base64.b64decode(told, validate=True)
            except binascii.Error:
                return Simple(told)
        case _:
            raise ConnectionFailed("The REST API answers with a value of an unknown kind.")
