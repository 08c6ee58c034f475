"""Flows that are repeated as a whole, as the run or a schedule asks."""

import json
import time
from typing import Any

import httpx
import pytest

from tests.conformance.conftest import WAIT_S
from tests.conformance.test_restart import ended

RETRY = {"constant": {"attempts": 3, "seconds": 0}}
ONCE = """
import wmill

def main(key: str, n: float):
    tried = (wmill.get_state(f"u/admin/{key}") or 0) + 1
    wmill.set_state(tried, f"u/admin/{key}")
    assert tried > 2, "not yet"
    return [tried, n]
"""


@pytest.fixture(scope="module")
def flow(http: httpx.Client) -> str:
    """A flow that succeeds when it is run for the third time."""
    inputs = {name: {"type": "javascript", "expr": f"flow_input.{name}"} for name in ("key", "n")}
    value = {"type": "rawscript", "language": "python3", "content": ONCE, "input_transforms": inputs}
    body = {"path": "u/admin/third", "summary": "", "value": {"modules": [{"id": "a", "value": value}]}}
    assert http.post("flows/create", json=body).status_code == 201
    return "u/admin/third"


def test_a_run_is_repeated_as_it_asks(http: httpx.Client, flow: str) -> None:
    args = {"key": "by_run", "n": 1}
    answer = http.post(f"jobs/run/f/{flow}", json=args, params={"retry": json.dumps(RETRY)})
    assert answer.status_code == 201, answer.text
    job = ended(http, answer.text)
    assert (job["success"], job["result"], job["job_kind"]) == (True, [3, 1], "singlestepflow")
    (module,) = job["flow_status"]["modules"]
    assert len(module["failed_retries"]) == 2


def test_what_cannot_be_repeated_is_refused(http: httpx.Client, flow: str) -> None:
    version = http.get(f"flows/get/{flow}").json()["version_id"]
    query = {"retry": json.dumps(RETRY)}
    assert http.post(f"jobs/run/fv/{version}", json={}, params=query).status_code == 400
    preview: dict[str, Any] = {"value": {"modules": []}, "args": {}}
    assert http.post("jobs/run/preview_flow", json=preview, params=query).status_code == 400
    assert http.post(f"jobs/run/f/{flow}", json={}, params={"retry": "{"}).status_code == 400


def test_a_schedule_repeats_its_flow(http: httpx.Client, flow: str) -> None:
    schedule = {
        "path": "u/admin/third_time", "schedule": "* * * * * *", "timezone": "UTC", "script_path": flow,
        "is_flow": True, "args": {"key": "by_schedule", "n": 2}, "retry": RETRY, "enabled": True,
        "no_flow_overlap": True,
    }  # fmt: skip
    assert http.post("schedules/create", json=schedule).status_code in {200, 201}
    job = ended(http, first_of(http, "u/admin/third_time"))
    http.delete("schedules/delete/u/admin/third_time")
    assert (job["success"], job["result"], job["schedule_path"]) == (True, [3, 2], "u/admin/third_time")


def first_of(http: httpx.Client, schedule: str) -> str:
    """The first job of a schedule."""
    query: dict[str, Any] = {"schedule_path": schedule, "has_null_parent": "true", "order_desc": "false"}
    ends_at = time.monotonic() + WAIT_S
    while not (found := http.get("jobs/list", params=query).json()):
        assert time.monotonic() < ends_at
    return str(found[0]["id"])
