"""The published `wmill` releases from outside of jobs: each call, as `programs/wmill_outside.py` makes it."""

import pytest

from tests.end_to_end.running import Tidemill, Workspace, checks_of, expect_ok, outcomes_of, start_program

RELEASES = ["wmill-1.850.0", "wmill-1.707.0", "wmill-1.583.1"]
PROGRAM = "wmill_outside.py"
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
        release: start_program(PROGRAM, release, {**environment, "SLOW_OF_ITS_OWN": workspace.deploy(SLOW)})
        for release in RELEASES
    }
    return {release: outcomes_of(process) for release, process in started.items()}


@pytest.mark.parametrize("name", checks_of(PROGRAM))
@pytest.mark.parametrize("release", RELEASES)
def test_call(outcomes: dict[str, dict[str, str]], release: str, name: str) -> None:
    expect_ok(outcomes[release][name])
