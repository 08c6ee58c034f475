"""What the scripts of a flow run as: which version, where, how many at once, in which language."""

import time
from itertools import pairwise
from typing import Any

import httpx
import pytest

from tests.conformance.conftest import WAIT_S
from tests.conformance.test_restart import begun, ended

RAISES = {"type": "rawscript", "language": "bash", "content": "exit 1", "input_transforms": {}}
SEEN = {"x": {"type": "javascript", "expr": "flow_input.x"}}


def started(
    http: httpx.Client, *modules: dict[str, Any], x: object = 1, tag: str | None = None, **settings: object
) -> str:
    body = {"value": {"modules": list(modules), **settings}, "args": {"x": x}, "tag": tag}
    answer = http.post("jobs/run/preview_flow", json=body)
    assert answer.status_code == 201, answer.text
    return answer.text


def deployed(http: httpx.Client, path: str, content: str, **more: object) -> str:
    body = {"path": path, "summary": "", "content": content, "language": "python3", **more}
    answer = http.post("scripts/create", json=body)
    assert answer.status_code == 201, answer.text
    return answer.text


def test_a_script_is_run_by_its_newest_version_or_the_one_that_is_named(http: httpx.Client) -> None:
    path = "u/admin/versions_of_a_step"
    first = deployed(http, path, "def main(x):\n    return ['first', x]\n")
    deployed(http, path, "def main(x):\n    return ['second', x]\n", parent_hash=first)
    script = {"type": "script", "path": path, "input_transforms": SEEN}
    for value, said in ((script, "second"), ({**script, "hash": first}, "first")):
        job = ended(http, started(http, {"id": "a", "value": value}))
        assert (job["success"], job["result"]) == (True, [said, 1])
    gone = ended(http, started(http, {"id": "a", "value": {**script, "hash": "0123456789abcdef"}}))
    assert (gone["success"], path in gone["result"]["error"]["message"]) == (False, True)


def test_a_step_runs_under_its_own_tag_and_priority(http: httpx.Client) -> None:
    path = "u/admin/tag_of_a_step"
    deployed(http, path, "def main(x):\n    return x\n", tag="of-the-script")
    named = {"type": "script", "path": path, "input_transforms": SEEN, "tag_override": "of-the-step-$args[x]"}
    inline = {"type": "rawscript", "language": "bash", "content": "", "tag": "of-the-source"}
    for value, tag in (
        (named, "of-the-step-1"),
        ({**named, "tag_override": None}, "of-the-script"),
        (inline, "of-the-source"),
    ):
        flow = started(http, {"id": "a", "value": value, "priority": 7})
        begun(http, flow)
        module = http.get(f"jobs_u/get/{flow}").json()["flow_status"]["modules"][0]
        job = http.get(f"jobs_u/get/{module['job']}").json()
        assert (job["type"], job["tag"], job["priority"]) == ("QueuedJob", tag, 7)
        assert module["type"] == "WaitingForExecutor"
        assert http.post(f"jobs_u/queue/cancel/{flow}", json={}).status_code == 200


def test_steps_run_on_the_tag_of_their_flow_unless_it_keeps_theirs(http: httpx.Client) -> None:
    path, own = "u/admin/tag_of_a_flow", "duckdb"  # a tag that the worker here takes
    deployed(http, path, "def main(x):\n    return x\n", tag="of-the-script")
    below = {"path": f"{path}_below", "summary": "", "value": {"modules": []}, "schema": {}, "tag": "of-the-flow"}
    assert http.post("flows/create", json=below).status_code == 201
    untagged = {"type": "rawscript", "language": "bash", "content": "", "input_transforms": {}}
    script = {"type": "script", "path": path, "input_transforms": SEEN}
    named = {**script, "tag_override": "of-the-step"}
    flow = {"type": "flow", "path": f"{path}_below", "input_transforms": {}}
    for value, keeps, tag in (
        (untagged, False, own),
        (script, False, own),
        (named, False, own),
        (flow, False, own),
        (untagged, True, own),
        (script, True, "of-the-script"),
        (named, True, "of-the-step"),
        (flow, True, "of-the-flow"),
    ):
        inner = [{"id": "b", "value": value}]
        loop = {"type": "forloopflow", "iterator": {"type": "static", "value": [0]}, "modules": inner}
        root = job = started(http, {"id": "a", "value": loop}, tag=own, preserve_step_tags=keeps)
        for _ in range(2):
            begun(http, job)
            job = http.get(f"jobs_u/get/{job}").json()["flow_status"]["modules"][0]["job"]
        assert http.get(f"jobs_u/get/{job}").json()["tag"] == tag
        http.post(f"jobs_u/queue/cancel/{root}", json={})


def test_a_step_that_a_worker_has_taken_is_in_progress(http: httpx.Client) -> None:
    waits = {"type": "rawscript", "language": "bash", "content": "sleep 600", "input_transforms": {}}
    flow, ends_at = started(http, {"id": "a", "value": waits}), time.monotonic() + WAIT_S
    while (module := http.get(f"jobs_u/get/{flow}").json()["flow_status"]["modules"][0])["type"] != "InProgress":
        assert time.monotonic() < ends_at, module
    assert http.post(f"jobs_u/queue/cancel/{flow}", json={}).status_code == 200


@pytest.mark.parametrize("is_flow", [False, True])
def test_so_many_steps_run_at_once_as_their_limit_says(http: httpx.Client, is_flow: bool) -> None:
    content = (
        "import time\ndef main():\n    begun = time.time()\n    time.sleep(0.2)\n    return [begun, time.time()]\n"
    )
    step: dict[str, Any] = {"type": "rawscript", "language": "python3", "content": content, "input_transforms": {}}
    limited = {**step, "concurrent_limit": 1, "custom_concurrency_key": "one-of-these"}
    if is_flow:
        value = {"modules": [{"id": "a", "value": step}], "concurrent_limit": 1}
        body = {"path": "u/admin/one_at_a_time", "summary": "", "value": value}
        assert http.post("flows/create", json=body).status_code == 201
        limited = {"type": "flow", "path": "u/admin/one_at_a_time", "input_transforms": {}}
    loop = {
        "type": "forloopflow",
        "iterator": {"type": "static", "value": [1, 2, 3]},
        "modules": [{"id": "a", "value": limited}],
        "parallel": True,
        "skip_failures": False,
    }
    job = ended(http, started(http, {"id": "l", "value": loop}))
    assert job["success"], job["result"]
    times = sorted(job["result"])
    assert all(ends <= begins for (_, ends), (begins, _) in pairwise(times)), times


def test_a_flow_with_a_limit_is_repeated_under_it(http: httpx.Client) -> None:
    content = "def main(x):\n    raise ValueError(f'no {x}')\n"
    step = {"type": "rawscript", "language": "python3", "content": content, "input_transforms": SEEN}
    value = {"modules": [{"id": "a", "value": step}], "concurrent_limit": 1}
    body = {"path": "u/admin/again_one_at_a_time", "summary": "", "value": value}
    assert http.post("flows/create", json=body).status_code == 201
    query = {"retry": '{"constant": {"attempts": 1, "seconds": 0}}'}
    answer = http.post("jobs/run/f/u/admin/again_one_at_a_time", json={"x": 1}, params=query)
    job = ended(http, answer.text)
    assert (job["success"], job["result"]["error"]["message"]) == (False, "no 1")
    assert len(job["flow_status"]["modules"][0]["failed_retries"]) == 1


def test_what_is_below_a_step_has_its_priority(http: httpx.Client) -> None:
    inline = {"type": "rawscript", "language": "bash", "content": "", "tag": "of-nobody"}
    inner = {"id": "a", "value": inline}
    loop = {"type": "forloopflow", "iterator": {"type": "static", "value": [1]}, "modules": [inner]}
    flow = started(http, {"id": "l", "value": {**loop, "skip_failures": False}, "priority": 7})
    begun(http, flow)
    level = http.get(f"jobs_u/get/{flow}").json()["flow_status"]["modules"][0]["flow_jobs"][0]
    step = http.get(f"jobs_u/get/{level}").json()["flow_status"]["modules"][0]["job"]
    assert http.get(f"jobs_u/get/{step}").json()["priority"] == 7
    assert http.post(f"jobs_u/queue/cancel/{flow}", json={}).status_code == 200


def test_a_failure_step_that_would_not_run_is_refused(http: httpx.Client) -> None:
    failure = {
        "id": "failure",
        "value": {"type": "branchone", "branches": [], "default": [{"id": "x", "value": RAISES}]},
    }
    body = {"value": {"modules": [{"id": "a", "value": RAISES}], "failure_module": failure}, "args": {}}
    refused = http.post("jobs/run/preview_flow", json=body)
    assert (refused.status_code, "/failure_module/value must run a script or a flow" in refused.text) == (400, True)


def test_a_loop_whose_condition_fails_ends_with_what_is_under_way(http: httpx.Client) -> None:
    content = "import time\ndef main(x):\n    time.sleep(x)\n"
    inputs = {"x": {"type": "javascript", "expr": "flow_input.iter.value"}}
    step = {"type": "rawscript", "language": "python3", "content": content, "input_transforms": inputs}
    iterator = {"type": "static", "value": [0, 2, 2]}
    loop = {"type": "forloopflow", "iterator": iterator, "modules": [{"id": "a", "value": step}], "parallel": True}
    flow = {"id": "l", "value": {**loop, "skip_failures": True}, "stop_after_if": {"expr": "nobody.knows"}}
    job = ended(http, started(http, flow))
    assert (job["success"], "/modules/0/stop_after_if of step 'l'" in job["result"]["error"]["message"]) == (
        False,
        True,
    )
    children = job["flow_status"]["modules"][0]["flow_jobs"]
    assert [http.get(f"jobs_u/get/{each}").json()["type"] for each in children] == ["CompletedJob"] * 3


def test_a_flow_that_runs_itself_for_ever_ends(http: httpx.Client) -> None:
    path = "u/admin/itself"
    step = {"id": "a", "value": {"type": "flow", "path": path, "input_transforms": {}}}
    assert (
        http.post("flows/create", json={"path": path, "summary": "", "value": {"modules": [step]}}).status_code == 201
    )
    job = ended(http, http.post(f"jobs/run/f/{path}", json={}).text)
    message = f"'{path}' lies below 1000 other flows: does it run itself?"
    assert (job["success"], job["result"]["error"]["message"]) == (False, message)


def test_a_query_is_a_step_like_any_other(http: httpx.Client) -> None:
    query = {"type": "rawscript", "language": "duckdb", "content": "-- $x (int)\nselect $x + 1 as n\n"}
    after = {"type": "rawscript", "language": "bash", "content": 'n="$1"\necho "n is $n"\n'}
    inputs = {"n": {"type": "javascript", "expr": "results.q[0].n"}}
    job = ended(
        http,
        started(
            http,
            {"id": "q", "value": {**query, "input_transforms": SEEN}},
            {"id": "b", "value": {**after, "input_transforms": inputs}},
            x=41,
        ),
    )
    assert (job["success"], job["result"]) == (True, "n is 42")


def test_a_failed_iteration_of_a_while_loop_may_be_excused(http: httpx.Client) -> None:
    content = "def main(x):\n    if x == 1:\n        raise ValueError('one')\n    return x\n"
    inputs = {"x": {"type": "javascript", "expr": "flow_input.iter.index"}}
    step = {"type": "rawscript", "language": "python3", "content": content, "input_transforms": inputs}
    inner = {"id": "a", "value": step, "stop_after_if": {"expr": "result == 2"}}
    loop = {"type": "whileloopflow", "modules": [inner], "skip_failures": True}
    job = ended(http, started(http, {"id": "w", "value": loop}))
    assert (job["success"], [each if isinstance(each, int) else "failed" for each in job["result"]]) == (
        True,
        [0, "failed", 2],
    )
