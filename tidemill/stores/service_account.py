"""A service account of Google's: who asks, and the claims that are traded for a token."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol, Self

from tidemill.stores.key_pair import KeyPair

TOKEN_URI: Final = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFE_S: Final = 3600


class Fields(Protocol):
    """Of a key file: what reads them says in its own errors what is wrong."""

    def needed(self, name: str) -> str: ...

    def text(self, name: str, default: str = "") -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccount:
    """Who asks. `token_uri`: where its signature is traded for a token."""

    email: str
    private_key: str = field(repr=False)
    key_id: str
    token_uri: str

    @classmethod
    def of(cls, fields: Fields) -> Self:
        """From the JSON key file that Google gives."""
        return cls(
            email=fields.needed("client_email"),
            private_key=fields.needed("private_key"),
            key_id=fields.text("private_key_id"),
            token_uri=fields.text("token_uri", TOKEN_URI),
        )

    def form(self, key: KeyPair, *, scope: str, now: datetime) -> dict[str, str]:
        """What is posted to `token_uri`; `key` is made of `private_key`, `scope` what the token is to be good for."""
        issued = int(now.timestamp())
        claims = {"iss": self.email, "scope": scope, "aud": self.token_uri, "iat": issued, "exp": issued + _LIFE_S}
        return {"grant_type": GRANT, "assertion": key.token(claims, kid=self.key_id)}
