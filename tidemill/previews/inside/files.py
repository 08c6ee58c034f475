"""The object as a file, as libraries want it."""

import codecs
import io
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from tidemill.previews.inside.ranges import Ranges
from tidemill.previews.text import ENCODINGS

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# Their code is loaded here, since nothing can be once the process is confined.
_DECODERS: Final = {name: codecs.getincrementaldecoder(name) for name in ENCODINGS}
_CHUNK: Final = 256 * 1024


class ObjectFile(io.RawIOBase):
    """Its bytes as they are."""

    def __init__(self, ranges: Ranges, *, start: int = 0) -> None:
        super().__init__()
        self._ranges = ranges
        self._at = start

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to `size` bytes; b"" at the end."""
        end = self._ranges.size_bytes if size is None or size < 0 else self._at + size
        data = self._ranges.read(self._at, end)
        self._at += len(data)
        return data

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """As many bytes as fit into `buffer`."""
        return _fill(buffer, self.read)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._ranges.size_bytes}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        """Where the next byte is read from."""
        return self._at


class Flowing(io.RawIOBase):
    """Bytes that are made while they are read, from their start to their end only."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces = pieces
        self._ready = bytearray()
        self._at = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """It says so, since the engine asks, and can only stay."""
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to `size` bytes; b"" at the end."""
        while size is None or size < 0 or len(self._ready) < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._ready += piece
        end = len(self._ready) if size is None or size < 0 else size
        data = bytes(self._ready[:end])
        del self._ready[:end]
        self._at += len(data)
        return data

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """As many bytes as fit into `buffer`."""
        return _fill(buffer, self.read)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Stay where it is."""
        if whence == io.SEEK_SET and offset == self._at:
            return self._at
        raise OSError("this can only be read from its start to its end")

    def tell(self) -> int:
        """How many bytes were read."""
        return self._at


def _fill(buffer: "WriteableBuffer", read: Callable[[int], bytes]) -> int:
    view = memoryview(buffer).cast("B")
    data = read(len(view))
    view[: len(data)] = data
    return len(data)


def in_utf8(ranges: Ranges, encoding: str) -> io.RawIOBase:
    """The object as text in UTF-8."""
    return ObjectFile(ranges) if encoding == "utf-8" else Flowing(_recoded(ranges, encoding))


def _recoded(ranges: Ranges, encoding: str) -> Iterator[bytes]:
    file, decoder = ObjectFile(ranges), _DECODERS[encoding]()
    while chunk := file.read(_CHUNK):
        yield decoder.decode(chunk).encode()
    yield decoder.decode(b"", final=True).encode()
