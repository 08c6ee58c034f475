"""The directory of one job: what is put into it, and what is read back, though the job may have put traps there."""

import asyncio
import os
import shutil
import stat
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from tidemill.model.errors import TooLarge
from tidemill.sandbox.port import Exit, ExitReason, Program, Running


class Filed:
    """A program whose directory is made before it and removed after it. It is a `Running` of the port."""

    def __init__(self, running: Running, program: Program) -> None:
        self._running = running
        self._end = asyncio.get_running_loop().create_task(self._finish(running, program))

    @property
    def output(self) -> AsyncIterator[bytes]:
        """See `Running.output`."""
        return self._running.output

    async def wait(self) -> Exit:
        """See `Running.wait`."""
        return await asyncio.shield(self._end)

    async def kill(self, reason: str) -> None:
        """See `Running.kill`."""
        await self._running.kill(reason)

    async def _finish(self, running: Running, program: Program) -> Exit:
        ended = await running.wait()
        names = program.results if ended.reason is ExitReason.FINISHED else ()
        found = await asyncio.to_thread(take_out, program.work, names, max_bytes=program.max_result_bytes)
        return replace(ended, files=found)


async def with_files(start: Callable[[Program], Awaitable[Running]], program: Program) -> Running:
    """What `start` starts, with the files of `program` in its directory."""
    if program.files is None:
        return await start(program)
    try:
        await asyncio.to_thread(lay_out, program.work, program.files)
        running = await start(program)
    except BaseException:
        await asyncio.shield(asyncio.to_thread(clear, program.work))
        raise
    return Filed(running, program)


def lay_out(directory: Path, files: Mapping[str, bytes]) -> None:
    """Make `directory` with `files` (relative path -> content) in it, closed to other users."""
    directory.mkdir(mode=0o700, parents=True)
    for name, content in files.items():
        target = directory.joinpath(*name.split("/"))
        if len(target.parts) > len(directory.parts) + 1:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        target.write_bytes(content)


def collect(directory: Path, names: Iterable[str], *, max_bytes: int) -> dict[str, bytes]:
    """Those of `names` that are there as regular files. Links and devices that a job planted are not followed.

    Raises:
        TooLarge: a file has more than `max_bytes` bytes.
    """
    found: dict[str, bytes] = {}
    for name in names:
        try:
            descriptor = os.open(directory / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            continue
        with os.fdopen(descriptor, "rb") as file:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode):
                continue
            check_size(about.st_size, max_bytes)
            found[name] = file.read(max_bytes + 1)
    return found


def check_size(size: int, most: int) -> None:
    """Refuse a result of more than `most` bytes.

    Raises:
        TooLarge: it has more.
    """
    if size > most:
        raise TooLarge(
            f"The result has {size} bytes, more than the {most} allowed "
            "(TIDEMILL_MAX_VALUE_BYTES). Write it to workspace storage or a table, and return a pointer to it."
        )


def take_out(directory: Path, names: Iterable[str], *, max_bytes: int) -> dict[str, bytes]:
    """As `collect`, and the directory is removed after that, whatever happens."""
    try:
        return collect(directory, names, max_bytes=max_bytes)
    finally:
        clear(directory)


def clear(directory: Path) -> None:
    """Remove `directory` with all that a job left in it, however deep."""
    try:
        shutil.rmtree(directory)
    except FileNotFoundError:
        return
    except (OSError, RecursionError):
        subprocess.run(["rm", "-rf", "--one-file-system", "--", str(directory)], check=True, capture_output=True)
