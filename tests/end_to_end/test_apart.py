"""Server and worker as processes of their own on a database of one's own, set up by commands alone."""

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.end_to_end.running import SETTINGS

TIMEOUT_S = 90
PASSWORD = "a-long-enough-password"


@pytest.fixture
def environment(empty_database_dsn: str, tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TIDEMILL_", "WM_", "BASE_"))}
    return {
        **kept,
        **SETTINGS,
        "DATABASE_URL": empty_database_dsn,
        "TIDEMILL_DATA_DIR": str(tmp_path / "data"),
        "TIDEMILL_ROOT_KEY": base64.b64encode(os.urandom(32)).decode(),
        "TIDEMILL_LOG_FORMAT": "json",
        "TIDEMILL_PORT": "0",
    }


def tidemill(*arguments: str, environment: dict[str, str], stdin: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "tidemill", *arguments],
        env=environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


@contextmanager
def process(name: str, environment: dict[str, str], *, until: str) -> Iterator[list[dict[str, str]]]:
    """`tidemill <name>`, from when it logged `until` to the end of the block; what it logged till then."""
    running = subprocess.Popen([sys.executable, "-m", "tidemill", name], env=environment, stderr=subprocess.PIPE)
    logged = []
    try:
        assert running.stderr is not None
        while not logged or logged[-1]["event"] != until:
            line = running.stderr.readline()
            assert line, (name, running.wait(TIMEOUT_S), logged)
            logged.append(json.loads(line))
        yield logged
    finally:
        running.send_signal(signal.SIGTERM)
        _, rest = running.communicate(timeout=TIMEOUT_S)
    assert running.returncode == 0, rest


def test_instance_is_set_up_by_commands_and_runs_jobs(environment: dict[str, str], tmp_path: Path) -> None:
    assert tidemill("user", "list", environment=environment).returncode == 1
    assert tidemill("migrate", "--check", environment=environment).returncode == 1
    assert tidemill("migrate", environment=environment).returncode == 0
    with ExitStack() as stack:
        said = "nobody can sign in yet: make the first account with `tidemill user create E-MAIL`"
        server = stack.enter_context(process("server", environment, until=said))
        url = next(each["url"] for each in server if each["event"] == "server ready")
        made = tidemill(
            "user", "create", "eve@example.org", "--password-stdin", environment=environment, stdin=PASSWORD
        )
        assert made.returncode == 0, made.stderr
        token = json.loads(tidemill("token", "create", "eve@example.org", "--json", environment=environment).stdout)
        with_server = environment | {"TIDEMILL_INTERNAL_URL": url}
        stack.enter_context(process("worker", with_server, until="worker ready"))
        script = tmp_path / "state.py"
        script.write_text("import wmill\ndef main():\n    wmill.set_state(7)\n    return wmill.get_state()\n")
        named = ["--url", url, "--token", token["token"], "--workspace", "main"]
        ran = tidemill("run", str(script), "--quiet", *named, environment=environment)
        assert (ran.returncode, ran.stdout) == (0, "7\n"), ran.stderr
