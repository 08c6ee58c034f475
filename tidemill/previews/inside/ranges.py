"""The object as bytes that are fetched when they are looked at, with some ahead and the newest kept."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

_FIRST: Final = 64 * 1024
"""How much is fetched at least, and where nothing tells that more will be wanted; also of the end of the object."""
_AHEAD: Final = 4 * 1024 * 1024
"""How much is fetched at most at a time, and more than is asked for at most."""
_KEPT: Final = 32 * 1024 * 1024


class Ranges:
    """Fetches pieces. One that continues another is twice as large: reading on takes few requests, a look few bytes."""

    def __init__(self, fetch: Callable[[int, int], bytes], size_bytes: int) -> None:
        self._fetch = fetch
        self._pieces: OrderedDict[int, bytes] = OrderedDict()
        self._kept = 0
        self.size_bytes = size_bytes

    def read(self, start: int, end: int) -> bytes:
        """The bytes from `start` up to `end`, or the end of the object."""
        end = min(end, self.size_bytes)
        parts = []
        while start < end:
            at, piece = self._piece(start, end)
            part = piece[start - at : end - at]
            parts.append(part)
            start += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _piece(self, start: int, end: int) -> tuple[int, bytes]:
        """A piece that holds the byte at `start`."""
        for at, piece in self._pieces.items():
            if at <= start < at + len(piece):
                self._pieces.move_to_end(at)
                return at, piece
        return self._load(start, end)

    def _load(self, start: int, end: int) -> tuple[int, bytes]:
        before = max((len(piece) for at, piece in self._pieces.items() if at + len(piece) == start), default=0)
        if start >= self.size_bytes - _FIRST:  # the end of an object is where formats keep their contents
            ends = [at + len(piece) for at, piece in self._pieces.items() if at < start]
            start = max(0, self.size_bytes - _FIRST, *ends)
        until = min(start + min(max(end - start, 2 * before, _FIRST), _AHEAD), self.size_bytes)
        until = min([until, *(at for at in self._pieces if at > start)])
        piece = self._fetch(start, until)
        self._pieces[start] = piece
        self._kept += len(piece)
        while self._kept > _KEPT:
            _, oldest = self._pieces.popitem(last=False)
            self._kept -= len(oldest)
        return start, piece
