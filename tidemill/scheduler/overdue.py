"""Ends flows that have run for longer than they may, from their start, with all that they wait for."""

from typing import Final

import structlog

from tidemill.db import queue
from tidemill.db.pool import Database

ENDED_BY: Final = "timeout"

log = structlog.get_logger(__name__)


async def end_overdue(database: Database) -> int:
    """Cancel all flows whose time limit is over; how many. Safe to run on many servers."""
    total = 0
    for flow in await queue.overdue_flows(database.single):
        reason = f"The flow was ended after its time limit of {flow.timeout_s} s."
        async with database.transaction(flow.workspace_id) as tx:
            ended = await queue.ask_to_cancel(tx, flow.id, canceled_by=ENDED_BY, reason=reason, forced=True)
        if ended:
            total += 1
            log.warning("flow timed out", job=str(flow.id), workspace=flow.workspace_id, timeout_s=flow.timeout_s)
    return total
