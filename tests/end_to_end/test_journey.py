"""What a user does with a Tidemill that was just started, by nothing but HTTP: the whole way through jobs."""

import json
import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.end_to_end.conftest import HARD_LIMIT_BYTES, MIB
from tests.end_to_end.running import WAIT_TIMEOUT_S, Tidemill, Workspace

DEMO = "f/demo/watch_scripts"
ECHO = "def main(**arguments):\n    return arguments\n"
TYPED = "def main(name: str, count: int = 1, flags: list[str] = []):\n    return [name, count, flags]\n"
WAITS = "import threading\n\ndef main():\n    print('here', flush=True)\n    threading.Event().wait()\n"
STUBBORN = (
    "import signal, threading\n\n"
    "def main():\n"
    "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "    print('here', flush=True)\n"
    "    threading.Event().wait()\n"
)


class Events:
    """Server-sent events of a job, as a browser reads them: `id` of the last one is what it resumes with."""

    def __init__(self, workspace: Workspace, job: str) -> None:
        self._workspace, self._job = workspace, job
        self.last_id = ""
        self.logs, self.stream = "", ""
        self.last: dict[str, Any] = {}

    def read(self, most: int) -> None:
        """At most so many events, over one connection, from where the last one ended."""
        headers = {"Last-Event-ID": self.last_id} if self.last_id else {}
        route = f"jobs_u/getupdate_sse/{self._job}"
        with self._workspace.http.stream("GET", route, headers=headers) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            for line in answer.iter_lines():
                if line.startswith("id: "):
                    self.last_id = line.removeprefix("id: ")
                elif line.startswith("data: "):
                    self._take(json.loads(line.removeprefix("data: ")))
                    most -= 1
                if most == 0 or self.last.get("completed"):
                    return

    def _take(self, event: dict[str, Any]) -> None:
        self.last = event
        self.logs += event.get("new_logs", "")
        self.stream += event.get("new_result_stream", "")


def test_first_page_answers(tidemill: Tidemill) -> None:
    answer = httpx.get(tidemill.url, follow_redirects=True, timeout=WAIT_TIMEOUT_S)
    assert answer.status_code == 200
    assert "Tidemill" in answer.text


def test_sign_in_gives_a_session_that_signing_out_ends(tidemill: Tidemill) -> None:
    with httpx.Client(base_url=tidemill.url, timeout=WAIT_TIMEOUT_S) as browser:
        credentials = {"email": tidemill.email, "password": tidemill.password}
        assert browser.get("/api/users/whoami").status_code == 401
        assert browser.post("/api/auth/login", json=credentials | {"password": "wrong"}).status_code in {400, 401}
        login = browser.post("/api/auth/login", json=credentials, headers={"Origin": tidemill.url})
        assert login.status_code == 200, login.text
        assert browser.get("/api/users/whoami").json()["email"] == tidemill.email
        assert browser.post("/api/auth/logout", headers={"Origin": tidemill.url}).is_success
        assert browser.get("/api/users/whoami").status_code == 401


def test_demo_by_the_printed_command_keeps_its_state(tidemill: Tidemill) -> None:
    command = [
        "curl", "--silent", "--show-error", "-X", "POST", f"{tidemill.api}/jobs/run_wait_result/p/{DEMO}",
        "-H", f"Authorization: Bearer {tidemill.token}", "-H", "Content-Type: application/json", "-d", "{}",
    ]  # fmt: skip
    first, second = (
        json.loads(subprocess.run(command, check=True, capture_output=True, timeout=WAIT_TIMEOUT_S).stdout)
        for _ in range(2)
    )
    assert second["runs"] == first["runs"] + 1
    assert second["new"] == []


# webhooks


def test_webhook_takes_json_forms_and_a_token_in_the_query(tidemill: Tidemill, workspace: Workspace) -> None:
    path = workspace.deploy(TYPED)
    url = f"{tidemill.api}/jobs/run_wait_result/p/{path}?token={tidemill.token}"
    forms: list[dict[str, Any]] = [
        {"json": {"name": "a", "count": 2, "flags": ["x"]}},
        {"data": {"name": "a", "count": "2", "flags": '["x"]'}},
        {"files": {"name": (None, "a"), "count": (None, "2"), "flags": (None, '["x"]')}},
    ]
    for form in forms:
        answer = httpx.post(url, **form, timeout=WAIT_TIMEOUT_S)
        assert (answer.status_code, answer.text) == (200, '["a",2,["x"]]'), form
    answer = httpx.post(url.replace(tidemill.token, "wrong"), json={}, timeout=WAIT_TIMEOUT_S)
    assert answer.status_code == 401


def test_webhook_passes_on_headers_and_query_that_it_is_asked_for(tidemill: Tidemill, workspace: Workspace) -> None:
    path = workspace.deploy(ECHO)
    answer = workspace.http.post(
        f"jobs/run_wait_result/p/{path}?include_header=x-kind&include_query=page&page=7",
        json={"a": 1},
        headers={"X-Kind": "push"},
    )
    assert answer.json() == {"a": 1, "x_kind": "push", "page": "7"}


def test_webhook_gives_an_id_at_once_and_the_result_later(workspace: Workspace) -> None:
    job = workspace.start(workspace.deploy(ECHO), {"a": 1})
    assert workspace.ended(job)["result"] == {"a": 1}
    assert workspace.get(f"jobs_u/completed/get_result_maybe/{job}") == {
        "started": True, "completed": True, "success": True, "result": {"a": 1},
    }  # fmt: skip


# following


def test_long_poll_answers_when_there_is_news_and_gives_the_log_once(workspace: Workspace) -> None:
    source = "def main():\n    for number in range(200):\n        print(f'line {number} 🌊', flush=True)\n"
    job = workspace.start(workspace.deploy(source))
    logs = workspace.follow(job)
    assert [line for line in logs.splitlines() if line.startswith("line ")] == [f"line {n} 🌊" for n in range(200)]


def test_events_resume_without_gaps_or_repeats(workspace: Workspace) -> None:
    source = (
        "import time\n\n"
        "def main():\n"
        "    for number in range(60):\n"
        "        print(f'line {number} 🌊', flush=True)\n"
        "        print(f'WM_STREAM: {number},', flush=True)\n"
        "        time.sleep(0.02)\n"
        "    return 'whole'\n"
    )
    events = Events(workspace, workspace.start(workspace.deploy(source)))
    while not events.last.get("completed"):
        events.read(2)
    lines = [line for line in events.logs.splitlines() if line.startswith("line ")]
    assert lines == [f"line {number} 🌊" for number in range(60)]
    assert events.stream == "".join(f"{number}," for number in range(60))
    assert events.last["only_result"] == "whole"


# large values


@pytest.mark.parametrize("size", [300 * 1024, 20 * MIB])
def test_large_result_comes_back_whole(workspace: Workspace, size: int) -> None:
    path = workspace.deploy("def main(size: int):\n    return {'text': 'é' * size, 'number': 2**64 + 1}\n")
    result = workspace.run(path, {"size": size // 2})
    assert result == {"text": "é" * (size // 2), "number": 2**64 + 1}


def test_large_argument_arrives_whole(workspace: Workspace) -> None:
    path = workspace.deploy("def main(text: str):\n    return [len(text), text[:1], text[-1:]]\n")
    assert workspace.run(path, {"text": "a" + "x" * MIB + "z"}) == [MIB + 2, "a", "z"]


def test_result_above_the_hard_limit_fails_and_tells_the_way_out(workspace: Workspace) -> None:
    path = workspace.deploy("def main(size: int):\n    return 'x' * size\n")
    job = workspace.ended(workspace.start(path, {"size": HARD_LIMIT_BYTES + 1}))
    assert job["success"] is False
    message = job["result"]["error"]["message"]
    assert "MB" in message or "MiB" in message or str(HARD_LIMIT_BYTES) in message
    assert "TIDEMILL_MAX_VALUE_BYTES" in message or "object" in message or "store" in message


def test_lists_replace_large_values_and_nothing_else_does(workspace: Workspace) -> None:
    path = workspace.deploy(ECHO)
    job = workspace.start(path, {"text": "x" * 100_000})
    workspace.ended(job)
    listed = workspace.get("jobs/list", script_path_exact=path, success=True)
    assert "x" * 1000 not in json.dumps(listed)
    assert workspace.get(f"jobs_u/get/{job}")["args"] == {"text": "x" * 100_000}


# when and where jobs run


def test_job_for_later_waits_until_it_is_told_to_run_now(workspace: Workspace) -> None:
    job = workspace.start(workspace.deploy(ECHO), scheduled_in_secs=3600)
    queued = workspace.get(f"jobs_u/get/{job}")
    due = datetime.fromisoformat(queued["scheduled_for"])
    assert timedelta(minutes=55) < due - datetime.now(UTC) < timedelta(minutes=65)
    assert queued["running"] is False
    workspace.post(f"jobs/queue/run_now/{job}")
    assert workspace.ended(job)["success"] is True


def test_job_for_soon_runs_when_it_is_due(workspace: Workspace) -> None:
    job = workspace.ended(workspace.start(workspace.deploy(ECHO), scheduled_in_secs=1))
    assert datetime.fromisoformat(job["started_at"]) >= datetime.fromisoformat(job["created_at"]) + timedelta(seconds=1)


def test_job_of_a_tag_without_a_worker_stays_in_the_queue(workspace: Workspace) -> None:
    path = workspace.deploy(ECHO)
    job = workspace.start(path, tag="nobody-has-this")
    assert workspace.run(path) == {}  # meanwhile the worker takes what came later
    assert workspace.get(f"jobs_u/get/{job}")["running"] is False
    assert [queued["id"] for queued in workspace.get("jobs/queue/list", tag="nobody-has-this")] == [job]
    workspace.post(f"jobs_u/queue/cancel/{job}", {"reason": "nobody"})


def test_priority_is_kept_with_the_job(workspace: Workspace) -> None:
    path = workspace.deploy(ECHO, priority=7)
    script_s, own = workspace.start(path), workspace.start(path, priority=9)
    assert workspace.ended(script_s)["priority"] == 7
    assert workspace.ended(own)["priority"] == 9


def test_timeout_ends_a_job(workspace: Workspace) -> None:
    job = workspace.ended(workspace.start(workspace.deploy(WAITS, timeout=1)))
    assert job["success"] is False
    assert "1 s" in job["result"]["error"]["message"]


def test_cache_answers_for_the_same_arguments(workspace: Workspace) -> None:
    source = "import uuid\n\ndef main(x: int):\n    return str(uuid.uuid4())\n"
    path = workspace.deploy(source, cache_ttl=3600)
    first, again, other = (workspace.run(path, {"x": x}) for x in (1, 1, 2))
    assert first == again
    assert first != other


def test_concurrency_limit_holds_by_key(workspace: Workspace) -> None:
    source = (
        "import os, tidemill_client\n\n"
        "def main(key: str, lease: str):\n"
        "    with tidemill_client.lease(lease, wait_s=0):\n"
        "        return key\n"
    )
    path = workspace.deploy(source, concurrent_limit=1, concurrency_time_window_s=0, concurrency_key="$args[key]")
    leases = {"a": workspace.path(), "b": workspace.path()}
    jobs = [workspace.start(path, {"key": key, "lease": leases[key]}) for key in "aabbaa"]
    results = [workspace.ended(job)["result"] for job in jobs]
    assert results == list("aabbaa")


def test_failing_job_is_tried_again_as_its_policy_says(workspace: Workspace) -> None:
    source = (
        "import tidemill_client\n\n"
        "def main(counter: str):\n"
        "    tries = tidemill_client.increment(counter)\n"
        "    if tries < 3:\n"
        "        raise ValueError(f'try {tries}')\n"
        "    return tries\n"
    )
    path, counter = workspace.deploy(source), workspace.path()
    retry = json.dumps({"constant": {"attempts": 3, "seconds": 0}})
    job = workspace.ended(workspace.start(path, {"counter": counter}, retry=retry))
    assert (job["success"], job["result"]) == (True, 3)
    assert workspace.get(f"resources/get_value/{counter}") == 3


def test_idempotency_key_makes_one_job_of_many_requests(workspace: Workspace) -> None:
    path = workspace.deploy(ECHO)
    headers = {"Idempotency-Key": path}
    first, again = (workspace.http.post(f"jobs/run/p/{path}", json={"a": 1}, headers=headers) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.text == again.text
    other = workspace.http.post(f"jobs/run/p/{path}", json={"a": 2}, headers=headers)
    assert other.status_code == 422, other.text


# ending and repeating


def test_running_job_is_cancelled_with_a_reason(workspace: Workspace) -> None:
    job = workspace.start(workspace.deploy(WAITS))
    workspace.follow(job, until="here")
    assert workspace.post(f"jobs_u/queue/cancel/{job}", {"reason": "enough"}) == job
    ended = workspace.ended(job)
    assert (ended["success"], ended["canceled"], ended["canceled_reason"]) == (False, True, "enough")
    assert ended["canceled_by"] == "admin"


def test_job_that_ignores_signals_is_cancelled_by_force(workspace: Workspace) -> None:
    job = workspace.start(workspace.deploy(STUBBORN))
    workspace.follow(job, until="here")
    workspace.post(f"jobs_u/queue/force_cancel/{job}", {"reason": "by force"})
    ended = workspace.ended(job)
    assert (ended["success"], ended["canceled"]) == (False, True)


def test_completed_job_runs_again_with_its_arguments(workspace: Workspace) -> None:
    path = workspace.deploy(ECHO)
    job = workspace.start(path, {"a": 9007199254740993})
    workspace.ended(job)
    body = {"job_ids": [job], "script_options_by_path": {}, "flow_options_by_path": {}}
    answer = workspace.post("jobs/run/batch_rerun_jobs", body)
    again = answer.strip().splitlines()[-1]
    assert again != job
    assert workspace.ended(again)["result"] == {"a": 9007199254740993}


# scripts


def test_bash_takes_positional_arguments(workspace: Workspace) -> None:
    source = '# says hello\nname="$1"\ncount="${2:-2}"\nfor i in $(seq "$count"); do echo "hello $name $i"; done\n'
    path = workspace.deploy(source, language="bash")
    schema = workspace.get(f"scripts/get/p/{path}")["schema"]
    assert list(schema["properties"]) == ["name", "count"]
    job = workspace.start(path, {"name": "a b; $(id)"})
    assert "hello a b; $(id) 1\nhello a b; $(id) 2\n" in workspace.follow(job)
    assert workspace.get(f"jobs_u/completed/get_result/{job}") == "hello a b; $(id) 2"


def test_failing_bash_script_tells_its_status(workspace: Workspace) -> None:
    job = workspace.ended(workspace.start(workspace.deploy("echo so far\nexit 3\n", language="bash")))
    assert job["success"] is False
    assert "3" in job["result"]["error"]["message"]


def test_dependencies_of_a_script_are_locked_and_installed(workspace: Workspace) -> None:
    header = '# /// script\n# dependencies = ["idna==3.10"]\n# ///\n'
    path = workspace.deploy(header + "import idna\n\ndef main():\n    return idna.__version__\n")
    assert workspace.run(path) == "3.10"
    script = workspace.get(f"scripts/get/p/{path}")
    assert "idna==3.10" in script["lock"]
    assert "--hash=sha256:" in script["lock"]


def test_dependency_that_does_not_exist_is_told_by_name(workspace: Workspace) -> None:
    source = '# /// script\n# dependencies = ["idna==0.0.1"]\n# ///\ndef main():\n    return 1\n'
    path = workspace.path()
    workspace.http.post("scripts/create", json={"path": path, "summary": "", "content": source, "language": "python3"})
    job = workspace.ended(workspace.start(path))
    assert job["success"] is False
    assert "idna" in job["result"]["error"]["message"]


def test_script_imports_another_one(workspace: Workspace) -> None:
    library = workspace.deploy("def twice(x):\n    return x * 2\n")
    name = library.rpartition("/")[2]
    by_name = f"from u.admin.{name} import twice\n\ndef main(x: int):\n    return twice(x)\n"
    relative = f"from .{name} import twice\n\ndef main(x: int):\n    return twice(x)\n"
    assert workspace.run_source(by_name, {"x": 21}) == 42
    assert workspace.run_source(relative, {"x": 4}) == 8


def test_older_version_runs_by_its_hash_and_stale_parent_is_refused(workspace: Workspace) -> None:
    path = workspace.deploy("def main():\n    return 'first'\n")
    first = workspace.get(f"scripts/get/p/{path}")["hash"]
    body = {"path": path, "summary": "", "content": "def main():\n    return 'second'\n", "language": "python3"}
    workspace.post("scripts/create", body | {"parent_hash": first})
    answer = workspace.http.post("scripts/create", json=body | {"parent_hash": first, "content": "def main(): pass\n"})
    assert answer.status_code in {400, 409}, answer.text
    assert workspace.run(path) == "second"
    assert workspace.http.post(f"jobs/run_wait_result/h/{first}", json={}).json() == "first"


def test_archived_script_does_not_run(workspace: Workspace) -> None:
    path = workspace.deploy(ECHO)
    workspace.post(f"scripts/archive/p/{path}")
    assert workspace.http.post(f"jobs/run/p/{path}", json={}).status_code == 404
    assert path not in {script["path"] for script in workspace.get("scripts/list", per_page=1000)}


def test_error_of_a_script_tells_its_line(workspace: Workspace) -> None:
    job = workspace.ended(workspace.start(workspace.deploy("def main():\n    print('so far')\n    return 1 / 0\n")))
    error = job["result"]["error"]
    assert error["name"] == "ZeroDivisionError"
    assert "line 3" in error["stack"]


def test_the_most_memory_that_a_job_had_is_told(workspace: Workspace) -> None:
    job = workspace.ended(workspace.start(workspace.deploy("def main():\n    return len(b'x' * 50_000_000)")))
    assert (job["success"], 50_000 < job["mem_peak"] < 300_000) == (True, True)
