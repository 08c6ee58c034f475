"""Finds a host that a user named, as far as the server may go there.

The addresses that were looked at are those to connect to: the name may mean another address a moment later. So every
connection to what a resource describes goes to what `addresses_of` gave, or through a `GuardedConnector`.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence

from tidemill.engine.egress import Egress
from tidemill.model.errors import AddressClosed

LookUp = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host, also of one that is an address already; raises `OSError` where it has none."""


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
