"""Engines that answer over HTTP: what is lost in the middle of a stream leaves no object and tells no secret."""

from collections.abc import AsyncIterable, AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.database_servers import DatabaseServers, Resource, start_clickhouse, start_snowflake
from tests.query_host import QueryHost, Runs
from tests.reliability.fault_proxy import FaultProxy
from tidemill.engine.egress import EVERYWHERE
from tidemill.model.errors import ConnectionFailed
from tidemill.queries.sql import SqlRunner


@dataclass(frozen=True)
class Engine:
    """How it is started, which field of its resource is its address, and a query of some megabytes."""

    start: Callable[..., Resource]
    address: str
    query: str
    secret: str


ENGINES = {
    "clickhouse": Engine(
        start_clickhouse, "host", "select randomPrintableASCII(1000) as t from numbers(100000)", "password"
    ),
    "snowflake": Engine(
        start_snowflake, "endPoint", "select repeat('x', 1500) as t from table(generator(rowcount => 20000))",
        "private_key",
    ),
}  # fmt: skip


class Losing(QueryHost):
    """Loses the server once the first piece of an object is there."""

    lost: Callable[[], None]

    async def upload(self, chunks: AsyncIterable[bytes], **place: Any) -> bytes:
        async def until_lost() -> AsyncIterator[bytes]:
            async for chunk in chunks:
                yield chunk
                self.lost()

        return await super().upload(until_lost(), **place)


@pytest.mark.parametrize("form", ["json", "csv"])
@pytest.mark.parametrize("language", list(ENGINES))
async def test_a_server_that_is_lost_in_the_middle_of_a_stream_leaves_no_object(
    database_servers: DatabaseServers, language: str, form: str
) -> None:
    engine = ENGINES[language]
    resource = database_servers.get(language, engine.start)
    place = urlsplit(str(resource[engine.address]))
    proxy = FaultProxy((str(place.hostname), place.port or 0))
    proxy.start()
    host = Losing({"f/data/db": {**resource, engine.address: f"http://{proxy.host}:{proxy.port}"}})

    def lose() -> None:
        proxy.faults.refuse = True
        proxy.reset_all()

    host.lost = lose
    runner = SqlRunner(EVERYWHERE)
    try:
        with pytest.raises(ConnectionFailed) as caught:
            await Runs(language, runner, host)(f"-- database f/data/db\n-- s3 format={form}\n{engine.query}")
    finally:
        await runner.close()
        proxy.stop()
    assert host.objects == {}
    assert str(resource[engine.secret]) not in str(caught.value)
