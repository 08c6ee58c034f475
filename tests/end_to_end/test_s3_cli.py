"""`tidemill s3` beside a running Tidemill: what arrives, what is left alone, and how it refuses."""

import asyncio
import hashlib
import json
import os
import subprocess
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.end_to_end.running import Tidemill, Workspace
from tests.end_to_end.test_cli import beside, cli, printed
from tidemill.cli.connection import Server
from tidemill.cli.s3.endpoint import Endpoint
from tidemill.cli.s3.progress import Meter
from tidemill.cli.s3.upload import Uploader
from tidemill.model.object_address import parse_address

MIB = 1024 * 1024
_numbers = count()


@pytest.fixture
def place() -> str:
    """A folder of the default storage that nobody else has."""
    return f"s3:///f/cli/{next(_numbers)}-{os.getpid()}"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def s3(tidemill: Tidemill, *arguments: str | Path, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    return beside(tidemill, "s3", *map(str, arguments), stdin=stdin)


def s3_json(tidemill: Tidemill, *arguments: str | Path) -> Any:
    return printed(s3(tidemill, *arguments, "--json"))


def keys(tidemill: Tidemill, place: str) -> list[str]:
    return [each["key"] for each in s3_json(tidemill, "ls", "-r", f"{place}/")]


def make_tree(folder: Path) -> dict[str, bytes]:
    """Some files, of names that shells and URLs have trouble with too."""
    files = {"a.csv": b"1", "empty": b"", "deep/er/b.csv": b"22", "ü +%20.txt": b"333", "deep/c.txt": b"4444"}
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return files


def read_tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_tree_goes_up_and_comes_back(tidemill: Tidemill, tmp_path: Path, place: str) -> None:
    files = make_tree(tmp_path / "up")
    report = s3_json(tidemill, "cp", "-r", tmp_path / "up", place)
    assert (len(report["entries"]), report["size_bytes"], report["failed"]) == (5, 10, 0)
    assert {entry["outcome"] for entry in report["entries"]} == {"done"}
    assert keys(tidemill, place) == sorted((f"{place[6:]}/{name}" for name in files), key=str.encode)
    assert s3(tidemill, "cp", "-r", place, tmp_path / "down").returncode == 0
    assert read_tree(tmp_path / "down") == files


def test_single_object_keeps_its_name_in_a_folder(tidemill: Tidemill, tmp_path: Path, place: str) -> None:
    (tmp_path / "a.json").write_text("{}")
    assert s3(tidemill, "cp", tmp_path / "a.json", f"{place}/").returncode == 0
    assert s3(tidemill, "cp", f"{place}/a.json", f"{place}/b/").returncode == 0
    (tmp_path / "here").mkdir()
    assert s3(tidemill, "cp", f"{place}/b/a.json", tmp_path / "here").returncode == 0
    assert (tmp_path / "here" / "a.json").read_text() == "{}"
    listed = s3(tidemill, "ls", f"{place}/").stdout.splitlines()
    assert [line.split()[-1] for line in listed[1:]] == [f"{place[6:]}/a.json", f"{place[6:]}/b/"]
    metadata = httpx.get(
        f"{tidemill.api}/job_helpers/load_file_metadata",
        params={"file_key": f"{place[6:]}/b/a.json"},
        headers={"Authorization": f"Bearer {tidemill.token}"},
    ).json()
    assert metadata["mime_type"] == "application/json"


def test_pipes(tidemill: Tidemill, place: str) -> None:
    assert s3(tidemill, "cp", "-", f"{place}/piped", stdin="through\n").returncode == 0
    done = s3(tidemill, "cp", f"{place}/piped", "-")
    assert done.stdout == "through\n"
    assert "Say the whole key" in s3(tidemill, "cp", "-", f"{place}/", stdin="x").stderr


def test_large_file_goes_in_parts_and_comes_by_ranges(tidemill: Tidemill, tmp_path: Path, place: str) -> None:
    content = os.urandom(MIB) * 40
    (tmp_path / "large").write_bytes(content)
    assert s3(tidemill, "cp", tmp_path / "large", f"{place}/large").returncode == 0
    listed = s3_json(tidemill, "ls", f"{place}/large")
    assert listed[0]["size_bytes"] == len(content)
    assert listed[0]["etag"].endswith("-3")
    assert s3(tidemill, "cp", f"{place}/large", tmp_path / "back").returncode == 0
    assert hashlib.md5((tmp_path / "back").read_bytes()).digest() == hashlib.md5(content).digest()
    assert sorted(read_tree(tmp_path)) == ["back", "large"]
    assert s3_json(tidemill, "sync", tmp_path, place, "--include", "large", "--checksum")["unchanged"] == 1


class Broken(Exception):
    """The power is gone."""


class BreaksOff(Meter):
    """Ends an upload once a part of it is there and the next one is on its way."""

    def __init__(self) -> None:
        super().__init__(None)
        self._bytes = 0

    def moved(self, size_bytes: int) -> None:
        self._bytes += size_bytes
        if self._bytes > 20 * MIB:
            raise Broken


def break_off(tidemill: Tidemill, source: Path, place: str) -> None:
    """Begin to upload a file as `large`."""
    server = Server(url=tidemill.url, token=tidemill.token, workspace=tidemill.workspace)

    async def begin() -> None:
        async with Endpoint(server) as endpoint:
            await Uploader(endpoint, asyncio.Semaphore(1), BreaksOff()).file(source, parse_address(f"{place}/large"))

    with pytest.raises(Broken):
        asyncio.run(begin())


def test_upload_that_was_broken_off_is_gone_on_with(tidemill: Tidemill, tmp_path: Path, place: str) -> None:
    content = os.urandom(MIB) * 40
    source = tmp_path / "large"
    source.write_bytes(content)
    break_off(tidemill, source, place)
    (begun,) = under_way(tidemill, place)
    assert keys(tidemill, place) == []
    assert s3(tidemill, "cp", source, f"{place}/large").returncode == 0
    assert under_way(tidemill, place) == [], f"{begun} was not gone on with"
    assert s3(tidemill, "cp", f"{place}/large", tmp_path / "back").returncode == 0
    assert (tmp_path / "back").read_bytes() == content


def test_file_that_was_changed_is_uploaded_anew(tidemill: Tidemill, tmp_path: Path, place: str) -> None:
    source = tmp_path / "large"
    source.write_bytes(bytes(40 * MIB))
    break_off(tidemill, source, place)
    source.write_bytes(bytes([1]) * 40 * MIB)
    assert s3(tidemill, "cp", source, f"{place}/large").returncode == 0
    assert s3(tidemill, "cp", f"{place}/large", tmp_path / "back").returncode == 0
    assert (tmp_path / "back").read_bytes() == bytes([1]) * 40 * MIB


def under_way(tidemill: Tidemill, place: str) -> list[str]:
    """The uploads that were begun and not completed."""
    answer = httpx.get(
        f"{tidemill.api}/object_uploads/list",
        params={"prefix": place[6:]},
        headers={"Authorization": f"Bearer {tidemill.token}"},
    )
    return [each["id"] for each in answer.json()]


def test_sync_moves_only_what_differs(tidemill: Tidemill, tmp_path: Path, place: str) -> None:
    make_tree(tmp_path / "here")
    assert len(s3_json(tidemill, "sync", tmp_path / "here", place)["entries"]) == 5
    again = s3_json(tidemill, "sync", tmp_path / "here", place)
    assert (again["entries"], again["unchanged"]) == ([], 5)
    assert s3_json(tidemill, "sync", place, tmp_path / "there")["failed"] == 0
    assert s3_json(tidemill, "sync", place, tmp_path / "there")["unchanged"] == 5
    assert read_tree(tmp_path / "there") == read_tree(tmp_path / "here")
    (tmp_path / "here" / "a.csv").write_bytes(b"longer")
    (changed,) = s3_json(tidemill, "sync", tmp_path / "here", place)["entries"]
    assert (changed["action"], changed["target"]) == ("upload", f"{place}/a.csv")


def test_sync_by_checksum_sees_a_change_that_time_and_size_hide(tidemill: Tidemill, tmp_path: Path, place: str) -> None:
    source = tmp_path / "here" / "a"
    source.parent.mkdir()
    source.write_bytes(b"old")
    assert s3(tidemill, "sync", source.parent, place).returncode == 0
    source.write_bytes(b"new")
    os.utime(source, (1_000_000_000, 1_000_000_000))
    assert s3_json(tidemill, "sync", source.parent, place)["unchanged"] == 1
    assert len(s3_json(tidemill, "sync", source.parent, place, "--checksum")["entries"]) == 1
    assert s3(tidemill, "cp", f"{place}/a", "-").stdout == "new"


def test_sync_removes_only_when_told_and_only_what_is_wanted(tidemill: Tidemill, tmp_path: Path, place: str) -> None:
    make_tree(tmp_path / "here")
    s3_json(tidemill, "sync", tmp_path / "here", place)
    for name in ("a.csv", "deep/c.txt"):
        (tmp_path / "here" / name).unlink()
    assert s3_json(tidemill, "sync", tmp_path / "here", place)["entries"] == []
    options = ("--delete", "--exclude", "*.txt")
    (planned,) = s3_json(tidemill, "sync", tmp_path / "here", place, *options, "--dry-run")["entries"]
    assert (planned["target"], planned["outcome"]) == (f"{place}/a.csv", "planned")
    assert len(keys(tidemill, place)) == 5
    (removed,) = s3_json(tidemill, "sync", tmp_path / "here", place, *options)["entries"]
    assert (removed["action"], removed["outcome"]) == ("delete", "done")
    s3_json(tidemill, "sync", place, tmp_path / "here", "--delete")
    assert sorted(read_tree(tmp_path / "here")) == ["deep/c.txt", "deep/er/b.csv", "empty", "ü +%20.txt"]


def test_rm_of_a_folder(tidemill: Tidemill, tmp_path: Path, place: str) -> None:
    make_tree(tmp_path / "here")
    s3_json(tidemill, "cp", "-r", tmp_path / "here", place)
    assert "say --recursive" in s3(tidemill, "rm", f"{place}/").stderr
    assert "--yes" in s3(tidemill, "rm", "-r", "s3:///").stderr
    assert len(s3_json(tidemill, "rm", "-r", place, "--include", "*.csv")["entries"]) == 2
    assert s3(tidemill, "rm", f"{place}/empty").stdout == f"delete {place}/empty\n"
    assert [key.rpartition("/")[2] for key in keys(tidemill, place)] == ["c.txt", "ü +%20.txt"]


def test_marks_of_folders_are_left_to_storages(tidemill: Tidemill, tmp_path: Path, place: str) -> None:
    url = s3_json(tidemill, "presign", f"{place}/sub/", "--put")["url"]
    assert httpx.put(url).status_code == 200
    assert s3(tidemill, "cp", "-", f"{place}/sub/a", stdin="a").returncode == 0
    assert len(s3_json(tidemill, "sync", place, tmp_path / "here")["entries"]) == 1
    assert s3_json(tidemill, "sync", tmp_path / "here", place, "--delete")["entries"] == []
    assert len(s3_json(tidemill, "cp", "-r", place, f"{place}-copy")["entries"]) == 2
    assert len(s3_json(tidemill, "rm", "-r", f"{place}/sub")["entries"]) == 2
    assert keys(tidemill, place) == []


def test_many_at_once_leave_nothing_open(tidemill: Tidemill, tmp_path: Path, place: str) -> None:
    for number in range(50):
        (tmp_path / "many" / f"{number}").parent.mkdir(exist_ok=True)
        (tmp_path / "many" / f"{number}").write_text("x")
    done = s3(tidemill, "cp", "-r", tmp_path / "many", place, "--parallel", "32", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_key_that_is_no_file_name_is_told_and_leads_nowhere(tidemill: Tidemill, tmp_path: Path, place: str) -> None:
    for key in ("../out", "good", "a//b"):
        assert s3(tidemill, "cp", "-", f"{place}/{key}", stdin="x").returncode == 0
    done = s3(tidemill, "cp", "-r", place, tmp_path / "down" / "here", "--json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert {entry["outcome"] for entry in report["entries"]} == {"done", "failed"}
    assert [entry["error"]["code"] for entry in report["entries"] if "error" in entry] == ["invalid_key"] * 2
    assert list(read_tree(tmp_path / "down")) == ["here/good"]


def test_presigned_addresses(tidemill: Tidemill, place: str) -> None:
    put = s3_json(tidemill, "presign", f"{place}/x", "--put", "--expires", "5m")
    assert (put["method"], put["expires_s"]) == ("PUT", 300)
    assert httpx.put(put["url"], content=b"shared").status_code == 200
    url = s3(tidemill, "presign", f"{place}/x").stdout.strip()
    assert httpx.get(url).content == b"shared"
    assert "7 days" in s3(tidemill, "presign", f"{place}/x", "--expires", "8d").stderr


def test_explain_says_who_may_what(tidemill: Tidemill, place: str) -> None:
    email = "s3-cli@example.org"
    printed(beside(tidemill, "user", "create", email, "--workspace", tidemill.workspace, "--json"))
    token = printed(beside(tidemill, "token", "create", email, "--json"))["token"]
    assert s3(tidemill, "explain", f"{place}/x").stdout.startswith("read: yes")
    done = s3(tidemill, "explain", f"{place}/x", "--action", "write", "--token", token, "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)[0]["allowed"] is False
    refused = s3(tidemill, "cp", "-", f"{place}/x", "--token", token, stdin="x")
    assert refused.returncode == 1
    assert "storage_denied" in refused.stderr
    assert "may not write" in refused.stderr
    printed(beside(tidemill, "user", "delete", email, "--yes", "--json"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["cp", "a", "b"], "s3://storage/key"),
        (["cp", "/nowhere", "s3:///x"], "/nowhere: No such file"),
        (["cp", "/tmp", "s3:///x"], "say --recursive"),
        (["cp", "s3:///f/x/nope", "-"], "There is no object 'f/x/nope'"),
        (["cp", "s3://nope/x", "-"], "no storage 'nope'"),
        (["cp", "$res:f/x/y:k", "-"], "make a storage"),
        (["sync", "-", "s3:///x"], "no folder"),
        (["sync", "/nowhere", "s3:///x"], "no folder"),
        (["ls", "x"], "not the address"),
        (["ls", "--token", "wrong"], "401"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(tidemill: Tidemill, arguments: list[str], said: str) -> None:
    done = s3(tidemill, *arguments)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_without_a_server_it_says_what_to_do(tmp_path: Path) -> None:
    done = cli("s3", "ls", "--data-dir", str(tmp_path))
    assert done.returncode == 1
    assert "start `tidemill up`" in done.stderr


def test_doctor_tries_out_storages_from_the_server_and_from_here(tidemill: Tidemill) -> None:
    found = printed(beside(tidemill, "doctor", "storage", "--json"))
    assert {each["storage"] for each in found} == {"_default_"}
    assert {each["way"] for each in found} == {"server", "here"}
    assert [each for each in found if each["outcome"] == "failed"] == []
    steps = {each["step"]: each["outcome"] for each in found if each["way"] == "here"}
    assert set(steps.values()) == {"fine"}
    assert {"read by a signed address", "read it by DuckDB"} <= set(steps)
    assert not [key for key in keys(tidemill, "s3://") if "probe" in key]
    missing = beside(tidemill, "doctor", "storage", "nope")
    assert missing.returncode == 1
    assert "no storage 'nope'" in missing.stderr


def test_doctor_goes_on_behind_a_storage_that_leads_nowhere(tidemill: Tidemill, workspace: Workspace) -> None:
    lost = {"type": "S3Storage", "s3_resource_path": "u/admin/lost"}
    wanted = {"secondary_storage": {"lost": lost, "scratch": {}}}
    workspace.post("workspaces/edit_large_file_storage_config", {"large_file_storage": wanted})
    done = beside(tidemill, "doctor", "storage", "--json")
    workspace.post("workspaces/edit_large_file_storage_config", {"large_file_storage": None})
    assert done.returncode == 1
    found = json.loads(done.stdout)
    (failed,) = [each for each in found if each["outcome"] == "failed"]
    assert (failed["storage"], failed["step"]) == ("lost", "find out where it is")
    assert "create it" in failed["advice"]
    assert found[-1]["storage"] == "scratch"
