"""Tokens of Entra ID for Azure Storage, by a client's secret or by a federated token."""

import json
from datetime import datetime, timedelta
from typing import Final, Self
from urllib.parse import quote, urlencode

from tidemill.model.errors import StorageDenied, StorageMisconfigured, Unavailable
from tidemill.stores.objects.azure.config import Identity
from tidemill.stores.objects.remote.bodies import Held
from tidemill.stores.objects.remote.http import Http, Request, as_it_is
from tidemill.stores.objects.remote.identity import Prove
from tidemill.stores.renewed import Now, Renewed

AUDIENCE: Final = "api://AzureADTokenExchange"
"""Whom federated tokens are meant for."""
_SCOPE: Final = "https://storage.azure.com/.default"
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Tokens:
    """The token of one identity, renewed before it ends."""

    def __init__(self, identity: Identity, prove: Prove, *, now: Now) -> None:
        self._identity = identity
        self._prove = prove
        self._now = now
        self._http = Http(identity.login, as_it_is)
        self._renewed = Renewed(self._fetch, now=now)

    async def get(self) -> str:
        """A token that is good now.

        Raises:
            StorageDenied: the identity is unknown, or what proves it is refused.
        """
        return await self._renewed.get()

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
            form |= {"client_assertion_type": _ASSERTION, "client_assertion": await self._prove(AUDIENCE)}
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
