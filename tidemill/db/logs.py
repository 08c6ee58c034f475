"""The logs of jobs: in pieces in our Postgres, and long ones, once their job has ended, in packs in the object store.

Packs are the beginning of a log; what is not packed yet follows them in pieces. A pack takes the place of its pieces in
one transaction, and one statement decides where a reader goes on: so each character is in exactly one place.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from tidemill.db.pool import Database, Transaction
from tidemill.db.queries import queries
from tidemill.db.values import Values
from tidemill.model.failpoint import failpoint

_SQL: Final = queries("logs")
_PIECES: Final = 64
_FIRST_ID: Final = UUID(int=0)
PACK_UNITS: Final = 512 * 1024
"""A pack ends with the piece that fills it up to this length; readers hold one pack at a time."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a log that begins `start_unit` UTF-16 units after the log's start and is `units` long."""

    start_unit: int
    units: int
    text: str


@dataclass(frozen=True, slots=True)
class LongLog:
    """A completed job whose log is to be packed."""

    id: UUID
    workspace_id: str


@dataclass(frozen=True, slots=True)
class _Row:
    start_unit: int
    units: int
    text: str | None
    digest: str | None


class Logs:
    """Reads logs wherever they are, and packs them."""

    def __init__(self, database: Database, values: Values, *, pack_units: int = PACK_UNITS) -> None:
        self._database = database
        self._values = values
        self._pack_units = pack_units

    async def pieces(self, workspace: str, job_id: UUID, *, stream: bool, unit: int) -> AsyncGenerator[Piece, None]:
        """The pieces of a job's log (or of its result stream) in order, from the one that holds `unit` on.

        Raises:
            NotFound, ContentDamaged: a pack is lost or damaged.
            Unavailable: the object store does not answer now.
        """
        name = _SQL["stream_from" if stream else "log_from"]
        single = self._database.single
        while rows := await single.fetch_all(name, _Row, workspace_id=workspace, id=job_id, unit=unit, limit=_PIECES):
            for row in rows:
                yield await self._read(row)
                unit = row.start_unit + row.units
            if len(rows) < _PIECES and rows[-1].digest is None:
                return

    async def _read(self, row: _Row) -> Piece:
        if row.digest is None:
            return Piece(row.start_unit, row.units, row.text or "")
        raw = await self._values.fetch(None, row.digest) or b""
        return Piece(row.start_unit, row.units, raw.decode())

    async def long(self, *, inline_units: int, age_s: float, after: UUID | None, limit: int) -> list[LongLog]:
        """Up to `limit` completed jobs behind `after`, by age, with more log than `inline_units` left in our Postgres.

        Those that ended within the last `age_s` are not among them.
        """
        return await self._database.single.fetch_all(
            _SQL["long_logs"], LongLog, inline_units=inline_units, age_s=age_s, after=after or _FIRST_ID, limit=limit
        )

    async def pack(self, job: LongLog) -> int:
        """Move what is left of a completed job's log into the object store; how many packs that made.

        Safe beside others that do the same, or that erase the job meanwhile.

        Raises:
            Unavailable: the object store does not take it now.
        """
        count = 0
        while pieces := await self._first_pieces(job):
            raw = "".join(each.text for each in pieces).encode()
            digest = await self._values.store(raw)
            failpoint("logs.after_put")
            async with self._database.system() as tx:
                is_replaced = await _replace(tx, job, pieces, digest=digest, size_bytes=len(raw))
            failpoint("logs.after_commit")
            if not is_replaced:
                break
            count += 1
        return count

    async def _first_pieces(self, job: LongLog) -> list[Piece]:
        return await self._database.single.fetch_all(_SQL["first_pieces"], Piece, id=job.id, units=self._pack_units)


async def hold_completed(tx: Transaction, ids: list[UUID]) -> list[UUID]:
    """Keep completed jobs as they are until the transaction ends: no log is packed meanwhile. Those that are there."""
    return [row["id"] for row in await tx.fetch_all(_SQL["hold_completed"], ids=ids)]


async def _replace(tx: Transaction, job: LongLog, pieces: list[Piece], *, digest: str, size_bytes: int) -> bool:
    """Put a pack in the place of `pieces`; False: they are not what is there any more."""
    start, end = pieces[0].start_unit, pieces[-1].start_unit + pieces[-1].units
    if not await hold_completed(tx, [job.id]):
        return False
    found = await tx.fetch_all(_SQL["places"], id=job.id, end=end)
    if [(row["start_unit"], row["units"]) for row in found] != [(each.start_unit, each.units) for each in pieces]:
        return False
    await tx.execute(
        _SQL["replace_with_pack"],
        id=job.id,
        start_unit=start,
        workspace_id=job.workspace_id,
        units=end - start,
        size_bytes=size_bytes,
        digest=digest,
    )
    return True
