"""Connections to object stores: what servers of HTTP may answer, and when a connection may serve again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tidemill.engine.egress import EVERYWHERE
from tidemill.stores.objects.remote.bodies import Held, Streamed
from tidemill.stores.objects.remote.connection import Broken, Connection, Silent
from tidemill.stores.objects.remote.connections import Connections, NotConnected

SMALL = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
MIB = 1024 * 1024


class Peer:
    """A server that reads a head and says what it was told; `accepted` counts connections."""

    def __init__(self, *answers: bytes, hangs_up: bool = False) -> None:
        self.answers = list(answers)
        self.hangs_up = hangs_up
        self.accepted = 0
        self.heads: list[bytes] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        try:
            while self.answers:
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(self.answers.pop(0))
                await writer.drain()
                if self.hangs_up:
                    return
            await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    def start(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self.serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def connected(peer: Peer) -> AsyncIterator[Connections]:
    """Connections to it."""
    listening = await asyncio.start_server(peer.start, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    connections = Connections(f"http://127.0.0.1:{port}", tls=None, egress=EVERYWHERE)
    try:
        yield connections
    finally:
        connections.close()
        listening.close()
        await peer.end()


async def asked(connections: Connections, method: str = "GET", **headers: str) -> tuple[int, bytes]:
    """Status and body."""
    response = await connections.open(method, "/a", headers, Held())
    try:
        return response.status, await response.read()
    finally:
        response.close()


@pytest.mark.parametrize(
    ("method", "answer", "status", "body"),
    [
        ("GET", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", 200, b"abc"),
        ("GET", b"HTTP/1.1 100 Continue\r\n\r\n" + SMALL, 200, b"ok"),
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", 200, b""),
        ("DELETE", b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", 304, b""),
        ("GET", b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 200, b""),
        ("PUT", b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % MIB + bytes(MIB), 200, bytes(MIB)),
    ],
)
async def test_an_answer_is_read_to_its_end_and_the_connection_serves_again(
    method: str, answer: bytes, status: int, body: bytes
) -> None:
    async with connected(peer := Peer(answer, SMALL)) as connections:
        assert await asked(connections, method) == (status, body)
        assert await asked(connections) == (200, b"ok")
    assert peer.accepted == 1


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", b"ok"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: Close\r\n\r\nok", b"ok"),
        (SMALL + b"and more", b"ok"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % MIB + bytes(MIB) + SMALL, bytes(MIB)),
    ],
)
async def test_a_connection_that_cannot_be_relied_on_serves_no_more(answer: bytes, body: bytes) -> None:
    async with connected(peer := Peer(answer, SMALL)) as connections:
        assert await asked(connections) == (200, body)
        assert await asked(connections) == (200, b"ok")
    assert peer.accepted == 2


async def test_the_end_of_the_connection_ends_what_has_no_length() -> None:
    async with connected(Peer(b"HTTP/1.1 200 OK\r\n\r\nall of it", hangs_up=True)) as connections:
        assert await asked(connections) == (200, b"all of it")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000,
    ],
)
async def test_half_an_answer_and_what_is_none_are_errors(answer: bytes) -> None:
    async with connected(Peer(answer, hangs_up=True)) as connections:
        with pytest.raises(Broken):
            await asked(connections)


async def test_a_kept_connection_that_was_closed_meanwhile_is_not_used() -> None:
    async with connected(peer := Peer(SMALL, SMALL, hangs_up=True)) as connections:
        assert await asked(connections) == (200, b"ok")
        async with asyncio.timeout(30):
            while any(connection.is_free for _, connection in connections._idle):
                await asyncio.sleep(0)
        assert await asked(connections) == (200, b"ok")
    assert peer.accepted == 2


async def test_an_early_answer_ends_the_sending_and_the_connection() -> None:

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(MIB)
            await asyncio.sleep(0)

    denied = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno"
    async with connected(peer := Peer(denied, SMALL)) as connections, asyncio.timeout(30):
        response = await connections.open("PUT", "/a", {}, Streamed(endless(), 10**15))
        assert (response.status, await response.read()) == (403, b"no")
        response.close()
        assert await asked(connections) == (200, b"ok")
    assert peer.accepted == 2


async def test_what_the_source_of_a_body_raises_comes_out_as_it_is() -> None:
    async def torn() -> AsyncIterator[bytes]:
        yield b"a"
        raise LookupError("torn")

    async with connected(Peer(SMALL)) as connections:
        with pytest.raises(LookupError, match="torn"):
            await connections.open("PUT", "/a", {}, Streamed(torn(), 2))


@pytest.mark.parametrize("value", ["a\r\nx-evil: 1", "a\nb", "a\rb"])
async def test_no_header_holds_another(value: str) -> None:
    async with connected(peer := Peer(SMALL)) as connections:
        with pytest.raises(ValueError, match="end of a line"):
            await asked(connections, x=value)
    assert peer.heads == []


async def test_a_server_that_says_nothing_is_not_waited_for_for_ever() -> None:
    peer = Peer(b"")
    listening = await asyncio.start_server(peer.start, "127.0.0.1", 0)
    make: Callable[[], Connection] = lambda: Connection(silence_s=0.05)  # noqa: E731
    port = listening.sockets[0].getsockname()[1]
    _, connection = await asyncio.get_running_loop().create_connection(make, "127.0.0.1", port)
    with pytest.raises(Silent):
        await connection.send("GET", b"GET / HTTP/1.1\r\n\r\n", Held())
    assert not connection.is_free
    listening.close()
    await peer.end()


async def test_a_closed_port_is_told_apart_from_a_broken_connection() -> None:
    async with connected(Peer()) as connections:
        pass
    closed = Connections(f"http://127.0.0.1:{connections._port}", tls=None, egress=EVERYWHERE)
    with pytest.raises(NotConnected):
        await asked(closed)
