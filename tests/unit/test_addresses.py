"""Which addresses are closed to jobs."""

import pytest

from tidemill.engine.addresses import Allowed, Policy, plain
from tidemill.model.errors import ConfigurationError

CLOSED = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "100.64.0.1",
    "169.254.169.254",
    "224.0.0.251",
    "239.1.2.3",
    "255.255.255.255",
    "240.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.1",
    "::1",
    "::",
    "fc00::1",
    "fd12::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "100::1",
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.1",
    "64:ff9b::a00:1",
    "64:ff9b::7f00:1",
    "2002:a00:1::",
    "2002:7f00:1::1",
    "::10.0.0.1",
]
OPEN = [
    "1.1.1.1",
    "8.8.8.8",
    "172.15.255.255",
    "172.32.0.1",
    "100.63.255.255",
    "100.128.0.1",
    "11.0.0.1",
    "2606:4700::1111",
    "::ffff:1.1.1.1",
]


@pytest.mark.parametrize("address", CLOSED)
def test_closed_address_is_refused(address: str) -> None:
    assert Policy().refusal(plain(address), 80)


@pytest.mark.parametrize("address", OPEN)
def test_public_address_is_let_through(address: str) -> None:
    assert Policy().refusal(plain(address), 80) == ""


@pytest.mark.parametrize(
    ("entry", "address", "port", "expected"),
    [
        ("10.0.0.0/8", "10.1.2.3", 1, True),
        ("10.0.0.5", "10.0.0.5", 1, True),
        ("10.0.0.5", "10.0.0.6", 1, False),
        ("10.0.0.5/32:5432", "10.0.0.5", 5432, True),
        ("10.0.0.5:5432", "10.0.0.5", 5433, False),
        ("10.0.0.5:5432", "::ffff:10.0.0.5", 5432, True),
        ("fd00::/8", "fd12::1", 9, True),
        ("[fd00::/8]:443", "fd12::1", 443, True),
        ("[fd00::1]:443", "fd00::1", 80, False),
        ("[fd00::]/8:443", "fd12::1", 443, True),
        ("0.0.0.0/0", "fd12::1", 443, False),
        ("fd00::1", "10.0.0.1", 443, False),
    ],
)
def test_allow_list_entry_covers(entry: str, address: str, port: int, *, expected: bool) -> None:
    assert Policy.parse((entry,)).lets_through(plain(address), port) is expected


@pytest.mark.parametrize(
    "entry", ["", "localhost", "10.0.0.5/8", "10.0.0.0/33", "10.0.0.5:0", "10.0.0.5:70000", "[::1", "::1]:2"]
)
def test_wrong_entry_is_named(entry: str) -> None:
    with pytest.raises(ConfigurationError, match="CIDR"):
        Allowed.parse(entry)
