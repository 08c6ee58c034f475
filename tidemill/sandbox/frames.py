"""Messages with file descriptors over a unix stream socket: a length, JSON, and the descriptors on the first byte."""

import array
import json
import os
import socket
import struct
from collections import deque
from typing import Any, Final

_HEADER: Final = struct.Struct("!II")  # bytes of JSON, number of descriptors
_MOST_DESCRIPTORS: Final = 16
_CHUNK: Final = 256 * 1024


def pack(message: dict[str, Any], descriptors: int = 0) -> bytes:
    """One message as it goes over the socket."""
    body = json.dumps(message).encode()
    return _HEADER.pack(len(body), descriptors) + body


def send(sock: socket.socket, message: dict[str, Any], *descriptors: int) -> None:
    """Send it whole on a blocking socket."""
    data = pack(message, len(descriptors))
    sent = send_some(sock, data, descriptors)
    sock.sendall(memoryview(data)[sent:])


def send_some(sock: socket.socket, data: bytes, descriptors: tuple[int, ...]) -> int:
    """Send the first part of a packed message, with its descriptors; the number of bytes that went out."""
    if not descriptors:
        return sock.send(data)
    rights = array.array("i", descriptors)
    return sock.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])


class Inbox:
    """Puts messages together again from what a socket brings."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._data = bytearray()
        self._descriptors: deque[int] = deque()

    def read(self) -> bool:
        """Receive what is there (on a blocking socket: wait for some); False at the end.

        Raises:
            BlockingIOError: nothing is there on a non-blocking socket.
        """
        size = socket.CMSG_SPACE(_MOST_DESCRIPTORS * array.array("i").itemsize)
        data, ancillary, _, _ = self._socket.recvmsg(_CHUNK, size)
        for level, kind, rights in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                self._descriptors.extend(_integers(rights))
        self._data += data
        return bool(data)

    def take(self) -> tuple[dict[str, Any], list[int]] | None:
        """The next whole message with its descriptors (inheritance off), or None."""
        if len(self._data) < _HEADER.size:
            return None
        length, count = _HEADER.unpack_from(self._data)
        end = _HEADER.size + length
        if len(self._data) < end:
            return None
        message: dict[str, Any] = json.loads(bytes(self._data[_HEADER.size : end]))
        del self._data[:end]
        descriptors = [self._descriptors.popleft() for _ in range(count)]
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
        return message, descriptors


def _integers(rights: bytes) -> list[int]:
    numbers = array.array("i")
    numbers.frombytes(rights[: len(rights) - len(rights) % numbers.itemsize])
    return list(numbers)
