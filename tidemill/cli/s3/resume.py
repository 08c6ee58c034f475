"""Remembers uploads that were broken off, in a small file each, so that the same command goes on with them."""

import hashlib
import os
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

from tidemill.cli.connection import Server
from tidemill.model.object_address import Address

_DIGITS: Final = 40


class Begun(msgspec.Struct):
    """An upload, and what its file was like then: of another one its parts are not."""

    upload: UUID
    size_bytes: int
    modified_ns: int


class Bookmark:
    """Where the upload of one file to one address is remembered. What cannot be written is not remembered."""

    def __init__(self, server: Server, at: Address, source: Path) -> None:
        text = "\0".join([server.url, server.workspace, str(at), os.fspath(source.absolute())])
        name = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:_DIGITS]
        self._path = _folder() / f"{name}.json"

    def read(self, found: os.stat_result) -> UUID | None:
        """The upload that was begun with the file as it is now."""
        try:
            begun = msgspec.json.decode(self._path.read_bytes(), type=Begun)
        except (OSError, msgspec.MsgspecError):
            return None
        is_same = (begun.size_bytes, begun.modified_ns) == (found.st_size, found.st_mtime_ns)
        return begun.upload if is_same else None

    def write(self, upload: UUID, found: os.stat_result) -> None:
        """Remember an upload."""
        begun = Begun(upload, found.st_size, found.st_mtime_ns)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._path.write_bytes(msgspec.json.encode(begun))
        except OSError:
            return

    def remove(self) -> None:
        """Forget it: it was completed, or is gone."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError:
            return


def _folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or ""
    return (Path(cache) if cache.startswith("/") else Path.home() / ".cache") / "tidemill" / "uploads"
