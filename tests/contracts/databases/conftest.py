"""`dialect` is each of the engines; `resource` leads to a server of it, `database` is open on that."""

from collections.abc import AsyncIterator, Callable

import pytest

from tests.contracts.databases.backends import DIALECTS, Dialect
from tests.database_servers import DatabaseServers, Resource
from tidemill.engine.egress import EVERYWHERE
from tidemill.stores.databases import open_database
from tidemill.stores.databases.port import Database


@pytest.fixture(params=list(DIALECTS))
def dialect(request: pytest.FixtureRequest) -> Dialect:
    found = DIALECTS[request.param]
    if reason := found.shortcomings.get(request.node.originalname):
        pytest.skip(reason)
    return found


@pytest.fixture
def resource(dialect: Dialect, database_servers: DatabaseServers) -> Resource:
    return dialect.resource(database_servers)


@pytest.fixture
async def open_it() -> AsyncIterator[Callable[[str, Resource], Database]]:
    """Opens a database; it is closed after the test."""
    opened: list[Database] = []

    def open_one(language: str, resource: Resource) -> Database:
        opened.append(open_database(language, resource, egress=EVERYWHERE))
        return opened[-1]

    yield open_one
    for database in opened:
        await database.close()


@pytest.fixture
def database(dialect: Dialect, resource: Resource, open_it: Callable[[str, Resource], Database]) -> Database:
    return open_it(dialect.language, resource)
