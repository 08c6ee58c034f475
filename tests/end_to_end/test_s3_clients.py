"""Published S3 clients on the S3 endpoint of `tidemill up`: each check as `programs/s3_clients.py` makes it.

On a folder of the instance by both addresses of the endpoint, and on storages over real servers.
"""

from collections.abc import Iterator

import pytest

from tests.end_to_end.running import Tidemill, Workspace, checks_of, expect_ok, outcomes_of, start_program
from tests.end_to_end.stores import SERVERS
from tests.object_servers import ObjectServers

PROGRAM = "s3_clients.py"
PLACES = ["port:_default_", "below the API:_default_", *(f"port:{server}" for server in SERVERS)]


@pytest.fixture(scope="module")
def storages(workspace: Workspace, object_servers: ObjectServers) -> Iterator[list[str]]:
    """Named after the servers that they lead to; those that are on this machine."""
    settings, missing = {}, []
    for server, (resource_type, kind, field) in SERVERS.items():
        try:
            value = object_servers.get(server).new_bucket()
        except pytest.skip.Exception:
            missing.append(server)
            continue
        path = workspace.path()
        workspace.post("resources/create", {"path": path, "value": value, "resource_type": resource_type})
        settings[server] = {"type": kind, field: f"$res:{path}"}
    wanted = {"large_file_storage": {"secondary_storage": settings}}
    workspace.post("workspaces/edit_large_file_storage_config", wanted)
    yield [server for server in SERVERS if server not in missing]
    workspace.post("workspaces/edit_large_file_storage_config", {"large_file_storage": None})


@pytest.fixture(scope="module")
def outcomes(
    tidemill: Tidemill, storages: list[str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, str]]:
    """How each check went, by the address of the endpoint (on a port of its own, or below the API) and the bucket."""
    places = {
        "port": (tidemill.s3["endpoint"], ["_default_", *storages]),
        "below the API": (f"{tidemill.api}/s3_proxy", ["_default_"]),
    }
    home = str(tmp_path_factory.mktemp("home"))
    keys = {"S3_ACCESS_KEY": tidemill.s3["access_key"], "S3_SECRET_KEY": tidemill.s3["secret_key"], "HOME": home}
    started = {
        place: start_program(
            PROGRAM,
            "s3-clients",
            tidemill.environment(**keys, S3_ENDPOINT=endpoint, S3_BUCKETS=",".join(buckets), AT=f"f/clients/{number}"),
        )
        for number, (place, (endpoint, buckets)) in enumerate(places.items())
    }
    found: dict[str, dict[str, str]] = {place: {} for place in PLACES}
    for place, process in started.items():
        for name, outcome in outcomes_of(process).items():
            bucket, _, check = name.partition(":")
            found[f"{place}:{bucket}"][check] = outcome
    return found


@pytest.mark.parametrize("name", checks_of(PROGRAM))
@pytest.mark.parametrize("place", PLACES)
def test_client(outcomes: dict[str, dict[str, str]], place: str, name: str) -> None:
    if not outcomes[place]:
        pytest.skip(f"{place.partition(':')[2]} is not on this machine")
    expect_ok(outcomes[place][name])
