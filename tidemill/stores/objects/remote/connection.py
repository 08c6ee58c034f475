"""One connection of HTTP/1.1 to an object store, bare: no redirects, no compression, no cookies.

A library that does all of it takes as much of the processor for a small request as everything else that is done for it.
Bytes of an answer whose length is known are handed on as they come off the socket, without a parser looking at them.
"""

import asyncio
from collections import deque
from typing import Final, cast

import httptools

from tidemill.stores.objects.remote.bodies import Body, Held

_SMALL_BYTES: Final = 64 * 1024
"""Up to here head and body go out together."""
_MOST_WAITING_BYTES: Final = 512 * 1024
"""From here on nothing more is read until somebody takes what has come."""
_MOST_SENT_AHEAD_BYTES: Final = 256 * 1024
_MOST_HEAD_BYTES: Final = 128 * 1024
_NO_BODY: Final = frozenset({204, 304})


class Broken(OSError):
    """The connection ended before the answer did, or what came is no answer of HTTP."""


class Silent(TimeoutError):
    """Nothing came, or nothing was taken, for too long."""


class Connection(asyncio.Protocol):
    """Carries one exchange after the other. `silence_s`: so long may the server say nothing, or take nothing.

    Attributes:
        status: of the answer, 0 before it has come.
        headers: of the answer, names in lower case; of several with one name the last.
        is_answered: whether the answer was received to its end.
    """

    def __init__(self, *, silence_s: float) -> None:
        self._silence_s = silence_s
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._may_send = True
        self._is_paused = False
        self._is_kept = True
        self._error: Exception | None = None
        self._pieces: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._parser: httptools.HttpResponseParser | None = None
        self._method = ""
        self._head_bytes = 0
        self._missing_bytes: int | None = None
        self._ends_with_the_connection = False
        self.status = 0
        self.headers: dict[str, str] = {}
        self.is_answered = True

    @property
    def is_free(self) -> bool:
        """Whether another exchange can begin."""
        return self._is_kept and self.is_answered and self._error is None

    async def send(self, method: str, head: bytes, body: Body) -> None:
        """Begin an exchange and wait for the head of its answer; one that comes early ends the sending.

        Raises:
            Broken, Silent: there is none. What the source of the body raises is raised as it is.
        """
        self._begin(method)
        if isinstance(body, Held) and body.size_bytes <= _SMALL_BYTES:
            self._write(b"".join((head, *body.parts)) if body.parts else head)
        else:
            self._write(head)
            await self._send_pieces(body)
        while not self.status:
            await self._wait()

    async def next_piece(self) -> bytes:
        """Some more bytes of the answer's body, b"" at its end; raises as `send` does."""
        while not self._pieces:
            if self.is_answered:
                return b""
            await self._wait()
        piece = self._pieces.popleft()
        self._waiting_bytes -= len(piece)
        if self._is_paused and self._waiting_bytes <= _MOST_WAITING_BYTES // 2:
            self._go_on_reading()
        return piece

    def abort(self) -> None:
        """Hang up at once."""
        self._is_kept = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`, as for those that follow."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_MOST_SENT_AHEAD_BYTES)

    def data_received(self, data: bytes) -> None:
        if self._missing_bytes is not None and not self.is_answered:
            self._take_rest(data)
        elif self._parser is None:
            self.abort()  # nobody asked for anything
        else:
            self._parse(data)
        self._wake()

    def eof_received(self) -> None:
        self._is_kept = False  # and the connection is closed by that

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._is_kept = False
        if self._ends_with_the_connection and exc is None:
            self._end()
        if not self.is_answered:
            self._fail(Broken(f"the connection was closed ({type(exc).__name__ if exc else 'by the server'})"))
        self._wake()

    def pause_writing(self) -> None:
        self._may_send = False

    def resume_writing(self) -> None:
        self._may_send = True
        self._wake()

    def on_message_begin(self) -> None:
        """See `httptools.HttpResponseParser`, as for those that follow."""
        if self.is_answered:
            self._is_kept = False
            raise ValueError("there is more than was asked for")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > _MOST_HEAD_BYTES:
            raise ValueError("the head of the answer has no end")
        self.headers[name.decode("ascii", "replace").lower()] = value.decode("utf-8", "surrogateescape")

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        status = self._parser.get_status_code()
        if status < 200:  # another one follows
            self.headers = {}
            return
        self.status = status
        length, is_chunked = self.headers.get("content-length"), "transfer-encoding" in self.headers
        is_http_1_1 = self._parser.get_http_version() == "1.1"
        self._is_kept = self._is_kept and is_http_1_1 and "close" not in self.headers.get("connection", "").lower()
        if self._method == "HEAD" or status in _NO_BODY:
            self._end()
        elif length is not None and not is_chunked:
            self._missing_bytes = int(length)
        elif not is_chunked:
            self._ends_with_the_connection = True
            self._is_kept = False

    def on_body(self, body: bytes) -> None:
        self._keep(body)
        if self._missing_bytes is not None:
            self._missing_bytes -= len(body)

    def on_message_complete(self) -> None:
        if self.status and not self._ends_with_the_connection:
            self._end()

    def _begin(self, method: str) -> None:
        self._method = method
        self._parser = httptools.HttpResponseParser(self)
        self._head_bytes = 0
        self._missing_bytes = None
        self._forget_pieces()
        self.status = 0
        self.headers = {}
        self.is_answered = False

    async def _send_pieces(self, body: Body) -> None:
        pieces = body.pieces()
        try:
            async for piece in pieces:
                if self.status:
                    self._is_kept = False  # the rest is not sent, and the next request would be taken for it
                    return
                self._write(piece)
                while not self._may_send and not self.status:
                    await self._wait()
        finally:
            if (close := getattr(pieces, "aclose", None)) is not None:
                await close()

    def _write(self, data: bytes) -> None:
        if self._error is not None:
            raise self._error
        if self._transport is None:
            raise Broken("the connection is closed")
        self._transport.write(data)

    def _parse(self, data: bytes) -> None:
        assert self._parser is not None
        was_answered = self.is_answered
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self.is_answered:
                self._fail(Broken(f"what came is no answer of HTTP ({error})"))
        if was_answered:
            self.abort()

    def _take_rest(self, data: bytes) -> None:
        assert self._missing_bytes is not None
        if len(data) > self._missing_bytes:
            data = data[: self._missing_bytes]
            self._is_kept = False  # it says more than it announced
        self._missing_bytes -= len(data)
        self._keep(data)
        if self._missing_bytes == 0:
            self._end()

    def _keep(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._waiting_bytes += len(piece)
        if self._waiting_bytes > _MOST_WAITING_BYTES and not self._is_paused and self._transport is not None:
            self._is_paused = True
            self._transport.pause_reading()

    def _forget_pieces(self) -> None:
        self._pieces.clear()
        self._waiting_bytes = 0
        if self._is_paused:
            self._go_on_reading()

    def _go_on_reading(self) -> None:
        self._is_paused = False
        if self._transport is not None:
            self._transport.resume_reading()

    def _end(self) -> None:
        self.is_answered = True
        self._parser = None

    async def _wait(self) -> None:
        """Until something has changed; raises what went wrong."""
        if self._error is None:
            loop = asyncio.get_running_loop()
            self._waiter = loop.create_future()
            late = loop.call_later(self._silence_s, self._fail, Silent("nothing moves on the connection"))
            try:
                await self._waiter
            finally:
                late.cancel()
                self._waiter = None
        if self._error is not None and not self._pieces and not self.is_answered:
            raise self._error

    def _fail(self, error: Exception) -> None:
        if self._error is None:
            self._error = error
        self.abort()
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
