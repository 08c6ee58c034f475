"""Links by which somebody answers what a flow asks: signed, so that only who was given one has one."""

import hmac
from dataclasses import dataclass
from typing import Final
from uuid import UUID

MOST_RESUME_ID: Final = 2**48 - 1
_HEX_CHARS: Final = 64
_MOST_APPROVER_CHARS: Final = 255


@dataclass(frozen=True, slots=True)
class ApprovalLink:
    """What a link is for: an answer `resume_id` for what the job asks, by `approver` ("": whoever has the link)."""

    workspace: str
    job: UUID
    resume_id: int
    approver: str = ""

    def signature(self, secret: bytes) -> str:
        """64 hexadecimal digits: HMAC-SHA-256 under `secret`."""
        said = "\0".join(("approval 1", self.workspace, str(self.job), str(self.resume_id), self.approver))
        return hmac.digest(secret, said.encode("utf-8", "surrogatepass"), "sha256").hex()

    def is_signed(self, secret: bytes, signature: str) -> bool:
        """Whether this is the signature of the link."""
        if len(signature) != _HEX_CHARS or not 0 <= self.resume_id <= MOST_RESUME_ID:
            return False
        return hmac.compare_digest(self.signature(secret).encode(), signature.encode("utf-8", "surrogatepass"))

    def token(self, secret: bytes) -> str:
        """The link as one text, for who already knows the job."""
        return f"{self.resume_id}.{self.signature(secret)}.{self.approver}"


def link_of_token(secret: bytes, token: str, *, workspace: str, job: UUID) -> ApprovalLink | None:
    """The link that a token stands for, where its signature is right."""
    number, _, rest = token.partition(".")
    signature, _, approver = rest.partition(".")
    if not (number.isascii() and number.isdigit() and len(number) <= len(str(MOST_RESUME_ID))):
        return None
    link = ApprovalLink(workspace, job, int(number), approver)
    return link if link.is_signed(secret, signature) else None


def is_name(approver: str) -> bool:
    """Whether this can be the name of an approver."""
    return len(approver) <= _MOST_APPROVER_CHARS and approver.isprintable()
