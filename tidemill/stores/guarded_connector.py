"""aiohttp that goes no further than the server may. A module of its own: to import aiohttp takes a while."""

import socket
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection
from aiohttp.helpers import is_ip_address

from tidemill.engine.egress import Egress
from tidemill.stores.reach import LookUp, addresses_of, system_look_up

_NUMERIC: Final = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


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
