"""Connections to one server, kept for the next request for a while."""

import asyncio
import socket
import ssl
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from aiohappyeyeballs import start_connection

from tidemill.engine.egress import Egress
from tidemill.stores.objects.remote.bodies import Body
from tidemill.stores.objects.remote.connection import Connection
from tidemill.stores.reach import addresses_of

CONNECT_S: Final = 3.0
READ_S: Final = 60.0
"""So long may a server be silent in an answer, or take nothing of what is sent."""
_MOST: Final = 64
_IDLE_S: Final = 15.0
_NEXT_ADDRESS_S: Final = 0.25
"""So long is one address of a host waited for until the next is tried beside it."""
_USUAL_PORTS: Final = {"http": 80, "https": 443}
_WITHOUT_BODY: Final = frozenset({"GET", "HEAD", "DELETE"})


class NotConnected(OSError):
    """There is no connection, so nothing was sent. The cause says why."""


class Response:
    """An answer whose body is still to be read; it must be closed."""

    def __init__(self, connection: Connection, connections: "Connections") -> None:
        self.status = connection.status
        self.headers: Mapping[str, str] = connection.headers
        self._connection: Connection | None = connection
        self._connections = connections

    async def next_piece(self) -> bytes:
        """See `Connection.next_piece`."""
        return await self._connection.next_piece() if self._connection is not None else b""

    async def read(self, most_bytes: int | None = None) -> bytes:
        """What is left of the body, or its first bytes: about as many."""
        pieces, size = [], 0
        while (most_bytes is None or size < most_bytes) and (piece := await self.next_piece()):
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces) if len(pieces) != 1 else pieces[0]

    def close(self) -> None:
        """Give the connection back; it is of no use any more where the answer was not received to its end."""
        if self._connection is not None:
            self._connections.give_back(self._connection)
            self._connection = None


class Connections:
    """At most 64 at once; who comes then waits. Idle ones are closed after 15 seconds."""

    def __init__(self, origin: str, *, tls: ssl.SSLContext | None, egress: Egress) -> None:
        """`origin`: scheme, host and port; `egress`: what it must obey."""
        where = urlsplit(origin)
        self._host = where.hostname or ""
        self._port = where.port or _USUAL_PORTS[where.scheme]
        self._authority = where.netloc
        self._tls = tls
        self._egress = egress
        self._slots = asyncio.Semaphore(_MOST)
        self._idle: list[tuple[float, Connection]] = []
        self._sweeping: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def open(self, method: str, target: str, headers: Mapping[str, str], body: Body) -> Response:
        """Send a request; `target` is escaped.

        Raises:
            AddressClosed: it is where the server may not go.
            NotConnected: nothing was sent.
            OSError: anything else that keeps an answer away.
        """
        head = self._head(method, target, headers, body)
        connection = await self._take()
        try:
            await connection.send(method, head, body)
        except BaseException:
            connection.abort()
            self.give_back(connection)
            raise
        return Response(connection, self)

    def give_back(self, connection: Connection) -> None:
        """After an exchange, however it ended."""
        self._slots.release()
        if self._is_closed or not connection.is_free:
            connection.abort()
            return
        loop = asyncio.get_running_loop()
        self._idle.append((loop.time(), connection))
        if self._sweeping is None:
            self._sweeping = loop.call_later(_IDLE_S, self._sweep)

    def close(self) -> None:
        """Close those that are idle now, and others when they are given back."""
        self._is_closed = True
        if self._sweeping is not None:
            self._sweeping.cancel()
        for _, connection in self._idle:
            connection.abort()
        self._idle.clear()

    def _head(self, method: str, target: str, headers: Mapping[str, str], body: Body) -> bytes:
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        if "host" not in headers:
            lines.append(f"host: {self._authority}")
        if body.size_bytes or method not in _WITHOUT_BODY:
            lines.append(f"content-length: {body.size_bytes}")
        head = "\r\n".join(lines)
        if head.count("\r") != len(lines) - 1 or head.count("\n") != len(lines) - 1:
            raise ValueError("A header of a request holds the end of a line.")
        return f"{head}\r\n\r\n".encode()

    async def _take(self) -> Connection:
        await self._slots.acquire()
        while self._idle:
            _, connection = self._idle.pop()
            if connection.is_free:
                return connection
        try:
            return await self._connect()
        except BaseException:
            self._slots.release()
            raise

    async def _connect(self) -> Connection:
        try:
            addresses = await addresses_of(self._host, self._port, self._egress)
            async with asyncio.timeout(CONNECT_S):
                return await self._connect_to(addresses)
        except (OSError, UnicodeError) as error:
            raise NotConnected(str(error)) from error

    async def _connect_to(self, addresses: list[str]) -> Connection:
        infos = [_address_info(address, self._port) for address in addresses]
        sock = await start_connection(infos, happy_eyeballs_delay=_NEXT_ADDRESS_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: Connection(silence_s=READ_S),
                sock=sock,
                ssl=self._tls,
                server_hostname=self._host if self._tls is not None else None,
            )
        except BaseException:
            sock.close()
            raise
        return connection

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        oldest = loop.time() - _IDLE_S
        for _, connection in [each for each in self._idle if each[0] <= oldest]:
            connection.abort()
        self._idle = [each for each in self._idle if each[0] > oldest]
        self._sweeping = loop.call_at(self._idle[0][0] + _IDLE_S, self._sweep) if self._idle else None


def _address_info(
    address: str, port: int
) -> tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[str | int, ...]]:
    if ":" in address:
        return socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port, 0, 0)
    return socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port)
