"""The worker beside `tidemill up`: a process of its own, started again when it dies, gone when we are.

It is started as early as can be and imports what it needs while the database starts. On its standard input it then gets
its settings, which stays open for as long as we live: when it closes, however we end, the worker ends at once.
"""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog

from tidemill.model.errors import Unavailable
from tidemill.settings import PREFIX, Settings

_RESTART_S: Final = 1.0
_BEYOND_GRACE_S: Final = 10.0
"""A worker that is still there this long after the grace period is killed; the next start gives its jobs back."""

log = structlog.get_logger(__name__)


@asynccontextmanager
async def starting_worker() -> AsyncIterator["WorkerProcess"]:
    """A worker that waits for its settings; at the end of the block it is gone."""
    worker = WorkerProcess(await _spawn())
    try:
        yield worker
    finally:
        await worker.stop()


class WorkerProcess:
    """One worker at a time. After the first SIGTERM its jobs may go on for the grace period, or until `hurry`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._settings = Settings()
        self._keeping: asyncio.Task[None] | None = None
        self.hurry = asyncio.Event()

    async def work(self, settings: Settings) -> None:
        """Give it its settings and return once it takes jobs.

        Raises:
            Unavailable: it ended before; its log says why.
        """
        self._settings = settings
        if not await _order(self._process, settings):
            code = await self._process.wait()
            raise Unavailable(f"The worker ended with code {code} before it was ready; what it said is above.")
        self._keeping = asyncio.create_task(self._keep(), name="worker")

    async def stop(self) -> None:
        """End it in good order, or at once where it was never told to work."""
        if self._keeping is None:
            _close(self._process)
            await self._process.wait()
            return
        self._keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._keeping
        await self._end()

    async def _keep(self) -> None:
        while True:
            code = await self._process.wait()
            log.error("the worker ended by itself; starting another", code=code)
            await asyncio.sleep(_RESTART_S)
            self._process = await _spawn()
            await _order(self._process, self._settings)

    async def _end(self) -> None:
        ending = asyncio.create_task(self._process.wait())
        hurried = asyncio.create_task(self.hurry.wait())
        self._terminate()
        try:
            async with asyncio.timeout(self._settings.stop_grace_s + _BEYOND_GRACE_S):
                await asyncio.wait({ending, hurried}, return_when=asyncio.FIRST_COMPLETED)
                if not ending.done():
                    self._terminate()
                await asyncio.shield(ending)
        except TimeoutError:
            log.warning("the worker does not stop; killing it")
            self._process.kill()
            await ending
        finally:
            hurried.cancel()

    def _terminate(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()


async def _spawn() -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tidemill", "worker", "--attached"),
        env={name: value for name, value in os.environ.items() if not name.startswith(PREFIX)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C comes to us; we tell it
    )


async def _order(process: asyncio.subprocess.Process, settings: Settings) -> bool:
    """Send the settings and wait for the answer; False: it ended instead."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(settings.to_environment()).encode() + b"\n")
    with contextlib.suppress(ConnectionError):
        await process.stdin.drain()
    return await process.stdout.readline() != b""


def _close(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    process.stdin.close()
