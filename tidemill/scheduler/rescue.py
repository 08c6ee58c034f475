"""Takes jobs away from workers that were lost, so that they run again or end, as each asks."""

import structlog

from tidemill.db import queue
from tidemill.db.pool import Database

log = structlog.get_logger(__name__)


async def rescue(database: Database, *, lease_s: float) -> int:
    """End or restart all jobs without a heartbeat for `lease_s`; how many there were. Safe to run on many servers."""
    expired = await queue.expire(database, lease_s=lease_s)
    for job in expired:
        log.warning(
            "worker lost",
            job=str(job.id),
            workspace=job.workspace_id,
            attempt=job.attempt,
            worker=job.worker,
            outcome=job.outcome,
        )
    return len(expired)
