"""What steps held that are to be deleted after use is erased once their flow is over, and not before."""

import time
from typing import Any

import httpx

from tests.conformance.conftest import WAIT_S
from tests.conformance.test_restart import ended, gives

LOOP = {
    "id": "loop",
    "value": {
        "type": "forloopflow",
        "iterator": {"type": "static", "value": [1]},
        "modules": [gives("each", "'hidden'")],
        "skip_failures": False,
    },
    "delete_after_use": True,
}
FLOW = {
    "modules": [
        {**gives("a", "'hidden'"), "delete_after_use": True},
        LOOP,
        gives("b", "`${results.a} ${results.loop}`.length"),
    ]
}


def erased(http: httpx.Client, job_id: str) -> dict[str, Any]:
    """The job, once what it held is erased."""
    ends_at = time.monotonic() + WAIT_S
    while not (job := http.get(f"jobs_u/get/{job_id}").json()).get("deleted"):
        assert time.monotonic() < ends_at, job
    found: dict[str, Any] = job
    return found


def test_what_a_flow_held_is_erased_with_all_below_it(http: httpx.Client) -> None:
    value = {"modules": [gives("a", "'hidden'")], "delete_after_secs": 3600}
    assert http.post("flows/create", json={"path": "u/admin/brief", "summary": "", "value": value}).status_code == 201
    outer = {"modules": [{"id": "sub", "value": {"type": "flow", "path": "u/admin/brief"}}, gives("b", "results.sub")]}
    job = ended(http, http.post("jobs/run/preview_flow", json={"value": outer, "args": {}}).text)
    sub, last = (module["job"] for module in job["flow_status"]["modules"])
    assert erased(http, sub)["result"] is None
    assert erased(http, http.get(f"jobs_u/get/{sub}").json()["flow_status"]["modules"][0]["job"])["result"] is None
    assert (job["result"], http.get(f"jobs_u/get/{last}").json()["result"]) == ("hidden", "hidden")


def test_what_was_used_is_erased_with_the_flow(http: httpx.Client) -> None:
    job_id = http.post("jobs/run/preview_flow", json={"value": FLOW, "args": {}}).text
    job = ended(http, job_id)
    assert (job["success"], job["result"]) == (True, "13")
    first, loop, last = job["flow_status"]["modules"]
    inner = http.get(f"jobs_u/get_flow_all_results/{job_id}", params={"step": "each"}).json()["entries"][0]["job_id"]
    for each in (first["job"], loop["flow_jobs"][0], inner):
        gone = erased(http, each)
        assert (gone["result"], gone.get("logs", ""), gone.get("args")) == (None, "", None)
    kept = http.get(f"jobs_u/get/{last['job']}").json()
    assert (kept["result"], kept.get("deleted")) == ("13", None)
    answer = http.post(f"jobs/restart/f/{job_id}", json={"step_id": "b"})
    assert (answer.status_code, "'a' gave was erased" in answer.text) == (409, True)
