"""Arguments and results: small ones in their row, large ones in the instance's object store; whole either way."""

from dataclasses import dataclass
from typing import Final

from tidemill.db.pool import Database, Json
from tidemill.db.queries import queries
from tidemill.model.content import Content
from tidemill.model.errors import TooLarge

_SQL: Final = queries("values")


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a value is: `inline` in the row, or `digest` in the object store; neither for no value."""

    inline: Json | None = None
    digest: str | None = None


class Values:
    """Decides where a value goes and brings it back."""

    def __init__(self, database: Database, content: Content, *, inline_bytes: int, max_bytes: int) -> None:
        self._database = database
        self._content = content
        self._inline_bytes = inline_bytes
        self.max_bytes = max_bytes

    async def keep(self, raw: bytes, *, what: str) -> Kept:
        """Where the JSON text `raw` is kept from now on. An object that no row names within a day is removed again.

        Raises:
            TooLarge: it is over the hard limit; `what` names it in the message.
            Unavailable: the object store does not take it now.
        """
        if len(raw) > self.max_bytes:
            raise TooLarge(
                f"{what} has {len(raw)} bytes, more than the {self.max_bytes} allowed (TIDEMILL_MAX_VALUE_BYTES). "
                "Write it to workspace storage or a table, and pass on a pointer to it."
            )
        if len(raw) <= self._inline_bytes:
            return Kept(inline=Json(raw))
        stored = await self._content.put(raw)
        await self._database.single.execute(
            _SQL["note_object"],
            digest=stored.digest,
            size_bytes=stored.size_bytes,
            stored_bytes=stored.stored_bytes,
        )
        return Kept(digest=stored.digest)

    async def fetch(self, inline: bytes | None, digest: str | None) -> bytes | None:
        """The JSON text of a value, wherever it is; None where there is none.

        Raises:
            ContentDamaged: the object is not what was kept.
            Unavailable: the object store does not answer now.
        """
        return inline if digest is None else await self._content.get(digest)

    async def collect_garbage(self, *, limit: int = 100) -> int:
        """Remove up to `limit` objects that no row has named for a day; how many were removed."""
        unused = await self._database.single.fetch_all(_SQL["unused_objects"], limit=limit)
        for row in unused:
            forgotten = await self._database.single.execute(_SQL["forget_object"], digest=row["digest"])
            if forgotten:
                await self._content.delete(row["digest"])
        return len(unused)
