"""The issuer of identity tokens that this instance is: what others, such as clouds, may believe of it."""

import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from tidemill.db import signing_keys
from tidemill.db.pool import Database
from tidemill.db.signing_keys import SigningKey
from tidemill.engine import id_token
from tidemill.model.rootkey import RootKeys

PATH: Final = "/api/oidc/"
_PROOF_S: Final = 600.0
"""So long what proves a storage to a cloud is good: it is traded in at once."""


class Issuer:
    """Signs tokens as `<base_url>/api/oidc/`, under which its public keys are found."""

    def __init__(self, database: Database, root: RootKeys, *, base_url: str) -> None:
        self._database = database
        self._root = root
        self._key: SigningKey | None = None
        self.name = base_url + PATH

    async def token(self, subject: str, audience: str, *, lasts_s: float, claims: Mapping[str, object]) -> str:
        """A token of `subject` for `audience`; `claims` are told beside these.

        Raises:
            SecretsUnreadable: the root key of the signing key is not held.
        """
        self._key = key = await signing_keys.newest(self._database, self._root, known=self._key)
        now = int(time.time())
        told = {
            **claims,
            "iss": self.name,
            "sub": subject,
            "aud": audience,
            "iat": now,
            "nbf": now,
            "exp": now + int(lasts_s),
            "jti": secrets.token_hex(16),
        }
        return id_token.signed(told, key.private, key.id)

    def prove_as(self, subject: str) -> Callable[[str], Awaitable[str]]:
        """What proves to an audience that a storage of this instance asks."""

        async def prove(audience: str) -> str:
            return await self.token(subject, audience, lasts_s=_PROOF_S, claims={})

        return prove

    def configuration(self) -> dict[str, object]:
        """What verifiers read first."""
        return id_token.configuration(self.name)

    async def keys(self) -> bytes:
        """The public keys as JSON."""
        found = await signing_keys.published(self._database.single)
        return b'{"keys":[' + b",".join(found) + b"]}"
