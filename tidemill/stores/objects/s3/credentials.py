"""Who asks an S3 server: nobody, the keys of a resource, or a role that is taken on for an hour."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from tidemill.engine.egress import Egress
from tidemill.engine.sigv4 import Keys
from tidemill.model.errors import StorageDenied, Unavailable
from tidemill.stores.objects.remote.http import Http, Request
from tidemill.stores.objects.remote.xml import parse
from tidemill.stores.objects.s3.config import S3Config
from tidemill.stores.objects.s3.xml import parse_failure, parse_time

_BEFORE_END: Final = timedelta(minutes=5)


class Credentials(Protocol):
    """Where keys come from."""

    async def keys(self) -> Keys | None:
        """Those that are good now; None where requests are not signed."""
        ...

    async def close(self) -> None: ...


def credentials_of(config: S3Config, *, now: Callable[[], datetime], egress: Egress) -> Credentials:
    """As a configuration says."""
    if config.role:
        return AssumedRole(config, now=now, egress=egress)
    return Fixed(Keys(config.access_key, config.secret_key, config.token) if config.access_key else None)


@dataclass(frozen=True, slots=True)
class Fixed:
    """Keys that do not change."""

    found: Keys | None

    async def keys(self) -> Keys | None:
        return self.found

    async def close(self) -> None:
        """Nothing to let go of."""


class AssumedRole:
    """Keys of a role that trusts the tokens that Tidemill issues; renewed before they end."""

    def __init__(self, config: S3Config, *, now: Callable[[], datetime], egress: Egress) -> None:
        assert config.sts is not None
        self._config = config
        self._now = now
        self._path = config.sts.path or "/"
        origin = f"{config.sts.scheme}://{config.sts.authority}"
        self._http = Http(origin, _unsigned, ca_certificate=config.ca_certificate, egress=egress)
        self._renewing = asyncio.Lock()
        self._keys: Keys | None = None
        self._end: datetime | None = None

    async def keys(self) -> Keys | None:
        async with self._renewing:
            if self._end is None or self._now() >= self._end - _BEFORE_END:
                self._keys, self._end = await self._assume()
            return self._keys

    async def close(self) -> None:
        await self._http.close()

    async def _assume(self) -> tuple[Keys, datetime]:
        answer = await self._http.fetch(
            Request(
                method="POST",
                path=self._path,
                query=(
                    ("Action", "AssumeRoleWithWebIdentity"),
                    ("Version", "2011-06-15"),
                    ("RoleArn", self._config.role),
                    ("RoleSessionName", "tidemill"),
                    ("WebIdentityToken", self._config.identity_token),
                ),
            )
        )
        if answer.status >= 500:
            raise Unavailable(f"{self._http.origin} gives no keys for the role now: it answers {answer.status}.")
        if answer.status != 200:
            code = parse_failure(answer.body).code or answer.status
            raise StorageDenied(
                f"The role {self._config.role} cannot be taken on ({code}): it must exist, and its trust policy must "
                "name the identity provider that this Tidemill is."
            )
        found = parse(answer.body).find(".//Credentials")
        if found is None:
            raise Unavailable(f"{self._http.origin} answers without keys for the role.")
        keys = Keys(
            found.findtext("AccessKeyId", ""), found.findtext("SecretAccessKey", ""), found.findtext("SessionToken", "")
        )
        return keys, parse_time(found.findtext("Expiration", ""))


async def _unsigned(request: Request) -> Request:
    return request
