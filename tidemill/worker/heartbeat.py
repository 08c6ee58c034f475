"""Keeps the leases of a worker's jobs, and learns from the answer which were canceled or taken away."""

import asyncio
from collections.abc import Callable, Mapping
from uuid import UUID

from tidemill.db import queue
from tidemill.model.errors import Unavailable
from tidemill.model.failpoint import failpoint
from tidemill.worker.context import WorkerParts
from tidemill.worker.execution import Execution, Stop


async def keep_leases(parts: WorkerParts, held: Callable[[], Mapping[UUID, Execution]]) -> None:
    """Confirm all held jobs every `heartbeat_s`, until canceled.

    Each confirmed heartbeat is passed on to the sandbox, whose watchdog kills the jobs when none comes for
    `self_kill_s`. Jobs are given up here after the same time, so a database that is away ends them in good order.
    """
    options = parts.options
    loop = asyncio.get_running_loop()
    confirmed_at = loop.time()
    while True:
        await asyncio.sleep(options.heartbeat_s)
        executions = dict(held())
        if not executions:
            confirmed_at = loop.time()
            continue
        try:
            async with asyncio.timeout(options.heartbeat_s):
                await _beat(parts, executions)
        except (Unavailable, TimeoutError):
            if loop.time() - confirmed_at > options.self_kill_s:
                for execution in executions.values():
                    execution.stop(Stop.LOST, "No heartbeat was confirmed in time.")
        else:
            confirmed_at = loop.time()


async def _beat(parts: WorkerParts, executions: Mapping[UUID, Execution]) -> None:
    failpoint("heartbeat.before_send")
    held = [(job_id, execution.job.attempt) for job_id, execution in executions.items()]
    beats = await queue.heartbeat(parts.database.single, worker=parts.options.name, held=held)
    parts.sandbox.ping()
    for job_id, execution in executions.items():
        beat = beats.get(job_id)
        if beat is None:
            execution.stop(Stop.LOST, "The lease was taken away.")
        elif beat.canceled_by is not None:
            execution.stop(Stop.CANCELED, queue.cancel_message(beat.canceled_by, beat.cancel_reason))
