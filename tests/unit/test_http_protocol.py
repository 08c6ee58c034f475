"""Requests and answers as they pass through our protocol of uvicorn: whole, in order, and as soon as they can."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from socket import socket

import pytest
from starlette.types import Receive, Scope, Send

from tidemill.wiring.protocol import ResettingProtocol
from tidemill.wiring.server import serving

MIB = 1024 * 1024


class App:
    """Answers with what it got; what it does with a request is told by the path."""

    def __init__(self) -> None:
        self.may_go_on = asyncio.Event()
        self.told: list[str] = []
        self.headers: list[tuple[bytes, bytes]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, self.headers = scope["path"], scope["headers"]
        digest, size = sha256(), 0
        while path != "/refused":
            message = await receive()
            if message["type"] == "http.disconnect":
                self.told.append("gone")
                return
            digest.update(message["body"])
            size += len(message["body"])
            if not message["more_body"]:
                break
        body = f"{path} {size} {digest.hexdigest()}".encode()
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if path == "/later":
            await self.may_go_on.wait()
        await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def served(app: App) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to it."""
    with socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        async with serving(app, listening, trusted_proxies="", has_lifespan=False), asyncio.timeout(60):
            reader, writer = await asyncio.open_connection(*listening.getsockname(), limit=4 * MIB)
            yield reader, writer
            writer.close()


async def answer(reader: asyncio.StreamReader) -> bytes:
    """The body of the next answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    return await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))


def expected(path: str, body: bytes) -> bytes:
    return f"{path} {len(body)} {sha256(body).hexdigest()}".encode()


async def test_bodies_arrive_whole_however_they_are_cut() -> None:
    body = bytes(range(256)) * 4096 * 5
    async with served(App()) as (reader, writer):
        writer.write(b"PUT /a HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        assert await answer(reader) == expected("/a", body)
        writer.write(b"PUT /b HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        for start in range(0, 100_000, 1000):
            writer.write(b"3e8\r\n%b\r\n" % body[start : start + 1000])
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        assert await answer(reader) == expected("/b", body[:100_000])
        for byte in b"POST /c HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc":
            writer.write(bytes([byte]))
            await writer.drain()
        assert await answer(reader) == expected("/c", b"abc")


@pytest.mark.parametrize(
    "head",
    [
        b"GET /a HTTP/1.1\r\nhost: x\r\naccept-language: " + b"a," * MIB,
        b"GET /a HTTP/1.1\r\nhost: x\r\naccept-language: " + b"a," * MIB + b"\r\n\r\n",
        b"GET /a HTTP/1.1\r\nhost: x\r\n" + b"x: y\r\n" * MIB + b"\r\n",
        b"GET /a HTTP/1.1\r\nhost: x\r\naccept-language: " + b"a," * 35_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
        b"PUT /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n" + b"x: y\r\n" * MIB + b"\r\n",
    ],
    ids=["without end", "one header", "many headers", "in one read", "address", "trailers"],
)
async def test_a_head_is_bounded(head: bytes) -> None:
    """C15."""
    async with served(App()) as (reader, writer):
        with suppress(ConnectionError):
            writer.write(head)
            await writer.drain()
            assert b" 200 OK" not in await reader.read()


async def test_trailers_are_no_headers() -> None:
    """What stands behind a body was never looked at by who lets headers through."""
    app = App()
    async with served(app) as (reader, writer):
        head = b"PUT /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
        writer.write(head + b"3\r\nabc\r\n0\r\nx-forwarded-for: 192.0.2.1\r\n\r\n")
        assert await answer(reader) == expected("/a", b"abc")
    assert [name for name, _ in app.headers] == [b"host", b"transfer-encoding"]


async def test_what_follows_a_long_body_is_another_request() -> None:
    body = bytes(range(256)) * 4096 * 3
    async with served(App()) as (reader, writer):
        for name in (b"a", b"b", b"c"):
            writer.write(b"PUT /%b HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % (name, len(body)) + body)
        writer.write(b"PUT /d HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nokPUT /e HTTP/1.1\r\nhost: x\r\n\r\n")
        assert [await answer(reader) for _ in range(3)] == [expected(f"/{name}", body) for name in "abc"]
        assert await answer(reader) == expected("/d", b"ok")
        assert await answer(reader) == expected("/e", b"")


@pytest.mark.parametrize(
    "fields",
    [
        b"content-length: 5\r\ntransfer-encoding: chunked",
        b"transfer-encoding: chunked\r\ncontent-length: 5",
        b"content-length: 5\r\ncontent-length: 6",
        b"content-length: 5, 5",
        b"content-length: +5",
        b"content-length: 0x5",
        b"content-length : 5",
    ],
)
async def test_a_length_that_others_may_read_otherwise_is_refused(fields: bytes) -> None:
    """C15: nobody in front takes for a body what is a request here, or the other way round."""
    app = App()
    async with served(app) as (reader, writer):
        writer.write(b"PUT /a HTTP/1.1\r\nhost: x\r\n%b\r\n\r\nabcdeGET /b HTTP/1.1\r\nhost: x\r\n\r\n" % fields)
        assert (await reader.readline()).startswith(b"HTTP/1.1 400 ")
        assert b"/b " not in await reader.read()
    assert app.headers == []


async def test_requests_that_are_sent_ahead_are_answered_in_their_order() -> None:
    async with served(App()) as (reader, writer):
        for name in (b"a", b"b", b"c"):
            writer.write(b"PUT /%b HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\n%b" % (name, name))
        assert [await answer(reader) for _ in range(3)] == [expected(f"/{n}", n.encode()) for n in "abc"]


async def test_the_head_does_not_wait_for_a_body_that_comes_later() -> None:
    app = App()
    async with served(app) as (reader, writer):
        writer.write(b"GET /later HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"
        app.may_go_on.set()
        assert (await reader.readuntil(expected("/later", b""))).startswith(b"date: ")


async def test_an_answer_without_a_body_is_sent() -> None:
    async with served(App()) as (reader, writer):
        writer.write(b"HEAD /a HTTP/1.1\r\nhost: x\r\n\r\nHEAD /b HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        heads = await reader.read()
        assert heads.count(b"HTTP/1.1 200 OK\r\n") == 2
        assert heads.endswith(b"\r\n\r\n")


async def test_a_body_is_asked_for_when_it_is_wanted() -> None:
    async with served(App()) as (reader, writer):
        head = b"PUT /%b HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n"
        writer.write(head % b"wanted")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"ok")
        assert await answer(reader) == expected("/wanted", b"ok")
        writer.write(head % b"refused")
        assert (await answer(reader)).startswith(b"/refused 0 ")


async def test_who_hangs_up_in_the_middle_is_told_of() -> None:
    app = App()
    async with served(app) as (reader, writer):
        writer.write(b"PUT /a HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf")
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        assert await reader.read() == b""
        while not app.told:
            await asyncio.sleep(0)
    assert app.told == ["gone"]


@pytest.fixture
def protocols(monkeypatch: pytest.MonkeyPatch) -> list[ResettingProtocol]:
    """Those of the connections that are made."""
    found: list[ResettingProtocol] = []
    made = ResettingProtocol.connection_made

    def noting(self: ResettingProtocol, transport: asyncio.Transport) -> None:
        found.append(self)
        made(self, transport)

    monkeypatch.setattr(ResettingProtocol, "connection_made", noting)
    return found


async def test_a_connection_that_is_idle_is_closed_and_one_that_is_used_is_not(
    protocols: list[ResettingProtocol],
) -> None:
    """By the clock of the loop, which is set: nobody waits here."""
    async with served(App()) as (reader, writer):
        for _ in range(2):
            writer.write(b"POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\nhi")
            await answer(reader)
        (protocol,) = protocols
        timer = protocol.timeout_keep_alive_task
        assert timer is not None
        assert 74 < timer.when() - asyncio.get_running_loop().time() < 76
        protocol._close_if_idle()
        assert protocol._idle_since is not None
        assert not protocol.transport.is_closing(), "it was used just now"
        protocol._idle_since -= 75
        protocol._close_if_idle()
        assert await reader.read() == b""


async def test_what_has_come_is_not_idle(protocols: list[ResettingProtocol]) -> None:
    app = App()
    async with served(app) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await answer(reader)
        writer.write(b"GET /later HTTP/1.1\r\n\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        protocols[0]._close_if_idle()
        assert protocols[0].timeout_keep_alive_task is None
        app.may_go_on.set()
        assert (await reader.readexactly(72)).startswith(b"/later 0 ")
        while protocols[0].timeout_keep_alive_task is None:
            await asyncio.sleep(0)
