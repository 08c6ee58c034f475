"""Large values by content: what keeps them, seen from those who use it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol


@dataclass(frozen=True, slots=True)
class Blocks:
    """How a value is cut into blocks that are compressed one by one: each can be read and verified without the others.

    Attributes:
        size_bytes: of the value; each block holds `block_bytes` of it, the last one what is left.
        stored_bytes: of each block as it is kept, in their order, one behind the other.
        digests: the first `DIGEST_BYTES` of the SHA-256 of each block as it is kept, joined.
    """

    size_bytes: int
    block_bytes: int
    stored_bytes: tuple[int, ...] = field(repr=False)
    digests: bytes = field(repr=False)


DIGEST_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Packed:
    """A value that is ready to be kept: its SHA-256 (hex), its size, its bytes compressed, and the blocks of these."""

    digest: str
    size_bytes: int
    content: bytes = field(repr=False)
    blocks: Blocks = field(repr=False)


class Content(Protocol):
    """Keeps bytes under the SHA-256 of what they are. Putting the same twice is putting it once."""

    async def pack(self, *raw: bytes) -> Packed:
        """`raw`, which may come in pieces, made ready for `put`."""
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

    async def get_blocks(self, digest: str, blocks: Blocks, first: int, last: int) -> bytes:
        """The bytes of the blocks from `first` up to and with `last`, verified; nothing else is read.

        Raises:
            NotFound: there is nothing under the digest.
            ContentDamaged: what is there is not cut into these blocks, or is damaged. `get` tells which.
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
