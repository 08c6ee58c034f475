"""HTTP as uvicorn speaks it, but what breaks off ends with a reset: no client takes half an answer for a whole one.

uvicorn closes the connection in good order. The length that was announced gives it away, to those who compare it: many
who read piece by piece do not, and an answer of HTTP/1.0 has no length at all.

Bodies of requests are handed on in the pieces that they come in (uvicorn copies them twice, and stops reading at
64 kB), without a parser looking at those whose length is known, and the head of an answer goes out together with what
follows at once.
"""

import asyncio
import socket
import struct
from collections import deque
from typing import Any, Final

import httptools
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_MOST_WAITING_BYTES: Final = 512 * 1024
"""From here on nothing more of a request is read until somebody takes what has come."""
_PIECE_BYTES: Final = 32 * 1024
"""Smaller pieces are put together, as far as they are there."""
_MOST_HEAD_BYTES: Final = 64 * 1024
"""Of a head that has not ended yet, or of trailers: uvicorn itself would keep any number."""
_TOO_LONG: Final = f"The head of a request has at most {_MOST_HEAD_BYTES} bytes."
_TOGETHER_BYTES: Final = 64 * 1024
"""Up to here head and body are copied into one, to be sent at once."""


class ResettingProtocol(HttpToolsProtocol):
    """One connection."""

    _answering: RequestResponseCycle | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._incoming: dict[RequestResponseCycle, _Incoming] = {}
        self._head_bytes = 0
        self._is_too_long = False
        self._missing_bytes = 0
        self._idle_since: float | None = None

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`. `_head_bytes` came since there was the end of a head, or a piece of a body."""
        if self._missing_bytes:
            data = self._take_body(data)
            if not data:
                return
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > _MOST_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response(_TOO_LONG)

    def on_response_complete(self) -> None:
        """Go on with a request that was sent ahead, or wait for the next one, with one timer for all of them."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)  # type: ignore[arg-type]
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self._close_if_idle)

    def _unset_keepalive_if_required(self) -> None:
        """Something has come. The timer runs on; it finds that out."""
        self._idle_since = None

    def _close_if_idle(self) -> None:
        self.timeout_keep_alive_task = None
        if self._idle_since is None:
            return  # the next answer begins anew
        left_s = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left_s <= 0:
            self.timeout_keep_alive_handler()
        else:
            self.timeout_keep_alive_task = self.loop.call_later(left_s, self._close_if_idle)

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Refuse what came, and hang up; in the middle of an answer there is no place to say why."""
        if _is_under_way(self._answering):
            _reset(self.transport)
        elif not self.transport.is_closing():
            super().send_400_response(_TOO_LONG if self._is_too_long else msg)

    def on_headers_complete(self) -> None:
        """See `httptools.HttpRequestParser`, as for `on_body` and `on_message_complete`."""
        self._head_bytes = 0
        size_bytes = len(self.url)
        for name, value in self.headers:
            size_bytes += len(name) + len(value)
        if size_bytes > _MOST_HEAD_BYTES:
            self._is_too_long = True
            raise ValueError(_TOO_LONG)
        super().on_headers_complete()
        self._incoming[self.cycle] = _Incoming(self.cycle, self.transport, self.flow)
        self.cycle.transport = _Corked(self.transport, self.loop)  # type: ignore[assignment]
        if not self.parser.should_upgrade():
            self._missing_bytes = _length(self.headers)
        self.headers = []  # trailers are put there, and are no headers: nobody looks at them

    def on_body(self, body: bytes) -> None:
        self._head_bytes = 0
        self._missing_bytes -= min(len(body), self._missing_bytes)
        incoming = self._incoming.get(self.cycle)
        if incoming is not None and not self.cycle.response_complete:
            incoming.take(body)

    def _take_body(self, data: bytes) -> bytes:
        """Hand on what is of the body; gives what comes behind it, for another parser: this one never sees the end."""
        body, rest = data, b""
        if len(data) > self._missing_bytes:
            body, rest = data[: self._missing_bytes], data[self._missing_bytes :]
        self.on_body(body)
        if not self._missing_bytes:
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn has it
            self.on_message_complete()
        return rest

    def eof_received(self) -> None:
        """The client will send no more, and the connection is closed by that."""
        if _is_under_way(self._answering):
            _reset(self.transport)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGIApp) -> None:  # type: ignore[override]
        self._answering = cycle

        async def watched(scope: Scope, _receive: Receive, send: Send) -> None:
            try:
                await app(scope, self._incoming[cycle].receive, send)
            finally:
                del self._incoming[cycle]
                if _is_under_way(cycle):
                    _reset(self.transport)

        super()._start_asgi_task(cycle, watched)  # type: ignore[arg-type]


class _Incoming:
    """The body of a request, on its way to the app."""

    def __init__(self, cycle: RequestResponseCycle, transport: asyncio.Transport, flow: FlowControl) -> None:
        self._cycle = cycle
        self._transport = transport
        self._flow = flow
        self._pieces: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._is_told = False

    def take(self, piece: bytes) -> None:
        """Keep it until it is asked for."""
        self._pieces.append(piece)
        self._waiting_bytes += len(piece)
        if self._waiting_bytes > _MOST_WAITING_BYTES:
            self._flow.pause_reading()
        self._cycle.message_event.set()

    async def receive(self) -> Message:
        """See `Receive`."""
        cycle = self._cycle
        if cycle.waiting_for_100_continue and not self._transport.is_closing():
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            cycle.waiting_for_100_continue = False
        while not (cycle.disconnected or cycle.response_complete or self._pieces or self._is_at_end()):
            self._flow.resume_reading()
            cycle.message_event.clear()
            await cycle.message_event.wait()
        if cycle.disconnected or cycle.response_complete:
            return {"type": "http.disconnect"}
        body = self._next()
        self._is_told = not cycle.more_body and not self._pieces
        return {"type": "http.request", "body": body, "more_body": not self._is_told}

    def _is_at_end(self) -> bool:
        """Whether the end of the body is news."""
        return not self._cycle.more_body and not self._is_told

    def _next(self) -> bytes:
        if not self._pieces:
            return b""
        if len(self._pieces) == 1 or len(self._pieces[0]) >= _PIECE_BYTES:
            piece = self._pieces.popleft()
        else:
            piece = b"".join(self._pieces)
            self._pieces.clear()
        self._waiting_bytes -= len(piece)
        if self._waiting_bytes <= _MOST_WAITING_BYTES // 2:
            self._flow.resume_reading()
        return piece


class _Corked:
    """A transport that holds what is written first, the head of an answer, back for what is written with it."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._head = b""
        self._has_begun = False

    def write(self, data: bytes) -> None:
        """As of the transport; at the latest when the loop turns it is done."""
        if not self._has_begun:
            self._has_begun = True
            self._head = data
            self._loop.call_soon(self._flush)
            return
        head, self._head = self._head, b""
        if not head:
            self._transport.write(data)
        elif len(data) <= _TOGETHER_BYTES:
            self._transport.write(b"".join((head, data)))
        else:
            self._transport.writelines((head, data))

    def is_closing(self) -> bool:
        """As of the transport."""
        return self._transport.is_closing()

    def close(self) -> None:
        """As of the transport."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        head, self._head = self._head, b""
        if head:
            self._transport.write(head)


def _length(headers: list[tuple[bytes, bytes]]) -> int:
    """Of the body, 0 where it is not told; the parser has seen to it that there are not two of it."""
    return next((int(value) for name, value in headers if name == b"content-length"), 0)


def _is_under_way(cycle: RequestResponseCycle | None) -> bool:
    return cycle is not None and cycle.response_started and not cycle.response_complete


def _reset(transport: asyncio.Transport) -> None:
    """Close it at once, with RST. Where it is closed already there is nothing left to set."""
    sock = transport.get_extra_info("socket")
    if sock is not None and not transport.is_closing():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()
