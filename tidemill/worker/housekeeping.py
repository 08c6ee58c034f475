"""Removes environments that no job has used for long: each worker of a host does it, and it is safe beside others.

When an environment was last used is told by the time of its directory, which `mark_used` sets. One that may be in use
by a running job is never touched: it was used within `UNTOUCHED_S`.
"""

import asyncio
import contextlib
import os
import shutil
import time
from pathlib import Path
from typing import Final

import structlog

KEPT_S: Final = 30 * 86400.0
"""An environment that was not used for so long is removed."""
KEPT_COUNT: Final = 200
"""When there are more, those go first that were not used for longest."""
UNTOUCHED_S: Final = 2 * 86400.0
_EVERY_S: Final = 6 * 3600.0
_MARK_S: Final = 3600.0
_REMOVED: Final = ".removed-"

log = structlog.get_logger(__name__)


def mark_used(environment: Path) -> None:
    """Note that a job uses the environment now; at most once an hour, since it is asked for every job."""
    with contextlib.suppress(OSError):
        if time.time() - environment.stat().st_mtime > _MARK_S:
            os.utime(environment)


async def keep_house(environments_dir: Path, jobs_dir: Path) -> None:
    """Remove old environments, and directories of flows that were left over, every six hours, until canceled."""
    while True:
        await asyncio.to_thread(remove_left, jobs_dir, now=time.time())
        removed = await asyncio.to_thread(remove_old, environments_dir, now=time.time())
        if removed:
            log.info("environments removed", count=len(removed))
        await asyncio.sleep(_EVERY_S)


def remove_left(jobs_dir: Path, *, now: float) -> None:
    """Remove directories that flows shared, and that nothing was put into for two days. Blocking."""
    for directory in jobs_dir.glob("shared-*"):
        with contextlib.suppress(OSError):
            if now - directory.stat().st_mtime > UNTOUCHED_S:
                shutil.rmtree(directory, ignore_errors=True)


def remove_old(environments_dir: Path, *, now: float) -> list[str]:
    """Remove what is too old or too many; the names of what was removed. Blocking.

    `now` is in seconds since 1970. A directory is first renamed, so that a worker never sees a half of it.
    """
    removed = []
    for environment, used_at in _candidates(environments_dir, now):
        aside = environment.with_name(f"{_REMOVED}{environment.name}-{os.getpid()}")
        with contextlib.suppress(OSError):
            if environment.stat().st_mtime != used_at:
                continue
            environment.rename(aside)
            removed.append(environment.name)
    for leftover in environments_dir.glob(f"{_REMOVED}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    return removed


def _candidates(environments_dir: Path, now: float) -> list[tuple[Path, float]]:
    """Those to remove with when each was used, the oldest first."""
    found = []
    with contextlib.suppress(FileNotFoundError):
        for entry in environments_dir.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if entry.is_dir() and not entry.name.startswith("."):
                    found.append((entry, entry.stat().st_mtime))
    found.sort(key=lambda each: each[1])
    surplus = len(found) - KEPT_COUNT
    return [
        (entry, used_at)
        for place, (entry, used_at) in enumerate(found)
        if now - used_at > UNTOUCHED_S and (place < surplus or now - used_at > KEPT_S)
    ]
