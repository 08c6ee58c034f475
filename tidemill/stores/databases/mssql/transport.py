"""The connection to a SQL Server as pytds takes it: a socket, encrypted or not, whose packets may ask for a reset."""

import socket
import ssl
import struct
import threading
from contextlib import suppress
from typing import Final

_PRELOGIN: Final = 0x12
_HEADER: Final = struct.Struct(">BBHHBx")
_IS_LAST: Final = 1
_RESET: Final = 8
"""Bit of a request's first packet: the server forgets what the session has set ([MS-TDS] 2.2.3.1.2)."""
_PIECE: Final = 65536


class Transport:
    """Sends and receives whole packets, also from two threads at a time.

    Attributes:
        resets: the next request begins with a reset of the session.
        received_bytes: so far, as they came.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._tls: ssl.SSLObject | None = None
        self._come, self._go = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._one_at_a_time = threading.Lock()
        """What TLS does to bytes. It never waits for the network."""
        self._sending = threading.Lock()
        self.resets = False
        self.received_bytes = 0

    @property
    def socket(self) -> socket.socket:
        """The socket below."""
        return self._sock

    @property
    def cipher(self) -> str:
        """Of TLS; "" without."""
        found = self._tls.version() if self._tls else None
        return found or ""

    def encrypt(self, context: ssl.SSLContext, host: str) -> None:
        """Agree on TLS, in packets of the kind that comes before the login ([MS-TDS] 2.2.6.5).

        Raises:
            ssl.SSLError, OSError, EOFError: there is no TLS with this server, or its certificate is refused.
        """
        tls = context.wrap_bio(self._come, self._go, server_hostname=host)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._send_wrapped()
                self._come.write(self._receive_packet())
            except ssl.SSLError:
                self._send_wrapped()  # tells the server why
                raise
        self._send_wrapped()
        self._tls = tls

    def reveal(self) -> None:
        """Go on without TLS."""
        self._tls = None

    def sendall(self, data: bytes, flags: int = 0) -> None:
        """One packet."""
        del flags
        packet = bytearray(data)
        if self.resets and packet[0] in {1, 3, 14}:
            self.resets = False
            packet[1] |= _RESET
        with self._sending:
            self._sock.sendall(self._sealed(packet))

    def recv(self, size: int) -> bytes:
        """What has come, at most so much; nothing at the end."""
        while True:
            if self._tls is None:
                return self._sock.recv(size)
            with self._one_at_a_time:
                try:
                    return self._tls.read(size)
                except ssl.SSLWantReadError:
                    pass
                except ssl.SSLZeroReturnError:
                    return b""
            data = self._sock.recv(_PIECE)
            if not data:
                return b""
            self._come.write(data)

    def recv_into(self, buffer: memoryview, size: int = 0, flags: int = 0) -> int:
        """As that of sockets."""
        del flags
        data = self.recv(size or len(buffer))
        self.received_bytes += len(data)
        buffer[: len(data)] = data
        return len(data)

    def gettimeout(self) -> float | None:
        """See `socket`."""
        return self._sock.gettimeout()

    def settimeout(self, timeout: float | None) -> None:
        """See `socket`."""
        self._sock.settimeout(timeout)

    def close(self) -> None:
        """Also while another thread waits for what comes."""
        with suppress(OSError):  # the server may have closed it already
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()

    def _sealed(self, data: bytearray) -> bytes:
        if self._tls is None:
            return bytes(data)
        with self._one_at_a_time:
            self._tls.write(data)
            return self._go.read()

    def _send_wrapped(self) -> None:
        data = self._go.read()
        if data:
            self._sock.sendall(_HEADER.pack(_PRELOGIN, _IS_LAST, len(data) + _HEADER.size, 0, 1) + data)

    def _receive_packet(self) -> bytes:
        _, _, size, _, _ = _HEADER.unpack(self._receive(_HEADER.size))
        return self._receive(size - _HEADER.size)

    def _receive(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            more = self._sock.recv(size - len(found))
            if not more:
                raise EOFError("the server closed the connection while it agreed on TLS")
            found += more
        return found
