"""Kinds of network addresses, and which of them a job may reach. Pure: no look-ups, no sockets."""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Self

from tidemill.model.errors import ConfigurationError

Address = IPv4Address | IPv6Address
Block = IPv4Network | IPv6Network


class Kind(StrEnum):
    """What is special about an address, as the beginning of a clause."""

    HOST = "the host itself is"
    PRIVATE = "private networks are"
    METADATA = "link-local and metadata addresses are"
    SPECIAL = "special networks are"
    MULTICAST = "multicast is"


# https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry; the first that fits counts
BLOCKS: Final[tuple[tuple[str, Kind], ...]] = (
    ("169.254.0.0/16", Kind.METADATA),
    ("fe80::/10", Kind.METADATA),
    ("100.100.100.200/32", Kind.METADATA),  # Alibaba Cloud
    ("168.63.129.16/32", Kind.METADATA),  # Azure, among public addresses
    ("192.0.0.192/32", Kind.METADATA),  # Oracle Cloud
    ("fd00:ec2::254/128", Kind.METADATA),  # Amazon
    ("fd20:ce::254/128", Kind.METADATA),  # Google
    ("0.0.0.0/8", Kind.HOST),
    ("127.0.0.0/8", Kind.HOST),
    ("::/127", Kind.HOST),
    ("10.0.0.0/8", Kind.PRIVATE),
    ("100.64.0.0/10", Kind.PRIVATE),
    ("172.16.0.0/12", Kind.PRIVATE),
    ("192.168.0.0/16", Kind.PRIVATE),
    ("fc00::/7", Kind.PRIVATE),
    ("fec0::/10", Kind.PRIVATE),
    ("192.0.0.0/24", Kind.SPECIAL),
    ("192.0.2.0/24", Kind.SPECIAL),
    ("198.18.0.0/15", Kind.SPECIAL),
    ("198.51.100.0/24", Kind.SPECIAL),
    ("203.0.113.0/24", Kind.SPECIAL),
    ("240.0.0.0/4", Kind.SPECIAL),
    ("100::/64", Kind.SPECIAL),
    ("2001::/23", Kind.SPECIAL),
    ("2001:db8::/32", Kind.SPECIAL),
    ("3fff::/20", Kind.SPECIAL),
    ("5f00::/16", Kind.SPECIAL),
    ("224.0.0.0/4", Kind.MULTICAST),
    ("ff00::/8", Kind.MULTICAST),
)
_BLOCKS: Final = tuple((ip_network(block), kind) for block, kind in BLOCKS)
_NAT64: Final = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
HOST: Final = f"{Kind.HOST} closed"


@dataclass(frozen=True, slots=True)
class Allowed:
    """One entry of the allow list; `port` 0 is every port."""

    block: Block
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """`10.0.0.0/8`, `10.0.0.5:5432`, `10.0.0.5/32:5432`, `fd00::/8`, `[fd00::1]:443` or `[fd00::/8]:443`.

        Raises:
            ConfigurationError: it is none of these.
        """
        try:
            block, port = _split(text.strip())
            return cls(ip_network(block, strict=True), _port(port))
        except ValueError as error:
            raise ConfigurationError(
                f"{text!r} is not a network that can be opened: write CIDR or CIDR:port, as in 10.0.0.5/32:5432."
            ) from error

    def covers(self, address: Address, port: int) -> bool:
        """Whether it lets this address and port through."""
        return address.version == self.block.version and address in self.block and self.port in {0, port}


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of one sandbox."""

    allowed: tuple[Allowed, ...] = ()

    @classmethod
    def parse(cls, entries: tuple[str, ...]) -> Self:
        """From the texts of an allow list.

        Raises:
            ConfigurationError: an entry is not a network.
        """
        return cls(tuple(Allowed.parse(entry) for entry in entries))

    def lets_through(self, address: Address, port: int) -> bool:
        """Whether the allow list names it."""
        return any(entry.covers(address, port) for entry in self.allowed)

    def refusal(self, address: Address, port: int) -> str:
        """Why a (plain) address may not be reached, as a clause; "" when it may."""
        if self.lets_through(address, port):
            return ""
        kind = kind_of(address)
        return f"{kind} closed" if kind else ""


def kind_of(address: Address) -> Kind | None:
    """What is special about a (plain) address; None for those of the public internet."""
    return next((kind for block, kind in _BLOCKS if address.version == block.version and address in block), None)


def plain(text: str) -> Address:
    """An address with every wrapping taken off: v4-mapped, 6to4, NAT64 and Teredo count as the IPv4 inside."""
    address = ip_address(text.split("%", 1)[0])
    if isinstance(address, IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
    if inner is None and (any(address in block for block in _NAT64) or _is_compatible(address)):
        inner = IPv4Address(int(address) & 0xFFFF_FFFF)
    return inner or address


def _is_compatible(address: IPv6Address) -> bool:
    """`::a.b.c.d`, long deprecated, but still understood by some."""
    return 1 < int(address) < 1 << 32


def _split(text: str) -> tuple[str, str]:
    """Block and port ("" where there is none)."""
    if text.startswith("["):
        inside, closing, rest = text[1:].partition("]")
        if not closing:
            raise ValueError(text)
        length, _, port = rest.partition(":")
        return inside + length, port
    if text.count(":") > 1:
        return text, ""
    block, _, port = text.partition(":")
    return block, port


def _port(text: str) -> int:
    if not text:
        return 0
    port = int(text)
    if not 1 <= port <= 65535:
        raise ValueError(text)
    return port
