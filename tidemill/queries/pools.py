"""Users' databases that are open: one pool for a resource and an identity, closed when nobody has used it."""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from tidemill.engine.egress import Egress
from tidemill.model import jsontext
from tidemill.model.errors import BadRequest
from tidemill.stores.databases import open_database
from tidemill.stores.databases.port import Database

MOST: Final = 256
"""Of open databases; the one that was used longest ago is closed for one more."""


@dataclass(slots=True)
class _Held:
    database: Database
    users: int = 0
    used_at: float = 0.0


class Pools:
    """Opens databases and keeps them open. Two identities never share one, nor do two values of a resource."""

    def __init__(self, egress: Egress) -> None:
        """They are connected to where `egress` lets them."""
        self._egress = egress
        self._held: dict[bytes, _Held] = {}

    async def use(self, language: str, identity: str, value: bytes) -> "Lease":
        """The database that the value (raw JSON) of a resource describes, for a while: use it as `async with`.

        Raises:
            BadRequest, MissingExtra: see `open_database`.
        """
        key = hashlib.sha256(b"\0".join((language.encode(), identity.encode(), value))).digest()
        held = self._held.get(key)
        if held is None:
            await self._make_room()
            held = self._held[key] = _Held(open_database(language, _members(value), egress=self._egress))
        return Lease(held)

    async def close_idle(self, idle_s: float) -> int:
        """Close connections that nobody has used for so long, and databases without connections; how many are left."""
        now = asyncio.get_running_loop().time()
        for key, held in list(self._held.items()):
            connections = await held.database.close_idle(idle_s)
            if not held.users and not connections and now - held.used_at >= idle_s and self._held.get(key) is held:
                del self._held[key]
                await held.database.close()
        return len(self._held)

    async def close(self) -> None:
        """Close all of them."""
        while self._held:
            _, held = self._held.popitem()
            await held.database.close()

    async def _make_room(self) -> None:
        if len(self._held) < MOST:
            return
        idle = [key for key, held in self._held.items() if not held.users]
        if idle:
            oldest = min(idle, key=lambda key: self._held[key].used_at)
            await self._held.pop(oldest).database.close()


class Lease:
    """A database in use: it is not closed meanwhile."""

    def __init__(self, held: _Held) -> None:
        self._held = held

    async def __aenter__(self) -> Database:
        self._held.users += 1
        return self._held.database

    async def __aexit__(self, *_: object) -> None:
        self._held.users -= 1
        self._held.used_at = asyncio.get_running_loop().time()


def _members(value: bytes) -> Mapping[str, object]:
    if not value.lstrip().startswith(b"{"):
        raise BadRequest("The argument database must be a resource of a database, as `$res:f/folder/name` names it.")
    jsontext.check(value, max_bytes=1 << 20)
    return msgspec.json.decode(value, type=dict[str, object])
