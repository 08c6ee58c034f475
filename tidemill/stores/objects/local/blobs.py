"""Blobs: immutable files with random names that hold the bytes of larger objects and of parts."""

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from hashlib import md5
from threading import Lock
from typing import Final

from tidemill.model.failpoint import failpoint
from tidemill.stores.objects.local.folder import StoreFolder, sync_directory

_FLUSH_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Blob:
    """A file that is whole and survives a crash. `md5` is in hex."""

    name: str
    size_bytes: int
    md5: str


class Draft:
    """A blob that is being written. No row names it yet, so it is garbage unless one does in time.

    Its methods block and may be called from any thread; once it is discarded, they do nothing.
    """

    def __init__(self, folder: StoreFolder) -> None:
        self.name = secrets.token_hex(16)
        self._folder = folder
        self._lock = Lock()
        self._descriptor: int | None = None
        self._is_over = False
        self._size = 0
        self._flushed = 0
        self._md5 = md5(usedforsecurity=False)

    def write(self, piece: bytes | bytearray) -> None:
        """Append."""
        with self._lock:
            if not self._is_over:
                self._append(piece)

    def finish(self, piece: bytes | bytearray) -> Blob:
        """Append the last piece and wait until all of it survives a crash."""
        with self._lock:
            descriptor = self._append(piece)
            os.fsync(descriptor)
            self._close()
            sync_directory(self._folder.blob(self.name).parent)
        failpoint("objects.after_blob")
        return Blob(self.name, self._size, self._md5.hexdigest())

    def discard(self) -> None:
        """Remove what was written; what cannot be removed is garbage, and collected later."""
        with self._lock, suppress(OSError):
            self._is_over = True
            self._close()
            self._folder.remove_blob(self.name)

    def _append(self, piece: bytes | bytearray) -> int:
        if self._descriptor is None:
            self._folder.prepare()
            self._descriptor = self._folder.create_blob(self.name)
        view = memoryview(piece)
        while view:
            view = view[os.write(self._descriptor, view) :]
        self._md5.update(piece)
        self._size += len(piece)
        if self._size - self._flushed >= _FLUSH_BYTES:
            self._begin_to_flush(self._descriptor)
        return self._descriptor

    def _begin_to_flush(self, descriptor: int) -> None:
        """Let the disk begin with what is there, so that the last sync is short. It keeps what it has not written."""
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(descriptor, self._flushed, self._size - self._flushed, os.POSIX_FADV_DONTNEED)
        self._flushed = self._size

    def _close(self) -> None:
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)
