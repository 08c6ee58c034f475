"""Turns what the operating system and SQLite raise into our errors, at the edge of the local store."""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tidemill.model.errors import (
    ContentDamaged,
    StorageDenied,
    StorageFull,
    StorageMisconfigured,
    TidemillError,
    Unavailable,
)

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_DENIED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_MISSING: Final = frozenset({errno.ENOENT, errno.EEXIST})
_FOREIGN: Final = frozenset({errno.ENOTDIR, errno.ELOOP})
_PRIMARY: Final = 0xFF
"""The part of an extended code of SQLite that tells the kind."""


@contextmanager
def ours(root: Path) -> Iterator[None]:
    """What fails in the block fails with an error of ours."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise translate(error, root) from error


def translate(error: OSError | sqlite3.Error, root: Path) -> TidemillError:
    """Our error for one of the system's. Only those that an administrator mends tell where the folder is."""
    return _from_system(error, root) if isinstance(error, OSError) else _from_index(error, root)


def _from_system(error: OSError, root: Path) -> TidemillError:
    said = error.strerror or type(error).__name__
    if error.errno in _FULL:
        return _full(said)
    if error.errno in _DENIED:
        return StorageDenied(f"The folder {str(root)!r} cannot be used: {said}. Give Tidemill's user the right to it.")
    if error.errno in _MISSING:
        return StorageMisconfigured(f"The folder {str(root)!r} of this storage is not whole: {said}.")
    if error.errno in _FOREIGN:
        return StorageMisconfigured(
            f"In the folder {str(root)!r} lies something that Tidemill did not put there, and links are not followed "
            f"({said}): remove it, or restore the folder from a backup."
        )
    return Unavailable(f"The folder of this storage does not answer: {said}. Send it again.")


def _from_index(error: sqlite3.Error, root: Path) -> TidemillError:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & _PRIMARY
    if code == sqlite3.SQLITE_FULL or (code in {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN} and _is_full(root)):
        return _full(str(error))
    if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}:
        return StorageDenied(f"The index in {str(root)!r} cannot be written: {error}. Give Tidemill's user the right.")
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return ContentDamaged(f"The index of this storage is damaged: {error}. Restore the folder from a backup.")
    return Unavailable(f"The index of this storage does not answer: {error}. Send it again.")


def _is_full(root: Path) -> bool:
    """SQLite tells a missing block or inode in some places as a failed write."""
    try:
        system = os.statvfs(root)
    except OSError:
        return False
    return system.f_bavail == 0 or (system.f_files > 0 and system.f_favail == 0)


def _full(said: str) -> StorageFull:
    return StorageFull(f"The disk of this storage is full: {said}. Delete objects, or give it more room.")
