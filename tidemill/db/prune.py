"""Removes what is kept no longer, a batch at a time, and makes the partitions of the months to come."""

from typing import Final

from tidemill.db.pool import Database
from tidemill.db.queries import queries

_SQL: Final = queries("prune")
_BATCH: Final = 1000
_MOST_BATCHES: Final = 100


async def make_months(database: Database) -> None:
    """Make the partitions of this and the next two months, where they are missing."""
    if await database.single.fetch_value(_SQL["months_are_there"]):
        return
    async with database.maintenance() as tx:
        await tx.execute(_SQL["hold_months"])
        for months in range(3):
            await tx.execute(_SQL["make_month"], months=months)


async def remove_jobs(database: Database, *, days: int) -> int:
    """Remove jobs that ended more than `days` ago, with their input, logs and attempts; how many."""
    total = 0
    for _ in range(_MOST_BATCHES):
        async with database.system() as tx:
            # Held first and removed by a second statement: that one sees what was packed of their logs until then.
            ids = [row["id"] for row in await tx.fetch_all(_SQL["old_jobs"], days=days, batch=_BATCH)]
            total += await tx.execute(_SQL["remove_jobs"], ids=ids)
        if len(ids) < _BATCH:
            break
    return total


async def remove_occurrences(database: Database, *, days: int) -> int:
    """Remove what is known of occurrences of schedules that came more than `days` ago; how many."""
    return await _in_batches(database, "remove_occurrences", days=days)


async def remove_audit(database: Database, *, days: int) -> int:
    """Remove audit and access records older than `days`; how many."""
    return await _in_batches(database, "remove_audit", days=days) + await _in_batches(
        database, "remove_accesses", days=days
    )


async def remove_query_history(database: Database, *, days: int) -> int:
    """Remove what people ran in the console more than `days` ago; how many."""
    return await _in_batches(database, "remove_query_history", days=days)


async def remove_versions(database: Database, *, keep: int) -> int:
    """Remove all but the `keep` newest versions of each variable, resource and state; how many."""
    return await _in_batches(database, "remove_versions", keep=keep)


async def remove_leftovers(database: Database) -> None:
    """Remove what has served its time: cached results, idempotency keys, variables and tokens past their time."""
    for name in (
        "expired_cache",
        "old_local_sources",
        "expired_variables",
        "old_idempotency_keys",
        "old_starts",
        "old_throttles",
        "old_state_writes",
        "old_debounces",
        "expired_tokens",
    ):
        await database.single.execute(_SQL[name])
    await database.single.execute(_SQL["absent_workers"])


async def _in_batches(database: Database, name: str, **parameters: object) -> int:
    total = 0
    for _ in range(_MOST_BATCHES):
        removed = await database.single.execute(_SQL[name], batch=_BATCH, **parameters)
        total += removed
        if removed < _BATCH:
            break
    return total
