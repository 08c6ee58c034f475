"""Keeps MongoDB's driver to the addresses that it may connect to, those that a server names as its peers included.

The driver has no place to say how it connects, so the function by which it does is replaced by one that asks the rule
of the client at work, and that leaves no socket behind when it is canceled, as the monitors of the driver are; tests
watch that the driver still calls it.
"""

import asyncio
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from pymongo import _csot, pool_shared
from pymongo.pool_options import PoolOptions

from tidemill.engine.egress import EVERYWHERE, Egress
from tidemill.model.errors import AddressClosed
from tidemill.stores.reach import addresses_of

_RULE: Final[ContextVar[Egress]] = ContextVar("egress of MongoDB's driver", default=EVERYWHERE)
_OPTIONS: Final = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 120),  # the driver's own times, in seconds
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 9),
)


@contextmanager
def reaching(egress: Egress) -> Iterator[None]:
    """In the block, and in the tasks that the driver starts in it, hosts are found as far as `egress` lets through."""
    token = _RULE.set(egress)
    try:
        yield
    finally:
        _RULE.reset(token)


async def _connect(address: tuple[str, int], options: PoolOptions) -> socket.socket:
    """A connected socket; raises `OSError` as the driver expects, `TimeoutError` among them."""
    host, port = address
    left = _csot.remaining()
    refused: OSError = OSError(f"{host} has no address")
    for each in await _found(host, port):
        try:
            return await _socket_to(each, port, options.connect_timeout if left is None else left)
        except OSError as error:
            refused = error
    raise refused


async def _found(host: str, port: int) -> Sequence[str]:
    try:
        return await addresses_of(host, port, _RULE.get())
    except AddressClosed as error:
        raise OSError(str(error)) from error  # which the driver takes for a host that cannot be found


async def _socket_to(address: str, port: int, timeout_s: float | None) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        for level, option, value in _OPTIONS:
            made.setsockopt(level, option, value)
        async with asyncio.timeout(timeout_s):
            await asyncio.get_running_loop().sock_connect(made, (address, port))
    except BaseException:
        made.close()
        raise
    return made


setattr(pool_shared, "_async_create_connection", _connect)  # noqa: B010  # a private name, unknown to type checkers
