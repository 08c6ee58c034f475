"""The published `wmill` releases from outside of jobs: each call, as `programs/wmill_outside.py` makes it."""

import ast
import json
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.running import Tidemill, Workspace, program

RELEASES = ["wmill-1.850.0", "wmill-1.707.0", "wmill-1.583.1"]
PROGRAM_TIMEOUT_S = 300
PROGRAM = Path(__file__).parent / "programs" / "wmill_outside.py"
NAMES = [
    node.name
    for node in ast.walk(ast.parse(PROGRAM.read_text()))
    if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
]

ECHO = "def main(value: object = None):\n    return value\n"
FAIL = "def main(message: str = 'gone'):\n    raise ValueError(message)\n"
SLOW = "import threading\n\ndef main():\n    threading.Event().wait()\n"


@pytest.fixture(scope="module")
def outcomes(tidemill: Tidemill, workspace: Workspace) -> dict[str, dict[str, str]]:
    """How each check went with each release. They run side by side, as they mostly wait."""
    echo = workspace.deploy(ECHO)
    environment = tidemill.environment(
        ECHO=echo,
        ECHO_HASH=workspace.get(f"scripts/get/p/{echo}")["hash"],
        FAIL=workspace.deploy(FAIL),
        SLOW=workspace.deploy(SLOW),
        EMAIL=tidemill.email,
    )
    started = {
        release: subprocess.Popen(
            program(PROGRAM.name, release),
            env={**environment, "SLOW_OF_ITS_OWN": workspace.deploy(SLOW)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for release in RELEASES
    }
    told = {}
    for release, process in started.items():
        output, errors = process.communicate(timeout=PROGRAM_TIMEOUT_S)
        assert process.returncode == 0, f"{release}: {errors}"
        told[release] = json.loads(output.splitlines()[-1])
    return told


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("release", RELEASES)
def test_call(outcomes: dict[str, dict[str, str]], release: str, name: str) -> None:
    outcome = outcomes[release][name]
    if outcome.startswith("skipped: "):
        pytest.skip(f"{release}: {outcome}")
    assert outcome == ""
