"""Windmill's command line for one thing at a time: pushing, running, looking at it."""

import itertools
import json

import pytest

from tests.end_to_end.command_line import CommandLine
from tests.end_to_end.running import Tidemill, Workspace

NUMBERS = itertools.count(1)
SOURCE = "def main(n: int = 1):\n    print('working')\n    return n * 2\n"
STEP = {
    "type": "rawscript", "language": "python3", "content": SOURCE, "lock": "",
    "input_transforms": {"n": {"type": "javascript", "expr": "flow_input.n"}},
}  # fmt: skip


@pytest.fixture
def wmill(node: str, tidemill: Tidemill, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    folder = tmp_path_factory.mktemp("wmill") / "files"
    return CommandLine(node=node, tidemill=tidemill, folder=folder, workspace="main", token=tidemill.token)


@pytest.fixture
def at(workspace: Workspace) -> str:
    """A folder that is there."""
    name = f"wmill_{next(NUMBERS)}"
    workspace.post("folders/create", {"name": name})
    return f"f/{name}"


def test_each_kind_is_made_pushed_and_listed(wmill: CommandLine, workspace: Workspace, at: str) -> None:
    folder = wmill.folder / at
    wmill.run("script", "bootstrap", f"{at}/work", "python3")
    (folder / "work.py").write_text(SOURCE)
    wmill.run("generate-metadata", "--yes")
    wmill.run("script", "push", f"{at}/work.py")
    assert workspace.get(f"scripts/get/p/{at}/work")["content"] == SOURCE
    assert "is up to date" in wmill.run("script", "push", f"{at}/work.py")
    files = {
        "variable": "value: v\nis_secret: true\ndescription: ''\n",
        "resource": "value:\n  a: [1, null]\nresource_type: any\n",
        "schedule": (
            f"schedule: 0 0 */6 * * *\ntimezone: Etc/UTC\nscript_path: {at}/work\nargs: {{}}\n"
            "is_flow: false\nenabled: false\non_failure: ''\n"
        ),
    }
    for kind, text in files.items():
        (folder / f"one.{kind}.yaml").write_text(text)
        wmill.run(kind, "push", f"{at}/one.{kind}.yaml", f"{at}/one")
        assert f"{at}/one" in wmill.run(kind, "list", "--json")
    assert workspace.get(f"variables/get_value/{at}/one") == "v"
    assert workspace.get(f"resources/get_value/{at}/one") == {"a": [1, None]}
    wmill.run("schedule", "enable", f"{at}/one")
    assert workspace.get(f"schedules/get/{at}/one")["enabled"] is True
    wmill.run("schedule", "disable", f"{at}/one")
    wmill.run("variable", "add", "w", f"{at}/two", "--public")
    assert workspace.get(f"variables/get/{at}/two")["is_secret"] is False
    name = f"type_{at.rpartition('_')[2]}"
    (wmill.folder / f"{name}.resource-type.yaml").write_text("schema:\n  type: object\ndescription: Mine\n")
    wmill.run("resource-type", "push", f"{name}.resource-type.yaml", name)
    assert workspace.get(f"resources/type/get/{name}")["description"] == "Mine"


def test_scripts_and_flows_run_and_their_jobs_are_looked_at(wmill: CommandLine, workspace: Workspace, at: str) -> None:
    workspace.deploy(SOURCE, f"{at}/work", lock="")
    said = wmill.run("script", "run", f"{at}/work", "-d", '{"n": 4}')
    assert "working" in said
    assert said.rstrip().endswith("8")
    place = wmill.folder / at / "steps__flow"
    place.mkdir(parents=True)
    flow = {"summary": "", "value": {"modules": [{"id": "a", "value": STEP}]}, "schema": {"type": "object"}}
    (place / "flow.yaml").write_text(json.dumps(flow))
    wmill.run("flow", "push", f"{at}/steps__flow", f"{at}/steps")
    assert "10" in wmill.run("flow", "run", f"{at}/steps", "-d", '{"n": 5}')
    (job,) = workspace.get("jobs/list", script_path_exact=f"{at}/work")
    assert json.loads(wmill.run("job", "result", job["id"]).splitlines()[-1]) == 8
    assert "working" in wmill.run("job", "logs", job["id"])
    again = wmill.run("job", "rerun", job["id"]).split()[-1]
    assert workspace.ended(again)["success"]
    assert job["id"] in wmill.run("job", "list", "--json")


def test_who_one_is_and_where(wmill: CommandLine, tidemill: Tidemill) -> None:
    assert tidemill.email in wmill.run("workspace", "whoami")
    assert tidemill.workspace in wmill.run("workspace", "list-remote")
    assert "python3" in wmill.run("workers")
    assert "folder.create" in wmill.run("audit", "list")


def test_what_files_import_is_tried_and_locked_as_it_is_in_them(
    wmill: CommandLine, workspace: Workspace, at: str
) -> None:
    """A helper is deployed in an old form, and imported by a script and by a step of a flow that are not."""
    workspace.deploy("def word():\n    return 'deployed'\n", f"{at}/helper", lock="")
    folder = wmill.folder / at
    folder.mkdir(parents=True)
    module = at.replace("/", ".")
    source = f"from {module}.helper import word\n\ndef main():\n    return word()\n"
    wmill.run("sync", "pull", "--yes")
    (folder / "helper.py").write_text("import iniconfig\n\ndef word():\n    return 'from a file'\n")
    wmill.run("script", "bootstrap", f"{at}/user", "python3")
    (folder / "user.py").write_text(source)
    said = wmill.run("generate-metadata", "--yes")
    assert "Failed to upload" not in said
    assert "iniconfig==" in wmill.files()[f"{at}/user.script.lock"]
    assert "from a file" in wmill.run("script", "preview", f"{at}/user.py", "-d", "{}")
    place = folder / "steps__flow"
    place.mkdir()
    step = {"type": "rawscript", "language": "python3", "content": "!inline a.py", "input_transforms": {}}
    (place / "a.py").write_text(source)
    (place / "flow.yaml").write_text(json.dumps({"summary": "", "value": {"modules": [{"id": "a", "value": step}]}}))
    assert "from a file" in wmill.run("flow", "preview", f"{at}/steps__flow", "-d", "{}")
    assert workspace.get(f"scripts/get/p/{at}/helper")["content"].endswith("'deployed'\n")
    wmill.run("sync", "push", "--yes", "--skip-flows")
    assert workspace.run(f"{at}/user") == "from a file"
