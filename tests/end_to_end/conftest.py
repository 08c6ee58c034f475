"""`tidemill`: one Tidemill for all end-to-end tests of a session; `workspace`: what a user does with it by HTTP.

The tests that share it are kept on one worker of xdist, see `tests/scheduling.py`, so that there is one.
"""

import itertools
import os
import shutil
from collections.abc import Iterator

import httpx
import pytest

from tests.database_servers import DatabaseServers, MariaDb, Postgres, start_embedded
from tests.end_to_end.running import WAIT_TIMEOUT_S, Tidemill, Workspace, running
from tests.reliability.invariants import check
from tidemill.wiring.database import running_embedded

MIB = 1024 * 1024
HARD_LIMIT_BYTES = 32 * MIB
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def tidemill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tidemill]:
    """`tidemill up`, with a lower hard limit for values than usual."""
    data_dir = tmp_path_factory.mktemp("end_to_end") / "data"
    with running(data_dir, TIDEMILL_MAX_VALUE_BYTES=str(HARD_LIMIT_BYTES)) as started:
        yield started


@pytest.fixture(scope="session")
def workspace(tidemill: Tidemill) -> Iterator[Workspace]:
    """Its workspace, as its admin sees it."""
    headers = {"Authorization": f"Bearer {tidemill.token}"}
    with httpx.Client(base_url=f"{tidemill.api}/", headers=headers, timeout=WAIT_TIMEOUT_S) as http:
        yield Workspace(http, (f"u/admin/item_{number}" for number in _numbers))


@pytest.fixture(scope="session")
def postgres(database_servers: DatabaseServers) -> Postgres:
    """A database of users: not the one that Tidemill itself is on."""
    return database_servers.get("postgres-embedded", start_embedded)


@pytest.fixture(scope="session")
def mariadb(database_servers: DatabaseServers) -> MariaDb:
    return database_servers.get("mariadb", MariaDb)


@pytest.fixture(scope="session")
def tidemill_reaching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tidemill]:
    """Another Tidemill, whose scripts reach servers on this host."""
    data_dir = tmp_path_factory.mktemp("reaching") / "data"
    with running(
        data_dir, TIDEMILL_JOB_EGRESS_ALLOW="127.0.0.1/32,0.0.0.0/0:443", TIDEMILL_RESOURCE_EGRESS="host"
    ) as started:
        yield started


@pytest.fixture(scope="session")
def reaching(tidemill_reaching: Tidemill) -> Iterator[Workspace]:
    """Its workspace, as its admin sees it."""
    headers = {"Authorization": f"Bearer {tidemill_reaching.token}"}
    with httpx.Client(base_url=f"{tidemill_reaching.api}/", headers=headers, timeout=WAIT_TIMEOUT_S) as http:
        yield Workspace(http, (f"u/admin/item_{number}" for number in _numbers))


@pytest.fixture(scope="session")
def node() -> str:
    """Where Node is."""
    found = shutil.which("node")
    if found is None:
        reason = "Node is not on this machine (Debian: apt-get install nodejs npm)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(autouse=True)
def invariants(request: pytest.FixtureRequest) -> Iterator[None]:
    """What must hold at any moment holds after each test that used the shared Tidemill."""
    yield
    if "tidemill" not in request.fixturenames:
        return
    dsn = running_embedded(request.getfixturevalue("tidemill").data_dir)
    accepted = request.getfixturevalue("workspace").accepted if "workspace" in request.fixturenames else []
    check(dsn, accepted=accepted)
