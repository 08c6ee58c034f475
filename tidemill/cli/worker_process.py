"""The worker beside `tidemill up`: a process of its own, started again when it dies, gone when we are."""

import asyncio
import contextlib
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
async def working(settings: Settings, *, hurry: asyncio.Event) -> AsyncIterator[None]:
    """A worker on the database of `settings`, ready when the block begins and stopped after it.

    At the end its jobs may go on for the grace period, or until `hurry` is set.

    Raises:
        Unavailable: it ended before it was ready; its log says why.
    """
    process = await _start(settings)
    assert process.stdout is not None
    if not await process.stdout.readline():
        code = await process.wait()
        raise Unavailable(f"The worker ended with code {code} before it was ready; what it said is above.")
    keeping = asyncio.create_task(_keep_working(settings, process, hurry), name="worker")
    try:
        yield
    finally:
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping


async def _start(settings: Settings) -> asyncio.subprocess.Process:
    """Its standard input stays open as long as we live; it ends at once when that closes, however we end."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tidemill", "worker", "--attached"),
        env=environment | settings.to_environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )


async def _keep_working(settings: Settings, process: asyncio.subprocess.Process, hurry: asyncio.Event) -> None:
    while True:
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            await _stop(process, settings, hurry)
            raise
        log.error("the worker ended by itself; starting another", code=code)
        await asyncio.sleep(_RESTART_S)
        process = await _start(settings)


async def _stop(process: asyncio.subprocess.Process, settings: Settings, hurry: asyncio.Event) -> None:
    ending = asyncio.create_task(process.wait())
    hurried = asyncio.create_task(hurry.wait())
    _terminate(process)
    try:
        async with asyncio.timeout(settings.stop_grace_s + _BEYOND_GRACE_S):
            await asyncio.wait({ending, hurried}, return_when=asyncio.FIRST_COMPLETED)
            if not ending.done():
                _terminate(process)
            await asyncio.shield(ending)
    except TimeoutError:
        log.warning("the worker does not stop; killing it")
        process.kill()
        await ending
    finally:
        hurried.cancel()


def _terminate(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
