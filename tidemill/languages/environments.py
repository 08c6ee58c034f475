"""Environments of packages, one for each lock: built once, aside, and put in place by one rename.

A directory that is there under its final name is complete. Nothing in it runs when an interpreter starts: jobs put its
`site` directory on `sys.path` themselves (`-I -S`), and the `.pth` files of packages are taken out.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from tidemill.languages.base_environment import BaseEnvironment, base_name, make_base
from tidemill.languages.locking import checked_lock, explanation, interpreter, run_uv
from tidemill.languages.port import Environment, Workshop
from tidemill.model.errors import LockFailed

BUILD_TIMEOUT_S: Final = 900.0
_POLL_S: Final = (0.01, 0.02, 0.05, 0.1, 0.2)


async def ensure(lock: str, *, workshop: Workshop) -> Environment:
    """The environment for `lock`, built if it is not there yet. "" is the base environment, which needs no network.

    Raises:
        InvalidScript: the lock holds something that is not a pinned requirement.
        LockFailed: it cannot be built; the message has uv's explanation.
    """
    root = workshop.environments_dir.resolve()
    root.mkdir(parents=True, exist_ok=True)
    base = BaseEnvironment(root / await asyncio.to_thread(base_name))
    if not base.path.exists():
        async with only_builder(root, "base"):
            await asyncio.to_thread(make_base, base)
    lines = checked_lock(lock)
    if not lines:
        return Environment(path=base.path, python=interpreter(), site_dirs=base.site_dirs)
    final = root / f"py{sys.version_info.major}.{sys.version_info.minor}-{_key(lines)}"
    if not final.exists():
        async with only_builder(root, final.name):
            if not final.exists():
                await _build(lines, final=final, workshop=workshop)
    return _layered(final, base=base, lines=lines)


def _layered(final: Path, *, base: BaseEnvironment, lines: str) -> Environment:
    """The environment in front of the base one, unless it brings a `wmill` of its own."""
    brings_wmill = any(line.startswith("wmill==") for line in lines.splitlines())
    rest = (base.client_dir,) if brings_wmill else base.site_dirs
    return Environment(path=final, python=interpreter(), site_dirs=(final / "site", *rest))


def _key(lines: str) -> str:
    """Fixed by what is installed and by what it is installed for."""
    parts = (lines, platform.python_version(), sys.implementation.cache_tag or "", platform.machine(), sys.platform)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


async def _build(lines: str, *, final: Path, workshop: Workshop) -> None:
    await asyncio.to_thread(_remove_leftovers, final)
    work = Path(tempfile.mkdtemp(prefix=f".build-{final.name}-", dir=final.parent))
    try:
        (work / "lock.txt").write_text(lines)
        is_hashed = all("--hash=" in line for line in lines.splitlines())
        arguments = ("pip", "install", "--target", "site", "--requirements", "lock.txt", "--no-deps")
        strict = ("--require-hashes",) if is_hashed else ()
        result = await run_uv(
            (*arguments, *strict, "--compile-bytecode"), work=work, workshop=workshop, timeout_s=BUILD_TIMEOUT_S
        )
        if result.exit_code != 0:
            raise LockFailed(f"The packages of the script cannot be installed:\n{explanation(result)}")
        await asyncio.to_thread(_put_in_place, work, final, lines)
    finally:
        await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)


def _put_in_place(work: Path, final: Path, lines: str) -> None:
    """Make `work` the environment `final`: all of its files reach the disk before the name does.

    Code of packages may have run in `work`, so nothing there is taken for what it should be, and no link is followed.
    """
    site = work / "site"
    for entry in work.iterdir():
        if entry != site:
            _remove(entry)
    if not os.path.lexists(site):  # a lock whose markers all say no installs nothing
        site.mkdir()
    if site.is_symlink() or not site.is_dir():
        raise LockFailed("The packages of the script cannot be installed: their directory was tampered with.")
    for hook in site.glob("*.pth"):
        _remove(hook)
    (work / "lock.txt").write_text(lines)
    _own(work)
    work.chmod(0o755)
    os.sync()
    work.rename(final)
    directory = os.open(final.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _remove(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry)
    else:
        entry.unlink()


def _own(directory: Path) -> None:
    """Make all of it ours again, for the sandbox may have built it as another user."""
    if os.geteuid() != 0:
        return
    os.chown(directory, 0, 0)
    for place, directories, files in os.walk(directory):
        for name in (*directories, *files):
            os.chown(Path(place) / name, 0, 0, follow_symlinks=False)


def _remove_leftovers(final: Path) -> None:
    """Directories of builders that were killed. Only the holder of the lock calls this, so no living one is hit."""
    for leftover in final.parent.glob(f".build-{final.name}-*"):
        shutil.rmtree(leftover, ignore_errors=True)


@contextlib.asynccontextmanager
async def only_builder(root: Path, name: str) -> AsyncIterator[None]:
    """Hold the lock of `name` against every other worker of the host; the system releases it when a holder dies."""
    directory = root / ".locks"
    directory.mkdir(exist_ok=True)
    handle = os.open(directory / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        for attempt in range(1_000_000):
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            await asyncio.sleep(_POLL_S[min(attempt, len(_POLL_S) - 1)])
        yield
    finally:
        os.close(handle)
