"""Tokens for a service account, and signed addresses: both by its private key."""

import hashlib
import json
from datetime import datetime, timedelta
from typing import Final, Protocol, Self
from urllib.parse import urlencode, urlsplit

from tidemill.engine.egress import Egress
from tidemill.engine.sigv4 import encode_query, time_text
from tidemill.model.errors import StorageDenied, StorageMisconfigured, Unavailable
from tidemill.stores.key_pair import KeyPair
from tidemill.stores.objects.remote.bodies import Held
from tidemill.stores.objects.remote.http import Http, Request, as_it_is
from tidemill.stores.renewed import Now, Renewed
from tidemill.stores.service_account import ServiceAccount

_SCOPE: Final = "https://www.googleapis.com/auth/devstorage.read_write"
_ALGORITHM: Final = "GOOG4-RSA-SHA256"
MAX_EXPIRES_S: Final = 7 * 24 * 3600


class Bearer(Protocol):
    """Where tokens come from."""

    async def get(self) -> str:
        """A token that is good now."""
        ...

    async def close(self) -> None: ...


class Tokens:
    """The token of one account, renewed before it ends."""

    def __init__(self, account: ServiceAccount, *, now: Now, ca_certificate: str, egress: Egress) -> None:
        where = urlsplit(account.token_uri)
        self._account = account
        self._key = _private_key(account)
        self._now = now
        self._path = where.path or "/"
        origin = f"{where.scheme}://{where.netloc}"
        self._http = Http(origin, as_it_is, ca_certificate=ca_certificate, egress=egress)
        self._renewed = Renewed(self._fetch, now=now)

    async def get(self) -> str:
        """A token that is good now.

        Raises:
            StorageDenied: the account is unknown, disabled, or its key was withdrawn.
        """
        return await self._renewed.get()

    def sign(self, text: str) -> bytes:
        """The account's signature."""
        return self._key.sign(text)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def _fetch(self) -> tuple[str, datetime]:
        now = self._now()
        form = self._account.form(self._key, scope=_SCOPE, now=now)
        answer = await self._http.fetch(
            Request(
                method="POST",
                path=self._path,
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
            reason = f"{told['error']}: {told.get('error_description', '')}"[:300]
        except (ValueError, KeyError, TypeError) as error:
            raise StorageMisconfigured(f"{self._http.origin} issues no tokens: check token_uri.") from error
        if "iat" in reason or "Token must be a short-lived" in reason:
            raise StorageMisconfigured(f"The clock of this machine is wrong ({reason}): set it by NTP.")
        raise StorageDenied(
            f"Google refuses the service account {self._account.email} ({reason}): make a new key for it."
        )


def presigned_query(
    tokens: Tokens, email: str, *, method: str, host: str, path: str, now: datetime, expires_s: int
) -> str:
    """The query that lets anybody send `method` to `path` (escaped) at `host` for so long."""
    stamp = time_text(now)
    scope = f"{stamp[:8]}/auto/storage/goog4_request"
    query = encode_query(
        {
            "X-Goog-Algorithm": _ALGORITHM,
            "X-Goog-Credential": f"{email}/{scope}",
            "X-Goog-Date": stamp,
            "X-Goog-Expires": str(expires_s),
            "X-Goog-SignedHeaders": "host",
        }.items()
    )
    canonical = "\n".join((method, path, query, f"host:{host}", "", "host", "UNSIGNED-PAYLOAD"))
    text = "\n".join((_ALGORITHM, stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    return f"{query}&X-Goog-Signature={tokens.sign(text).hex()}"


def _private_key(account: ServiceAccount) -> KeyPair:
    try:
        return KeyPair.of(account.private_key)
    except ValueError as error:
        raise StorageMisconfigured(f"The field private_key of serviceAccountKey {error}.") from error
