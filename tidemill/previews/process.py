"""One reader process as its server sees it: started, asked once, killed."""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import AsyncIterator
from typing import Final

import msgspec

from tidemill.model.errors import BadRequest, PreviewFailed, TidemillError, TooLarge, Unavailable
from tidemill.previews.messages import RANGE, Garbled, Kind, pack, receive
from tidemill.previews.table import MIB, WAY_OUT, Failure, Source, TableQuestion

_START_S: Final = 30.0
_MODULE: Final = "tidemill.previews.inside"
_ERRORS: Final[dict[str, type[TidemillError]]] = {each.code: each for each in (BadRequest, PreviewFailed, TooLarge)}
"""What a reader may say; everything else is the fault of the object that got hold of it."""
_MOST_MESSAGE: Final = 1000


class Reader:
    """Make it with `start`. Whatever happens, `close` it: a reader reads one object in its life."""

    def __init__(
        self, process: asyncio.subprocess.Process, streams: tuple[asyncio.StreamReader, asyncio.StreamWriter]
    ) -> None:
        self._process = process
        self._incoming, self._outgoing = streams

    @classmethod
    async def start(cls) -> "Reader":
        """A reader that has given up all that it does not need, and waits for its question.

        Raises:
            Unavailable: it does not start.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            command = (sys.executable, "-I", "-m", _MODULE, str(theirs.fileno()))
            nowhere = asyncio.subprocess.DEVNULL
            process = await asyncio.create_subprocess_exec(
                *command, stdin=nowhere, stdout=nowhere, stderr=nowhere, env={}, cwd="/", pass_fds=(theirs.fileno(),)
            )
        reader = cls(process, await asyncio.open_unix_connection(sock=ours))
        try:
            async with asyncio.timeout(_START_S):
                await receive(reader._incoming)  # that it is ready
        except (TimeoutError, EOFError, OSError, Garbled) as error:
            await reader.close()
            raise Unavailable("The reader of previews does not start; the server may be out of memory.") from error
        except BaseException:
            await reader.close()
            raise
        return reader

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.returncode is None

    async def answer(
        self, question: TableQuestion, source: Source, *, max_read_bytes: int | None
    ) -> AsyncIterator[bytes]:
        """The answer in pieces. The reader gets the bytes that it asks for, `max_read_bytes` at most.

        Raises:
            BadRequest, PreviewFailed, TooLarge: there is no (whole) answer.
        """
        await self._send(Kind.QUESTION, msgspec.json.encode(question))
        left = max_read_bytes
        while True:
            kind, payload = await self._receive()
            match kind:
                case Kind.READ:
                    start, end = self._range(payload, source.size_bytes)
                    left = None if left is None else left - (end - start)
                    if left is not None and left < 0:
                        raise TooLarge(
                            f"The answer takes more than the {max_read_bytes} bytes that a preview may read of an "
                            f"object of {source.size_bytes}. {WAY_OUT}"
                        )
                    await self._send(Kind.BYTES, await source.read(start, end))
                case Kind.DATA:
                    yield payload
                case Kind.DONE:
                    return
                case Kind.ERROR:
                    raise _error(payload)
                case _:
                    raise _nonsense()

    async def close(self) -> None:
        """End the process, whatever it does."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._outgoing.close()
        await self._process.wait()

    async def _send(self, kind: Kind, payload: bytes) -> None:
        try:
            self._outgoing.write(pack(kind, payload))
            await self._outgoing.drain()
        except ConnectionError as error:
            raise await self._ended() from error

    async def _receive(self) -> tuple[Kind, bytes]:
        try:
            return await receive(self._incoming)
        except Garbled as error:
            raise _nonsense() from error
        except (EOFError, ConnectionError) as error:
            raise await self._ended() from error

    async def _ended(self) -> TidemillError:
        code = await self._process.wait()
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
        return PreviewFailed(
            f"The reader of this object {how}: the object is damaged or made to do harm, or it takes more memory than "
            f"a preview may use. {WAY_OUT}"
        )

    @staticmethod
    def _range(payload: bytes, size_bytes: int) -> tuple[int, int]:
        if len(payload) != RANGE.size:
            raise _nonsense()
        start, end = RANGE.unpack(payload)
        if not start < end <= size_bytes or end - start > 16 * MIB:
            raise _nonsense()
        return start, end


def _error(payload: bytes) -> TidemillError:
    try:
        failure = msgspec.json.decode(payload, type=Failure)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _nonsense()
    return _ERRORS.get(failure.code, PreviewFailed)(failure.message[:_MOST_MESSAGE])


def _nonsense() -> TidemillError:
    return PreviewFailed("The reader of this object does not say what it should: the object is made to do harm.")
