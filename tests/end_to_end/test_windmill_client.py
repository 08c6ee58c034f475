"""The published npm package `windmill-client`, run by Node from outside of jobs: what most scripts call of it."""

import json
import subprocess

from tests.end_to_end.running import PROGRAMS, VENVS, WAIT_TIMEOUT_S, Tidemill, Workspace


def test_values_come_back_as_they_were_written(node: str, tidemill: Tidemill, workspace: Workspace) -> None:
    place = VENVS / "node"
    assert (place / "node_modules").exists(), f"{place} is missing: run python tests/prepare.py"
    environment = tidemill.environment(
        WM_STATE_PATH_NEW=workspace.path(),
        VARIABLE=workspace.path(),
        RESOURCE=workspace.path(),
        FLOW=(flow := workspace.path()),
        SCRIPT=workspace.deploy("def main(value: object = None):\n    return value\n"),
    )
    command = [node, str(PROGRAMS / "windmill_client.mjs")]
    done = subprocess.run(
        command, cwd=place, env=environment, capture_output=True, text=True, timeout=WAIT_TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert "There is no resource at 'u/admin/nothing_here'." in seen.pop("missing")
    assert seen == {
        "flowAndSchedule": {
            "flow": [flow, "second", "echo"],
            "versions": 2,
            "listed": 1,
            "ran": ["5", "5"],
            "logs": [flow, "echo"],
            "schedule": [False, {"n": 7}, True],
            "next": 10,
            "gone": [False, False],
        },
        "approved": "Grace2",
        "variable": "seconde 🌊\n",
        "resource": {"a": [1, None, "é"], "password": "seconde 🌊\n"},
        "undefinedIfEmpty": True,
        "before": True,
        "state": {"count": 2},
        "results": [{"k": ["x"]}, [None]],
        "waited": 1,
        "read": 1,
        "root": True,
        "version": True,
        "listed": True,
    }
