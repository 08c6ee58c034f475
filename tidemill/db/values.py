"""Arguments and results: small ones in their row, large ones in the instance's object store; whole either way.

The object store and what looks after it serve packed logs (`db/logs.py`) as well.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tidemill.db.pool import Database, Json
from tidemill.db.queries import queries
from tidemill.db.value_parts import ValueParts, Whole, parts_of, stretch_of
from tidemill.engine.expressions.need import Large, Need
from tidemill.model import jsontext
from tidemill.model.content import Content, Packed
from tidemill.model.errors import ContentDamaged, NotFound, TooLarge

_SQL: Final = queries("values")
_BATCH: Final = 1000


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a value is: `inline` in the row, or `digest` in the object store; neither for no value."""

    inline: Json | None = None
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Damaged:
    """A value that a row names and that cannot be read; `problem` says why."""

    digest: str
    problem: str


class Values:
    """Decides where a value goes and brings it back."""

    def __init__(self, database: Database, content: Content, *, inline_bytes: int, max_bytes: int) -> None:
        self._database = database
        self._content = content
        self._parts = ValueParts(database, content)
        self.inline_bytes = inline_bytes
        self.max_bytes = max_bytes

    async def keep(self, raw: bytes, *, what: str, in_row: bool = True) -> Kept:
        """Where the JSON text `raw` is kept from now on. An object that no row names within a day is removed again.

        Without `in_row` a small one is an object, too.

        Raises:
            TooLarge: it is over the hard limit; `what` names it in the message.
            Unavailable: the object store does not take it now.
        """
        self._require_room(len(raw), what)
        if in_row and len(raw) <= self.inline_bytes:
            return Kept(inline=Json(raw))
        return Kept(digest=await self.store(raw, is_json=True))

    async def keep_object(self, fields: Mapping[str, bytes], *, what: str) -> Kept:
        """As `keep`, of the object that `jsontext.build_object` makes of `fields`; a large one is not put together."""
        pieces = jsontext.object_pieces(fields)
        size = sum(map(len, pieces))
        self._require_room(size, what)
        if size <= self.inline_bytes:
            return Kept(inline=Json(b"".join(pieces)))
        packed = await self._content.pack(*pieces)
        return Kept(digest=await self._put(packed, await asyncio.to_thread(parts_of, fields, packed)))

    def _require_room(self, size: int, what: str) -> None:
        if size > self.max_bytes:
            raise TooLarge(
                f"{what} has {size} bytes, more than the {self.max_bytes} allowed (TIDEMILL_MAX_VALUE_BYTES). "
                "Write it to workspace storage or a table, and pass on a pointer to it."
            )

    async def store(self, raw: bytes, *, is_json: bool = False) -> str:
        """Put `raw` into the object store, whatever its size; its digest. It has a day until a row must name it.

        Raises:
            Unavailable: the object store does not take it now.
        """
        packed = await self._content.pack(raw)
        return await self._put(packed, await asyncio.to_thread(parts_of, raw, packed) if is_json else None)

    async def _put(self, packed: Packed, parts: bytes | None) -> str:
        # First the note and then the bytes: `collect_garbage` removes these while it holds the note, so that whoever
        # comes after it waits here and then writes them again.
        await self._database.single.execute(
            _SQL["note_object"],
            digest=packed.digest,
            size_bytes=packed.size_bytes,
            stored_bytes=len(packed.content),
            parts=parts,
        )
        await self._content.put(packed)
        return packed.digest

    async def fetch(self, inline: bytes | None, digest: str | None) -> bytes | None:
        """The JSON text of a value, wherever it is; None where there is none.

        Raises:
            ContentDamaged: the object is not what was kept.
            Unavailable: the object store does not answer now.
        """
        return inline if digest is None else await self._content.get(digest)

    async def stretch(self, inline: bytes | None, digest: str | None, start: int, end: int | None) -> tuple[bytes, int]:
        """Some bytes of a value's JSON text, wherever it is, and how many it has: see `ValueParts.stretch`."""
        if digest is not None:
            return await self._parts.stretch(digest, start, end)
        text = b"null" if inline is None else inline
        first, last = stretch_of(len(text), start, end)
        return text[first:last], len(text)

    async def pieces(self, digest: str) -> tuple[AsyncIterator[bytes], int]:
        """The JSON text of a value in the object store, piece by piece: see `ValueParts.pieces`."""
        return await self._parts.pieces(digest)

    async def part(self, digest: str, need: Need, *, at: int, entire: bool) -> bytes | Large | Whole | None:
        """A part of a value in the object store: see `ValueParts.part`."""
        return await self._parts.part(digest, need, at=at, entire=entire)

    async def collect_garbage(self, *, limit: int = 100) -> int:
        """Remove up to `limit` objects that no row has named for a day; how many were removed."""
        unused = await self._database.single.fetch_all(_SQL["unused_objects"], limit=limit)
        for row in unused:
            async with self._database.system() as tx:
                if await tx.execute(_SQL["forget_object"], digest=row["digest"]):
                    await self._content.delete(row["digest"])
        return len(unused)

    async def check(self, *, after: str = "", limit: int = 100) -> tuple[list[Damaged], str]:
        """Read up to `limit` values that rows name, in order of their digests, from behind `after` on.

        What is wrong with them, and where to go on; "" when that was the last of them.

        Raises:
            Unavailable: the object store does not answer now.
        """
        rows = await self._database.single.fetch_all(_SQL["named_objects"], after=after, limit=limit)
        damaged = []
        for row in rows:
            try:
                await self._content.get(row["digest"])
            except (NotFound, ContentDamaged) as error:
                damaged.append(Damaged(row["digest"], str(error)))
        return damaged, rows[-1]["digest"] if len(rows) == limit else ""

    async def adopt(self) -> int:
        """Note what is stored for an hour without a note, as after a restore, so that it is collected; how many."""
        adopted = 0
        batch: dict[str, datetime] = {}
        async for digest, put_at in self._content.stored():
            batch[digest] = put_at
            if len(batch) == _BATCH:
                adopted += await self._adopt(batch)
                batch = {}
        return adopted + await self._adopt(batch)

    async def _adopt(self, batch: Mapping[str, datetime]) -> int:
        return await self._database.single.execute(
            _SQL["adopt_objects"], digests=list(batch), times=list(batch.values())
        )
