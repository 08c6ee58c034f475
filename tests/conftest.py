"""Fixtures for everybody: real Postgres servers, and a fresh migrated database for each test.

`database` is an open `Database`, `database_dsn` its connection string. Servers start once for each worker of xdist.
Tests under tests/db run on each kind of server; the others on the embedded one.
"""

import gc
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack

import pytest
from hypothesis import settings

from tests.database_servers import DatabaseServers, database_servers_of_session
from tests.object_servers import ObjectServers, object_servers_of_session
from tests.postgres import (
    TEMPLATE,
    DatabasesAhead,
    Embedded,
    PostgresServer,
    System,
    make_template,
    new_database,
    system_binaries,
)
from tests.scheduling import (  # noqa: F401
    pytest_collection_modifyitems,
    pytest_xdist_auto_num_workers,
    pytest_xdist_make_scheduler,
)
from tidemill.db.pool import Database

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")  # a machine with other work is slow, and not wrong


def pytest_collection_finish() -> None:
    """What is there now, thousands of tests and what they import, is not looked at again whenever garbage is."""
    gc.freeze()


def new_server(kind: str) -> Embedded | System:
    """A server that is not started; skips the test where this machine has none, and fails it there in CI."""
    if kind == "embedded":
        return Embedded()
    binaries = system_binaries()
    if binaries is None:
        reason = "this machine has no Postgres of its own (Debian: apt-get install postgresql)"
        if os.environ.get("CI") == "true" and shutil.which("apt-get"):
            pytest.fail(reason)
        pytest.skip(reason)
    return System(binaries)


@pytest.fixture(scope="session")
def postgres_kind() -> str:
    """Which server: tests/db says both."""
    return "embedded"


@pytest.fixture(scope="session")
def _servers() -> Iterator[Callable[[str], PostgresServer]]:
    """Each kind of server, started when it is first asked for and kept for the session."""
    with ExitStack() as stack:
        running: dict[str, PostgresServer] = {}

        def get(kind: str) -> PostgresServer:
            if kind not in running:
                server = new_server(kind)
                stack.callback(server.remove)
                server.start()
                make_template(server)
                running[kind] = server
            return running[kind]

        yield get


@pytest.fixture
def postgres_server(_servers: Callable[[str], PostgresServer], postgres_kind: str) -> PostgresServer:
    """A running server that is shared by all tests: never stop it."""
    return _servers(postgres_kind)


@pytest.fixture
def own_postgres_server(postgres_kind: str) -> Iterator[PostgresServer]:
    """A running server for this test alone, with the template: stop, kill and start it as you like."""
    server = new_server(postgres_kind)
    try:
        server.start()
        make_template(server)
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def _databases(_servers: Callable[[str], PostgresServer]) -> Iterator[Callable[[str, str], DatabasesAhead]]:
    """The copies of each template on each kind of server, asked for by the first test that wants one."""
    with ExitStack() as stack:
        ahead: dict[tuple[str, str], DatabasesAhead] = {}

        def get(kind: str, template: str) -> DatabasesAhead:
            if (kind, template) not in ahead:
                ahead[kind, template] = DatabasesAhead(_servers(kind), template)
                stack.callback(ahead[kind, template].close)
            return ahead[kind, template]

        yield get


@pytest.fixture
def database_template() -> str:
    """What each test gets a copy of: nothing but the migrations. Tests of the API have people in it."""
    return TEMPLATE


@pytest.fixture
def database_name(
    _databases: Callable[[str, str], DatabasesAhead], postgres_kind: str, database_template: str
) -> Iterator[str]:
    """A new migrated database on the shared server."""
    with _databases(postgres_kind, database_template).one() as name:
        yield name


@pytest.fixture
def database_dsn(postgres_server: PostgresServer, database_name: str) -> str:
    """Connects to a new migrated database as the role that owns it and that row-level security binds."""
    return postgres_server.dsn(database_name)


@pytest.fixture
def empty_database_dsn(postgres_server: PostgresServer) -> Iterator[str]:
    """Connects to a new database with nothing in it."""
    with new_database(postgres_server, template="template0") as name:
        yield postgres_server.dsn(name)


@pytest.fixture
async def database(database_dsn: str) -> AsyncIterator[Database]:
    """An open `Database` on a new migrated database."""
    async with Database(database_dsn) as opened:
        yield opened


@pytest.fixture(scope="session")
def object_servers() -> Iterator[ObjectServers]:
    """Object servers by name, each started when it is first asked for and kept for the session."""
    with object_servers_of_session() as servers:
        yield servers


@pytest.fixture(scope="session")
def database_servers() -> Iterator[DatabaseServers]:
    """Servers of users' databases by name, each started when it is first asked for and kept for the session."""
    with database_servers_of_session() as servers:
        yield servers
