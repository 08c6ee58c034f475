"""`tidemill up` as its user has it: real processes, from the first start over crashes to the end (P7, E08, F12)."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from tests.end_to_end.running import Tidemill, running
from tidemill.cli.up import _accept_unisolated
from tidemill.model.errors import SandboxUnavailable
from tidemill.settings import Settings

DEMO = "f/demo/watch_scripts"
TIMEOUT_S = 90


@contextmanager
def up(data_dir: Path) -> Iterator[Tidemill]:
    """`tidemill up`, during the block; afterwards nothing of it may be left, and it said one line and no more."""
    with running(data_dir) as started:
        family = [psutil.Process(started.process.pid), *psutil.Process(started.process.pid).children(recursive=True)]
        yield started
        if started.process.poll() is None:
            started.process.send_signal(signal.SIGTERM)
        rest, _ = started.process.communicate(timeout=TIMEOUT_S)
        assert rest == ""
        assert psutil.wait_procs(family, timeout=TIMEOUT_S)[1] == []


def command(*arguments: str, data_dir: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TIDEMILL_", "WM_"))}
    return subprocess.run(
        [sys.executable, "-m", "tidemill", *arguments, "--data-dir", str(data_dir)],
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def run_demo(data_dir: Path) -> int:
    """How many runs the demo script has counted, with this one."""
    done = command("run", DEMO, "--quiet", data_dir=data_dir)
    assert done.returncode == 0, done.stderr
    runs: int = json.loads(done.stdout)["runs"]
    return runs


def login(started: Tidemill) -> dict[str, str]:
    return {name: getattr(started, name) for name in ("workspace", "email", "password", "token")}


def test_state_and_login_outlive_a_stop(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with up(data_dir) as started:
        first = login(started)
        assert run_demo(data_dir) == 1
    assert started.process.returncode == 0
    with up(data_dir) as again:
        assert login(again) == first
        assert run_demo(data_dir) == 2


def test_dead_worker_is_replaced_and_start_after_a_kill_goes_on(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with up(data_dir) as started:
        worker = next(each for each in psutil.Process(started.process.pid).children() if "worker" in each.cmdline())
        worker.kill()
        worker.wait(TIMEOUT_S)
        assert run_demo(data_dir) == 1
        family = psutil.Process(started.process.pid).children(recursive=True)
        started.process.kill()
        assert psutil.wait_procs(family, timeout=TIMEOUT_S)[1] == []
    with up(data_dir):
        assert run_demo(data_dir) == 2


def test_keys_are_rotated_and_restored_while_nothing_runs(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with up(data_dir):
        assert run_demo(data_dir) == 1
    checked = command("doctor", "--json", data_dir=data_dir)
    found = {each["name"]: each for each in json.loads(checked.stdout)}
    assert "is not running" in found["database"]["text"]
    assert found["server"]["level"] == "warn"
    assert not [each for each in found.values() if each["level"] == "fail"], found
    rotated = json.loads(command("secrets", "rotate", "--root", "--json", data_dir=data_dir).stdout)
    assert rotated["rewrapped"] == 2
    (data_dir / "keys" / "root.key").unlink()
    assert command("secrets", "check", data_dir=data_dir).returncode == 1
    restored = subprocess.run(
        [sys.executable, "-m", "tidemill", "secrets", "restore-root-key", "--data-dir", str(data_dir)],
        input=rotated["kit"],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert restored.returncode == 0, restored.stderr
    with up(data_dir):
        assert run_demo(data_dir) == 2


def test_second_up_on_the_same_directory_is_refused(tidemill: Tidemill) -> None:
    refused = command("up", "--json", "--port", "0", data_dir=tidemill.data_dir)
    assert refused.returncode == 1
    error = json.loads(refused.stdout)["error"]
    assert error["code"] == "database_unusable"
    assert "--data-dir" in error["message"]
    assert httpx.get(f"{tidemill.url}/ready").status_code == 200


def test_taken_port_names_the_way_out(tidemill: Tidemill, tmp_path: Path) -> None:
    refused = command("up", "--port", str(urlsplit(tidemill.url).port), data_dir=tmp_path)
    assert refused.returncode == 1
    assert "--port" in refused.stderr
    assert refused.stdout == ""


def test_printed_login_signs_in_and_the_cookie_works(tidemill: Tidemill) -> None:
    with httpx.Client(base_url=tidemill.url, headers={"Origin": tidemill.url}) as browser:
        answer = browser.post("/api/auth/login", json={"email": tidemill.email, "password": tidemill.password})
        assert answer.status_code == 200, answer.text
        me: dict[str, Any] = browser.get(f"/api/w/{tidemill.workspace}/users/whoami").json()
        assert (me["username"], me["is_admin"]) == ("admin", True)


def test_nothing_that_is_kept_can_be_read_by_others(tidemill: Tidemill) -> None:
    for name in ("login.json", "server.json", "keys/root.key", "postgres/passwords.json", "recovery-kit.txt"):
        assert (tidemill.data_dir / name).stat().st_mode & 0o077 == 0, name


def test_what_is_said_at_the_start_names_no_frame_around_commands(tidemill: Tidemill) -> None:
    said = tidemill.log.read_text()
    assert "Recovery kit" in said
    assert "TMRK1" not in said, "the log is no place for a root key"
    assert str(tidemill.data_dir / "recovery-kit.txt") in said
    assert "TMRK1" in (tidemill.data_dir / "recovery-kit.txt").read_text()
    assert f"run {DEMO}" in said
    assert tidemill.url in said


def test_lack_of_isolation_is_accepted_on_loopback_only() -> None:
    settings, warning = _accept_unisolated(Settings(host="127.0.0.1"), "Jobs cannot be isolated.")
    assert settings.unisolated
    assert warning
    with pytest.raises(SandboxUnavailable, match=r"0\.0\.0\.0"):
        _accept_unisolated(Settings(host="0.0.0.0"), "Jobs cannot be isolated.")
    asked = Settings(host="0.0.0.0", unisolated=True)
    assert _accept_unisolated(asked, "As you asked.") == (asked, "As you asked.")


def test_unisolated_up_says_so_in_red_and_works(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with running(data_dir, TIDEMILL_UNISOLATED="1") as started:
        assert "JOBS ARE NOT ISOLATED" in started.log.read_text()
        assert run_demo(data_dir) == 1
