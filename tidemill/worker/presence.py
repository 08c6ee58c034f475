"""Shows that a worker is there, in the table that the workers page reads."""

import asyncio
import contextlib
import resource
from typing import Final, Protocol

import tidemill
from tidemill.db import workers
from tidemill.model.errors import Unavailable
from tidemill.worker.context import WorkerParts

PING_S: Final = 5.0
"""The published command line shows the workers of the last 10 s."""


class Busy(Protocol):
    """What is shown of a worker."""

    draining: bool
    jobs_executed: int


async def show_presence(parts: WorkerParts, worker: Busy) -> None:
    """Ping every 5 s until canceled; then take the worker off the table."""
    options = parts.options
    isolated = (await parts.sandbox.probe()).isolated
    try:
        while True:
            with contextlib.suppress(Unavailable):
                await workers.ping(
                    parts.database.single,
                    name=options.name,
                    worker_group=options.group,
                    tags=list(options.tags),
                    slots=options.slots,
                    host=options.host,
                    version=tidemill.__version__,
                    isolated=isolated,
                    draining=worker.draining,
                    jobs_executed=worker.jobs_executed,
                    memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
                )
            await asyncio.sleep(PING_S)
    finally:
        with contextlib.suppress(Unavailable):
            await workers.remove(parts.database.single, options.name)
