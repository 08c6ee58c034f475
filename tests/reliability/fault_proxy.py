"""A TCP proxy that misbehaves on demand, between a worker or server and Postgres, or between a client and the API.

It runs in a thread of its own. A connection can be held up, swallowed in one direction (half-open), reset, or cut:
after so many bytes, or once a text such as COMMIT has gone through and its answer is there, but not passed on.
"""

import asyncio
import random
import socket
import struct
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeVar

T = TypeVar("T")

Direction = Literal["up", "down"]
"""`up` is from the client to the server."""
_PIECE: Final = 65536


@dataclass
class Faults:
    """What is wrong at present; change it at any time. Everything is off at first.

    Attributes:
        delay_s: how long each piece is held up.
        swallow: what goes in these directions is taken and never arrives.
        cut_after_bytes: a connection is reset once so many bytes went up; -1 for never.
        cut_after_bytes_down: the same, for bytes that came down.
        cut_after: a connection is reset when this was sent up, and before its answer comes down.
        lose_answers: how many of the answers (0 to 1) are lost: the connection is reset when they arrive.
        refuse: new connections are reset at once.
    """

    delay_s: float = 0.0
    swallow: set[Direction] = field(default_factory=set)
    cut_after_bytes: int = -1
    cut_after_bytes_down: int = -1
    cut_after: bytes = b""
    lose_answers: float = 0.0
    refuse: bool = False


class FaultProxy:
    """Listens on `host` and `port`, and passes on to what `connect` opens."""

    def __init__(self, target: str | tuple[str, int], *, seed: int = 1) -> None:
        """`target`: the path of a Unix socket, or host and port."""
        self.faults = Faults()
        self.host = "127.0.0.1"
        self.port = 0
        self.cuts = 0
        self.refusals = 0
        self._target = target
        self._random = random.Random(seed)
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault proxy", daemon=True)

    def start(self) -> None:
        self._thread.start()
        server = self._call(self._listen())
        self.port = server.sockets[0].getsockname()[1]
        self._server = server

    def stop(self) -> None:
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def reset_all(self) -> None:
        """Reset every connection there is."""
        self._call(self._reset_all())

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, self.host, 0)

    async def _end(self) -> None:
        """Neither cancels what has not begun, nor closes the server below it: both would leave sockets open."""
        self.faults = Faults(refuse=True)
        while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
            await self._reset_all()
            await asyncio.wait(tasks, timeout=0.1)
        self._server.close()

    async def _reset_all(self) -> None:
        for writer in list(self._writers):
            _reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.faults.refuse:
            self.refusals += 1
            _reset(writer)
            return
        try:
            upstream = await self._open()
        except OSError:
            _reset(writer)
            return
        line = _Line(self, (reader, writer), upstream)
        self._writers |= {writer, upstream[1]}
        try:
            await line.pump()
        finally:
            self._writers -= {writer, upstream[1]}

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._target, str):
            return await asyncio.open_unix_connection(self._target)
        return await asyncio.open_connection(*self._target)

    def loses_this_answer(self) -> bool:
        return self._random.random() < self.faults.lose_answers


class _Line:
    """One connection with its two directions."""

    def __init__(
        self,
        proxy: FaultProxy,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self._proxy = proxy
        self._client, self._server = client, server
        self._sent_up = 0
        self._came_down = 0
        self._tail = b""
        self._is_doomed = False
        self._is_asked = False

    async def pump(self) -> None:
        up = asyncio.create_task(self._pass("up", self._client[0], self._server[1], may_pass=self._up))
        down = asyncio.create_task(self._pass("down", self._server[0], self._client[1], may_pass=self._down))
        try:
            await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            up.cancel()
            down.cancel()
            for writer in (self._client[1], self._server[1]):
                writer.close()

    async def _pass(
        self,
        direction: Direction,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        may_pass: Callable[[bytes], bool],
    ) -> None:
        with suppress(OSError):
            while piece := await reader.read(_PIECE):
                if self._proxy.faults.delay_s:
                    await asyncio.sleep(self._proxy.faults.delay_s)
                if direction in self._proxy.faults.swallow:
                    continue
                if not may_pass(piece):
                    self._proxy.cuts += 1
                    _reset(self._client[1])
                    return
                writer.write(piece)
                await writer.drain()

    def _up(self, piece: bytes) -> bool:
        faults = self._proxy.faults
        self._sent_up += len(piece)
        self._tail = (self._tail + piece)[-4096:]
        self._is_asked = True
        if faults.cut_after and faults.cut_after in self._tail:
            self._is_doomed = True
            self._tail = b""
        return faults.cut_after_bytes < 0 or self._sent_up <= faults.cut_after_bytes

    def _down(self, piece: bytes) -> bool:
        if self._is_doomed:
            return False
        self._came_down += len(piece)
        if 0 <= self._proxy.faults.cut_after_bytes_down < self._came_down:
            return False
        if self._is_asked and self._proxy.faults.lose_answers:
            self._is_asked = False
            return not self._proxy.loses_this_answer()
        return True


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST, so that the other end sees an error and no orderly end."""
    sock = writer.get_extra_info("socket")
    if sock is not None:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@contextmanager
def fault_proxy(target: str | tuple[str, int], *, seed: int = 1) -> Iterator[FaultProxy]:
    """A proxy that runs during the block."""
    proxy = FaultProxy(target, seed=seed)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
