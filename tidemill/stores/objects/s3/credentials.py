"""Who asks an S3 server: nobody, the keys of a resource, or a role that is taken on for an hour."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol
from urllib.parse import urlencode

from tidemill.engine.egress import Egress
from tidemill.engine.sigv4 import Keys
from tidemill.model.errors import StorageDenied, Unavailable
from tidemill.stores.objects.remote.bodies import Held
from tidemill.stores.objects.remote.fields import Endpoint
from tidemill.stores.objects.remote.http import Http, Request, as_it_is
from tidemill.stores.objects.remote.identity import Prove
from tidemill.stores.objects.remote.xml import parse
from tidemill.stores.objects.s3.config import S3Config
from tidemill.stores.objects.s3.xml import parse_failure, parse_time
from tidemill.stores.renewed import Now, Renewed

AMAZON: Final = "sts.amazonaws.com"


class Credentials(Protocol):
    """Where keys come from."""

    async def keys(self) -> Keys | None:
        """Those that are good now; None where requests are not signed."""
        ...

    async def close(self) -> None: ...


def fixed(config: S3Config) -> Credentials:
    """The keys of a configuration."""
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
    """Keys of a role that trusts whoever signs the tokens that `prove` gives; renewed before they end."""

    def __init__(self, config: S3Config, prove: Prove, *, now: Now, egress: Egress) -> None:
        assert config.sts is not None
        self._role = config.role
        self._audience = audience_of(config.sts)
        self._prove = prove
        self._path = config.sts.path or "/"
        origin = f"{config.sts.scheme}://{config.sts.authority}"
        self._http = Http(origin, as_it_is, ca_certificate=config.ca_certificate, egress=egress)
        self._renewed = Renewed(self._assume, now=now)

    async def keys(self) -> Keys | None:
        return await self._renewed.get()

    async def close(self) -> None:
        await self._http.close()

    async def _assume(self) -> tuple[Keys, datetime]:
        form = {
            "Action": "AssumeRoleWithWebIdentity",
            "Version": "2011-06-15",
            "RoleArn": self._role,
            "RoleSessionName": "tidemill",
            "WebIdentityToken": await self._prove(self._audience),
        }
        answer = await self._http.fetch(
            Request(
                method="POST",
                path=self._path,
                headers={"content-type": "application/x-www-form-urlencoded"},
                body=Held([urlencode(form).encode()]),
            )
        )
        if answer.status >= 500:
            raise Unavailable(f"{self._http.origin} gives no keys for the role now: it answers {answer.status}.")
        if answer.status != 200:
            code = parse_failure(answer.body).code or answer.status
            raise StorageDenied(
                f"The role {self._role} cannot be taken on ({code}): it must exist, and its trust policy must name the "
                "issuer of the token, its audience and its subject."
            )
        found = parse(answer.body).find(".//Credentials")
        if found is None:
            raise Unavailable(f"{self._http.origin} answers without keys for the role.")
        keys = Keys(
            found.findtext("AccessKeyId", ""), found.findtext("SecretAccessKey", ""), found.findtext("SessionToken", "")
        )
        return keys, parse_time(found.findtext("Expiration", ""))


def audience_of(sts: Endpoint) -> str:
    """Whom tokens for this service are meant for: Amazon's only for Amazon, so that nobody else can use them there."""
    is_amazon = sts.scheme == "https" and f".{sts.host}".endswith((".amazonaws.com", ".amazonaws.com.cn"))
    return AMAZON if is_amazon else sts.authority
