"""The signature in a public link to an object: it holds for this object, until this moment, under this id."""

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from tidemill.model.object_address import Address

ID: Final = "link"
EXPIRES: Final = "expires"
SIGNATURE: Final = "signature"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a link says of itself: its id, and when it ends in seconds since 1970."""

    id: UUID
    expires: int


def link_query(secret: bytes, claim: Claim, *, workspace: str, at: Address) -> str:
    """The query string of a link to the object `at`."""
    signature = _signature(secret, claim, workspace=workspace, at=at)
    return urlencode({ID: claim.id.hex, EXPIRES: claim.expires, SIGNATURE: signature})


def is_link(query: Mapping[str, str]) -> bool:
    """Whether a query is that of a link, good or not."""
    return ID in query and SIGNATURE in query


def read_link(secret: bytes, query: Mapping[str, str], *, workspace: str, at: Address) -> Claim | None:
    """What a link to the object `at` says, or None where nobody signed it so."""
    try:
        claim = Claim(UUID(hex=query.get(ID, "")), int(query.get(EXPIRES, "")))
    except ValueError:
        return None
    wanted = _signature(secret, claim, workspace=workspace, at=at)
    shown = query.get(SIGNATURE, "").encode("utf-8", "surrogateescape")
    return claim if hmac.compare_digest(shown, wanted.encode()) else None


def _signature(secret: bytes, claim: Claim, *, workspace: str, at: Address) -> str:
    fields = (workspace, str(at), claim.id.hex, str(claim.expires))
    text = b"".join(len(each := field.encode()).to_bytes(4, "big") + each for field in fields)
    return base64.urlsafe_b64encode(hmac.digest(secret, text, "sha256")).rstrip(b"=").decode()
