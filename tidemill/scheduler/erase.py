"""Erases what jobs held that are marked with `delete_after_use`: steps once their flow is over, others later."""

from typing import Final

from tidemill.db import jobs
from tidemill.db.pool import Database

WAITED_S: Final = 60.0
"""Results are there for so long at least, so that those who wait for them get them."""
_BATCH: Final = 200


async def erase_used(database: Database) -> int:
    """Erase arguments, results and logs of such jobs; of how many. Safe to run on many servers."""
    total = 0
    while found := await jobs.to_erase(database.single, limit=_BATCH, waited_s=WAITED_S):
        for job_id, workspace in found:
            async with database.transaction(workspace) as tx:
                await jobs.erase(tx, workspace, job_id)
        total += len(found)
    return total
