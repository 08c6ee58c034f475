"""Which addresses the server connects to for what users describe: buckets, databases. Pure: no look-ups, no sockets."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from tidemill.engine.addresses import Allowed, Kind, kind_of, plain


class Reach(StrEnum):
    """How far resources may lead, each farther in than the one before."""

    PUBLIC = "public"
    PRIVATE = "private"
    HOST = "host"


_OPENED_BY: Final = {Kind.PRIVATE: frozenset({Reach.PRIVATE, Reach.HOST}), Kind.HOST: frozenset({Reach.HOST})}
_NEVER: Final = frozenset({Kind.METADATA, Kind.MULTICAST})


@dataclass(frozen=True, slots=True)
class Egress:
    """The rule. `allowed` opens what `reach` leaves closed, but never metadata, link-local and multicast addresses."""

    reach: Reach = Reach.PRIVATE
    allowed: tuple[Allowed, ...] = ()

    @classmethod
    def parse(cls, reach: str, allowed: str) -> Self:
        """From the texts of the settings; `allowed` is separated by commas.

        Raises:
            ConfigurationError: an entry is not a network.
        """
        entries = filter(None, map(str.strip, allowed.split(",")))
        return cls(Reach(reach), tuple(Allowed.parse(entry) for entry in entries))

    def refusal(self, address: str, port: int) -> str:
        """Why an address (not a name) may not be connected to, as a clause; "" when it may.

        Raises:
            ValueError: it is no address.
        """
        found = plain(address)
        kind = kind_of(found)
        if kind is None or self.reach in _OPENED_BY.get(kind, ()):
            return ""
        if kind not in _NEVER and any(entry.covers(found, port) for entry in self.allowed):
            return ""
        return f"{kind} closed"

    def advice(self, address: str, port: int) -> str:
        """What opens a refused address, as a sentence; "" for those that stay closed."""
        found = plain(address)
        if kind_of(found) in _NEVER:
            return ""
        shown = f"[{found}/{found.max_prefixlen}]" if found.version == 6 else f"{found}/{found.max_prefixlen}"
        return f"Whoever runs the server opens it by TIDEMILL_RESOURCE_EGRESS_ALLOW={shown}:{port}."


EVERYWHERE: Final = Egress(Reach.HOST, (Allowed.parse("0.0.0.0/0"), Allowed.parse("::/0")))
"""For what whoever runs Tidemill has set, or asks for on a machine of their own. Metadata stays closed all the same."""
