"""Connections to addresses that were looked at before, for drivers that take a socket."""

import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

CONNECT_S: Final = 10


def connected_to(addresses: Sequence[str], port: int) -> socket.socket:
    """To the first of the addresses that answers; the time that is allowed for that is still set.

    Raises:
        OSError: none does.
    """
    found = None
    for address in addresses[:-1]:
        with suppress(OSError):
            found = socket.create_connection((address, port), CONNECT_S)
            break
    found = found or socket.create_connection((addresses[-1], port), CONNECT_S)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # A request in two parts would wait for the server to confirm the first, which it does 40 ms late.
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return found
