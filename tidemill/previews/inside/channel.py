"""The reader's end of the socket to its server."""

import socket

from tidemill.previews.messages import RANGE, Kind, pack, receive_blocking


class Channel:
    """Blocking; the server answers one request for bytes at a time."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    def send(self, kind: Kind, payload: bytes = b"") -> None:
        """Send a message whole."""
        self._socket.sendall(pack(kind, payload))

    def receive(self, wanted: Kind) -> bytes:
        """The payload of the next message.

        Raises:
            EOFError: the server is gone, or does not say what is wanted; there is nothing left to do.
        """
        kind, payload = receive_blocking(self._receive_exactly)
        if kind is not wanted:
            raise EOFError
        return payload

    def fetch(self, start: int, end: int) -> bytes:
        """Bytes of the object."""
        self.send(Kind.READ, RANGE.pack(start, end))
        return self.receive(Kind.BYTES)

    def _receive_exactly(self, size: int) -> bytes:
        data = bytearray(size)
        view = memoryview(data)
        while view:
            got = self._socket.recv_into(view)
            if not got:
                raise EOFError
            view = view[got:]
        return bytes(data)
