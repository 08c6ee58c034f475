"""Large values by content: what keeps them, seen from those who use it."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a value: its SHA-256 (hex), its size, and the size that it takes compressed."""

    digest: str
    size_bytes: int
    stored_bytes: int


class Content(Protocol):
    """Keeps bytes under the SHA-256 of what they are. Putting the same twice is putting it once."""

    async def put(self, raw: bytes) -> Stored:
        """Keep `raw`; when this returns it survives a crash.

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

    async def delete(self, digest: str) -> None:
        """Remove it, where it is there.

        Raises:
            Unavailable: the object store does not answer now.
        """
        ...
