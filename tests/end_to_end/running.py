"""A Tidemill that runs, as its users have it: started by its command, spoken to over HTTP."""

import ast
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import boto3
import httpx
import pytest
from botocore.config import Config

from tests.processes import dying_with_us

ROOT = Path(__file__).resolve().parents[2]
VENVS = ROOT / ".test-venvs"
PROGRAMS = Path(__file__).parent / "programs"
START_TIMEOUT_S = 120
WAIT_TIMEOUT_S = 120
PROGRAM_TIMEOUT_S = 300

# A package index that is reached through a mirror in a private network is closed to jobs and builds by default.
SETTINGS = {"TIDEMILL_JOB_EGRESS_ALLOW": "0.0.0.0/0:443"}


@dataclass(kw_only=True)
class Tidemill:
    """What `tidemill up --json` said, and its process."""

    url: str
    workspace: str
    email: str
    password: str
    token: str
    s3: dict[str, str]
    data_dir: Path
    process: "subprocess.Popen[str]"
    log: Path

    @property
    def api(self) -> str:
        """What all addresses of the workspace begin with."""
        return f"{self.url}/api/w/{self.workspace}"

    def s3_client(self) -> Any:
        """A boto3 client of the S3 endpoint."""
        return boto3.client(
            "s3",
            endpoint_url=self.s3["endpoint"],
            aws_access_key_id=self.s3["access_key"],
            aws_secret_access_key=self.s3["secret_key"],
            region_name="us-east-1",
            config=Config(signature_version="s3v4", s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
        )

    def environment(self, **more: str) -> dict[str, str]:
        """What the published clients read: where the server is, and who they are."""
        return {
            "PATH": os.environ["PATH"],
            "BASE_INTERNAL_URL": self.url,
            "WM_BASE_URL": self.url,
            "WM_TOKEN": self.token,
            "WM_WORKSPACE": self.workspace,
            **more,
        }


@contextmanager
def running(data_dir: Path, **settings: str) -> Iterator[Tidemill]:
    """`tidemill up` on a free port, during the block; `settings` are environment variables."""
    data_dir.mkdir(parents=True, exist_ok=True)
    log = data_dir.with_name(f"{data_dir.name}.log")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TIDEMILL_")}
    with log.open("a") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "tidemill", "up", "--json", "--port", "0", "--data-dir", str(data_dir)],
            env={**environment, **SETTINGS, **settings},
            cwd=data_dir,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            preexec_fn=dying_with_us(),
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"tidemill up ended: {process.wait(START_TIMEOUT_S)}\n{log.read_text()[-4000:]}"
        yield Tidemill(**json.loads(line), data_dir=data_dir, process=process, log=log)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        finally:
            process.kill()
            process.communicate()


@dataclass
class Workspace:
    """What a user does by HTTP: deploys scripts, runs them, looks at what they left.

    `accepted`: the jobs that it started.
    """

    http: httpx.Client
    paths: Iterator[str] = field(repr=False)
    accepted: list[UUID] = field(default_factory=list, repr=False)

    def path(self) -> str:
        """A path that nothing has yet."""
        return next(self.paths)

    def get(self, route: str, **query: Any) -> Any:
        """The JSON that a route answers with; None where it has nothing."""
        answer = self.http.get(route, params=query)
        assert answer.status_code == 200, (route, answer.status_code, answer.text)
        return answer.json()

    def get_text(self, route: str, **query: Any) -> str:
        """The text that a route answers with."""
        answer = self.http.get(route, params=query)
        assert answer.status_code == 200, (route, answer.status_code, answer.text)
        return answer.text

    def post(self, route: str, body: object = None, **query: Any) -> str:
        """The text that a route answers a change with."""
        answer = self.http.post(route, json={} if body is None else body, params=query)
        assert answer.status_code in {200, 201}, (route, answer.status_code, answer.text)
        return answer.text

    def deploy(self, source: str, path: str = "", *, language: str = "python3", **more: object) -> str:
        """A new script; its path."""
        path = path or self.path()
        body = {"path": path, "summary": "", "content": source, "language": language, **more}
        self.post("scripts/create", body)
        return path

    def start(self, path: str, args: Mapping[str, object] | None = None, **query: Any) -> str:
        """Start a script; the id of the job."""
        answer = self.http.post(f"jobs/run/p/{path}", json=dict(args or {}), params=query)
        assert answer.status_code == 201, (path, answer.status_code, answer.text)
        self.accepted.append(UUID(answer.text))
        return answer.text

    def ended(self, job_id: str) -> dict[str, Any]:
        """The job, once it has ended."""
        self.follow(job_id)
        job: dict[str, Any] = self.get(f"jobs_u/completed/get/{job_id}")
        return job

    def follow(self, job_id: str, until: str = "") -> str:
        """The log of a job up to its end, or till `until` is in it. Waits as the command line does: by long polls."""
        logs, offset, is_running = "", 0, False
        while True:
            update = self.get(f"jobs_u/getupdate/{job_id}", running=is_running, log_offset=offset)
            logs += update.get("new_logs", "")
            offset, is_running = update["log_offset"], update["running"]
            if update["completed"] or (until and until in logs):
                return logs

    def run(self, path: str, args: Mapping[str, object] | None = None, **query: Any) -> Any:
        """The result of a run that succeeds."""
        job = self.ended(self.start(path, args, **query))
        assert job["success"], job["result"]
        return self.get(f"jobs_u/completed/get_result/{job['id']}")

    def run_source(self, source: str, args: Mapping[str, object] | None = None, **more: object) -> Any:
        """The result of a script that is deployed for this."""
        return self.run(self.deploy(source, **more), args)


def as_told(tidemill: Tidemill, commands: str, folder: Path) -> list[str]:
    """Run in `folder` what a guide has its readers type into a shell; the lines that it said."""
    environment = tidemill.environment(API=tidemill.api, AUTH=f"Authorization: Bearer {tidemill.token}")
    told = subprocess.run(
        ["bash", "-ec", commands], cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert told.returncode == 0, told.stderr
    assert "rror" not in told.stdout, told.stdout
    return told.stdout.split()


def start_program(name: str, release: str, environment: Mapping[str, str]) -> "subprocess.Popen[str]":
    """Start a program of `programs/` in the environment of a published client's release."""
    python = VENVS / release / "bin" / "python"
    assert python.exists(), f"{python} is missing: run python tests/prepare.py"
    command = [str(python), "-X", "utf8", str(PROGRAMS / name)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def outcomes_of(process: "subprocess.Popen[str]") -> dict[str, str]:
    """What each check of a program came to: "" where it holds, see `programs/outcomes.py`."""
    output, errors = process.communicate(timeout=PROGRAM_TIMEOUT_S)
    assert process.returncode == 0, errors
    told: dict[str, str] = json.loads(output.splitlines()[-1])
    return told


def checks_of(name: str) -> list[str]:
    """The names of the checks of a program, which may need packages that are not here."""
    tree = ast.parse((PROGRAMS / name).read_text())
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    return [function.name for function in functions if function.name.startswith("test_")]


def expect_ok(outcome: str) -> None:
    """Let the test of a check fail or be skipped with it."""
    if outcome.startswith("skipped: "):
        pytest.skip(outcome.removeprefix("skipped: "))
    assert outcome == "", f"\n{outcome}"
