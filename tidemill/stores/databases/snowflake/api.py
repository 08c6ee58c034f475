"""The calls of Snowflake's SQL API. https://docs.snowflake.com/en/developer-guide/sql-api/reference tells of them."""

import asyncio
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from tidemill.engine.egress import Egress
from tidemill.model.errors import ConnectionFailed
from tidemill.stores.databases.json_http import JsonHttp
from tidemill.stores.databases.port import Statement
from tidemill.stores.databases.snowflake.config import SnowflakeConfig
from tidemill.stores.databases.snowflake.errors import failure_of
from tidemill.stores.databases.snowflake.together import Together
from tidemill.stores.renewed import Now, Renewed

Body = Mapping[str, Any]

_PATH: Final = "/api/v2/statements"
_RUNNING: Final = 202
_LIFE: Final = timedelta(minutes=59)
"""Snowflake takes claims that end within an hour."""
_FIRST_PAUSE_S: Final = 0.05
_MOST_PAUSE_S: Final = 1.0


class SnowflakeApi:
    """One account, as one user sees it."""

    def __init__(self, config: SnowflakeConfig, egress: Egress, *, now: Now) -> None:
        self.config = config
        self._now = now
        self._http = JsonHttp(egress, advice="Check account_identifier and firewalls.")
        self._claims = Renewed(self._signed, now=now)

    async def submit(self, body: Body, statement: Statement | Together | None) -> str:
        """Begins a statement; its handle. It does not wait, so that what runs can always be cancelled.

        Sent twice, it runs once, by its `requestId`.
        """
        query = {"async": "true", "requestId": str(uuid.uuid4())}
        reply = await self._http.send(
            "POST",
            self.config.origin + _PATH,
            headers=self._headers,
            query=query,
            again={"retry": "true"},
            body=body,
        )
        if reply.status not in {200, _RUNNING}:
            raise failure_of(reply, self.config, statement)
        handle = reply.body.get("statementHandle")
        if not isinstance(handle, str) or not handle:
            raise ConnectionFailed(f"{self.config.origin} answers without a handle. Check account_identifier.")
        return handle

    async def completed(self, handle: str, statement: Statement | Together | None) -> Body:
        """The answer once the statement has ended: the shape of its result, and the first part of it.

        `statement`: whose line errors tell.
        """
        pause_s = _FIRST_PAUSE_S
        while True:
            status, body = await self._get(handle, statement)
            if status != _RUNNING:
                return body
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _MOST_PAUSE_S)

    async def partition(self, handle: str, number: int, statement: Statement) -> Body:
        """A further part of a result."""
        return (await self._get(handle, statement, partition=number))[1]

    async def cancel(self, handle: str) -> None:
        """The server is told; the statement ends a moment later."""
        url = f"{self.config.origin}{_PATH}/{quote(handle, safe='')}/cancel"
        reply = await self._http.send("POST", url, headers=self._headers)
        if reply.status != 200:
            raise failure_of(reply, self.config, None)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.close()

    async def _get(
        self, handle: str, statement: Statement | Together | None, *, partition: int = 0
    ) -> tuple[int, Body]:
        url = f"{self.config.origin}{_PATH}/{quote(handle, safe='')}"
        query = {"partition": str(partition)} if partition else None
        reply = await self._http.send("GET", url, headers=self._headers, query=query)
        if reply.status not in {200, _RUNNING}:
            raise failure_of(reply, self.config, statement)
        return reply.status, reply.body

    async def _headers(self) -> Mapping[str, str]:
        headers = {"User-Agent": "tidemill/1.0"}
        if self.config.key is None:  # Snowflake tells by the token itself of what kind it is
            return {**headers, "Authorization": f"Bearer {self.config.token}"}
        token = await self._claims.get()
        return {
            **headers,
            "Authorization": f"Bearer {token}",
            "X-Snowflake-Authorization-Token-Type": "KEYPAIR_JWT",
        }

    async def _signed(self) -> tuple[str, datetime]:
        config, now = self.config, self._now()
        assert config.key is not None
        who = f"{config.account}.{config.username.upper()}"
        issued, end = now, now + _LIFE
        claims = {
            "iss": f"{who}.SHA256:{config.key.fingerprint()}",
            "sub": who,
            "iat": int(issued.timestamp()),
            "exp": int(end.timestamp()),
        }
        return config.key.token(claims), end
