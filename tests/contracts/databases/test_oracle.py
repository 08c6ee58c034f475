"""Oracle's driver before a listener of the tests' own: where it may go, what it trusts, what is told when it fails."""

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.contracts.databases.asking import ask
from tests.processes import free_port
from tidemill.engine.addresses import Allowed
from tidemill.engine.egress import EVERYWHERE, Egress, Reach
from tidemill.model.errors import AddressClosed, Conflict, ConnectionFailed
from tidemill.stores import connection_tests
from tidemill.stores.databases import open_database

REFUSE, REDIRECT, DATA = 4, 5, 6
Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


def packet(kind: int, body: bytes) -> bytes:
    """Of the Oracle Net layer: its size, its kind, and what it holds."""
    return struct.pack(">HHBBH", len(body) + 8, 0, kind, 0, 0) + body


def refused(code: int) -> bytes:
    words = f"(DESCRIPTION=(TMP=)(VSNNUM=0)(ERR={code})(ERROR_STACK=(ERROR=(CODE={code})(EMFI=4))))".encode()
    return packet(REFUSE, struct.pack(">BBH", 34, 0, len(words)) + words)


def redirected(host: str, port: int) -> bytes:
    """What it says is longer than a packet of its kind may be, and comes in one of data."""
    address = f"(ADDRESS=(PROTOCOL=tcp)(HOST={host})(PORT={port}))"
    words = f"{address}\0(DESCRIPTION=(CONNECT_DATA=(SERVICE_NAME=s)))".encode()
    return packet(REDIRECT, struct.pack(">H", len(words))) + packet(DATA, b"\0\0" + words)


@asynccontextmanager
async def listener(*answers: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Gives each connection the next answer; its port, and what was asked."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(4096))
        writer.write(answers[min(len(asked), len(answers)) - 1])
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1], asked
    finally:
        server.close()


async def failing(place: str, *, egress: Egress = EVERYWHERE, certificate: str = "") -> str:
    """Why it cannot be reached."""
    value = {"database": place, "user": "scott", "password": "t1ger-secret", "root_certificate_pem": certificate}
    database = open_database("oracledb", value, egress=egress)
    try:
        with pytest.raises((ConnectionFailed, AddressClosed)) as caught:
            await ask(database, "select 1 from dual")
    finally:
        await database.close()
    assert "t1ger-secret" not in str(caught.value)
    return str(caught.value)


async def test_what_a_listener_refuses_is_told() -> None:
    async with listener(refused(12514)) as (port, asked):
        assert "Check database: the listener knows no such service" in await failing(f"127.0.0.1:{port}/nothing")
    assert b"SERVICE_NAME=nothing" in asked[0]


async def test_a_host_or_port_that_does_not_answer_is_told() -> None:
    assert "Check host and port" in await failing(f"127.0.0.1:{free_port()}/s")
    assert "Check host and port" in await failing("no-such-host.invalid/s")


async def test_a_redirect_is_followed_where_the_rule_lets_it() -> None:
    async with listener(refused(12514)) as (other, asked), listener(redirected("127.0.0.1", other)) as (port, _):
        assert "no such service" in await failing(f"127.0.0.1:{port}/s")
        assert len(asked) == 1


async def test_a_redirect_to_an_address_that_is_closed_is_not_followed() -> None:
    async with listener(refused(12514)) as (other, asked), listener(redirected("127.0.0.1", other)) as (port, _):
        only = Egress(Reach.PUBLIC, (Allowed.parse(f"127.0.0.1/32:{port}"),))
        assert "not connected to" in await failing(f"127.0.0.1:{port}/s", egress=only)
        assert asked == []


async def test_an_address_that_is_closed_is_not_connected_to() -> None:
    async with listener(refused(12514)) as (port, asked):
        assert "not connected to" in await failing(f"127.0.0.1:{port}/s", egress=Egress(Reach.PUBLIC))
    assert asked == []


async def test_certificates_are_checked(tmp_path: Path) -> None:
    authority = Authority()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for name, content in zip(("cert.pem", "key.pem"), authority.issue("localhost"), strict=True):
        (tmp_path / name).write_text(content)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    async with listener(refused(12514), tls=context) as (port, asked):
        for certificate in ("", Authority().pem):
            told = await failing(f"tcps://localhost:{port}/s", certificate=certificate)
            assert "Put the certificate of the server's authority into root_certificate_pem" in told
        assert not any(asked)
        assert "no such service" in await failing(f"tcps://localhost:{port}/s", certificate=authority.pem)


async def test_a_resource_of_it_can_be_tested() -> None:
    value = {"database": f"127.0.0.1:{free_port()}/s", "user": "scott", "password": "tiger"}
    with pytest.raises(Conflict, match="Check host and port"):
        await connection_tests.tester_of("oracledb", EVERYWHERE).test(value)
