"""Following a flow by events that name the levels that have changed."""

import json
from collections.abc import Iterator
from typing import Any

import httpx


def step(step_id: str, content: str, **inputs: str) -> dict[str, object]:
    transforms = {name: {"type": "javascript", "expr": expression} for name, expression in inputs.items()}
    value = {"type": "rawscript", "language": "bash", "content": content, "input_transforms": transforms}
    return {"id": step_id, "value": value}


ASKS = {**step("asks", "echo 1"), "suspend": {"required_events": 1}}
LOOP = {"type": "forloopflow", "iterator": {"type": "static", "value": [1]}, "modules": [ASKS, step("end", "echo 2")]}


def events(http: httpx.Client, job: str, *levels: str) -> Iterator[dict[str, Any]]:
    with http.stream("GET", f"jobs_u/flow_changes_sse/{job}", params={"level": list(levels)}) as answer:
        assert answer.status_code == 200
        for line in answer.iter_lines():
            if line.startswith("data: "):
                yield json.loads(line.removeprefix("data: "))


def status(http: httpx.Client, job: str) -> Any:
    return http.get(f"jobs_u/get/{job}").json()["flow_status"]["modules"]


def test_changes_of_a_flow_and_of_levels_below_are_told_until_it_ends(http: httpx.Client) -> None:
    flow = {"modules": [{"id": "loop", "value": LOOP}]}
    job = http.post("jobs/run/preview_flow", json={"value": flow, "args": {}}).text
    for told in events(http, job):
        assert told["type"] in {"changed", "ping"}
        if status(http, job)[0].get("flow_jobs"):
            break
    (level,) = status(http, job)[0]["flow_jobs"]
    looked = events(http, job, level)
    assert set(next(looked)["jobs"]) == {job, level}  # first how everything stands
    while status(http, level)[1]["type"] != "WaitingForEvents":
        next(looked)
    seen = events(http, job, level)
    next(seen)
    assert http.post(f"jobs/flow/resume/{job}", json={}).status_code == 201
    rest = list(seen)
    assert any(level in told.get("jobs", []) for told in rest)
    assert rest[-1]["completed"] is True
    assert http.get(f"jobs_u/completed/get/{job}").json()["success"] is True


def test_a_level_that_is_not_there_is_not_found(http: httpx.Client) -> None:
    job = http.post("jobs/run/preview_flow", json={"value": {"modules": []}, "args": {}}).text
    unknown = "0192d3a4-5b6c-7d8e-9f01-23456789abcd"
    assert http.get(f"jobs_u/flow_changes_sse/{job}", params={"level": unknown}).status_code == 404
    assert http.get(f"jobs_u/flow_changes_sse/{job}", params={"level": "x"}).status_code == 400
