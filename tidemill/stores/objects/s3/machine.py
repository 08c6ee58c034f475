"""Keys that the machine or container lends to whatever runs on it, by Amazon's metadata services."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

from tidemill.engine.sigv4 import Keys
from tidemill.model.errors import StorageDenied, StorageMisconfigured, Unavailable
from tidemill.stores.objects.remote.fields import Fields
from tidemill.stores.objects.remote.http import Answer, Http, Request, as_it_is
from tidemill.stores.objects.s3.xml import parse_time
from tidemill.stores.renewed import Now, Renewed

MACHINES: Final = "http://169.254.169.254"
CONTAINERS: Final = "http://169.254.170.2"
_SESSION: Final = ("x-aws-ec2-metadata-token-ttl-seconds", "21600")
_ROLES: Final = "/latest/meta-data/iam/security-credentials/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lender:
    """Where keys are asked for: at `url` of a container's service, otherwise at `machines`, the service of a machine.

    `token_file` holds what the container's service wants as authorization, "" for nothing.
    """

    machines: str = MACHINES
    url: str = ""
    token_file: str = ""

    @classmethod
    def of(cls, value: Mapping[str, object]) -> Self:
        """From `metadataEndPoint`, `containerUrl` and `containerTokenFile`, which no resource has."""
        fields = Fields(value)
        return cls(
            machines=fields.text("metadataEndPoint", MACHINES).rstrip("/"),
            url=fields.text("containerUrl"),
            token_file=fields.text("containerTokenFile"),
        )


class LentKeys:
    """`Credentials` of the machine or container; renewed before they end."""

    def __init__(self, lender: Lender, *, now: Now) -> None:
        where = urlsplit(lender.url or lender.machines)
        self._lender = lender
        self._path = where.path
        self._http = Http(f"{where.scheme}://{where.netloc}", as_it_is)
        self._renewed = Renewed(self._fetch, now=now)

    async def keys(self) -> Keys | None:
        return await self._renewed.get()

    async def close(self) -> None:
        await self._http.close()

    async def _fetch(self) -> tuple[Keys, datetime]:
        told = await (self._of_container() if self._lender.url else self._of_machine())
        try:
            found = json.loads(told)
            keys = Keys(str(found["AccessKeyId"]), str(found["SecretAccessKey"]), str(found["Token"]))
            return keys, parse_time(str(found["Expiration"]))
        except (ValueError, KeyError, TypeError) as error:
            raise StorageMisconfigured(f"{self._http.origin} lends no keys: give the machine a role.") from error

    async def _of_container(self) -> bytes:
        headers: dict[str, str] = {}
        if self._lender.token_file:
            headers["authorization"] = _content(Path(self._lender.token_file))
        return (await self._ask(Request(method="GET", path=self._path or "/", headers=headers))).body

    async def _of_machine(self) -> bytes:
        session = await self._ask(Request(method="PUT", path="/latest/api/token", headers=dict([_SESSION])))
        headers = {"x-aws-ec2-metadata-token": session.body.decode("ascii", "replace")}
        role = (await self._ask(Request(method="GET", path=_ROLES, headers=headers))).body.decode().partition("\n")[0]
        return (await self._ask(Request(method="GET", path=f"{_ROLES}{role.strip()}", headers=headers))).body

    async def _ask(self, request: Request) -> Answer:
        answer = await self._http.fetch(request)
        if answer.status >= 500:
            raise Unavailable(f"{self._http.origin} lends no keys now: it answers {answer.status}.")
        if answer.status != 200:
            raise StorageDenied(
                f"{self._http.origin} lends no keys (it answers {answer.status}): give the machine a role, and let "
                "containers reach its metadata."
            )
        return answer


def _content(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except (OSError, ValueError) as error:
        raise StorageMisconfigured(f"The token file {path} cannot be read here.") from error
