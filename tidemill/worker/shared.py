"""The directory that the steps of a flow share which runs on one worker: made with the first, removed with the flow."""

import asyncio
import os
import shutil
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

from tidemill.db.queue import ClaimedJob
from tidemill.model.errors import TooLarge
from tidemill.sandbox.port import WORK, Mount
from tidemill.worker.context import WorkerOptions

INSIDE: Final = Path("/shared")
"""Where the steps see it, and at `./shared`."""


class _Options(msgspec.Struct):
    shared: UUID | None = None


def shared_flow(job: ClaimedJob) -> UUID | None:
    """The flow whose directory the job shares."""
    return msgspec.json.decode(job.options, type=_Options).shared


def directory_of(options: WorkerOptions, flow: UUID) -> Path:
    """The directory of a flow on this worker."""
    return options.jobs_dir / f"shared-{flow}"


def shared_mounts(options: WorkerOptions, job: ClaimedJob) -> tuple[Mount, ...]:
    """What the job sees of its flow's directory, which is made where it is missing."""
    flow = shared_flow(job)
    if flow is None:
        return ()
    directory = directory_of(options, flow)
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Mount(directory, INSIDE, writable=True), Mount(directory, WORK / INSIDE.name, writable=True)


async def check_size(options: WorkerOptions, job: ClaimedJob) -> None:
    """Return where the directory holds no more than a job may have as temporary files.

    Raises:
        TooLarge: it holds more; the message says how much it may.
    """
    flow = shared_flow(job)
    if flow is None:
        return
    held = await asyncio.to_thread(_size_of, directory_of(options, flow))
    if held > options.limits.tmp_bytes:
        raise TooLarge(
            f"The shared directory of the flow holds {held} bytes; it may hold {options.limits.tmp_bytes} "
            "(TIDEMILL_JOB_TMP_BYTES)."
        )


async def remove_of(options: WorkerOptions, job: ClaimedJob) -> None:
    """The flow that the job was a step of is over, or lost."""
    if (flow := shared_flow(job)) is not None:
        await remove(options, flow)


async def remove(options: WorkerOptions, flow: UUID) -> None:
    """The flow is over."""
    await asyncio.to_thread(shutil.rmtree, directory_of(options, flow), ignore_errors=True)


def _size_of(directory: Path) -> int:
    return sum(
        os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118  # a job may have made millions of them
        for place, _, names in os.walk(directory)
        for name in names
    )
