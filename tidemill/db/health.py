"""Whether the database answers, and who works on it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tidemill.db.pool import Database
from tidemill.db.queries import queries

_SQL: Final = queries("health")


@dataclass(frozen=True, slots=True)
class Health:
    """One look at the database. `workers`: how many showed themselves in the last two minutes."""

    checked_at: datetime
    workers: int


async def check(database: Database) -> Health:
    """Raises `Unavailable` where the database does not answer."""
    found = await database.single.fetch_one(_SQL["check"], Health)
    assert isinstance(found, Health)
    return found


async def unprotected_tables(database: Database) -> list[str]:
    """Tables with rows of workspaces on which row-level security does not bind; there should be none."""
    async with database.system() as tx:
        return [row["name"] for row in await tx.fetch_all(_SQL["unprotected_tables"])]
