"""Scripts and flows whose calls wait for newer ones."""

import time
from typing import Any

import httpx

from tests.conformance.conftest import WAIT_S
from tests.conformance.test_restart import begun, ended

SETTINGS = {"debounce_delay_s": 3600, "debounce_args_to_accumulate": ["items"]}
ALL = {"items": {"type": "javascript", "expr": "flow_input.items"}, "n": {"type": "javascript", "expr": "flow_input.n"}}


def called(http: httpx.Client, what: str) -> list[str]:
    """Three calls; one of them is of another kind."""
    ids = []
    for items, n in (([1], 0), ([2, 3], 0), ([9], 1), ([4], 0)):
        answer = http.post(f"jobs/run/{what}", json={"items": items, "n": n})
        assert answer.status_code == 201, answer.text
        ids.append(answer.text)
    return ids


def checked(http: httpx.Client, ids: list[str]) -> None:
    """The last one runs, with what the first two sent; they are told which one that is."""
    for job_id in ids[:2]:
        gone = http.get(f"jobs_u/get/{job_id}").json()
        assert (gone["type"], gone["canceled"]) == ("CompletedJob", True)
    assert http.get(f"jobs_u/get/{ids[1]}").json()["canceled_reason"] == f"debounced by {ids[3]}"
    assert http.post(f"jobs/queue/run_now/{ids[3]}").status_code == 200
    done = ended(http, ids[3])
    assert (done["result"], done["args"]) == ([1, 2, 3, 4], {"items": [1, 2, 3, 4], "n": 0})
    other = http.get(f"jobs_u/get/{ids[2]}").json()
    assert other["type"] == "QueuedJob"
    assert http.post(f"jobs_u/queue/cancel/{ids[2]}", json={}).status_code == 200


def test_the_newest_call_of_a_script_runs_with_what_all_sent(http: httpx.Client) -> None:
    source = "def main(items: list, n: int):\n    return items\n"
    script = {"path": "u/admin/debounced", "summary": "", "content": source, "language": "python3", **SETTINGS}
    assert http.post("scripts/create", json=script).status_code == 201
    kept = http.get("scripts/get/p/u/admin/debounced").json()
    assert {name: kept[name] for name in SETTINGS} == SETTINGS
    checked(http, called(http, "p/u/admin/debounced"))


def test_the_newest_call_of_a_flow_runs_with_what_all_sent(http: httpx.Client) -> None:
    inside = {"type": "rawscript", "language": "python3", "input_transforms": ALL}
    step = {"id": "a", "value": {**inside, "content": "def main(items: list, n: int):\n    return items\n"}}
    flow = {"path": "u/admin/debounced", "summary": "", "value": {"modules": [step], **SETTINGS}}
    assert http.post("flows/create", json=flow).status_code == 201
    checked(http, called(http, "f/u/admin/debounced"))
    assert http.post("jobs/run/f/u/admin/debounced", json={"items": 1, "n": 0}).status_code == 400


def test_a_test_of_a_flow_does_not_wait(http: httpx.Client) -> None:
    step = {"id": "a", "value": {"type": "identity"}}
    answer = http.post(
        "jobs/run_wait_result/preview_flow", json={"value": {"modules": [step], **SETTINGS}, "args": {"items": [1]}}
    )
    assert (answer.status_code, answer.json()) == (200, {"items": [1]})
    tried = http.post(
        "jobs/run_wait_result/preview_flow", json={"value": {"modules": [waits("b")]}, "args": {"items": [1], "n": 0}}
    )
    assert (tried.status_code, tried.json()) == (200, [1])


def waits(step_id: str, **settings: object) -> dict[str, Any]:
    """A step that gives the lists of all that come within an hour."""
    content = "def main(items: list, n: int):\n    return items\n"
    value = {"type": "rawscript", "language": "python3", "input_transforms": ALL, "content": content}
    return {"id": step_id, "value": value, "debouncing": SETTINGS, **settings}


def deployed(http: httpx.Client, path: str, *modules: dict[str, Any]) -> None:
    body = {"path": path, "summary": "", "value": {"modules": list(modules)}}
    assert http.post("flows/create", json=body).status_code == 201


def last_of(http: httpx.Client, flows: list[str]) -> str:
    """The only one of some flows that goes on, once the others have ended."""
    ends_at = time.monotonic() + WAIT_S
    while len(left := [each for each in flows if http.get(f"jobs_u/get/{each}").json()["type"] == "QueuedJob"]) > 1:
        assert time.monotonic() < ends_at, left
    return left[0]


def step_of(http: httpx.Client, flow: str, step_id: str) -> str:
    """The job of a step that has begun."""
    modules = {each["id"]: each for each in http.get(f"jobs_u/get/{flow}").json()["flow_status"]["modules"]}
    job: str = modules[step_id]["job"]
    return job


def test_the_newest_of_a_step_runs_with_what_came_before_and_the_other_flows_end_there(http: httpx.Client) -> None:
    behind = {"id": "behind", "value": {"type": "identity"}}
    deployed(http, "u/admin/step_waits", waits("b"), behind)
    flows = [http.post("jobs/run/f/u/admin/step_waits", json={"items": [n], "n": n}).text for n in range(8)]
    left = last_of(http, flows)
    job = step_of(http, left, "b")
    for each in flows:
        if each != left:
            gone = ended(http, each)
            assert (gone["success"], gone["is_skipped"]) == (True, True)
            assert "debounced by" in gone["result"]["error"]["message"]
            assert [module["type"] for module in gone["flow_status"]["modules"]] == ["Failure", "WaitingForPriorSteps"]
    assert http.post(f"jobs/queue/run_now/{job}").status_code == 200
    done = ended(http, left)
    assert (done["success"], done["is_skipped"], sorted(done["result"])) == (True, False, list(range(8)))


def test_a_flow_may_go_on_behind_a_step_whose_place_was_taken(http: httpx.Client) -> None:
    behind = {"id": "behind", "value": {"type": "identity"}}
    deployed(http, "u/admin/goes_on", waits("b", continue_on_error=True), behind)
    first, second = (http.post("jobs/run/f/u/admin/goes_on", json={"items": [n], "n": n}).text for n in range(2))
    left = last_of(http, [first, second])
    done = ended(http, first if left == second else second)
    assert (done["success"], done["is_skipped"], done["flow_status"]["modules"][1]["type"]) == (True, False, "Success")
    assert http.post(f"jobs_u/queue/cancel/{left}", json={}).status_code == 200


def test_iterations_whose_place_was_taken_are_skipped_and_the_others_go_on(http: httpx.Client) -> None:
    loop = {"type": "forloopflow", "iterator": {"type": "static", "value": [1, 2, 3]}, "modules": [waits("b")]}
    deployed(http, "u/admin/loop_waits", {"id": "l", "value": {**loop, "parallel": True, "skip_failures": False}})
    flow = http.post("jobs/run/f/u/admin/loop_waits", json={"items": [7], "n": 0}).text
    begun(http, flow)
    levels = http.get(f"jobs_u/get/{flow}").json()["flow_status"]["modules"][0]["flow_jobs"]
    left = last_of(http, levels)
    assert http.post(f"jobs/queue/run_now/{step_of(http, left, 'b')}").status_code == 200
    done = ended(http, flow)
    assert (done["success"], done["result"][levels.index(left)]) == (True, [7, 7, 7])


def test_what_cannot_wait_is_refused(http: httpx.Client) -> None:
    loop = {"type": "forloopflow", "iterator": {"type": "static", "value": []}, "modules": [], "skip_failures": False}
    for step, place in (
        ({"id": "l", "value": loop, "debouncing": SETTINGS}, "/modules/0/debouncing is for steps"),
        (waits("b", retry={"constant": {"attempts": 1, "seconds": 0}}), "/modules/0/retry would lose"),
        ({**waits("b"), "debouncing": {"debounce_delay_s": -1}}, "/modules/0/debouncing/debounce_delay_s"),
    ):
        refused = http.post("jobs/run/preview_flow", json={"value": {"modules": [step]}, "args": {}})
        assert (refused.status_code, place in refused.text) == (400, True), refused.text


def test_a_step_that_is_to_have_a_narrower_token_is_refused(http: httpx.Client) -> None:
    step = {"id": "a", "value": {"type": "identity"}, "job_token_scopes": ["variables:read"]}
    for what, body in (("jobs/run/preview_flow", {}), ("flows/create", {"path": "u/admin/narrow", "summary": ""})):
        refused = http.post(what, json={"value": {"modules": [step]}, "args": {}, **body})
        assert (refused.status_code, "/modules/0/job_token_scopes" in refused.text) == (501, True)
