"""Moves long logs of completed jobs from our Postgres into the object store, some jobs at a time."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from tidemill.db.logs import Logs

A_TIME: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """Which logs move: of more than `inline_units` UTF-16 units, `age_s` after the end of their job."""

    inline_units: int
    age_s: float


async def pack_logs(logs: Logs, packing: Packing) -> int:
    """Pack all that is due; how many packs were made. Safe to run on many servers, and to break off.

    Raises:
        Unavailable: the object store does not take it now.
    """
    count = 0
    after: UUID | None = None
    while found := await logs.long(inline_units=packing.inline_units, age_s=packing.age_s, after=after, limit=A_TIME):
        for job in found:
            count += await logs.pack(job)
        after = found[-1].id
    return count
