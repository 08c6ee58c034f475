"""A28: jobs that compare and set through the API, while their workers are killed; every history has an order."""

import json
import random
import signal
from collections import defaultdict

import pytest

from tests.linearizability import Operation, is_linearizable
from tests.reliability.harness import DETECTED_S, SLACK_S, SOAK, Chaosbox, spoken, until

WRITERS = 20 if SOAK else 8
KEYS = 4 if SOAK else 2
ROUNDS = 8 if SOAK else 3
KILLS = 6 if SOAK else 2

WRITER = """
import json, os, time, urllib.error, urllib.request

def call(method, path, body=None, etag=None):
    url = os.environ["BASE_INTERNAL_URL"] + "/api/w/" + os.environ["WM_WORKSPACE"] + "/resources/" + path
    headers = {"Authorization": "Bearer " + os.environ["WM_TOKEN"], "Content-Type": "application/json"}
    if etag:
        headers["If-Match"] = etag
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read(), answer.headers.get("ETag")

def main(file: str, key: str, number: int, rounds: int, careful: bool):
    me = f"{number}.{os.environ['WM_JOB_ATTEMPT']}"
    out = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def note(**what):
        os.write(out, (json.dumps({"by": me, "key": key, "at": time.monotonic(), **what}) + "\\n").encode())

    for n in range(rounds):
        while True:
            note(step="ask", kind="read")
            raw, etag = call("GET", f"get_value/{key}")
            value = json.loads(raw)
            note(step="told", kind="read", value=value)
            new = value + [f"{me}.{n}"]
            note(step="ask", kind="swap", value=new, expected=value)
            try:
                call("POST", f"update_value/{key}", {"value": new}, etag if careful else None)
            except urllib.error.HTTPError as error:
                if error.code != 409:
                    raise
                note(step="told", kind="swap", ok=False)
                continue
            note(step="told", kind="swap", ok=True)
            break
    return me
"""


def histories(text: str) -> dict[str, list[Operation]]:
    """Key -> its operations; one that was asked and not answered is left open, for its job may have been killed."""
    found: dict[str, list[Operation]] = defaultdict(list)
    asked: dict[str, dict[str, object]] = {}
    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        if line["step"] == "ask":
            if open_ := asked.pop(line["by"], None):
                found[str(open_["key"])].append(_operation(open_, None))
            asked[line["by"]] = line
        else:
            found[line["key"]].append(_operation(asked.pop(line["by"]), line))
    for line in asked.values():
        found[str(line["key"])].append(_operation(line, None))
    return found


def _operation(asked: dict[str, object], told: dict[str, object] | None) -> Operation:
    value = asked.get("value") if asked["kind"] == "swap" else (told or {}).get("value", [])
    return Operation(
        kind=asked["kind"],  # type: ignore[arg-type]
        value=tuple(value),  # type: ignore[arg-type]
        expected=tuple(asked.get("expected") or ()),  # type: ignore[arg-type]
        ok=bool((told or {}).get("ok", True)),
        called=asked["at"],  # type: ignore[arg-type]
        returned=None if told is None else told["at"],  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("careful", [True, False], ids=["If-Match", "control without it"])
def test_compare_and_set_by_jobs_is_linearizable_while_workers_die(box: Chaosbox, *, careful: bool) -> None:
    box.start_server()
    log = box.directory / "history"
    keys = [f"u/ada/register_{number}" for number in range(KEYS)]
    with box.client() as client:
        for key in keys:
            body = {"path": key, "value": [], "resource_type": "state"}
            assert client.post("resources/create", json=body).status_code == 201
    workers = [box.start_worker(TIDEMILL_WORKER_SLOTS="8") for _ in range(2)]
    box.deploy("u/ada/writer", WRITER, language="python3", lock="")
    rounds = ROUNDS if careful else 4 * ROUNDS
    jobs = [
        box.run(
            "u/ada/writer",
            {"file": str(log), "key": keys[n % KEYS], "number": n, "rounds": rounds, "careful": careful},
        )
        for n in range(WRITERS)
    ]
    chosen = random.Random(1)
    for kill in range(KILLS if careful else 0):
        size = log.stat().st_size if log.exists() else 0
        until(lambda size=size: (log.exists() and log.stat().st_size > size + 500) or all(map(box.is_over, jobs)))  # type: ignore[misc]
        if all(map(box.is_over, jobs)):
            assert kill, "no worker was killed before all was done"
            break
        victim = chosen.randrange(len(workers))
        workers[victim].signal(signal.SIGKILL)
        workers[victim].wait()
        workers[victim] = box.start_worker(TIDEMILL_WORKER_SLOTS="8")
    for job in jobs:
        assert box.ended(job, 2 * DETECTED_S + 60 + SLACK_S)["state"] == "success"
    found = histories(log.read_text())
    assert set(found) == set(keys)
    assert all(is_linearizable(history, initial=()) for history in found.values()) == careful
    with box.client() as client:
        for key in keys:
            value = spoken(client.get(f"resources/get_value/{key}"))
            assert len(set(value)) == len(value)
