"""Objects by the published clients, kept in a folder of the instance, in Ceph, in Azurite and in fake-gcs."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.running import (
    PROGRAMS,
    VENVS,
    WAIT_TIMEOUT_S,
    Tidemill,
    Workspace,
    checks_of,
    expect_ok,
    outcomes_of,
    start_program,
)
from tests.end_to_end.stores import RESOURCE, Stores, make_stores
from tests.object_servers import ObjectServers

RELEASES = ["wmill-1.850.0", "wmill-1.707.0", "wmill-1.583.1"]
CALLS = "wmill_objects.py"
SETTINGS = "s3_settings.py"
PLACES = ["folder", "ceph", "azurite", "fake-gcs"]

IN_A_JOB = """
import boto3
import wmill
from wmill import S3Object


def main(at: str):
    report = wmill.write_s3_file(S3Object(s3=f"{at}/report.csv"), b"a,b\\n1,2\\n", content_type="text/csv")
    with wmill.load_s3_file_reader(report) as reader:
        head = reader.read(3).decode()
    s3 = boto3.client("s3", **wmill.boto3_connection_settings())
    s3.put_object(Bucket="_default_", Key=f"{at}/boto3", Body=b"by boto3")
    wmill.write_s3_file(f"s3:///{at}/gone", b"x")
    wmill.delete_s3_object(f"s3:///{at}/gone")
    found = s3.list_objects_v2(Bucket="_default_", Prefix=f"{at}/")["Contents"]
    return {
        "report": report,
        "head": head,
        "made": wmill.load_s3_file(wmill.write_s3_file(None, b"made")).decode(),
        "boto3": wmill.load_s3_file(f"s3:///{at}/boto3").decode(),
        "keys": [each["Key"].removeprefix(f"{at}/") for each in found],
        "url": wmill.get_presigned_s3_public_url(report),
    }
"""
OLD_CLIENT_IN_A_JOB = """
# /// script
# dependencies = ["wmill==1.583.1"]
# ///
import wmill


def main(at: str):
    made = wmill.write_s3_file(wmill.S3Object(s3=f"{at}/old"), b"by an old client")
    return [wmill.load_s3_file(made).decode(), sorted(wmill.sign_s3_object(made))]
"""


@dataclass(frozen=True)
class Place:
    """A workspace of the shared Tidemill, by its name and as its admin uses it."""

    name: str
    workspace: Workspace


@pytest.fixture(scope="module")
def stores(tidemill: Tidemill, object_servers: ObjectServers) -> Stores:
    return make_stores(tidemill, object_servers)


@pytest.fixture(scope="module")
def outcomes(tidemill: Tidemill, stores: Stores) -> dict[str, dict[str, str]]:
    """How each check of each release went, and of the S3 libraries."""
    more = {"WORKSPACES": stores.names, "STRICT": stores.strict}
    ceph = stores.workspaces.get("ceph")
    more["RESOURCE"] = f"{ceph}:{RESOURCE}" if ceph else ""
    programs = [*((CALLS, release) for release in RELEASES), (SETTINGS, "s3-clients")]
    started = {
        release: start_program(program, release, tidemill.environment(**more, AT=f"f/clients/{release}"))
        for program, release in programs
    }
    return {release: outcomes_of(process) for release, process in started.items()}


@pytest.mark.parametrize("name", checks_of(CALLS))
@pytest.mark.parametrize("release", RELEASES)
def test_wmill_outside_of_jobs(outcomes: dict[str, dict[str, str]], release: str, name: str) -> None:
    expect_ok(outcomes[release][name])


@pytest.mark.parametrize("name", checks_of(SETTINGS))
def test_s3_libraries_with_the_settings_they_are_given(outcomes: dict[str, dict[str, str]], name: str) -> None:
    expect_ok(outcomes["s3-clients"][name])


@pytest.fixture(params=PLACES)
def there(request: pytest.FixtureRequest, tidemill: Tidemill, stores: Stores, workspace: Workspace) -> Iterator[Place]:
    """A workspace that keeps its objects at a place, as its admin sees it."""
    name = stores.workspaces.get(request.param)
    if name is None:
        pytest.skip(f"{request.param} is not on this machine")
    headers = {"Authorization": f"Bearer {tidemill.token}"}
    base_url = f"{tidemill.url}/api/w/{name}/"
    with httpx.Client(base_url=base_url, headers=headers, timeout=WAIT_TIMEOUT_S) as http:
        yield Place(name, Workspace(http, workspace.paths))


def test_wmill_and_boto3_inside_of_a_job(there: Place) -> None:
    result = there.workspace.run_source(IN_A_JOB, {"at": "f/jobs"})
    assert result.pop("report")["s3"] == "f/jobs/report.csv"
    with httpx.Client() as anybody:
        assert anybody.get(result.pop("url")).text == "a,b\n1,2\n"
    assert result == {"head": "a,b", "made": "made", "boto3": "by boto3", "keys": ["boto3", "report.csv"]}


def test_oldest_wmill_inside_of_a_job(workspace: Workspace) -> None:
    text, signed = workspace.run_source(OLD_CLIENT_IN_A_JOB, {"at": "f/jobs"})
    assert text == "by an old client"
    assert {"s3", "presigned"} <= set(signed)


def test_windmill_client_under_node(node: str, tidemill: Tidemill, there: Place) -> None:
    environment = tidemill.environment(AT="f/node") | {"WM_WORKSPACE": there.name}
    seen = json.loads(run([node, str(PROGRAMS / "windmill_objects.mjs")], environment).splitlines()[-1])
    assert "404" in seen.pop("gone")
    assert "storage 'unknown'" in seen.pop("unknown")
    assert seen == {
        "keys": ["f/node/text ü.txt", "f/node/blob"],
        "made": True,
        "text": "Grüße 🌊",
        "large": True,
        "stream": 6 * 1024 * 1024 + 3,
        "opened": [200, "text/plain", "Grüße 🌊"],
        "single": 200,
        "signed": [["f/node/blob", "string", False], ["f/node/text ü.txt", "string", False]],
        "one": "string",
        "settings": ["_default_", True, True],
    }


def test_command_line(node: str, tidemill: Tidemill, tmp_path: Path) -> None:
    program = VENVS / "node" / "node_modules" / ".bin" / "wmill"
    at = ["--base-url", tidemill.url, "--token", tidemill.token, "--workspace", tidemill.workspace]
    environment = {"HOME": str(tmp_path), "PATH": f"{Path(node).parent}:/usr/bin:/bin"}

    def storage(*arguments: str) -> str:
        return run([str(program), "object-storage", *arguments, *at], environment)

    def keys() -> list[str]:
        return [each["s3"] for each in json.loads(storage("files", "f/cli/", "--json"))["windmill_large_files"]]

    source, target = tmp_path / "source.csv", tmp_path / "target.csv"
    source.write_text("n,s\n1,ü\n")
    assert "_default_" in storage("list", "--json")
    storage("upload", str(source), "f/cli/a b.csv", "--content-type", "text/csv")
    assert keys() == ["f/cli/a b.csv"]
    assert "text/csv" in storage("info", "f/cli/a b.csv", "--json")
    assert "1,ü" in storage("preview", "f/cli/a b.csv")
    storage("move", "f/cli/a b.csv", "f/cli/moved.csv")
    storage("download", "f/cli/moved.csv", str(target))
    assert target.read_text() == source.read_text()
    storage("delete", "f/cli/moved.csv", "--yes")
    assert keys() == []


def test_files_posted_to_a_webhook_come_as_pointers(there: Place) -> None:
    source = "import wmill\n\ndef main(report):\n    return [wmill.load_s3_file(each).decode() for each in report]\n"
    path = there.workspace.deploy(source)
    files = [("report", ("a.csv", b"one", "text/csv")), ("report", ("b.csv", b"two", "text/csv"))]
    answer = there.workspace.http.post(f"jobs/run_wait_result/p/{path}", files=files)
    assert answer.json() == ["one", "two"], answer.text


BROKEN = {
    "nobody_listens": ({"endPoint": "http://127.0.0.1:1"}, "refuses connections"),
    "wrong_key": ({"secretKey": "wrong"}, "secretKey"),
    "no_such_bucket": ({"bucket": "nothing-there"}, "There is no bucket 'nothing-there'"),
}


@pytest.fixture(scope="module")
def broken(workspace: Workspace, stores: Stores) -> Iterator[None]:
    """A storage for each fault, named after it."""
    if "ceph" not in stores.buckets:
        pytest.skip("Ceph is not on this machine")
    others = {}
    for fault, (change, _) in BROKEN.items():
        path = workspace.path()
        value = {**stores.buckets["ceph"], **change}
        workspace.post("resources/create", {"path": path, "value": value, "resource_type": "s3"})
        others[fault] = {"type": "S3Storage", "s3_resource_path": f"$res:{path}"}
    settings = {"large_file_storage": {"secondary_storage": others}}
    workspace.post("workspaces/edit_large_file_storage_config", settings)
    yield
    workspace.post("workspaces/edit_large_file_storage_config", {"large_file_storage": None})


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("fault", BROKEN)
def test_failures_of_the_bucket_say_what_to_mend(workspace: Workspace, fault: str) -> None:
    _, words = BROKEN[fault]
    http, at = workspace.http, {"storage": fault, "file_key": "u/admin/x"}
    answers = [
        http.get("job_helpers/test_connection", params=at),
        http.get("job_helpers/download_s3_file", params=at),
        http.post("job_helpers/upload_s3_file", params=at, content=b"x"),
        http.get("job_helpers/list_stored_files", params={**at, "max_keys": 1}),
    ]
    for answer in answers:
        assert not answer.is_success
        assert f"Storage '{fault}' (s3)" in answer.text
        assert words in answer.text


def run(command: list[str], environment: dict[str, str]) -> str:
    """What a program of npm's packages says; it must succeed."""
    place = VENVS / "node"
    assert (place / "node_modules").exists(), f"{place} is missing: run python tests/prepare.py"
    done = subprocess.run(
        command, cwd=place, env=environment, capture_output=True, text=True, timeout=WAIT_TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
