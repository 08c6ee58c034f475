"""Resolves requirements to exact versions with hashes, by uv, in the sandbox.

Wheels are preferred: the first attempt never builds anything, so that no code of a package runs and the shared cache of
downloads can be written to. Only if that leads nowhere may source packages be built, with a cache of their own that is
thrown away: a malicious one cannot put anything into what other scripts are given.
"""

import asyncio
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import uv
from packaging.specifiers import SpecifierSet

from tidemill.languages.port import Command, CommandResult, Requirements, Workshop
from tidemill.languages.requirements import checked_requirement, checked_versions
from tidemill.model.errors import InvalidScript, LockFailed

PYTHON_VERSION: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
MAX_EXPLANATION_CHARS: Final = 4_000
MAX_LOCK_BYTES: Final = 4 * 1024 * 1024
LOCK_TIMEOUT_S: Final = 300.0

_HASH: Final = re.compile(r"--hash=sha(?:256|384|512):[0-9a-f]{64,128}")
_NEEDS_BUILD: Final = re.compile(r"building|no-build|usable wheels|source distribution|only-binary", re.IGNORECASE)


def interpreter() -> Path:
    """The interpreter that runs jobs: the one that Tidemill's own environment was made from."""
    base: str = getattr(sys, "_base_executable", "") or sys.executable
    return Path(base).resolve()


async def lock(needs: Requirements, *, workshop: Workshop) -> str:
    """Exact versions and hashes for `needs`, one package a line below a header with the Python version; "" for none.

    Neither paths of this machine nor addresses of package indexes are in it.

    Raises:
        InvalidScript: a requirement is not one that is allowed.
        LockFailed: they do not go together, or with the worker's Python.
    """
    _check_python(needs.requires_python)
    specifiers = [checked_requirement(specifier) for specifier in needs.specifiers]
    if not specifiers:
        return ""
    workshop.environments_dir.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".lock-", dir=workshop.environments_dir))
    try:
        (work / "requirements.in").write_text("\n".join(specifiers) + "\n")
        arguments = ("pip", "compile", "requirements.in", "--output-file", "lock.txt", "--generate-hashes")
        result = await run_uv(
            (*arguments, "--no-header", "--no-annotate"), work=work, workshop=workshop, timeout_s=LOCK_TIMEOUT_S
        )
        if result.exit_code != 0:
            raise LockFailed(f"The packages of the script cannot be resolved:\n{explanation(result)}")
        text = _read_output(work / "lock.txt")
        checked_lock(text)
        return f"# py: {PYTHON_VERSION}\n{text}"
    finally:
        await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)


def checked_lock(text: str) -> str:
    """`text` as sorted lines for the installer, if it is a lock. It may come from a client, so it is not trusted.

    Raises:
        InvalidScript: a line is neither a comment, nor a pinned requirement with or without hashes.
    """
    lines: list[str] = []
    for line in text.replace("\\\n", " ").splitlines():
        words = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].split()
        hashes = [word for word in words if _HASH.fullmatch(word)]
        if not words:
            continue
        requirement = checked_requirement(" ".join(word for word in words if word not in hashes))
        if not re.match(r"[A-Za-z0-9._-]+(\[[^]]*\])?\s*(===?[^=*,;]+(;.*)?$|@ https://)", requirement):
            raise InvalidScript(f"The lock has {requirement!r}, which is not pinned to one version.")
        lines.append(" ".join([requirement, *hashes]))
    return "".join(f"{line}\n" for line in sorted(lines))


async def run_uv(arguments: Sequence[str], *, work: Path, workshop: Workshop, timeout_s: float) -> CommandResult:
    """Run uv in `work`: at first without building anything, and then, if that was the obstacle, with builds."""
    cache = workshop.cache_dir.resolve()
    cache.mkdir(parents=True, exist_ok=True)
    command = _command((*arguments, "--no-build"), cache=cache, work=work, workshop=workshop, timeout_s=timeout_s)
    result = await workshop.run(command)
    if result.exit_code == 0 or result.timed_out or not _NEEDS_BUILD.search(result.output.decode(errors="replace")):
        return result
    return await workshop.run(_command(arguments, cache=None, work=work, workshop=workshop, timeout_s=timeout_s))


def explanation(result: CommandResult) -> str:
    """What uv says about a failure, without credentials and at most 4,000 characters of it (the end)."""
    if result.timed_out:
        return "It took too long; try again, or pin versions so that there is less to search."
    text = re.sub(r"//[^/@\s]+@", "//", result.output.decode(errors="replace")).strip()
    return text if len(text) <= MAX_EXPLANATION_CHARS else "[…] " + text[-MAX_EXPLANATION_CHARS:]


def _read_output(path: Path) -> str:
    """A file that a command left. Code of packages may have run: a link or a pipe in its place is not followed."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise LockFailed("The packages of the script cannot be resolved: the result was tampered with.") from error
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_LOCK_BYTES:
            raise LockFailed("The packages of the script cannot be resolved: the result is no lock.")
        with os.fdopen(os.dup(handle), "rb") as file:
            return file.read(MAX_LOCK_BYTES).decode(errors="replace")
    finally:
        os.close(handle)


def _command(
    arguments: Sequence[str], *, cache: Path | None, work: Path, workshop: Workshop, timeout_s: float
) -> Command:
    program = Path(uv.find_uv_bin()).resolve()
    python = interpreter()
    fixed = ("--python", str(python), "--no-progress", "--color", "never", "--no-python-downloads")
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": "/tmp",  # noqa: S108  # the sandbox's own; nothing is kept there
        "LANG": "C.UTF-8",
        "UV_CACHE_DIR": str(cache) if cache else ".cache",
        "UV_NO_CONFIG": "1",
        **workshop.env,
    }
    return Command(
        argv=(str(program), *arguments, *fixed),
        cwd=work.resolve(),
        env=environment,
        writable=(cache,) if cache else (),
        readable=(program, Path(sys.base_prefix).resolve()),
        timeout_s=timeout_s,
    )


def _check_python(requires_python: str) -> None:
    version = ".".join(map(str, sys.version_info[:3]))
    if not SpecifierSet(checked_versions(requires_python)).contains(version, prereleases=True):
        raise LockFailed(
            f"The script requires Python {requires_python}, but the workers here run Python {version}: change "
            "requires-python, or run workers with another Python."
        )
