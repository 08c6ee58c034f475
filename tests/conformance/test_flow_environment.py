"""What a step is told of itself, which is made ready while its claim is still being recorded."""

import httpx

TOLD = """
import os
import urllib.request

def main(before: list = []):
    url = f"{os.environ['BASE_INTERNAL_URL']}/api/w/{os.environ['WM_WORKSPACE']}/jobs_u/get/{os.environ['WM_JOB_ID']}"
    request = urllib.request.Request(url, headers={"Authorization": "Bearer " + os.environ["WM_TOKEN"]})
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
    names = ("WM_JOB_ID", "WM_JOB_ATTEMPT", "WM_SCHEDULED_FOR", "WM_FLOW_STEP_ID")
    return [*before, [os.environ[name] for name in names]]
"""


def test_each_step_is_told_what_it_is(http: httpx.Client) -> None:
    inputs = {"before": {"type": "javascript", "expr": "previous_result"}}
    first = {"type": "rawscript", "language": "python3", "content": TOLD, "lock": ""}
    steps = [{"id": f"s{at}", "value": {**first, "input_transforms": inputs if at else {}}} for at in range(4)]
    answer = http.post("jobs/run_wait_result/preview_flow", json={"value": {"modules": steps}, "args": {}})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert [step for *_, step in told] == ["s0", "s1", "s2", "s3"]
    for job_id, attempt, scheduled_for, _ in told:
        job = http.get(f"jobs_u/get/{job_id}").json()
        assert (attempt, scheduled_for) == ("1", job["started_at"][:19] + "Z")
