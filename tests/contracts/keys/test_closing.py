"""A store that is closed has let go of every connection by then, however its sessions ended."""

import asyncio
import gc
from asyncio.selector_events import _SelectorTransport  # type: ignore[attr-defined]
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from tests.contracts.keys.conftest import TOKEN
from tests.key_servers import KeyServer
from tidemill.engine.egress import EVERYWHERE
from tidemill.model.errors import TidemillError, TooLarge
from tidemill.stores.keys import open_keys
from tidemill.stores.keys.port import KeyStore

LARGE = [b"EVAL", b"return string.rep('x', 3000000)", b"0"]


@contextmanager
def nothing_left_open() -> Iterator[None]:
    """Sockets whose transport has only been told to close would be closed by a loop that may have ended."""
    before = {id(each) for each in open_transports()}
    yield
    assert [each for each in open_transports() if id(each) not in before] == []


def open_transports() -> list[object]:
    # By their types: to ask a weak proxy itself is an error once its object is gone.
    found = (each for each in gc.get_objects() if issubclass(type(each), _SelectorTransport))
    return [each for each in found if each._sock is not None]


def over_tls(server: KeyServer) -> dict[str, object]:
    place = {"host": "localhost", "port": server.tls_port}
    return server.resource(servers=[place], tls=True, root_certificate_pem=server.authority.pem)


@pytest.fixture(params=["plain", "tls", "rest"])
def store(request: pytest.FixtureRequest, redis_server: KeyServer) -> KeyStore:
    if request.param == "rest":
        value: object = {"url": request.getfixturevalue("rest_url"), "token": TOKEN}
    else:
        value = over_tls(redis_server) if request.param == "tls" else redis_server.resource()
    return open_keys(value, egress=EVERYWHERE)


async def test_after_sessions_that_went_well(store: KeyStore) -> None:
    with nothing_left_open():
        async with store.session() as one, store.session() as other:
            await one.run([[b"PING"]], max_bytes=1000)
            await other.run([[b"PING"]], max_bytes=1000)
        await store.close()


async def test_after_a_reply_that_was_too_large(store: KeyStore) -> None:
    with nothing_left_open():
        with pytest.raises(TooLarge):
            async with store.session() as session:
                await session.run([LARGE], max_bytes=1000)
        await store.close()


async def test_after_a_session_that_was_given_up(store: KeyStore) -> None:
    """In the middle of what it sends, too: the server does not read on."""
    with nothing_left_open():
        for command in ([b"BLPOP", b"none", b"0"], [b"SET", b"k", b"x" * 30_000_000]):

            async def ask(command: list[bytes] = command) -> None:
                with suppress(TidemillError):
                    async with store.session() as session:
                        await session.run([command], max_bytes=1000)

            task = asyncio.create_task(ask())
            for _ in range(30):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await store.close()


async def test_after_the_test_of_a_connection(store: KeyStore) -> None:
    with nothing_left_open():
        await store.test()
        await store.close()
