"""Finds a host that a user named, as far as the server may go there.

The addresses that were looked at are those to connect to: the name may mean another address a moment later. So every
connection to what a resource describes goes to what `addresses_of` gave, or through a `GuardedConnector`.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection
from aiohttp.helpers import is_ip_address

from tidemill.engine.egress import Egress
from tidemill.model.errors import AddressClosed

LookUp = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host, also of one that is an address already; raises `OSError` where it has none."""

_NUMERIC: Final = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


async def system_look_up(host: str, port: int) -> list[str]:
    """As this machine finds hosts."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


async def addresses_of(host: str, port: int, egress: Egress, *, look_up: LookUp = system_look_up) -> list[str]:
    """Where `host` (a name, or an address without brackets) may be connected to: at least one address.

    Connect to these, and to no name. Certificates are still compared with the name.

    Raises:
        AddressClosed: it has addresses, and the rule lets through none of them.
        OSError: it has none.
    """
    found = await look_up(host, port)
    refused = {address: why for address in found if (why := egress.refusal(address, port))}
    if found and len(refused) == len(found):
        address, why = next(iter(refused.items()))
        shown = address if address == host else f"{host} ({address})"
        raise AddressClosed(f"{shown} is not connected to: {why} to resources. {egress.advice(address, port)}".rstrip())
    return [address for address in found if address not in refused]


class GuardedConnector(aiohttp.TCPConnector):
    """Connections of aiohttp under a rule, also those that a redirect leads to; raises as `addresses_of` does."""

    def __init__(self, egress: Egress, *, look_up: LookUp = system_look_up, **options: Any) -> None:
        """`options` as of `aiohttp.TCPConnector`."""
        super().__init__(resolver=_Resolver(egress, look_up), **options)
        self._egress = egress

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 # a name of aiohttp's
    ) -> Connection:
        """See `BaseConnector.connect`, which asks no resolver about addresses."""
        host, port = req.url.host or "", req.url.port or 0
        if is_ip_address(host):
            await addresses_of(host, port, self._egress)
        return await super().connect(req, traces, timeout)


class _Resolver(AbstractResolver):
    """Names, by `addresses_of`."""

    def __init__(self, egress: Egress, look_up: LookUp) -> None:
        self._egress = egress
        self._look_up = look_up

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await addresses_of(host, port, self._egress, look_up=self._look_up)
        return [
            ResolveResult(hostname=host, host=address, port=port, family=_family(address), proto=0, flags=_NUMERIC)
            for address in found
        ]

    async def close(self) -> None:
        """Nothing to let go of."""


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET
