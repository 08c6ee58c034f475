"""HTTP as uvicorn speaks it, but what breaks off ends with a reset: no client takes half an answer for a whole one.

uvicorn closes the connection in good order. The length that was announced gives it away, to those who compare it: many
who read piece by piece do not, and an answer of HTTP/1.0 has no length at all.
"""

import asyncio
import socket
import struct
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class ResettingProtocol(HttpToolsProtocol):
    """One connection."""

    _answering: RequestResponseCycle | None = None

    def eof_received(self) -> None:
        """The client will send no more, and the connection is closed by that."""
        if _is_under_way(self._answering):
            _reset(self.transport)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGIApp) -> None:  # type: ignore[override]
        self._answering = cycle

        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await app(scope, receive, send)
            finally:
                if _is_under_way(cycle):
                    _reset(self.transport)

        super()._start_asgi_task(cycle, watched)  # type: ignore[arg-type]


def _is_under_way(cycle: RequestResponseCycle | None) -> bool:
    return cycle is not None and cycle.response_started and not cycle.response_complete


def _reset(transport: asyncio.Transport) -> None:
    """Close it at once, with RST. Where it is closed already there is nothing left to set."""
    sock = transport.get_extra_info("socket")
    if sock is not None and not transport.is_closing():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()
