"""Parts of large values, read without the rest: by an index that is kept beside the note of each value.

What has no index (a small value, one that was kept before there were any, one that is no container) is read as a whole.
"""

from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from tidemill.db.pool import Database
from tidemill.db.queries import queries
from tidemill.engine.expressions.need import Large, Need
from tidemill.engine.expressions.paths import member, pick
from tidemill.engine.json_index import Among, LargeArray, Place, index_of, index_of_object, look
from tidemill.model.content import Blocks, Content, Packed
from tidemill.model.errors import ContentDamaged, NotFound, RangeUnsatisfiable

INDEXED_BYTES: Final = 1 << 20
"""From here on an index is worth its while."""
_SQL: Final = queries("values")
_MOST_INDEXES: Final = 16
_MOST_KEPT_BYTES: Final = 8 << 20
_NOT_AS_TOLD: Final = (NotFound, ContentDamaged, msgspec.DecodeError)
"""The value is kept in another way than its index tells, or damaged: reading all of it shows which."""
_MOST_BLOCKS_KEPT: Final = 16
"""Of one reading: what is longer is hardly read again. A value is handed on as a whole by pieces of so many."""


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    """An index as it is kept; `root` None: of what is no container there are only blocks."""

    size_bytes: int
    block_bytes: int
    stored_bytes: tuple[int, ...]
    digests: bytes
    root: Place | None


@dataclass(frozen=True, slots=True)
class Whole:
    """There is no index: all of the value."""

    text: bytes = field(repr=False)


def parts_of(raw: bytes | Mapping[str, bytes], packed: Packed) -> bytes | None:
    """The index of a JSON text (or of the object of these members), as it is kept; None: it is not worth its while."""
    if packed.size_bytes < INDEXED_BYTES:
        return None
    blocks, root = packed.blocks, index_of(raw) if isinstance(raw, bytes) else index_of_object(raw)
    kept = _Kept(blocks.size_bytes, blocks.block_bytes, blocks.stored_bytes, blocks.digests, root)
    return msgspec.msgpack.encode(kept)


async def _alone(text: bytes) -> AsyncIterator[bytes]:
    yield text


def stretch_of(size: int, start: int, end: int | None) -> tuple[int, int]:
    """Where bytes lie of so many: a negative `start` counts from the end; None and anything beyond is the end.

    Raises:
        RangeUnsatisfiable: there are none.
    """
    first = max(0, size + start) if start < 0 else start
    last = size if end is None else min(end, size)
    if first >= last:
        raise RangeUnsatisfiable(f"The value has {size} bytes: there is nothing from {start} on.")
    return first, last


class ValueParts:
    """Reads parts; remembers some indexes and some MiB of what it has read."""

    def __init__(self, database: Database, content: Content) -> None:
        self._database = database
        self._content = content
        self._indexes: OrderedDict[str, tuple[Blocks, Place | None]] = OrderedDict()
        self._blocks: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._size = 0

    async def part(self, digest: str, need: Need, *, at: int, entire: bool) -> bytes | Large | Whole | None:
        """The JSON text of what the keys of `need.path` from `at` on lead to within a value; None: it is undefined.

        Without `entire`, `Large` in place of a large container.

        Raises:
            NotFound, ContentDamaged: the value is not there, or not what was kept.
            ExpressionFailed: the path goes on behind null or what is undefined.
            Unavailable: the object store does not answer now.
        """
        blocks, root = await self._index(digest) or (None, None)
        if blocks is not None and root is not None:
            try:
                return await self._found(digest, blocks, root, need, at=at, entire=entire)
            except _NOT_AS_TOLD:
                self._indexes.pop(digest, None)
        return Whole(await self._content.get(digest))

    async def stretch(self, digest: str, start: int, end: int | None) -> tuple[bytes, int]:
        """The bytes of a value from `start` up to `end`, as `stretch_of` takes them, and how many it has in all.

        Raises:
            RangeUnsatisfiable: there are none.
            NotFound, ContentDamaged, Unavailable: as `part`.
        """
        blocks, _ = await self._index(digest) or (None, None)
        if blocks is not None:
            start_at, end_at = stretch_of(blocks.size_bytes, start, end)
            try:
                return await self._read(digest, blocks, start_at, end_at), blocks.size_bytes
            except _NOT_AS_TOLD:
                self._indexes.pop(digest, None)
        text = await self._content.get(digest)
        start_at, end_at = stretch_of(len(text), start, end)
        return text[start_at:end_at], len(text)

    async def pieces(self, digest: str) -> tuple[AsyncIterator[bytes], int]:
        """The bytes of a value, piece by piece, and how many it has. The first piece has been read by then.

        Raises:
            NotFound, ContentDamaged, Unavailable: as `part`; the pieces, too.
        """
        blocks, _ = await self._index(digest) or (None, None)
        if blocks is not None:
            try:
                first = await self._piece(digest, blocks, 0)
                return self._all_pieces(digest, blocks, first), blocks.size_bytes
            except _NOT_AS_TOLD:
                self._indexes.pop(digest, None)
        text = await self._content.get(digest)
        return _alone(text), len(text)

    async def _all_pieces(self, digest: str, blocks: Blocks, first: bytes) -> AsyncIterator[bytes]:
        yield first
        for number in range(_MOST_BLOCKS_KEPT, len(blocks.stored_bytes), _MOST_BLOCKS_KEPT):
            yield await self._piece(digest, blocks, number)

    async def _piece(self, digest: str, blocks: Blocks, first: int) -> bytes:
        last = min(first + _MOST_BLOCKS_KEPT, len(blocks.stored_bytes)) - 1
        return await self._content.get_blocks(digest, blocks, first, last)

    async def _found(
        self, digest: str, blocks: Blocks, place: Place, need: Need, *, at: int, entire: bool
    ) -> bytes | Large | None:
        inside = place.inside
        for depth, key in enumerate(need.path[at:], at + 1):
            if inside is None:
                return pick(await self._read(digest, blocks, place.start, place.end), need, behind=depth - 1)
            match look(inside, key):
                case Place() as place:
                    inside = place.inside
                case Among() as among:
                    text = among.text([await self._read(digest, blocks, *each) for each in among.stretches])
                    return pick(member(text, among.key), need, behind=depth)
                case int() as count:
                    return pick(str(count).encode(), need, behind=depth)
                case None:
                    return pick(None, need, behind=depth)
        if entire or inside is None:
            return await self._read(digest, blocks, place.start, place.end)
        return Large(is_array=isinstance(inside, LargeArray))

    async def _index(self, digest: str) -> tuple[Blocks, Place | None] | None:
        found = self._indexes.get(digest)
        if found is not None:
            self._indexes.move_to_end(digest)
            return found
        raw: bytes | None = await self._database.single.fetch_value(_SQL["parts_of_object"], digest=digest)
        if raw is None:
            return None
        try:
            kept = msgspec.msgpack.decode(raw, type=_Kept)
        except msgspec.DecodeError:  # another release has written it
            return None
        found = Blocks(kept.size_bytes, kept.block_bytes, kept.stored_bytes, kept.digests), kept.root
        self._indexes[digest] = found
        if len(self._indexes) > _MOST_INDEXES:
            self._indexes.popitem(last=False)
        return found

    async def _read(self, digest: str, blocks: Blocks, start: int, end: int) -> bytes:
        """The bytes of a value from `start` up to `end`."""
        if start == end:
            return b""
        size, first, last = blocks.block_bytes, start // blocks.block_bytes, (end - 1) // blocks.block_bytes
        if last - first >= _MOST_BLOCKS_KEPT:
            read = await self._content.get_blocks(digest, blocks, first, last)
        else:
            read = b"".join(await self._several(digest, blocks, first, last))
        return read[start - first * size : end - first * size]

    async def _several(self, digest: str, blocks: Blocks, first: int, last: int) -> list[bytes]:
        """Blocks, by one reading of those that are not remembered."""
        missing = [number for number in range(first, last + 1) if (digest, number) not in self._blocks]
        found = {number: self._blocks[digest, number] for number in range(first, last + 1) if number not in missing}
        if missing:
            least, size = missing[0], blocks.block_bytes
            read = await self._content.get_blocks(digest, blocks, least, missing[-1])
            for number in missing:
                found[number] = read[(number - least) * size : (number - least + 1) * size]
        for number, block in found.items():
            self._remember((digest, number), block)
        return [found[number] for number in range(first, last + 1)]

    def _remember(self, key: tuple[str, int], block: bytes) -> None:
        if key not in self._blocks:
            self._size += len(block)
            self._blocks[key] = block
        self._blocks.move_to_end(key)
        while self._size > _MOST_KEPT_BYTES:
            _, dropped = self._blocks.popitem(last=False)
            self._size -= len(dropped)
