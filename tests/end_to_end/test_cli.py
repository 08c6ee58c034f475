"""The commands beside a running Tidemill: what they print, as text and as JSON, and how they refuse."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.end_to_end.running import Tidemill
from tidemill.cli import COMMANDS

TIMEOUT_S = 90
COUNT = """
def main(n: int, text: str = "x", fail: bool = False):
    print("counting", text)
    if fail:
        raise ValueError("as asked")
    return {"n": n, "text": text}
"""
WAIT = """
import time
def main():
    print("waiting", flush=True)
    time.sleep(300)
"""


def cli(*arguments: str, stdin: str = "", **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "tidemill", *arguments],
        env=clean_environment() | environment,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def clean_environment() -> dict[str, str]:
    prefixes = ("TIDEMILL_", "WM_", "BASE_")
    return {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}


def beside(tidemill: Tidemill, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    return cli(*arguments, "--data-dir", str(tidemill.data_dir), stdin=stdin)


def printed(done: "subprocess.CompletedProcess[str]") -> Any:
    """The one line of JSON on stdout."""
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    done = cli(name, "--help")
    assert done.returncode == 0, done.stderr
    assert "Usage: tidemill " + name in done.stdout


def test_overview_lists_all_commands_without_loading_any() -> None:
    done = cli("--help")
    assert all(f"  {name} " in done.stdout for name in COMMANDS)
    code = "import sys; sys.argv = ['tidemill', '--help']; from tidemill.cli import main; main(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "typer" not in loaded


def test_run_does_not_load_the_server() -> None:
    code = "import sys, tidemill.cli.run; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"fastapi", "psycopg", "tidemill.server", "tidemill.db", "tidemill.worker", "httpx"}
    assert heavy.isdisjoint(loaded)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nope"], "no command 'nope'"),
        (["up", "--port", "70000"], "65535"),
        (["run", "nonsense"], "There is no server"),
        (["run", "f/a/b", "--url", "ftp://x"], "not a URL"),
        (["run", "f/a/b", "--url", "http://localhost:1"], "no token"),
        (["run", "f/a/b", "--url", "http://localhost:1", "--token", "t"], "workspace"),
        (["run", "f/a/b", "--url", "http://localhost:1", "--token", "t", "--workspace", "w"], "does not answer"),
        (["run", "f/a/b", "--args", "[1]"], "not a JSON object"),
        (["run", "f/a/b", "--args", "@/nowhere"], "cannot be read"),
        (["run", "f/a/b", "--arg", "=1"], "not name=value"),
        (["secrets", "rotate"], "Say what to rotate"),
        (["secrets", "rotate", "--prepare"], "Say what to rotate"),
        (["worker"], "DATABASE_URL"),
        (["server"], "DATABASE_URL"),
        (["doctor", "--nope"], "No such option"),
        (["migrate"], "There is no database"),
        (["user", "delete", "a@b.org"], "--yes"),
        (["user", "create", "a@b.org", "--role", "king"], "king"),
        (["user", "set-password", "a@b.org", "--password-stdin"], "no password"),
        (["secrets", "restore-root-key"], "recovery code"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(arguments: list[str], said: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tidemill", *arguments],
        env=clean_environment(),
        cwd=tmp_path,
        input="",
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode in {1, 2}
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [("TIDEMILL_PROT", "1"), ("TIDEMILL_PORT", "many"), ("TIDEMILL_LOG_LEVEL", "loud"), ("TIDEMILL_LEASE_S", "1")],
)
def test_settings_that_are_none_are_refused_by_name(name: str, value: str) -> None:
    done = cli("config", "--json", **{name: value})
    assert done.returncode == 1
    assert name in json.loads(done.stdout)["error"]["message"]


def test_config_shows_where_values_come_from_and_hides_secrets() -> None:
    url = "postgresql://somebody:hunter2hunter2@localhost/x"
    done = cli("config", "--json", TIDEMILL_PORT="9000", DATABASE_URL=url)
    shown = {each["variable"]: each for each in printed(done)}
    assert (shown["TIDEMILL_PORT"]["value"], shown["TIDEMILL_PORT"]["source"]) == ("9000", "environment")
    assert shown["TIDEMILL_HOST"]["source"] == "default"
    assert "hunter2" not in done.stdout
    assert "hunter2" not in cli("config", DATABASE_URL=url).stdout


def test_doctor_finds_a_running_instance_well(tidemill: Tidemill) -> None:
    found = {each["name"]: each for each in printed(beside(tidemill, "doctor", "--json"))}
    assert [each for each in found.values() if each["level"] == "fail"] == []
    assert "runs, under" in found["database"]["text"]
    for name in ("migrations", "row-level security", "root key", "object store", "uv", "workers", "server"):
        assert found[name]["level"] == "ok", found[name]
    assert "ok    migrations" in beside(tidemill, "doctor").stdout


def test_migrate_finds_nothing_to_do(tidemill: Tidemill) -> None:
    assert printed(beside(tidemill, "migrate", "--check", "--json")) == {"applied": [], "pending": []}
    assert printed(beside(tidemill, "migrate", "--json")) == {"applied": [], "pending": []}


def test_secrets_open_beside_a_running_instance(tidemill: Tidemill) -> None:
    report = printed(beside(tidemill, "secrets", "check", "--json"))
    assert report["opened"] >= 3
    assert report["failed"] == []
    assert "TMRK1" in printed(beside(tidemill, "secrets", "recovery-kit", "--json"))["kit"]


def test_the_signing_key_is_rotated_beside_a_running_instance(tidemill: Tidemill) -> None:
    before = printed(beside(tidemill, "secrets", "signing-keys", "--json"))
    after = printed(beside(tidemill, "secrets", "rotate-signing-key", "--json"))
    assert [each["id"] for each in after[1:]] == [each["id"] for each in before]
    assert after[0]["published_until"] is None
    assert f"{after[0]['id']}  since " in beside(tidemill, "secrets", "signing-keys").stdout


def test_kit_of_another_instance_is_refused(tidemill: Tidemill) -> None:
    from tidemill.stores.secrets.recovery import recovery_kit

    done = beside(tidemill, "secrets", "restore-root-key", stdin=recovery_kit(os.urandom(32)))
    assert done.returncode == 1
    assert "another database" in done.stderr


def test_account_from_its_making_to_its_end(tidemill: Tidemill) -> None:
    email = "carol@example.org"
    made = printed(beside(tidemill, "user", "create", email, "--workspace", tidemill.workspace, "--json"))
    assert len(made["password"]) >= 20
    assert sign_in(tidemill, email, made["password"]) == 200
    assert beside(tidemill, "user", "create", email).returncode == 1
    assert email in beside(tidemill, "user", "list").stdout
    chosen = "carol-chose-this-one"
    assert printed(
        beside(tidemill, "user", "set-password", email, "--password-stdin", "--json", stdin=chosen + "\n")
    ) == {"email": email, "password": None}
    assert sign_in(tidemill, email, made["password"]) == 401
    assert sign_in(tidemill, email, chosen) == 200
    token = printed(beside(tidemill, "token", "create", email, "--label", "ci", "--json"))
    assert whoami(tidemill, token["token"]) == 200
    rows = printed(beside(tidemill, "token", "list", email, "--json"))
    assert [(row["prefix"], row["label"]) for row in rows] == [(token["prefix"], "ci")]
    assert printed(beside(tidemill, "token", "revoke", email, token["prefix"], "--json"))
    assert whoami(tidemill, token["token"]) == 401
    assert beside(tidemill, "token", "revoke", email, token["prefix"]).returncode == 1
    assert printed(beside(tidemill, "user", "delete", email, "--yes", "--json")) == {"deleted": email}
    assert sign_in(tidemill, email, chosen) == 401


def test_last_superadmin_cannot_be_deleted(tidemill: Tidemill) -> None:
    done = beside(tidemill, "user", "delete", tidemill.email, "--yes")
    assert done.returncode == 1
    assert "last superadmin" in done.stderr


def test_run_gives_the_result_on_stdout_and_the_log_on_stderr(tidemill: Tidemill, tmp_path: Path) -> None:
    script = tmp_path / "count.py"
    script.write_text(COUNT)
    big = "123456789012345678901234567890"
    done = beside(tidemill, "run", str(script), "--arg", f"n={big}", "--arg", "text=no JSON")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f'{{"n":{big},"text":"no JSON"}}\n'
    assert "counting no JSON" in done.stderr


def test_run_of_a_failing_script_ends_with_1(tidemill: Tidemill, tmp_path: Path) -> None:
    script = tmp_path / "count.py"
    script.write_text(COUNT)
    done = beside(tidemill, "run", str(script), "--args", '{"n":1,"fail":true}', "--json")
    assert done.returncode == 1
    said = json.loads(done.stdout)
    assert said["success"] is False
    assert said["result"]["error"]["message"] == "as asked"


def test_run_takes_bash_arguments_from_stdin_and_another_servers_address(tidemill: Tidemill, tmp_path: Path) -> None:
    script = tmp_path / "hello.sh"
    script.write_text('name="$1"\necho "hello $name"\n')
    named = {"BASE_URL": tidemill.url, "WM_TOKEN": tidemill.token, "WM_WORKSPACE": tidemill.workspace}
    done = cli("run", str(script), "--args", "@-", "--quiet", stdin='{"name":"you"}', **named)
    assert (done.returncode, done.stdout, done.stderr) == (0, '"hello you"\n', "")


def test_token_of_this_up_is_not_sent_to_another_server(tidemill: Tidemill) -> None:
    done = beside(tidemill, "run", "f/a/b", "--url", "http://localhost:1")
    assert done.returncode == 1
    assert "no token" in done.stderr


def test_run_of_an_unknown_script_says_what_the_server_says(tidemill: Tidemill) -> None:
    done = beside(tidemill, "run", "f/demo/nope", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "not_found"
    assert "f/demo/nope" in done.stderr


def test_interrupted_run_cancels_the_job(tidemill: Tidemill, tmp_path: Path) -> None:
    script = tmp_path / "wait.py"
    script.write_text(WAIT)
    process = subprocess.Popen(
        [sys.executable, "-m", "tidemill", "run", str(script), "--data-dir", str(tidemill.data_dir)],
        env=clean_environment(),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    while "waiting" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 130
    job_id = said.split("cancelled ")[1].strip()
    headers = {"Authorization": f"Bearer {tidemill.token}"}
    with httpx.stream("GET", f"{tidemill.api}/jobs_u/getupdate_sse/{job_id}", headers=headers, timeout=60) as events:
        assert any('"completed":true' in line for line in events.iter_lines())
    job = httpx.get(f"{tidemill.api}/jobs_u/get/{job_id}", headers=headers).json()
    assert job["canceled"] is True


def sign_in(tidemill: Tidemill, email: str, password: str) -> int:
    return httpx.post(f"{tidemill.url}/api/auth/login", json={"email": email, "password": password}).status_code


def whoami(tidemill: Tidemill, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{tidemill.url}/api/users/whoami", headers=headers).status_code
