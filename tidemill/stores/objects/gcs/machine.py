"""Tokens that a machine of Google's lends to whatever runs on it, by its metadata service."""

import json
from datetime import datetime, timedelta
from typing import Final

from tidemill.model.errors import StorageDenied, StorageMisconfigured, Unavailable
from tidemill.stores.objects.remote.http import Http, Request, as_it_is
from tidemill.stores.renewed import Now, Renewed

METADATA: Final = "http://metadata.google.internal"
_PATH: Final = "/computeMetadata/v1/instance/service-accounts/default/token"


class LentTokens:
    """`Bearer` of the machine's service account; renewed before it ends."""

    def __init__(self, origin: str = METADATA, *, now: Now) -> None:
        self._now = now
        self._http = Http(origin, as_it_is)
        self._renewed = Renewed(self._fetch, now=now)

    async def get(self) -> str:
        return await self._renewed.get()

    async def close(self) -> None:
        await self._http.close()

    async def _fetch(self) -> tuple[str, datetime]:
        now = self._now()
        answer = await self._http.fetch(Request(method="GET", path=_PATH, headers={"metadata-flavor": "Google"}))
        if answer.status >= 500:
            raise Unavailable(f"{self._http.origin} lends no tokens now: it answers {answer.status}.")
        if answer.status != 200:
            raise StorageDenied(
                f"{self._http.origin} lends no tokens (it answers {answer.status}): give the machine a service account "
                "with the scope devstorage.read_write."
            )
        try:
            told = json.loads(answer.body)
            return str(told["access_token"]), now + timedelta(seconds=int(told["expires_in"]))
        except (ValueError, KeyError, TypeError) as error:
            raise StorageMisconfigured(f"{self._http.origin} is no metadata service of Google's.") from error
