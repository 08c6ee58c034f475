"""Large values by content: what keeps them, seen from those who use it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Packed:
    """A value that is ready to be kept: its SHA-256 (hex), its size, and its bytes compressed."""

    digest: str
    size_bytes: int
    content: bytes = field(repr=False)


class Content(Protocol):
    """Keeps bytes under the SHA-256 of what they are. Putting the same twice is putting it once."""

    async def pack(self, raw: bytes) -> Packed:
        """`raw`, made ready for `put`."""
        ...

    async def put(self, packed: Packed) -> None:
        """Keep a value; when this returns it survives a crash.

        Raises:
            Unavailable: the object store does not take it now.
        """
        ...

    async def get(self, digest: str) -> bytes:
        """The bytes that were put under `digest`, verified.

        Raises:
            NotFound: there is nothing under it.
            ContentDamaged: what is there has another digest.
            Unavailable: the object store does not answer now.
        """
        ...

    def stored(self) -> AsyncIterator[tuple[str, datetime]]:
        """The digests of all that is kept, in no order, with when each was put (aware, UTC).

        Raises:
            Unavailable: the object store does not answer now.
        """
        ...

    async def delete(self, digest: str) -> None:
        """Remove it, where it is there.

        Raises:
            Unavailable: the object store does not answer now.
        """
        ...
