"""The servers of a cluster of keys, each of which has some of them, and where a listing of all goes on."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tidemill.engine.keys.containers import text_of
from tidemill.engine.keys.replies import Failure
from tidemill.model.errors import BadRequest, QueryFailed
from tidemill.stores.keys.port import KeySession

_MOST_BYTES: Final = 16 * 1024 * 1024
_ADDRESS: Final = re.compile(r"(.*):(\d+)@")


@dataclass(frozen=True, slots=True, order=True)
class Master:
    """A server that has keys of its own."""

    host: str
    port: int

    @property
    def name(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a listing is: at the cursor of a server, and which comes behind. Without a cluster there is no server."""

    master: Master | None
    cursor: bytes
    following: Master | None = None

    def after(self, cursor: bytes) -> bytes:
        """Where it goes on, as the next page is told; b"" at the end."""
        if self.master is None:
            return b"" if cursor == b"0" else cursor
        if cursor != b"0":
            return f"{self.master.name} {cursor.decode()}".encode()
        return f"{self.following.name} 0".encode() if self.following else b""


async def masters_of(session: KeySession) -> list[Master]:
    """The servers of a cluster that have keys, in the order of their addresses; none where it is no cluster."""
    (told,) = await session.run([(b"INFO", b"cluster")], max_bytes=_MOST_BYTES)
    if b"cluster_enabled:1" not in text_of(told):
        return []
    (nodes,) = await session.run([(b"CLUSTER", b"NODES")], max_bytes=_MOST_BYTES)
    if isinstance(nodes, Failure):
        raise QueryFailed(nodes.text)
    return sorted(_masters(text_of(nodes).decode()))


def _masters(told: str) -> list[Master]:
    """Of lines with id, address, flags and, from the ninth word on, the slots."""
    found = []
    for line in told.splitlines():
        _, address, flags, *rest = line.split()
        match = _ADDRESS.match(address)
        is_there = not {"fail", "noaddr", "handshake"} & set(flags.split(","))
        if match and "master" in flags.split(",") and is_there and len(rest) > 5:
            found.append(Master(match[1].strip("[]"), int(match[2])))
    return found


def place_of(masters: Sequence[Master], after: bytes) -> Place:
    """
    Raises:
        BadRequest: it is not where a page of this store ended.
    """
    if not masters:
        return Place(None, after or b"0")
    name, _, cursor = after.decode(errors="replace").partition(" ") if after else (masters[0].name, "", "0")
    for index, each in enumerate(masters):
        if each.name == name and cursor.isascii() and cursor.isdigit():
            return Place(each, cursor.encode(), masters[index + 1] if index + 1 < len(masters) else None)
    raise BadRequest("`after` is of no server that the cluster has now: it has changed. Begin with the first page.")
