"""Keeps MongoDB's driver to the addresses that it may connect to, those that a server names as its peers included.

The driver has no place to say how hosts are found, so the function by which it finds them is replaced by one that asks
the rule of the client at work; a test watches that the driver still calls it.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from pymongo import pool_shared
from pymongo.asynchronous import helpers

from tidemill.engine.egress import Egress
from tidemill.model.errors import AddressClosed
from tidemill.stores.reach import addresses_of

_RULE: Final[ContextVar[Egress | None]] = ContextVar("egress of MongoDB's driver", default=None)
_NUMERIC: Final = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
_find = helpers._getaddrinfo  # noqa: SLF001  # see above


@contextmanager
def reaching(egress: Egress) -> Iterator[None]:
    """In the block, and in the tasks that the driver starts in it, hosts are found as far as `egress` lets through."""
    token = _RULE.set(egress)
    try:
        yield
    finally:
        _RULE.reset(token)


async def _guarded(host: Any, port: Any, **options: Any) -> Any:
    rule = _RULE.get()
    if rule is None:
        return await _find(host, port, **options)
    try:
        addresses = await addresses_of(host, port, rule)
    except AddressClosed as error:
        raise OSError(str(error)) from error  # which the driver takes for a host that cannot be found
    return [
        (socket.AF_INET6 if ":" in each else socket.AF_INET, socket.SOCK_STREAM, 0, "", (each, port))
        for each in addresses
    ]


setattr(pool_shared, "_getaddrinfo", _guarded)  # noqa: B010  # a private name, which type checkers do not know
