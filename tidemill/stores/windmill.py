"""Workspaces of a running Windmill, by its public API: what its own command line pulls."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import quote, urlsplit

import aiohttp

from tidemill.engine.egress import Egress
from tidemill.model.errors import BadRequest, ConnectionFailed, Denied, NotFound
from tidemill.stores.guarded_connector import GuardedConnector

CONNECT_S: Final = 10.0
READ_S: Final = 60.0
MOST_BYTES: Final = 256 * 1024 * 1024
"""Of one archive: code and settings, no data."""
_WANTED: Final = {
    "archive_type": "tar",
    "plain_secret": "true",
    "include_schedules": "true",
    "include_groups": "true",
    "skip_resource_types": "false",
    "default_ts": "bun",
}


class Windmill:
    """Asks where the rule lets it."""

    def __init__(self, egress: Egress) -> None:
        """It connects only where `egress` lets it."""
        self._egress = egress

    async def archive(self, address: str, *, workspace: str, token: str) -> AsyncGenerator[bytes]:
        """The archive of a workspace, an uncompressed tar, in pieces. Secrets come in the clear.

        Raises:
            BadRequest: `address` is none of a server.
            AddressClosed: the rule lets nobody connect there.
            ConnectionFailed: nobody answers, or something that is no Windmill.
            Denied: the token is not taken there.
            NotFound: there is no such workspace.
        """
        base = _base(address)
        url = f"{base}/api/w/{quote(workspace, safe='')}/workspaces/tarball"
        async with _client(self._egress) as client:
            try:
                async with client.get(url, params=_WANTED, headers={"Authorization": f"Bearer {token}"}) as answer:
                    await _check(answer, base, workspace)
                    async for piece in _bounded(answer):
                        yield piece
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                told = str(error) or type(error).__name__
                raise ConnectionFailed(
                    f"{base} cannot be reached: {told}. Is the address right, from this server?"
                ) from error


def _base(address: str) -> str:
    parts = urlsplit(address.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
        raise BadRequest("The address of a Windmill is one such as https://app.windmill.dev.")
    return f"{parts.scheme}://{parts.netloc}"


@asynccontextmanager
async def _client(egress: Egress) -> AsyncGenerator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(
        connector=GuardedConnector(egress),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=READ_S),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    ) as client:
        yield client


async def _check(answer: aiohttp.ClientResponse, base: str, workspace: str) -> None:
    if answer.status in {401, 403}:
        raise Denied(f"{base} does not take the token: make one there, as an admin of {workspace}.")
    text = "" if answer.status == 200 else (await answer.content.read(300)).decode(errors="replace")
    if answer.status == 404 or "no rows returned" in text:
        raise NotFound(f"{base} has no workspace {workspace!r} that the token may see.")
    if answer.status != 200 or "html" in answer.content_type:
        raise ConnectionFailed(f"{base} answers {answer.status}, which is no archive: is it a Windmill? {text}".strip())


async def _bounded(answer: aiohttp.ClientResponse) -> AsyncGenerator[bytes]:
    size = 0
    async for piece in answer.content.iter_any():
        size += len(piece)
        if size > MOST_BYTES:
            raise ConnectionFailed(f"The archive is larger than {MOST_BYTES} bytes: import it in parts, from files.")
        yield piece
