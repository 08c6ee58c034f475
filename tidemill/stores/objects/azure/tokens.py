"""Tokens of Entra ID for Azure Storage, by a client's secret or by a federated token."""

import asyncio
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote, urlencode

from tidemill.model.errors import StorageDenied, StorageMisconfigured, Unavailable
from tidemill.stores.objects.azure.config import Identity
from tidemill.stores.objects.remote.bodies import Held
from tidemill.stores.objects.remote.http import Http, Request

LOGIN: Final = "https://login.microsoftonline.com"
_SCOPE: Final = "https://storage.azure.com/.default"
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_BEFORE_END: Final = timedelta(minutes=5)
_TOKEN: Final = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+")
_TOKEN_BYTES: Final = 16 * 1024

Now = Callable[[], datetime]


class Tokens:
    """The token of one identity, renewed before it ends."""

    def __init__(self, identity: Identity, *, now: Now, login: str = LOGIN) -> None:
        """`login` is not for users to say: a file of this machine is sent there."""
        self._identity = identity
        self._now = now
        self._http = Http(login, _as_it_is)
        self._renewing = asyncio.Lock()
        self._token = ""
        self._end: datetime | None = None

    async def get(self) -> str:
        """A token that is good now.

        Raises:
            StorageDenied: the identity is unknown, or what proves it is refused.
        """
        async with self._renewing:
            if self._end is None or self._now() >= self._end - _BEFORE_END:
                self._token, self._end = await self._fetch()
            return self._token

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def _fetch(self) -> tuple[str, datetime]:
        form = {"grant_type": "client_credentials", "client_id": self._identity.client, "scope": _SCOPE}
        if self._identity.secret:
            form["client_secret"] = self._identity.secret
        else:
            token = await asyncio.to_thread(_federated_token, self._identity.token_file)
            form |= {"client_assertion_type": _ASSERTION, "client_assertion": token}
        now = self._now()
        answer = await self._http.fetch(
            Request(
                method="POST",
                path=f"/{quote(self._identity.tenant, safe='')}/oauth2/v2.0/token",
                headers={"content-type": "application/x-www-form-urlencoded"},
                body=Held([urlencode(form).encode()]),
            )
        )
        if answer.status >= 500:
            raise Unavailable(f"{self._http.origin} issues no tokens now: it answers {answer.status}.")
        try:
            told = json.loads(answer.body)
            if answer.status == 200:
                return str(told["access_token"]), now + timedelta(seconds=int(told["expires_in"]))
            reason = str(told["error_description"]).partition(" Trace ID")[0][:300]
        except (ValueError, KeyError, TypeError) as error:
            raise StorageMisconfigured(f"{self._http.origin} issues no tokens: check tenantId.") from error
        raise StorageDenied(f"Entra ID refuses the identity: {reason} Check tenantId, clientId and its credentials.")


def _federated_token(path: str) -> str:
    """What the file holds, if it is a token: nothing else of this machine is sent anywhere."""
    try:
        with Path(path).open("rb") as file:
            found = file.read(_TOKEN_BYTES).decode("ascii").strip()
    except (OSError, ValueError) as error:
        raise StorageMisconfigured("The file that federatedTokenFile names cannot be read here.") from error
    if _TOKEN.fullmatch(found) is None:
        raise StorageMisconfigured("The file that federatedTokenFile names holds no token.")
    return found


async def _as_it_is(request: Request) -> Request:
    return request
