"""The token of a service account, renewed before it ends."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from tidemill.model.errors import ConnectionFailed
from tidemill.stores.databases.json_http import JsonHttp
from tidemill.stores.key_pair import KeyPair
from tidemill.stores.renewed import Now, Renewed
from tidemill.stores.service_account import ServiceAccount

SCOPES = "https://www.googleapis.com/auth/bigquery https://www.googleapis.com/auth/drive.readonly"
"""The second one reads tables that are sheets of Google Drive, as far as they are shared with the account."""


class Tokens:
    """Fetches tokens for one account."""

    def __init__(self, account: ServiceAccount, key: KeyPair, http: JsonHttp, *, now: Now) -> None:
        self._account, self._key, self._http, self._now = account, key, http, now
        self._renewed = Renewed(self._fetch, now=now)

    async def get(self) -> str:
        """A token that is good now.

        Raises:
            AddressClosed, ConnectionFailed: none can be had.
        """
        return await self._renewed.get()

    async def _fetch(self) -> tuple[str, datetime]:
        now, account = self._now(), self._account
        form = account.form(self._key, scope=SCOPES, now=now)
        reply = await self._http.send("POST", account.token_uri, headers=_none, form=form)
        told = reply.body
        token, life_s = told.get("access_token"), told.get("expires_in")
        if reply.status == 200 and isinstance(token, str) and isinstance(life_s, int):
            return token, now + timedelta(seconds=life_s)
        reason = f"{told.get('error', f'HTTP {reply.status}')}: {told.get('error_description', '')}"[:300]
        if "iat" in reason or "short-lived" in reason:
            raise ConnectionFailed(f"The clock of this machine is wrong ({reason}): set it by NTP.")
        raise ConnectionFailed(
            f"Google refuses the service account {account.email} ({reason}). Check client_email and private_key: the "
            "account may be gone, or its key withdrawn."
        )


async def _none() -> Mapping[str, str]:
    return {}
