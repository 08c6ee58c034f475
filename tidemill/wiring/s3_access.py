"""How S3 clients reach what `tidemill up` started: told beside the login."""

from dataclasses import dataclass

from tidemill.server import auth
from tidemill.server.parts import Parts
from tidemill.server.s3 import credentials
from tidemill.wiring.login_file import Login


@dataclass(frozen=True, slots=True)
class S3Access:
    """The endpoint and the credentials of the first account's token."""

    endpoint: str
    access_key: str
    secret_key: str


def s3_access(parts: Parts, login: Login) -> S3Access | None:
    """How to reach the S3 endpoint; None where it is off or nobody may be told a token any more."""
    if not parts.s3_url or not login.token:
        return None
    made = credentials.of_token(parts, auth.hash_of(login.token), login.workspace)
    return S3Access(parts.s3_url, made.access_key, made.secret_key)
