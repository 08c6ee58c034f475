"""What a program prints, read on demand: who does not read stops the program once its pipe is full."""

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import AsyncIterator
from typing import Final

_PIECE: Final = 64 * 1024


class Output:
    """The reading end of a program's stdout and stderr, together with the notes of its sandbox."""

    def __init__(self) -> None:
        """Make the pipe. The program gets `write_end`, which is then closed here by `handed_over`."""
        self._read_end, self.write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        self._notes: deque[bytes] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._ended = False

    def handed_over(self) -> None:
        """The program has its own copy of the writing end now."""
        if self.write_end >= 0:
            os.close(self.write_end)
            self.write_end = -1

    def note(self, text: str) -> None:
        """Put a line of the sandbox between what the program prints."""
        self._notes.append(text.encode())
        self._rouse()

    def end(self) -> None:
        """The program has ended: after what is in the pipe there is nothing more."""
        self._ended = True
        self.handed_over()
        self._rouse()

    async def pieces(self) -> AsyncIterator[bytes]:
        """Everything, in pieces of at most 64 KiB."""
        at_end = False
        try:
            while not (at_end and self._ended and not self._notes):
                if self._notes:
                    yield self._notes.popleft()
                    continue
                if at_end:
                    await self._pause(watch=False)
                    continue
                try:
                    piece = os.read(self._read_end, _PIECE)
                except BlockingIOError:
                    if self._ended:  # someone outside of the sandbox still holds the pipe, but nobody writes any more
                        at_end = True
                    else:
                        await self._pause(watch=True)
                    continue
                at_end = not piece
                if piece:
                    yield piece
        finally:
            self.close()

    async def _pause(self, *, watch: bool) -> None:
        """Wait for more to read (when `watch`), a note, or the end."""
        if self._ended or self._notes:
            return
        loop = asyncio.get_running_loop()
        self._wake = loop.create_future()
        if watch:
            loop.add_reader(self._read_end, self._rouse)
        try:
            await self._wake
        finally:
            self._wake = None
            if watch:
                loop.remove_reader(self._read_end)

    def _rouse(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def close(self) -> None:
        """Give back the pipe; the program gets SIGPIPE when it still prints."""
        self.handed_over()
        if self._read_end >= 0:
            with contextlib.suppress(OSError):
                os.close(self._read_end)
            self._read_end = -1

    def __del__(self) -> None:
        self.close()
