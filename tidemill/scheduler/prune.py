"""Removes what is kept no longer: old jobs with their logs, audit records, versions, stale workers, unnamed objects."""

from dataclasses import dataclass

from tidemill.db import links
from tidemill.db import prune as sql
from tidemill.db.pool import Database
from tidemill.db.values import Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long things are kept."""

    job_days: int
    audit_days: int
    history_versions: int


async def prune(database: Database, values: Values, retention: Retention) -> None:
    """Remove what is due, in batches that hold no lock for long. Safe to run on many servers, and to break off."""
    await sql.make_months(database)
    await sql.remove_jobs(database, days=retention.job_days)
    await sql.remove_occurrences(database, days=retention.job_days)
    await sql.remove_query_history(database, days=retention.job_days)
    await sql.remove_audit(database, days=retention.audit_days)
    await sql.remove_versions(database, keep=retention.history_versions)
    await sql.remove_leftovers(database)
    await links.remove_expired(database)
    await values.collect_garbage()
