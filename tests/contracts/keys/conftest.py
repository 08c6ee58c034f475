"""Redis 7 and Valkey 9 for the session, emptied for each test; Upstash's REST API in front of the Redis."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.database_servers import DatabaseServers
from tests.key_servers import KeyServer, start_redis, start_valkey, upstash
from tests.query_host import QueryHost, Runs
from tidemill.engine.egress import EVERYWHERE
from tidemill.queries.redis import RedisRunner

STARTERS = {"redis": start_redis, "valkey": start_valkey}
TOKEN = "rest-token-4711"


@pytest.fixture
def redis_server(database_servers: DatabaseServers) -> KeyServer:
    return emptied(database_servers.get("redis", start_redis))


@pytest.fixture(params=list(STARTERS))
def key_server(request: pytest.FixtureRequest, database_servers: DatabaseServers) -> KeyServer:
    """Each of them in turn."""
    return emptied(database_servers.get(request.param, STARTERS[request.param]))


def emptied(server: KeyServer) -> KeyServer:
    """Of what an earlier test left behind: clients that still wait, too."""
    server.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    server.ask("FLUSHALL")
    server.ask("FUNCTION", "FLUSH")
    return server


@pytest.fixture
async def runner() -> AsyncIterator[RedisRunner]:
    made = RedisRunner(EVERYWHERE)
    yield made
    await made.close()


@pytest.fixture
def run(runner: RedisRunner, key_server: KeyServer) -> Runs:
    """Runs scripts on each server; they name the database as `# database f/shop/keys`."""
    return Runs("redis", runner, QueryHost({"f/shop/keys": key_server.resource()}))


@pytest.fixture
def on_redis(runner: RedisRunner, redis_server: KeyServer) -> Runs:
    """As `run`, on Redis alone."""
    return Runs("redis", runner, QueryHost({"f/shop/keys": redis_server.resource()}))


@pytest.fixture
def rest_url(redis_server: KeyServer) -> Iterator[str]:
    with upstash(redis_server, TOKEN) as url:
        yield url


@pytest.fixture
def over_rest(runner: RedisRunner, rest_url: str) -> Runs:
    """Runs scripts over Upstash's REST API."""
    return Runs("upstash", runner, QueryHost({"f/shop/keys": {"url": rest_url, "token": TOKEN}}))
