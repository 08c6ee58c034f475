"""Reads the credential of a request and finds out who is behind it."""

import hashlib
import secrets
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from starlette.requests import HTTPConnection

from tidemill.db import identity
from tidemill.db.pool import Database
from tidemill.engine import job_token
from tidemill.model.errors import Denied, Unauthenticated
from tidemill.model.identity import CredentialKind, Principal

COOKIE: Final = "token"
CSRF_HEADER: Final = "X-Tidemill-CSRF"
_TOKEN_BYTES: Final = 32
_SHOWN_CHARS: Final = 10


@dataclass(frozen=True)
class Shown:
    """What a caller showed. `by_cookie`: a browser may have sent it without its user's will."""

    token: str
    by_cookie: bool

    @cached_property
    def hash(self) -> bytes:
        """See `hash_of`."""
        return hash_of(self.token)


def new_token() -> tuple[str, bytes, str]:
    """A fresh credential of 256 random bits: its text (shown once), its hash (kept), its prefix (for lists)."""
    text = secrets.token_urlsafe(_TOKEN_BYTES)
    return text, hash_of(text), text[:_SHOWN_CHARS]


def hash_of(token: str) -> bytes:
    """What is kept of a token. It is random and long, so a plain hash is as good as a slow one."""
    return hashlib.sha256(token.encode()).digest()


def shown_by(connection: HTTPConnection) -> Shown | None:
    """The credential of a request: the bearer header, else the `token` query parameter, else the `token` cookie."""
    header = connection.headers.get("authorization", "")
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        return Shown(value.strip(), by_cookie=False)
    if token := connection.query_params.get("token", ""):
        return Shown(token, by_cookie=False)
    if token := connection.cookies.get(COOKIE, ""):
        return Shown(token, by_cookie=True)
    return None


async def authenticate(database: Database, job_secret: bytes, shown: Shown | None, *, workspace: str) -> Principal:
    """Who is behind the credential, as it stands in `workspace` ("" for instance level).

    Raises:
        Unauthenticated: nothing was shown, or something that is not (any more) a credential.
        LeaseLost: it is the token of an attempt of a job that was given to another.
        NotFound: it is good, but not for this workspace, or there is no such workspace.
    """
    if shown is None:
        raise Unauthenticated("No credential was sent: send 'Authorization: Bearer <token>'.")
    if shown.token.startswith(job_token.PREFIX):
        token = job_token.read(job_secret, shown.token)
        if token is None:
            raise Unauthenticated("The credential is not one of this instance.")
        return await identity.principal_of_job(database, token.job_id, token.attempt, workspace)
    return await identity.principal_by_token(database, shown.hash, workspace)


def check_not_forged(connection: HTTPConnection, principal: Principal, *, origins: frozenset[str]) -> None:
    """Refuse a change that another site made a browser send with our cookie.

    A browser says where a request comes from (`Origin`, `Sec-Fetch-Site`). Programs such as the CLI, which sends a
    personal token as a cookie, say nothing; a browser's session must then carry the `X-Tidemill-CSRF` header.

    Raises:
        Denied: the request comes from elsewhere, or does not say where from.
    """
    told = check_origin(connection, origins) or CSRF_HEADER.lower() in connection.headers
    if principal.credential.kind is CredentialKind.SESSION and not told:
        raise Denied(f"A change by session cookie needs the header {CSRF_HEADER}: 1.")


def check_origin(connection: HTTPConnection, origins: frozenset[str]) -> bool:
    """Whether the request says where it comes from; False from programs, which do not.

    Raises:
        Denied: it comes from another site's page.
    """
    origin = connection.headers.get("origin")
    site = connection.headers.get("sec-fetch-site")
    if origin is not None and origin not in origins:
        raise Denied(f"This is taken from this server's own pages only, not from {origin[:100]!r}.")
    if site is not None and site not in {"same-origin", "none"}:
        raise Denied("This is taken from this server's own pages only.")
    return origin is not None or site is not None
