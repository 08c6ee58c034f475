"""`box`: an installation on a fresh database, whose invariants are checked after the test while it still runs.

`invariants` is the check alone, for tests that have an installation of their own.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.postgres import PostgresServer, new_database
from tests.reliability import invariants as rules
from tests.reliability.harness import Chaosbox


@pytest.fixture
def box(database_dsn: str, tmp_path: Path) -> Iterator[Chaosbox]:
    """On the shared Postgres; no process runs yet."""
    yield from _opened(Chaosbox(database_dsn, tmp_path))


@pytest.fixture
def lone_box(own_postgres_server: PostgresServer, tmp_path: Path) -> Iterator[Chaosbox]:
    """On a Postgres of its own (`own_postgres_server`), to be stopped and killed."""
    with new_database(own_postgres_server) as name:
        yield from _opened(Chaosbox(own_postgres_server.dsn(name), tmp_path))


def _opened(box: Chaosbox) -> Iterator[Chaosbox]:
    box.prepare()
    try:
        yield box
        if box.checked:
            box.check()
    finally:
        box.stop()


@pytest.fixture
def invariants() -> Callable[..., None]:
    """Checks the rules on a database: `invariants(dsn, accepted=[...])`."""
    return rules.check
