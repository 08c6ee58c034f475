"""`Chaosbox`: real servers and workers as child processes on a real Postgres, to be killed, frozen and cut off.

Each process is a direct child in a process group of its own. What jobs did is known from the file of effects, which
jobs of unisolated workers append to by themselves, and not from the database. Nothing here sleeps to let something
happen: `until` waits for a condition, within a bound.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import httpx
import psycopg
from psycopg.rows import dict_row

from tests.processes import dying_with_us
from tests.reliability import invariants
from tidemill.db import accounts, tokens, workspaces
from tidemill.db.keys import add_workspace_key, check_root_key
from tidemill.db.pool import Database, Transaction
from tidemill.server import auth
from tidemill.settings import Settings
from tidemill.wiring.keys import root_keys

T = TypeVar("T")

SOAK = os.environ.get("TIDEMILL_SOAK") == "1"
PATIENCE_S = 90.0
"""For what has no bound of its own: the machine may be busy."""
TIMES = {} if SOAK else {"TIDEMILL_HEARTBEAT_S": "0.7", "TIDEMILL_SELF_KILL_S": "5", "TIDEMILL_LEASE_S": "7.5"}
"""The short form has a quarter of the real times."""
HEARTBEAT_S, SELF_KILL_S, LEASE_S = (5.0, 20.0, 30.0) if SOAK else (0.7, 5.0, 7.5)
REAP_S = LEASE_S / 6
DETECTED_S = LEASE_S + REAP_S
"""P4: so long after the last heartbeat a lost worker is noticed at the latest."""
SLACK_S = 10.0
"""What a busy machine may add to a bound."""

EFFECTS = """
file="$1"
seconds="$2"
form='{"job":"%s","attempt":%s,"what":"%s","at":%s}\\n'
note() { printf "$form" "$WM_JOB_ID" "$WM_JOB_ATTEMPT" "$1" "$EPOCHREALTIME" >> "$file"; }
note start
echo "attempt $WM_JOB_ATTEMPT"
for ((i = 0; i < seconds * 10; i++)); do sleep 0.1; note alive; done
note end
"""
"""A Bash script that tells of itself ten times a second for so many seconds."""


def until(condition: Callable[[], T], within_s: float = PATIENCE_S, *, what: str = "") -> T:
    """What `condition` gives once that is true; fails when it is not within `within_s`."""
    ends_at = time.monotonic() + within_s
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > ends_at:
            raise AssertionError(f"not within {within_s:g} s: {what or condition}")
        time.sleep(0.05)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@dataclass
class Process:
    """A server or a worker."""

    popen: "subprocess.Popen[bytes]"
    log: Path
    kind: str

    @property
    def pid(self) -> int:
        return self.popen.pid

    def signal(self, number: int) -> None:
        self.popen.send_signal(number)

    def kill(self) -> None:
        """As by a crash: this process only; what it leaves behind must go by itself."""
        self.popen.kill()
        self.popen.wait()

    def wait(self, within_s: float = PATIENCE_S) -> int:
        return self.popen.wait(within_s)

    def is_alive(self) -> bool:
        return self.popen.poll() is None

    def said(self, text: str) -> bool:
        return text in self.log.read_text(errors="replace")

    def watchdog(self) -> int:
        """The process that supervises its jobs; 0 when there is none yet."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        found = [int(pid) for pid in children.read_text().split()] if children.exists() else []
        return found[0] if found else 0


@dataclass
class Chaosbox:
    """One installation. `dsn` may lead elsewhere for workers: see `start_worker`."""

    dsn: str
    directory: Path
    port: int = field(default_factory=free_port)
    settings: Mapping[str, str] = field(default_factory=dict)
    processes: list[Process] = field(default_factory=list)
    accepted: list[UUID] = field(default_factory=list)
    once: set[str] = field(default_factory=set)
    """Jobs that must not start twice."""
    token: str = ""
    checked: bool = True
    """Whether the invariants are checked at the end; controls break them on purpose."""

    @property
    def data_dir(self) -> Path:
        return self.directory / "data"

    @property
    def effects_file(self) -> Path:
        return self.directory / "effects"

    @property
    def effects(self) -> list[invariants.Effect]:
        return invariants.read_effects(self.effects_file)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self, **changes: str) -> dict[str, str]:
        """Of a process: nothing of the settings that the tests themselves run under."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TIDEMILL_")}
        return {
            **kept,
            **TIMES,
            "DATABASE_URL": self.dsn,
            "TIDEMILL_DATA_DIR": str(self.data_dir),
            "TIDEMILL_PORT": str(self.port),
            "TIDEMILL_LOG_FORMAT": "json",
            **self.settings,
            **changes,
        }

    # ------------------------------------------------------------ processes

    def prepare(self) -> None:
        """Keys, a workspace `main` and a token of its admin, as a first start makes them."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        settings = Settings.from_environment({"DATABASE_URL": self.dsn}, data_dir=self.data_dir)
        keys = root_keys(settings, announce=lambda _: None)
        text, token_hash, prefix = auth.new_token()

        async def make() -> None:
            async def make_key(tx: Transaction, workspace: str) -> None:
                await add_workspace_key(tx, keys, workspace=workspace)

            async with Database(self.dsn) as database:
                await check_root_key(database, keys)
                async with database.system() as tx:
                    await accounts.create(tx, "ada@x.org")
                    await workspaces.create(
                        tx, "main", name="Main", owner_email="ada@x.org", username="ada", color=None, make_key=make_key
                    )
                    await tokens.create(tx, tokens.NewToken(hash=token_hash, prefix=prefix, email="ada@x.org"))

        asyncio.run(make())
        self.token = text

    def start(self, kind: str, *arguments: str, **environment: str) -> Process:
        """Run `tidemill <kind>`."""
        log = self.directory / f"{kind}-{len(self.processes)}.log"
        with log.open("ab") as output:
            popen = subprocess.Popen(
                [sys.executable, "-m", "tidemill", kind, *arguments],
                env=self.environment(**environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.directory,
                start_new_session=True,
                preexec_fn=dying_with_us(),
            )
        process = Process(popen, log, kind)
        self.processes.append(process)
        return process

    def start_server(self, **environment: str) -> Process:
        """A server that answers."""
        server = self.start("server", **environment)
        self.await_server(server)
        return server

    def await_server(self, server: Process) -> None:
        until(lambda: self.answers() or not server.is_alive(), what="the server answers")
        assert server.is_alive(), server.log.read_text()[-2000:]

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def start_worker(self, *, isolated: bool = False, ready: bool = True, **environment: str) -> Process:
        """A worker; not isolated unless said, so that its jobs can write to the file of effects."""
        worker = self.start("worker", *(() if isolated else ("--unisolated",)), **environment)
        if ready:
            until(lambda: worker.said("worker ready") or not worker.is_alive(), what="the worker is ready")
            assert worker.is_alive(), worker.log.read_text()[-2000:]
        return worker

    def stop(self) -> None:
        """End everything that still runs, frozen or not."""
        for process in self.processes:
            if process.is_alive():
                process.signal(signal.SIGCONT)
                process.kill()

    # ------------------------------------------------------------ callers

    @contextmanager
    def client(self, *, url: str = "", timeout_s: float = 30.0) -> Iterator[httpx.Client]:
        headers = {"Authorization": f"Bearer {self.token}"}
        with httpx.Client(base_url=f"{url or self.url}/api/w/main/", headers=headers, timeout=timeout_s) as client:
            yield client

    def deploy(self, path: str, content: str, *, language: str = "bash", **more: object) -> None:
        """A script; `on_worker_loss="fail"` among `more` for one that must not start twice."""
        with self.client() as client:
            body = {"path": path, "summary": "", "description": "", "content": content, "language": language, **more}
            answer = client.post("scripts/create", json=body)
            assert answer.status_code == 201, answer.text

    def run(self, path: str, args: Mapping[str, object] | None = None, **query: object) -> str:
        """Enqueue a run of a script; its id."""
        return self.submit(f"jobs/run/p/{path}", dict(args or {}), **query)

    def preview(self, content: str, *, language: str = "bash", args: object = None, **query: object) -> str:
        """Enqueue a run of a source; its id."""
        return self.submit("jobs/run/preview", {"content": content, "language": language, "args": args or {}}, **query)

    def tick(self, seconds: int, **query: object) -> str:
        """A job that tells of itself for so long."""
        return self.preview(EFFECTS, args={"file": str(self.effects_file), "seconds": str(seconds)}, **query)

    def submit(self, route: str, body: object, **query: object) -> str:
        with self.client() as client:
            answer = client.post(route, json=body, params=query)  # type: ignore[arg-type]
            assert answer.status_code == 201, answer.text
            self.accepted.append(UUID(answer.text))
            return answer.text

    def cancel(self, job: str) -> None:
        with self.client() as client:
            answer = client.post(f"jobs_u/queue/cancel/{job}", json={"reason": "enough"})
            assert answer.status_code == 200, answer.text

    # ------------------------------------------------------------ what is there

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        with psycopg.connect(self.dsn, options="-c tidemill.workspace=*", row_factory=dict_row) as connection:
            return connection.execute(query.encode(), values).fetchall()

    def job(self, job: str) -> dict[str, Any]:
        """Its row: `state`, `attempt`, and what is known of its end."""
        (row,) = self.rows(
            "select id, state, attempt, retries, null as end_reason, null as result from job_queue where id = %s "
            "union all select id, status, attempt, retries, end_reason, result::text from job_completed where id = %s",
            job,
            job,
        )
        return row

    def is_running(self, job: str) -> bool:
        return bool(self.job(job)["state"] == "running")

    def is_over(self, job: str) -> bool:
        return self.job(job)["state"] not in {"queued", "running", "waiting"}

    def ended(self, job: str, within_s: float = PATIENCE_S) -> dict[str, Any]:
        """Its row, once it has ended."""
        until(lambda: self.is_over(job), within_s, what=f"job {job} ends")
        return self.job(job)

    def starts(self, job: str) -> list[invariants.Effect]:
        return [effect for effect in self.effects if effect.job == job and effect.what == "start"]

    def log_of(self, job: str) -> str:
        pieces = self.rows("select text from job_log where job_id = %s order by start_unit", job)
        return "".join(row["text"] for row in pieces)

    def check(self) -> None:
        """Every invariant.

        Raises:
            Broken: one does not hold.
        """
        faults = invariants.broken(self.dsn, accepted=self.accepted, oldest_s=DETECTED_S + SLACK_S)
        faults += invariants.overlaps(self.effects) + invariants.doubled(self.effects, self.once)
        settings = Settings.from_environment({"DATABASE_URL": self.dsn}, data_dir=self.data_dir)
        faults += invariants.unreadable(self.dsn, root_keys(settings))
        if faults:
            raise invariants.Broken("\n".join(faults))


def processes_with(text: str) -> list[int]:
    """Processes of the machine with `text` among their arguments, zombies left out."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and text.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return [pid for pid in found if pid != os.getpid()]


def spoken(answer: httpx.Response) -> Any:
    """The JSON of an answer that must be a success."""
    assert answer.status_code < 300, (answer.status_code, answer.text)
    return json.loads(answer.content)
