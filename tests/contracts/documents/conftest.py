"""A MongoDB for the session (SecantusDB: MongoDB's protocol on the real WiredTiger), a fresh database for each test."""

import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.database_servers import DatabaseServers
from tests.document_servers import DocumentServer, start_secantus
from tests.query_host import QueryHost, Runs
from tidemill.engine.egress import EVERYWHERE
from tidemill.queries.mongodb import MongoRunner


@pytest.fixture(scope="session")
def mongo_server(database_servers: DatabaseServers) -> DocumentServer:
    return database_servers.get("secantus", start_secantus)


@pytest.fixture
def resource(mongo_server: DocumentServer) -> Callable[..., dict[str, Any]]:
    """The value of a resource that leads to the test's own database."""
    name = f"test_{secrets.token_hex(6)}"

    def value(**fields: Any) -> dict[str, Any]:
        return mongo_server.resource(**{"db": name, "directConnection": True, **fields})

    return value


@pytest.fixture
async def runner() -> AsyncIterator[MongoRunner]:
    made = MongoRunner(EVERYWHERE)
    yield made
    await made.close()


@pytest.fixture
def run(runner: MongoRunner, resource: Callable[..., dict[str, Any]]) -> Runs:
    """Runs scripts, which name the database as `# database f/shop/store`."""
    return Runs("mongodb", runner, QueryHost({"f/shop/store": resource()}))
