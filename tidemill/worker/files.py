"""The directory of one job: what is put into it, and what is read back, though the job may have put traps there."""

import os
import shutil
import stat
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from tidemill.model.errors import TooLarge


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
            if about.st_size > max_bytes:
                raise TooLarge(
                    f"The result has {about.st_size} bytes, more than the {max_bytes} allowed "
                    "(TIDEMILL_MAX_VALUE_BYTES). Write it to workspace storage or a table, and return a pointer to it."
                )
            found[name] = file.read(max_bytes + 1)
    return found


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
