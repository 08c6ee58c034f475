"""`wmill sync`: a workspace as files, and files as a workspace, by the command line as it is published."""

import io
import itertools
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.command_line import ALL, CommandLine
from tests.end_to_end.running import WAIT_TIMEOUT_S, Tidemill, Workspace

NUMBERS = itertools.count(1)
SOURCE = "def main(n: int, name: str = 'é'):\n    return n\n\n"
LOCK = "# py: 3.11\nrequests==2.31.0\n"
STEP = "def main(n):\n    return n * 2"
FLOW = {
    "modules": [
        {
            "id": "a",
            "summary": "Twice",
            "value": {
                "type": "rawscript",
                "language": "python3",
                "content": STEP,
                "lock": "",
                "input_transforms": {"n": {"type": "javascript", "expr": "flow_input.n"}},
            },
        },
        {"id": "b", "value": {"type": "script", "path": "f/shop/report", "input_transforms": {}}},
        {
            "id": "l",
            "value": {
                "type": "branchone",
                "branches": [
                    {
                        "expr": "results.a > 1",
                        "modules": [
                            {
                                "id": "c",
                                "value": {
                                    "type": "rawscript",
                                    "language": "bash",
                                    "content": "echo $1\n",
                                    "lock": "",
                                    "input_transforms": {},
                                },
                            }
                        ],
                    }
                ],
                "default": [],
            },
        },
    ]
}
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
SCHEDULE = {
    "schedule": "0 0 12 * * *", "timezone": "Europe/Berlin", "script_path": "f/shop/report", "is_flow": False,
    "args": {"n": 1}, "enabled": False, "summary": "Each noon", "on_failure": "script/f/shop/report",
}  # fmt: skip


@dataclass(kw_only=True)
class Place:
    """A workspace, what its admin does in it by HTTP, and its files."""

    name: str
    by: Workspace
    wmill: CommandLine

    def archive(self) -> dict[str, object]:
        """What the command line is given, secrets in the clear."""
        wanted = {"archive_type": "zip", "plain_secret": "true", "include_schedules": "true", "include_groups": "true"}
        answer = self.by.http.get("workspaces/tarball", params=wanted)
        assert answer.status_code == 200, answer.text
        with zipfile.ZipFile(io.BytesIO(answer.content)) as found:
            files = {name: found.read(name).decode() for name in found.namelist()}
        return {name: json.loads(text) if name.endswith(".json") else text for name, text in files.items()}

    def fill(self) -> None:
        """One item of each kind."""
        post = self.by.post
        post("folders/create", {"name": "shop", "summary": "The shop", "owners": ["u/admin"], "extra_perms": {}})
        post("groups/create", {"name": "crew", "summary": "Us"})
        post("groups/adduser/crew", {"username": "admin"})
        post("resources/type/create", {"name": "shelf", "schema": SCHEMA, "description": "A shelf"})
        post("resources/type/create", {"name": "note", "schema": {}, "format_extension": "md"})
        post("variables/create", {"path": "f/shop/open", "value": "line\n", "is_secret": False, "description": "Open"})
        post("variables/create", {"path": "f/shop/hidden", "value": "s3cret ü", "is_secret": True})
        left = {"rows": 3, "password": "$var:f/shop/hidden", "deep": [1, None, "é"]}
        post("resources/create", {"path": "f/shop/left", "value": left, "resource_type": "shelf"})
        post("resources/create", {"path": "f/shop/read_me", "value": {"content": "# Hi\n"}, "resource_type": "note"})
        post("resources/create", {"path": "f/shop/seen", "value": {"n": 1}, "resource_type": "state"})
        more = {"summary": "Report", "description": "In\ntwo lines", "lock": LOCK, "timeout": 30, "labels": ["a"]}
        self.by.deploy(SOURCE, "f/shop/report", **more)
        self.by.deploy("-- $1 n (int)\nselect $1::int", "f/shop/count", language="postgresql", tag="sql", lock="")
        post("flows/create", {"path": "f/shop/flow", "summary": "A flow", "value": FLOW, "schema": SCHEMA})
        post("schedules/create", {**SCHEDULE, "path": "f/shop/noon"})
        post("acls/add/script/f/shop/report", {"owner": "g/crew", "write": False})

    def versions(self, path: str = "f/shop/report") -> int:
        """How many versions a script has."""
        return len(self.by.get(f"scripts/history/p/{path}"))


@pytest.fixture
def make_place(node: str, tidemill: Tidemill, workspace: Workspace, tmp_path: Path) -> Iterator["MakePlace"]:
    yield from MakePlace(node, tidemill, workspace, tmp_path).while_needed()


@dataclass
class MakePlace:
    """Makes workspaces, which are deleted in the end."""

    node: str
    tidemill: Tidemill
    admins: Workspace
    folder: Path

    def while_needed(self) -> Iterator["MakePlace"]:
        self._made: list[Place] = []
        yield self
        for place in self._made:
            place.by.http.close()
            gone = self.admins.http.delete(f"{self.tidemill.url}/api/workspaces/delete/{place.name}")
            assert gone.status_code == 200, gone.text

    def __call__(self) -> Place:
        name = f"sync-{next(NUMBERS)}"
        body = {"id": name, "name": "Synced", "username": "admin"}
        made = self.admins.http.post(f"{self.tidemill.url}/api/workspaces/create", json=body)
        assert made.status_code == 201, made.text
        http = httpx.Client(
            base_url=f"{self.tidemill.url}/api/w/{name}/",
            headers={"Authorization": f"Bearer {self.tidemill.token}"},
            timeout=WAIT_TIMEOUT_S,
        )
        place = Place(name=name, by=Workspace(http, iter(())), wmill=self.command_line(name))
        self._made.append(place)
        return place

    def command_line(self, workspace: str, token: str = "", folder: str = "") -> CommandLine:
        """Another one, of somebody else or elsewhere."""
        return CommandLine(
            node=self.node,
            tidemill=self.tidemill,
            folder=self.folder / (folder or workspace),
            workspace=workspace,
            token=token or self.tidemill.token,
        )


def test_pull_makes_files_and_the_next_one_changes_nothing(make_place: MakePlace) -> None:
    place = make_place()
    place.fill()
    place.wmill.run("sync", "pull", "--yes", "--plain-secrets", *ALL)
    files = place.wmill.files()
    assert set(files) == {
        "settings.yaml", "users/admin@tidemill.local.user.yaml", "groups/crew.group.yaml",
        "note.resource-type.yaml", "shelf.resource-type.yaml", "f/shop/folder.meta.yaml",
        "f/shop/open.variable.yaml", "f/shop/hidden.variable.yaml",
        "f/shop/left.resource.yaml", "f/shop/read_me.resource.yaml", "f/shop/read_me.resource.file.md",
        "f/shop/report.py", "f/shop/report.script.yaml", "f/shop/report.script.lock",
        "f/shop/count.pg.sql", "f/shop/count.script.yaml",
        "f/shop/flow__flow/flow.yaml", "f/shop/flow__flow/twice.py", "f/shop/flow__flow/c.sh",
        "f/shop/noon.schedule.yaml",
    }  # fmt: skip
    assert files["f/shop/report.py"] == SOURCE
    assert files["f/shop/report.script.lock"] == LOCK
    assert files["f/shop/flow__flow/twice.py"] == STEP
    assert files["f/shop/read_me.resource.file.md"] == "# Hi\n"
    assert "value: s3cret ü" in files["f/shop/hidden.variable.yaml"]
    assert "g/crew: false" in files["f/shop/report.script.yaml"]
    for direction in ("pull", "push"):
        assert place.wmill.plan(direction, "--plain-secrets", *ALL) == set(), direction
    place.wmill.run("sync", "pull", "--yes", "--plain-secrets", *ALL)
    assert place.wmill.files() == files


def test_push_into_an_empty_workspace_makes_the_same_one(make_place: MakePlace) -> None:
    source, target = make_place(), make_place()
    source.fill()
    source.wmill.run("sync", "pull", "--yes", "--plain-secrets", *ALL)
    source.wmill.workspace = target.name
    source.wmill.run("sync", "push", "--yes", "--plain-secrets", *ALL)
    assert source.wmill.plan("push", "--plain-secrets", *ALL) == set()
    assert target.archive() == source.archive()
    assert target.by.get("variables/get_value/f/shop/hidden") == "s3cret ü"


def test_push_of_an_edit_changes_just_that(make_place: MakePlace) -> None:
    place = make_place()
    place.fill()
    place.by.deploy(SOURCE, "f/shop/once", on_worker_loss="fail", lock="")
    place.wmill.run("sync", "pull", "--yes", *ALL)
    folder = place.wmill.folder / "f" / "shop"
    for name in ("report.py", "once.py"):
        (folder / name).write_text("# changed\n" + SOURCE)
    (folder / "flow__flow" / "c.sh").write_text("echo changed\n")
    (folder / "open.variable.yaml").write_text("value: other\nis_secret: false\ndescription: Open\n")
    edited = {"report.py", "once.py", "flow__flow/c.sh", "open.variable.yaml"}
    assert place.wmill.plan("push", *ALL) == {("edited", f"f/shop/{name}") for name in edited}
    place.wmill.run("sync", "push", "--yes", "--message", "Changed in files", *ALL)
    assert (place.versions(), place.versions("f/shop/count")) == (2, 1)
    assert place.by.get("scripts/history/p/f/shop/report")[0]["deployment_msg"] == "Changed in files"
    assert place.by.get("scripts/get/p/f/shop/report")["content"].startswith("# changed")
    assert place.by.get("scripts/get/p/f/shop/once")["on_worker_loss"] == "fail"  # which is not among what it sends
    assert place.by.get("variables/get_value/f/shop/open") == "other"
    branch = place.by.get("flows/get/f/shop/flow")["value"]["modules"][2]["value"]["branches"][0]
    assert branch["modules"][0]["value"]["content"] == "echo changed\n"
    assert place.wmill.plan("push", *ALL) == set()


def test_files_that_are_gone_take_their_items_away(make_place: MakePlace) -> None:
    place = make_place()
    place.fill()
    place.wmill.run("sync", "pull", "--yes", *ALL)
    folder = place.wmill.folder / "f" / "shop"
    for name in ("noon.schedule.yaml", "count.pg.sql", "count.script.yaml", "open.variable.yaml", "left.resource.yaml"):
        (folder / name).unlink()
    place.wmill.run("sync", "push", "--yes", *ALL)
    assert place.by.get("scripts/get/p/f/shop/count")["archived"] is True
    assert place.by.get("schedules/list") == []
    assert place.by.get("resources/exists/f/shop/left") is False
    assert place.by.get("variables/exists/f/shop/open") is False
    assert place.by.get("variables/exists/f/shop/hidden") is True
    assert place.wmill.plan("push", *ALL) == set()
    place.by.post("variables/create", {"path": "f/shop/new", "value": "", "is_secret": False})
    assert place.wmill.plan("pull", *ALL) == {("added", "f/shop/new.variable.yaml")}


def test_what_both_changed_is_shown_both_ways_and_no_version_is_lost(make_place: MakePlace) -> None:
    place = make_place()
    place.fill()
    place.wmill.run("sync", "pull", "--yes", *ALL)
    (place.wmill.folder / "f" / "shop" / "report.py").write_text("# mine\n" + SOURCE)
    place.by.deploy("# theirs\n" + SOURCE, "f/shop/report", auto_parent=True, lock=LOCK)
    for direction in ("pull", "push"):
        assert ("edited", "f/shop/report.py") in place.wmill.plan(direction, *ALL)
    place.wmill.run("sync", "push", "--yes", *ALL)
    hashes = [each["script_hash"] for each in place.by.get("scripts/history/p/f/shop/report")]
    sources = [place.by.get(f"scripts/get/h/{each}")["content"].partition("\n")[0] for each in hashes]
    assert sources == ["# mine", "# theirs", SOURCE.partition("\n")[0]]


def test_secrets_travel_sealed_within_a_workspace_only(make_place: MakePlace) -> None:
    place, other = make_place(), make_place()
    place.fill()
    place.wmill.run("sync", "pull", "--yes")
    assert "s3cret" not in json.dumps(place.wmill.files())
    place.by.http.delete("variables/delete/f/shop/hidden").raise_for_status()
    place.wmill.run("sync", "push", "--yes")
    assert place.by.get("variables/get_value/f/shop/hidden") == "s3cret ü"
    place.wmill.workspace = other.name
    said = place.wmill.run("sync", "push", "--yes", fails=True)
    assert "another workspace" in said
    assert other.by.get("variables/exists/f/shop/hidden") is False


def test_whoever_lacks_a_right_gets_no_files_and_changes_nothing(make_place: MakePlace) -> None:
    place = make_place()
    place.fill()
    place.wmill.run("sync", "pull", "--yes")
    token = somebody(place)
    reader = make_place.command_line(place.name, token, "reader")
    reader.run("sync", "pull", "--yes")
    assert set(reader.files()) == {"note.resource-type.yaml", "shelf.resource-type.yaml"}
    place.wmill.token = token
    path = place.wmill.folder / "f" / "shop" / "report.py"
    path.write_text("# mine\n" + SOURCE)
    place.wmill.run("sync", "push", "--yes", fails=True)
    assert place.versions() == 1
    stranger = make_place.command_line("absent", folder="stranger")
    assert "not found" in stranger.run("sync", "pull", "--yes", fails=True)


def test_what_is_written_in_files_first_is_locked_and_deployed(make_place: MakePlace) -> None:
    place = make_place()
    wmill = place.wmill
    place.by.post("folders/create", {"name": "shop"})
    wmill.run("sync", "pull", "--yes")
    wmill.run("script", "bootstrap", "f/shop/fresh", "python3")
    (wmill.folder / "f/shop/fresh.py").write_text("import iniconfig\n\ndef main(n: int):\n    return n\n")
    said = wmill.run("generate-metadata", "--yes")
    assert "f/shop/fresh" in said
    files = wmill.files()
    assert "type: integer" in files["f/shop/fresh.script.yaml"]
    assert "iniconfig==" in files["f/shop/fresh.script.lock"]
    wmill.run("sync", "push", "--yes")
    assert wmill.plan("push") == set()
    assert wmill.plan("pull") == set()
    script = place.by.get("scripts/get/p/f/shop/fresh")
    assert script["schema"]["required"] == ["n"]
    assert script["lock"] == files["f/shop/fresh.script.lock"]


def somebody(place: Place) -> str:
    """A token of a developer who may read nothing of the folder."""
    root = place.by.http
    base = place.wmill.tidemill.url
    email, password = f"{place.name}@x.org", "a-long-enough-password"
    made = root.post(f"{base}/api/users/create", json={"email": email, "password": password, "super_admin": False})
    assert made.status_code == 201, made.text
    place.by.post("workspaces/add_user", {"email": email, "username": "somebody"})
    with httpx.Client(base_url=f"{base}/api/") as person:
        login = person.post("auth/login", json={"email": email, "password": password})
        assert login.status_code == 200, login.text
        return login.text
