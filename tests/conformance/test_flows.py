"""One small flow for each behaviour of flows, from `flows/*.json`, run by a Tidemill as users start it.

A file holds `value` (OpenFlow) and `args`, and what is expected: `result`, whether it is a `success`, a piece of the
`error`, `skipped`, the number of `retries` of steps, and how long it takes at least (`least_s`). `answers` are given
when the flow waits for them: `approved` or not, for the job of `step` or (`by` "owner") by who may cancel the flow.
"""

import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conformance.conftest import WAIT_S

FLOWS = sorted((Path(__file__).parent / "flows").glob("*.json"))


class Runs:
    """All flows, started at once; `ended` waits for one."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self._files = {path.stem: json.loads(path.read_bytes()) for path in FLOWS}
        self._jobs = {name: self.start(flow) for name, flow in self._files.items()}

    def start(self, flow: dict[str, Any]) -> str:
        answer = self.http.post("jobs/run/preview_flow", json={"value": flow["value"], "args": flow["args"]})
        assert answer.status_code == 201, answer.text
        return answer.text

    def ended(self, name: str) -> dict[str, Any]:
        job_id, ends_at = self._jobs[name], time.monotonic() + WAIT_S
        for number, answer in enumerate(self._files[name].get("answers", [])):
            self.answer(job_id, number, **answer)
        while not self.http.get(f"jobs_u/getupdate/{job_id}", params={"running": "true"}).json()["completed"]:
            assert time.monotonic() < ends_at, self.http.get(f"jobs_u/get/{job_id}").text
        job: dict[str, Any] = json.loads(self.http.get(f"jobs_u/get/{job_id}").content, parse_float=float)
        return job

    def answer(self, job_id: str, number: int, **answer: Any) -> None:
        """Answer what the flow asks, once it does."""
        asking = self.http.get(f"jobs_u/get/{job_id}").json()
        ends_at = time.monotonic() + WAIT_S
        while "suspend" not in asking:
            assert time.monotonic() < ends_at, asking
            self.http.get(f"jobs_u/getupdate/{job_id}", params={"running": "true"})
            asking = self.http.get(f"jobs_u/get/{job_id}").json()
        payload = answer.get("payload")
        if answer.get("by") == "owner":
            done = self.http.post(f"jobs/flow/resume/{job_id}", json=payload)
        else:
            modules = {module["id"]: module for module in asking["flow_status"]["modules"]}
            step, query = modules[answer["step"]]["job"], {"approver": answer.get("approver", "")}
            urls = self.http.get(f"jobs/resume_urls/{step}/{number}", params=query).json()
            done = httpx.post(urls["resume" if answer["approved"] else "cancel"], json=payload)
        assert done.status_code == 201, done.text


@pytest.fixture(scope="module")
def runs(http: httpx.Client) -> Runs:
    return Runs(http)


@pytest.mark.parametrize("path", FLOWS, ids=lambda path: path.stem)
def test_flow_behaves_as_its_file_says(path: Path, runs: Runs) -> None:
    flow = json.loads(path.read_bytes())
    job = runs.ended(path.stem)
    assert job["success"] is flow["success"], job["result"]
    if "result" in flow:
        assert job["result"] == flow["result"]
    if "error" in flow:
        assert flow["error"] in json.dumps(job["result"]["error"]["message"])
    assert job["is_skipped"] is flow.get("skipped", False)
    assert job["duration_ms"] >= flow.get("least_s", 0) * 1000
    modules = {module["id"]: module for module in job["flow_status"]["modules"]}
    for step, count in flow.get("retries", {}).items():
        assert len(modules[step].get("failed_retries", [])) == count
