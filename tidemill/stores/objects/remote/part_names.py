"""Names of parts where the vendor keeps none itself, and the receipts by which they are found again."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from tidemill.model.errors import BadRequest
from tidemill.stores.objects.checks import check_parts
from tidemill.stores.objects.port import Part


@dataclass(frozen=True, slots=True)
class PartName:
    """A part as it is kept: parts with one number do not meet, for each has a name of its own."""

    number: int
    nonce: str

    def __str__(self) -> str:
        return f"{self.number:05d}-{self.nonce}"


def new_part_name(number: int) -> PartName:
    return PartName(number, secrets.token_hex(8))


def receipt_of(name: PartName, etag: str) -> str:
    """What `Part.receipt` holds."""
    return f"{name}-{etag}"


def names_of(parts: Sequence[Part]) -> list[str]:
    """Names of the parts that make the object, in their order.

    Raises:
        BadRequest: none are named, not in order, or one with the receipt of another.
    """
    check_parts(parts, {part.number: _etag(part) for part in parts})
    return [part.receipt.rpartition("-")[0] for part in parts]


def _etag(part: Part) -> str:
    name, _, etag = part.receipt.rpartition("-")
    if name.partition("-")[0] != f"{part.number:05d}":
        raise BadRequest(f"Part {part.number} has not been uploaded, or its receipt is that of another.")
    return etag
