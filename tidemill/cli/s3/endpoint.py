"""The objects of a workspace as commands reach them: through the S3 endpoint of its server, as whoever is signed in.

The credentials are the token's own: they are asked for with it, are kept nowhere, and die with it.
"""

import asyncio
import json
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlencode
from uuid import UUID

from tidemill.cli.connection import Connection, Server
from tidemill.model.errors import NotFound
from tidemill.model.object_address import DEFAULT, Address
from tidemill.stores.objects.port import Part
from tidemill.stores.objects.remote.fields import endpoint
from tidemill.stores.objects.s3.config import S3Config
from tidemill.stores.objects.s3.store import S3Store

_COPY_TIMEOUT_S: Final = 3600.0
_PAGE: Final = 1000


class Endpoint:
    """Use it as `async with`."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._connection = Connection(server)
        self._stores: dict[str, S3Store] = {}
        self._keys: dict[str, str] = {}
        self._opening = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for store in self._stores.values():
            await store.close()

    async def store(self, at: Address) -> S3Store:
        """The storage of `at`, which stays open as long as this is.

        Raises:
            NotFound: there is no such storage.
            Denied: the token may not use it, or is one of a browser's session.
        """
        async with self._opening:
            if at.storage not in self._stores:
                self._keys = self._keys or await self.ask("s3_credentials", {})
                await self.explain(at.at("-"), action="read", username=None)  # says by its name what is not there
                self._stores[at.storage] = S3Store(self.config(at.storage))
        return self._stores[at.storage]

    def config(self, storage: str) -> S3Config:
        """How S3 clients reach a storage, once `store` gave it."""
        url = f"{self.server.url}/api/w/{self.server.workspace}/s3_proxy"
        return S3Config(
            bucket=storage or DEFAULT,
            endpoint=endpoint(url, tls=url.startswith("https:")),
            path_style=True,
            access_key=self._keys["access_key"],
            secret_key=self._keys["secret_key"],
        )

    async def explain(self, at: Address, *, action: str, username: str | None) -> dict[str, Any]:
        """Whether a member, None for oneself, may do `action` with the key, and why."""
        question = {"storage": at.storage, "key": at.key, "action": action, "username": username}
        found: dict[str, Any] = await self.ask("storages/explain", question)
        return found

    async def copy(self, source: Address, target: Address) -> None:
        """From one key to another, also of another storage; the bytes do not pass through here."""
        order = {
            "src_storage": source.storage,
            "src_file_key": source.key,
            "dest_storage": target.storage,
            "dest_file_key": target.key,
        }
        await self.ask("job_helpers/copy_s3_file", order, timeout_s=_COPY_TIMEOUT_S)

    async def storages(self) -> list[dict[str, Any]]:
        """All storages of the workspace, the default one first."""
        found: list[dict[str, Any]] = await self.ask("storages/list", None)
        return found

    async def parts(self, at: Address, upload: UUID) -> list[Part] | None:
        """The parts that an upload has by now; None where there is no such upload any more."""
        found: list[Part] = []
        while True:
            after = found[-1].number if found else 0
            query = urlencode({"storage": at.storage, "file_key": at.key, "after": after, "limit": _PAGE})
            try:
                page = await self.ask(f"object_uploads/parts/{upload}?{query}", None)
            except NotFound:
                return None
            found += [Part(**each) for each in page]
            if len(page) < _PAGE:
                return found

    async def ask(self, path: str, body: object, *, timeout_s: float = 60.0) -> Any:
        """The JSON that a route answers; a GET where there is no body."""
        if body is None:
            return json.loads(await asyncio.to_thread(self._connection.get, path))
        sent = json.dumps(body).encode()
        return json.loads(await asyncio.to_thread(self._connection.post, path, sent, timeout_s=timeout_s))
