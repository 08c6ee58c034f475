"""Tokens of running jobs: signed, never stored, good while the job runs under the attempt that they name."""

import base64
import binascii
import hmac
from dataclasses import dataclass
from typing import Final
from uuid import UUID

PREFIX: Final = "jt_"
_ID_BYTES: Final = 16
_ATTEMPT_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class JobToken:
    """What a valid token says: the job and the attempt that it was made for."""

    job_id: UUID
    attempt: int


def issue(secret: bytes, job_id: UUID, attempt: int) -> str:
    """The token of one attempt of a job, signed with HMAC-SHA-256 under `secret` (32 bytes)."""
    body = job_id.bytes + attempt.to_bytes(_ATTEMPT_BYTES, "big")
    signed = body + hmac.digest(secret, body, "sha256")
    return PREFIX + base64.urlsafe_b64encode(signed).rstrip(b"=").decode("ascii")


def read(secret: bytes, text: str) -> JobToken | None:
    """What `text` says, or None where it is not a token that was signed with `secret`."""
    if not text.startswith(PREFIX):
        return None
    encoded = text.removeprefix(PREFIX)
    try:
        signed = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    body, signature = signed[: _ID_BYTES + _ATTEMPT_BYTES], signed[_ID_BYTES + _ATTEMPT_BYTES :]
    if not hmac.compare_digest(signature, hmac.digest(secret, body, "sha256")):
        return None
    return JobToken(UUID(bytes=body[:_ID_BYTES]), int.from_bytes(body[_ID_BYTES:], "big"))
