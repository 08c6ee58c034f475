"""The folder of a local store on the disk: what lies where in it, and which folders are taken for one."""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Final

from tidemill.model.errors import StorageMisconfigured

_NETWORK: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ncpfs", "lustre", "fuse.sshfs", "fuse.s3fs", "fuse.gcsfuse",
     "fuse.rclone", "fuse.glusterfs"}
)  # fmt: skip
"""File systems without locks or shared memory to rely on, as SQLite's log needs them."""

_SPARE_BYTES: Final = 1024 * 1024
_PRIVATE: Final = 0o600


class StoreFolder:
    """`index.sqlite3`, `blobs/<2 characters>/<30 characters>`, and `spare`: room for deleting on a full disk."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.index = root / "index.sqlite3"
        self._blobs = root / "blobs"
        self._spare = root / "spare"
        self._is_ready = False
        self._lock = Lock()

    def prepare(self) -> None:
        """Make what is missing; free of charge after the first time.

        Raises:
            StorageMisconfigured: the folder holds something else, or lies on a file system of the network.
            OSError: it cannot be made.
        """
        if self._is_ready:
            return
        with self._lock:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self.alone():
                self._check()
                self._blobs.mkdir(mode=0o700, exist_ok=True)
                os.close(os.open(self.index, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, _PRIVATE))
                self.keep_spare()
                sync_directory(self.root)
            self._is_ready = True

    @contextmanager
    def alone(self) -> Iterator[None]:
        """No other process prepares the folder during the block."""
        descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def blob(self, name: str) -> Path:
        """Where the file of a blob lies."""
        return self._blobs / name[:2] / name[2:]

    def create_blob(self, name: str) -> int:
        """A descriptor of its new, empty file. Its name survives a crash once the directory that it is in is synced."""
        path = self.blob(name)
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
        try:
            return os.open(path, flags, _PRIVATE)
        except FileNotFoundError:
            with suppress(FileExistsError):
                path.parent.mkdir(mode=0o700)
            sync_directory(self._blobs)
            return os.open(path, flags, _PRIVATE)

    def remove_blob(self, name: str) -> None:
        """Fine where there is none."""
        self.blob(name).unlink(missing_ok=True)

    def blobs(self) -> Iterator[tuple[str, os.stat_result]]:
        """Every blob that lies here, with what the system tells of its file; in no order."""
        for directory in self._blobs.iterdir():
            for file in directory.iterdir():
                with suppress(FileNotFoundError):
                    yield directory.name + file.name, file.lstat()

    def keep_spare(self) -> bool:
        """Set aside what deleting needs to write; False where there is no room for it."""
        try:
            descriptor = os.open(self._spare, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, _PRIVATE)
            try:
                os.posix_fallocate(descriptor, 0, _SPARE_BYTES)
            finally:
                os.close(descriptor)
        except OSError:
            return False
        return True

    def use_spare(self) -> bool:
        """Give back what was set aside; False where nothing was."""
        try:
            has_spare = self._spare.stat().st_size > 0
            os.truncate(self._spare, 0)
        except OSError:
            return False
        return has_spare

    def _check(self) -> None:
        kind = file_system(self.root.resolve(), Path("/proc/self/mountinfo"))
        if kind in _NETWORK:
            raise StorageMisconfigured(
                f"The folder {str(self.root)!r} lies on {kind}, a file system of the network, which can lose what was "
                "written: use a disk of this machine, or a bucket."
            )
        if not self.index.exists() and any(self.root.iterdir()):
            raise StorageMisconfigured(f"The folder {str(self.root)!r} holds other files: choose an empty one.")


def file_system(path: Path, mounts: Path) -> str:
    """The kind of the file system that an absolute path lies on, from a table as in proc(5); "" where nothing tells."""
    try:
        lines = mounts.read_text().splitlines()
    except OSError:
        return ""
    kinds: dict[str, str] = {}
    for line in lines:
        before, _, behind = line.partition(" - ")
        kinds[_unescaped(before.split(" ")[4])] = behind.split(" ")[0]
    return next((kinds[str(each)] for each in (path, *path.parents) if str(each) in kinds), "")


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)


def sync_directory(path: Path) -> None:
    """Make the names in a directory survive a crash."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
