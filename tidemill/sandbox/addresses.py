"""Which network addresses a job may reach. Pure: no look-ups, no sockets."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Self

from tidemill.model.errors import ConfigurationError

Address = IPv4Address | IPv6Address
Block = IPv4Network | IPv6Network

# https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry
CLOSED: Final[tuple[tuple[str, str], ...]] = (
    ("0.0.0.0/8", "the host itself is closed"),
    ("10.0.0.0/8", "private networks are closed"),
    ("100.64.0.0/10", "private networks are closed"),
    ("127.0.0.0/8", "the host itself is closed"),
    ("169.254.0.0/16", "link-local and metadata addresses are closed"),
    ("172.16.0.0/12", "private networks are closed"),
    ("192.0.0.0/24", "special networks are closed"),
    ("192.0.2.0/24", "special networks are closed"),
    ("192.168.0.0/16", "private networks are closed"),
    ("198.18.0.0/15", "special networks are closed"),
    ("198.51.100.0/24", "special networks are closed"),
    ("203.0.113.0/24", "special networks are closed"),
    ("224.0.0.0/4", "multicast is closed"),
    ("240.0.0.0/4", "special networks are closed"),
    ("::/127", "the host itself is closed"),
    ("100::/64", "special networks are closed"),
    ("2001::/23", "special networks are closed"),
    ("2001:db8::/32", "special networks are closed"),
    ("3fff::/20", "special networks are closed"),
    ("5f00::/16", "special networks are closed"),
    ("fc00::/7", "private networks are closed"),
    ("fe80::/10", "link-local and metadata addresses are closed"),
    ("fec0::/10", "private networks are closed"),
    ("ff00::/8", "multicast is closed"),
)
_CLOSED: Final = tuple((ip_network(block), why) for block, why in CLOSED)
_NAT64: Final = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
HOST: Final = "the host itself is closed"


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
                f"{text!r} is not a network that jobs can be let into: write CIDR or CIDR:port, as in 10.0.0.5/32:5432."
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
        return next((why for block, why in _CLOSED if address.version == block.version and address in block), "")


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
