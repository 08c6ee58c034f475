"""The table of workers: who is there, what it serves."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tidemill.db.pool import Statements
from tidemill.db.queries import queries

_SQL: Final = queries("workers")


async def ping(statements: Statements, **shown: object) -> None:
    """Show a worker; `shown` are the columns of the table `worker` but its times."""
    await statements.execute(_SQL["ping"], **shown)


async def remove(statements: Statements, name: str) -> None:
    """Take a worker off the table that stopped in good order."""
    await statements.execute(_SQL["remove"], name=name)


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker as it last showed itself, `last_ping_s` seconds ago."""

    name: str
    worker_group: str
    tags: tuple[str, ...]
    slots: int
    host: str
    version: str
    isolated: bool
    draining: bool
    started_at: datetime
    last_ping_s: float
    jobs_executed: int
    memory_bytes: int | None


async def page(statements: Statements, *, seen_within_s: int, limit: int, skip: int = 0) -> list[Worker]:
    """The workers that showed themselves in the last `seen_within_s` seconds, by name."""
    return await statements.fetch_all(_SQL["page"], Worker, seen_within_s=seen_within_s, limit=limit, skip=skip)


async def served(statements: Statements, tags: list[str]) -> frozenset[str]:
    """Those of `tags` that a worker which is there serves."""
    return frozenset(row["tag"] for row in await statements.fetch_all(_SQL["served"], tags=tags))


async def waiting(statements: Statements) -> dict[str, int]:
    """Tag -> how many jobs of it are due and wait; tags without one are left out."""
    return {row["tag"]: row["count"] for row in await statements.fetch_all(_SQL["waiting"])}
