"""Keeps the leases of a worker's jobs, and learns from the answer which were canceled or taken away."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from uuid import UUID

from tidemill.db import queue
from tidemill.engine import jobs
from tidemill.model.errors import Unavailable
from tidemill.model.failpoint import failpoint
from tidemill.worker.context import WorkerParts
from tidemill.worker.execution import Execution, Stop


async def keep_leases(parts: WorkerParts, held: Callable[[], Mapping[UUID, Execution]]) -> None:
    """Confirm all held jobs every `heartbeat_s`, until canceled.

    Each confirmed heartbeat is passed on to the sandbox, whose watchdog kills a job when none that covers it was sent
    for `self_kill_s`. It is given up here after the same time, so a database that is away ends jobs in good order.
    What counts is when a heartbeat was sent: the database stamps it later, whenever its answer comes.
    """
    options = parts.options
    while True:
        await asyncio.sleep(options.heartbeat_s)
        executions = dict(held())
        if not executions:
            continue
        with contextlib.suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(options.heartbeat_s):
                await _beat(parts, executions)
        now = time.monotonic()
        for execution in executions.values():
            if now >= jobs.dies_at(execution.confirmed_at_s, options.self_kill_s):
                execution.stop(Stop.LOST, "No heartbeat was confirmed in time.")


async def _beat(parts: WorkerParts, executions: Mapping[UUID, Execution]) -> None:
    failpoint("heartbeat.before_send")
    held = [(job_id, execution.job.attempt) for job_id, execution in executions.items()]
    sent_at_s = time.monotonic()
    beats = await queue.heartbeat(parts.database.single, worker=parts.options.name, held=held)
    parts.sandbox.ping(sent_at_s)
    for job_id, execution in executions.items():
        beat = beats.get(job_id)
        if beat is None:
            execution.stop(Stop.LOST, "The lease was taken away.")
            continue
        execution.confirm(sent_at_s)
        if beat.canceled_by is not None:
            execution.stop(Stop.CANCELED, queue.cancel_message(beat.canceled_by, beat.cancel_reason))
