"""The folder of a local store on the disk: what lies where in it, and which folders are taken for one."""

import errno
import fcntl
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Final

from tidemill.model.errors import ContentDamaged, StorageMisconfigured

_NETWORK: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ncpfs", "lustre", "fuse.sshfs", "fuse.s3fs", "fuse.gcsfuse",
     "fuse.rclone", "fuse.glusterfs"}
)  # fmt: skip
"""File systems without locks or shared memory to rely on, as SQLite's log needs them."""

_SPARE_BYTES: Final = 1024 * 1024
_PRIVATE: Final = 0o600
_OWN: Final = os.O_CLOEXEC | os.O_NOFOLLOW
"""How all below the folder is opened: whoever can write into it must not lead us elsewhere by a link."""
_DIRECTORY: Final = _OWN | os.O_RDONLY | os.O_DIRECTORY
_NAME: Final = re.compile(r"[0-9a-f]{32}")


class StoreFolder:
    """`index.sqlite3`, `blobs/<2 characters>/<30 characters>`, and `spare`: room for deleting on a full disk."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.index = root / "index.sqlite3"
        self._blobs = root / "blobs"
        self._spare = root / "spare"
        self._synced: set[str] = set()
        self._has_spare = False
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
            _make_directory(self.root)
            with self.alone():
                self._check()
                self._blobs.mkdir(mode=0o700, exist_ok=True)
                os.close(os.open(self.index, _OWN | os.O_CREAT | os.O_RDWR, _PRIVATE))
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
        with self._directory_of(name, make=name[:2] not in self._synced) as directory:
            self._synced.add(name[:2])
            return os.open(name[2:], _OWN | os.O_CREAT | os.O_EXCL | os.O_WRONLY, _PRIVATE, dir_fd=directory)

    def open_blob(self, name: str) -> int:
        """A descriptor to read its file with.

        Raises:
            FileNotFoundError: there is none.
            StorageMisconfigured: what lies there, or on the way, is something else.
        """
        try:
            with self._directory_of(name) as directory:
                descriptor = os.open(name[2:], _OWN | os.O_RDONLY | os.O_NONBLOCK, dir_fd=directory)
        except OSError as error:
            if error.errno in {errno.ELOOP, errno.ENOTDIR}:
                raise self._foreign() from error
            raise
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise self._foreign()
        return descriptor

    def blob_status(self, name: str) -> os.stat_result:
        """What the system tells of its file; raises FileNotFoundError."""
        with self._directory_of(name) as directory:
            return os.stat(name[2:], dir_fd=directory, follow_symlinks=False)

    def remove_blob(self, name: str) -> None:
        """Fine where there is none."""
        with suppress(FileNotFoundError), self._directory_of(name) as directory:
            os.unlink(name[2:], dir_fd=directory)

    def blobs(self) -> Iterator[tuple[str, os.stat_result]]:
        """Every blob that lies here, with what the system tells of its file; in no order."""
        for directory in self._blobs.iterdir():
            if directory.is_symlink() or not directory.is_dir():
                continue
            for file in directory.iterdir():
                if _NAME.fullmatch(name := directory.name + file.name):
                    with suppress(FileNotFoundError):
                        yield name, file.lstat()

    @contextmanager
    def _directory_of(self, name: str, *, make: bool = False) -> Iterator[int]:
        """A descriptor of the directory that a blob is in, during the block."""
        if _NAME.fullmatch(name) is None:
            raise ContentDamaged(f"The index in {str(self.root)!r} names {name[:80]!r}, which is no file of its own.")
        above = os.open(self._blobs, _DIRECTORY)
        try:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(name[:2], 0o700, dir_fd=above)
                os.fsync(above)  # also of one that is there: whoever made it just now may not have come to it
            directory = os.open(name[:2], _DIRECTORY, dir_fd=above)
        finally:
            os.close(above)
        try:
            yield directory
        finally:
            os.close(directory)

    def keep_spare(self) -> None:
        """Set aside what deleting needs to write, unless it is there or there is no room for it now."""
        if self._has_spare:
            return
        with suppress(OSError):
            descriptor = os.open(self._spare, _OWN | os.O_CREAT | os.O_RDWR, _PRIVATE)
            try:
                if os.fstat(descriptor).st_size < _SPARE_BYTES:
                    os.pwrite(descriptor, bytes(_SPARE_BYTES), 0)
                    os.fsync(descriptor)
                self._has_spare = os.fstat(descriptor).st_size == _SPARE_BYTES
            finally:
                os.close(descriptor)

    def use_spare(self) -> bool:
        """Give back what was set aside; False where nothing was."""
        self._has_spare = False
        try:
            descriptor = os.open(self._spare, _OWN | os.O_WRONLY)
            try:
                had_spare = os.fstat(descriptor).st_size > 0
                os.truncate(descriptor, 0)
            finally:
                os.close(descriptor)
        except OSError:
            return False
        return had_spare

    def _foreign(self) -> StorageMisconfigured:
        return StorageMisconfigured(
            f"In the folder {str(self.root)!r} lies a link or something else where Tidemill put a file; links are not "
            "followed. Remove it, and restore the folder from a backup."
        )

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


def _make_directory(path: Path) -> None:
    """With all that it needs above it, so that it survives a crash."""
    if not path.is_dir():
        _make_directory(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
        sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make the names in a directory survive a crash."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
