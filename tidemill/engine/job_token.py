"""Tokens of running jobs: signed, never stored, good while the job runs under the attempt that they name.

They are JSON Web Tokens (HS256) behind the prefix `jwt_`: from one of these Windmill's clients derive what S3 requests
are signed with. The access key is all before the last dot, the secret what is behind it.
"""

import base64
import binascii
import hmac
import json
from dataclasses import dataclass
from typing import Final
from uuid import UUID

PREFIX: Final = "jwt_"
_HEADER: Final = {"alg": "HS256", "typ": "JWT"}
_MOST_CHARS: Final = 1000


@dataclass(frozen=True, slots=True)
class JobToken:
    """What a valid token says: the job and the attempt that it was made for."""

    job_id: UUID
    attempt: int


def issue(secret: bytes, job_id: UUID, attempt: int) -> str:
    """The token of one attempt of a job, signed with HMAC-SHA-256 under `secret` (32 bytes)."""
    claims = {"job": str(job_id), "attempt": attempt}
    signed = f"{_BEGINNING}{_encoded(claims)}"
    return f"{signed}.{signature_of(secret, signed)}"


def signature_of(secret: bytes, signed: str) -> str:
    """The last segment of the token whose others, with the prefix, are `signed`."""
    made = hmac.digest(secret, signed.removeprefix(PREFIX).encode(), "sha256")
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode("ascii")


def read(secret: bytes, text: str) -> JobToken | None:
    """What `text` says, or None where it is not a token that was signed with `secret`.

    The header is not believed but compared: there is one algorithm.
    """
    signed, _, signature = text.rpartition(".")
    if not text.startswith(_BEGINNING) or len(text) > _MOST_CHARS or not text.isascii():
        return None
    if not hmac.compare_digest(signature.encode(), signature_of(secret, signed).encode()):
        return None
    return _claims(signed.rpartition(".")[2])


def _claims(encoded: str) -> JobToken | None:
    try:
        claims = json.loads(base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True))
        return JobToken(UUID(claims["job"]), int(claims["attempt"]))
    except (binascii.Error, ValueError, KeyError, TypeError):
        return None


def _encoded(value: dict[str, object] | dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).rstrip(b"=").decode("ascii")


_BEGINNING: Final = f"{PREFIX}{_encoded(_HEADER)}."
