"""Tokens that a machine or container of Azure's lends to whatever runs on it: its managed identity."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Self
from urllib.parse import urlsplit

from tidemill.model.errors import StorageDenied, StorageMisconfigured, Unavailable
from tidemill.stores.objects.remote.fields import Fields
from tidemill.stores.objects.remote.http import Http, Request, as_it_is
from tidemill.stores.renewed import Now, Renewed

MACHINES: Final = "http://169.254.169.254"
_RESOURCE: Final = ("resource", "https://storage.azure.com/")
_OF_MACHINE: Final = ("api-version", "2018-02-01")
_OF_CONTAINER: Final = ("api-version", "2019-08-01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lender:
    """Where tokens are asked for: at `url` of a container's service, which wants to see `secret`, otherwise at
    `machines`, the service of a machine. `client` is which of several identities is meant, "" for the only one.
    """

    machines: str = MACHINES
    url: str = ""
    secret: str = field(default="", repr=False)
    client: str = ""

    @classmethod
    def of(cls, value: Mapping[str, object]) -> Self:
        """From `metadataEndPoint`, `identityEndPoint`, `identityHeader` and `clientId`, which no resource leads by."""
        fields = Fields(value)
        return cls(
            machines=fields.text("metadataEndPoint", MACHINES).rstrip("/"),
            url=fields.text("identityEndPoint"),
            secret=fields.text("identityHeader"),
            client=fields.text("clientId"),
        )


class LentTokens:
    """The token of the managed identity; renewed before it ends."""

    def __init__(self, lender: Lender, *, now: Now) -> None:
        where = urlsplit(lender.url or lender.machines)
        self._lender = lender
        self._path = where.path
        self._http = Http(f"{where.scheme}://{where.netloc}", as_it_is)
        self._renewed = Renewed(self._fetch, now=now)

    async def get(self) -> str:
        """A token that is good now.

        Raises:
            StorageDenied: the machine has no such identity.
        """
        return await self._renewed.get()

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.close()

    def _request(self) -> Request:
        client = [("client_id", self._lender.client)] if self._lender.client else []
        if self._lender.url:
            headers = {"x-identity-header": self._lender.secret}
            return Request(
                method="GET", path=self._path or "/", query=[_OF_CONTAINER, _RESOURCE, *client], headers=headers
            )
        path = f"{self._path}/metadata/identity/oauth2/token"
        return Request(method="GET", path=path, query=[_OF_MACHINE, _RESOURCE, *client], headers={"metadata": "true"})

    async def _fetch(self) -> tuple[str, datetime]:
        answer = await self._http.fetch(self._request())
        if answer.status >= 500 or answer.status == 429:
            raise Unavailable(f"{self._http.origin} lends no tokens now: it answers {answer.status}.")
        if answer.status != 200:
            raise StorageDenied(
                f"{self._http.origin} lends no tokens (it answers {answer.status}): give the machine an identity, "
                "and name it by AZURE_CLIENT_ID where it has several."
            )
        try:
            told = json.loads(answer.body)
            ends = int(told["expires_on"])  # seconds since 1970; App Service tells nothing else
            return str(told["access_token"]), datetime.fromtimestamp(ends, tz=UTC)
        except (ValueError, KeyError, TypeError) as error:
            raise StorageMisconfigured(f"{self._http.origin} is no metadata service of Azure's.") from error
