"""Starting flows again from a step, an iteration, a branch, and a step inside of one."""

import json
import time
from typing import Any

import httpx
import pytest

from tests.conformance.conftest import WAIT_S

WHO = 'echo "$WM_JOB_ID"\n'


def who(step_id: str, **settings: object) -> dict[str, object]:
    """A step that gives the id of its job: it tells whether it has run again."""
    value = {"type": "rawscript", "language": "bash", "content": WHO, "input_transforms": {}}
    return {"id": step_id, "value": value, **settings}


def gives(step_id: str, expression: str) -> dict[str, object]:
    """A step that gives what an expression gives."""
    transform = {"type": "javascript", "expr": expression}
    content = 'seen="$1"\necho "$seen"\n'
    value = {"type": "rawscript", "language": "bash", "content": content, "input_transforms": {"seen": transform}}
    return {"id": step_id, "value": value}


FLOW = {
    "modules": [
        who("a"),
        {
            "id": "loop",
            "value": {
                "type": "forloopflow",
                "iterator": {"type": "static", "value": [0, 1, 2]},
                "modules": [who("each")],
                "skip_failures": False,
            },
        },
        {
            "id": "both",
            "value": {"type": "branchall", "branches": [{"modules": [who("x")]}, {"modules": [who("y")]}]},
        },
        {
            "id": "one",
            "value": {
                "type": "branchone",
                "branches": [{"expr": "flow_input.yes", "modules": [who("in"), gives("out", "results.in + '!'")]}],
                "default": [],
            },
        },
        gives("end", "JSON.stringify([results.a, results.loop, results.both, results.one])"),
    ]
}


def ended(http: httpx.Client, job_id: str) -> dict[str, Any]:
    ends_at = time.monotonic() + WAIT_S
    while not http.get(f"jobs_u/getupdate/{job_id}", params={"running": "true"}).json()["completed"]:
        assert time.monotonic() < ends_at
    job: dict[str, Any] = http.get(f"jobs_u/get/{job_id}").json()
    return job


def begun(http: httpx.Client, job_id: str) -> None:
    ends_at = time.monotonic() + WAIT_S
    while not http.get(f"jobs_u/get/{job_id}").json()["flow_status"]["modules"][0].get("job"):
        assert time.monotonic() < ends_at


def result(http: httpx.Client, job_id: str) -> Any:
    job = ended(http, job_id)
    assert job["success"], job["result"]
    return json.loads(job["result"])


def again(http: httpx.Client, job_id: str, **at: object) -> str:
    answer = http.post(f"jobs/restart/f/{job_id}", json=at)
    assert answer.status_code == 201, answer.text
    return answer.text


@pytest.fixture(scope="module")
def ran(http: httpx.Client) -> tuple[str, Any]:
    """A run of `FLOW`, and what it gave."""
    job_id = http.post("jobs/run/preview_flow", json={"value": FLOW, "args": {"yes": True}}).text
    return job_id, result(http, job_id)


def same(old: Any, new: Any) -> list[object]:
    """For each part of the result whether it is what it was."""
    return [
        [one == other for one, other in zip(before, after, strict=True)]
        if isinstance(before, list)
        else before == after
        for before, after in zip(old, new, strict=True)
    ]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ({"step_id": "end"}, [True, [True, True, True], [True, True], True]),
        ({"step_id": "a"}, [False, [False, False, False], [False, False], False]),
        ({"step_id": "loop"}, [True, [False, False, False], [False, False], False]),
        ({"step_id": "loop", "branch_or_iteration_n": 1}, [True, [True, False, False], [False, False], False]),
        ({"step_id": "both", "branch_or_iteration_n": 1}, [True, [True, True, True], [True, False], False]),
        ({"step_id": "one", "nested_path": [{"step_id": "out"}]}, [True, [True, True, True], [True, True], True]),
        (
            {"step_id": "loop", "branch_or_iteration_n": 2, "nested_path": [{"step_id": "each"}]},
            [True, [True, True, False], [False, False], False],
        ),
    ],
)
def test_what_came_before_is_as_it_was(
    http: httpx.Client, ran: tuple[str, Any], at: dict[str, object], expected: list[object]
) -> None:
    job_id, old = ran
    assert same(old, result(http, again(http, job_id, **at))) == expected


def test_a_run_that_was_started_again_can_be_once_more(http: httpx.Client, ran: tuple[str, Any]) -> None:
    job_id, old = ran
    first = again(http, job_id, step_id="loop", branch_or_iteration_n=1)
    middle = result(http, first)
    second = result(http, again(http, first, step_id="loop", branch_or_iteration_n=2))
    assert same(old, second)[1] == [True, False, False]
    assert same(middle, second)[1] == [True, True, False]
    third = result(http, again(http, first, step_id="both"))
    assert same(middle, third) == [True, [True, True, True], [False, False], False]


def test_a_deployed_flow_goes_on_with_its_newest_version(http: httpx.Client) -> None:
    path = "u/admin/mended"
    broken = {"id": "b", "value": {**who("b")["value"], "content": "exit 3\n"}}  # type: ignore[dict-item]
    flow = {"path": path, "summary": "", "value": {"modules": [who("a"), broken]}}
    assert http.post("flows/create", json=flow).status_code == 201
    job_id = http.post(f"jobs/run/f/{path}", json={}).text
    failed = ended(http, job_id)
    assert not failed["success"]
    version = http.get(f"flows/get/{path}").json()["version_id"]
    mended = {**flow, "value": {"modules": [who("a"), gives("b", "results.a")]}}
    assert http.post(f"flows/update/{path}", json=mended).status_code == 200
    job = ended(http, again(http, job_id, step_id="b"))
    assert (job["success"], job["result"]) == (True, failed["flow_status"]["modules"][0]["job"])
    old = ended(http, again(http, job_id, step_id="b", flow_version=version))
    assert not old["success"]
    changed = {**flow, "value": {"modules": [who("other"), who("b")]}}
    assert http.post(f"flows/update/{path}", json=changed).status_code == 200
    refused = ended(http, again(http, job_id, step_id="b"))
    assert (refused["success"], refused["result"]["error"]["name"]) == (False, "FlowChanged")


def test_a_place_that_there_is_not_is_refused(http: httpx.Client, ran: tuple[str, Any]) -> None:
    job_id, _ = ran
    for at, status, told in (
        ({"step_id": "nowhere"}, 400, "there are: a, loop"),
        ({"step_id": "loop", "branch_or_iteration_n": 4}, 400, "has begun 3"),
        ({"step_id": "loop", "branch_or_iteration_n": -1}, 400, "has begun 3"),
        ({"step_id": "a", "branch_or_iteration_n": 1}, 400, "no iterations"),
        ({"step_id": "one", "nested_path": [{"step_id": "a"}]}, 400, "there are: in, out"),
        ({"step_id": "one", "branch_or_iteration_n": 1, "nested_path": [{"step_id": "in"}]}, 400, "there is no 1"),
    ):
        answer = http.post(f"jobs/restart/f/{job_id}", json=at)
        assert (answer.status_code, told in answer.text) == (status, True), answer.text
    step = ended(http, job_id)["flow_status"]["modules"][0]["job"]
    assert http.post(f"jobs/restart/f/{step}", json={"step_id": "a"}).status_code == 400
    waits = {"modules": [{**who("ask"), "suspend": {"required_events": 1}}, who("b")]}
    open_flow = http.post("jobs/run/preview_flow", json={"value": waits, "args": {}}).text
    begun(http, open_flow)
    assert http.post(f"jobs/restart/f/{open_flow}", json={"step_id": "ask"}).status_code == 409
    http.post(f"jobs_u/queue/cancel/{open_flow}", json={})
    ended(http, open_flow)
    answer = http.post(f"jobs/restart/f/{open_flow}", json={"step_id": "b"})
    assert (answer.status_code, "start from an earlier step" in answer.text) == (409, True), answer.text


def asks(step_id: str, **suspend: object) -> dict[str, object]:
    """A step after which the flow waits for an approval."""
    return {**who(step_id), "suspend": {"required_events": 1, **suspend}}


def answer(http: httpx.Client, job_id: str, step: dict[str, Any], *, approved: bool = True) -> None:
    """Ada answers what a flow asks after a step, once it does."""
    ends_at = time.monotonic() + WAIT_S
    while "suspend" not in http.get(f"jobs_u/get/{job_id}").json():
        assert time.monotonic() < ends_at
        http.get(f"jobs_u/getupdate/{job_id}", params={"running": "true"})
    status = http.get(f"jobs_u/get/{job_id}").json()["flow_status"]
    job = next(each["job"] for each in status["modules"] if each["id"] == step["id"])
    urls = http.get(f"jobs/resume_urls/{job}/1", params={"approver": "ada"}).json()
    done = httpx.post(urls["resume" if approved else "cancel"], json={"size": 1.5})
    assert done.status_code == 201, done.text


@pytest.mark.parametrize("inside", [False, True])
def test_a_step_behind_an_approval_sees_the_answers_of_the_run_before(http: httpx.Client, inside: bool) -> None:
    ask, see = asks("ask"), gives("see", "JSON.stringify([resume.size, resumes, approvers])")
    steps = [ask, see, who("end")]
    branch = {"id": "in", "value": {"type": "branchall", "branches": [{"modules": steps}]}}
    value = {"modules": [branch] if inside else steps}
    job_id = http.post("jobs/run/preview_flow", json={"value": value, "args": {}}).text
    begun(http, job_id)
    level = http.get(f"jobs_u/get/{job_id}").json()["flow_status"]["modules"][0]["flow_jobs"][0] if inside else job_id
    answer(http, level, ask)
    ended(http, job_id)
    at = {"step_id": "see"}
    place = {"step_id": "in", "branch_or_iteration_n": 0, "nested_path": [at]} if inside else at
    for _ in range(2):
        job_id = again(http, job_id, **place)
        assert ended(http, job_id)["success"]
        level = ended(http, job_id)["flow_status"]["modules"][0]["flow_jobs"][0] if inside else job_id
        modules = ended(http, level)["flow_status"]["modules"]
        seen = json.loads(http.get(f"jobs_u/completed/get_result/{modules[1]['job']}").json())
        assert seen == [1.5, [{"size": 1.5}], ["ada"]]
        assert modules[0]["approvers"] == [{"resume_id": 1, "approver": "ada"}]


def test_a_refusal_that_a_flow_went_on_with_is_seen_again(http: httpx.Client) -> None:
    ask = asks("ask", continue_on_disapprove_timeout=True)
    value = {"modules": [ask, gives("see", "resume.error.message")]}
    job_id = http.post("jobs/run/preview_flow", json={"value": value, "args": {}}).text
    answer(http, job_id, ask, approved=False)
    told = ended(http, job_id)["result"]
    assert "disapproved by ada" in told
    assert ended(http, again(http, job_id, step_id="see"))["result"] == told


def test_starting_again_does_not_get_around_an_approval(http: httpx.Client) -> None:
    ask = asks("ask")
    refused = http.post("jobs/run/preview_flow", json={"value": {"modules": [ask, who("b")]}, "args": {}}).text
    answer(http, refused, ask, approved=False)
    stopped = {"modules": [{**ask, "stop_after_if": {"expr": "true"}}, who("b")]}
    for job_id in (refused, http.post("jobs/run/preview_flow", json={"value": stopped, "args": {}}).text):
        ended(http, job_id)
        told = http.post(f"jobs/restart/f/{job_id}", json={"step_id": "b"})
        assert (told.status_code, "start from an earlier step" in told.text) == (409, True), told.text


def test_an_iteration_that_is_run_again_sees_what_the_one_before_gave(http: httpx.Client) -> None:
    counts = {**gives("a", "(Number(results.a) || 1) * 2"), "stop_after_if": {"expr": "Number(result) >= 8"}}
    loop = {"id": "w", "value": {"type": "whileloopflow", "modules": [counts], "skip_failures": False}}
    job_id = http.post("jobs/run/preview_flow", json={"value": {"modules": [loop]}, "args": {}}).text
    assert ended(http, job_id)["result"] == ["2", "4", "8"]
    assert ended(http, again(http, job_id, step_id="w", branch_or_iteration_n=2))["result"] == ["2", "4", "8"]


def test_what_a_loop_inside_gave_is_kept_too(http: httpx.Client) -> None:
    inner: dict[str, object] = {
        "id": "inner",
        "value": {
            "type": "forloopflow",
            "iterator": {"type": "static", "value": [1, 2]},
            "modules": [who("each")],
            "skip_failures": False,
        },
    }
    see = gives("see", "JSON.stringify(results.inner)")
    branch = {"id": "in", "value": {"type": "branchall", "branches": [{"modules": [inner, see]}]}}
    job_id = http.post("jobs/run/preview_flow", json={"value": {"modules": [branch]}, "args": {}}).text
    assert ended(http, job_id)["success"]
    place = {"step_id": "in", "branch_or_iteration_n": 0, "nested_path": [{"step_id": "see"}]}
    new = again(http, job_id, **place)
    assert ended(http, new)["result"] == ended(http, job_id)["result"]


def test_a_flow_inside_goes_on_behind_what_it_was_told(http: httpx.Client) -> None:
    told = {"id": "told", "value": {"type": "identity"}, "suspend": {"required_events": 1}}
    see = gives("see", "JSON.stringify([results.a, resume.size, flow_input.n])")
    body = {"path": "u/admin/inside", "summary": "", "value": {"modules": [who("a"), told, see]}}
    assert http.post("flows/create", json=body).status_code == 201
    inputs = {"n": {"type": "static", "value": 7}}
    sub = {"id": "sub", "value": {"type": "flow", "path": "u/admin/inside", "input_transforms": inputs}}
    job_id = http.post("jobs/run/preview_flow", json={"value": {"modules": [sub]}, "args": {}}).text
    begun(http, job_id)
    inside = http.get(f"jobs_u/get/{job_id}").json()["flow_status"]["modules"][0]["job"]
    answer(http, inside, told)
    old = result(http, job_id)
    assert old[1:] == [1.5, 7]
    assert result(http, again(http, job_id, step_id="sub", nested_path=[{"step_id": "see"}])) == old


def deployed(http: httpx.Client, path: str, modules: list[dict[str, Any]]) -> int:
    """Deploy a version; its number."""
    flow = {"path": path, "summary": "", "value": {"modules": modules}}
    there = http.get(f"flows/exists/{path}").json()
    answer = http.post(f"flows/update/{path}" if there else "flows/create", json=flow)
    assert answer.is_success, answer.text
    version: int = http.get(f"flows/get/{path}").json()["version_id"]
    return version


def test_behind_an_approval_the_version_runs_that_it_was_given_for(http: httpx.Client) -> None:
    path, ask = "u/admin/approved", asks("ask")
    deployed(http, path, [who("a"), ask, gives("pay", "'agreed'")])
    job_id = http.post(f"jobs/run/f/{path}", json={}).text
    answer(http, job_id, ask)
    assert ended(http, job_id)["result"] == "agreed"
    newest = deployed(http, path, [who("a"), ask, gives("pay", "'more than agreed'")])
    assert ended(http, again(http, job_id, step_id="pay"))["result"] == "agreed"
    refused = http.post(f"jobs/restart/f/{job_id}", json={"step_id": "pay", "flow_version": newest})
    assert (refused.status_code, "approvals" in refused.text) == (409, True)
    asked = again(http, job_id, step_id="ask")
    answer(http, asked, ask)
    assert ended(http, asked)["result"] == "agreed"
    anew = again(http, job_id, step_id="a")
    answer(http, anew, ask)
    assert ended(http, anew)["result"] == "more than agreed"


def test_a_flow_below_keeps_the_version_that_was_approved_too(http: httpx.Client) -> None:
    below, path, ask = "u/admin/approved_below", "u/admin/around_approved", asks("ask")
    deployed(http, below, [ask, gives("pay", "'agreed'")])
    deployed(http, path, [{"id": "inner", "value": {"type": "flow", "path": below, "input_transforms": {}}}])
    job_id = http.post(f"jobs/run/f/{path}", json={}).text
    begun(http, job_id)
    answer(http, http.get(f"jobs_u/get/{job_id}").json()["flow_status"]["modules"][0]["job"], ask)
    assert ended(http, job_id)["result"] == "agreed"
    deployed(http, below, [ask, gives("pay", "'more than agreed'")])
    at = {"step_id": "inner", "nested_path": [{"step_id": "pay"}]}
    assert ended(http, again(http, job_id, **at))["result"] == "agreed"
    asked = again(http, job_id, step_id="inner", nested_path=[{"step_id": "ask"}])
    begun(http, asked)
    answer(http, http.get(f"jobs_u/get/{asked}").json()["flow_status"]["modules"][0]["job"], ask)
    assert ended(http, asked)["result"] == "agreed"


@pytest.mark.parametrize("kind", ["branch", "loop", "flow"])
def test_what_was_approved_inside_of_a_step_holds_for_the_version_that_ran(http: httpx.Client, kind: str) -> None:
    below, path, ask = f"u/admin/asks_{kind}", f"u/admin/around_{kind}", asks("ask")
    deployed(http, below, [ask])
    iterator = {"type": "static", "value": [1]}
    inside: dict[str, object] = {
        "branch": {"type": "branchall", "branches": [{"modules": [ask]}]},
        "loop": {"type": "forloopflow", "iterator": iterator, "modules": [ask], "skip_failures": False},
        "flow": {"type": "flow", "path": below, "input_transforms": {}},
    }[kind]
    before: list[dict[str, Any]] = [who("a"), {"id": "inner", "value": inside}]
    deployed(http, path, [*before, who("b"), gives("pay", "'agreed'")])
    job_id = http.post(f"jobs/run/f/{path}", json={}).text
    answer(http, child_of(http, job_id, 1), ask)
    assert ended(http, job_id)["result"] == "agreed"
    newest = deployed(http, path, [*before, who("b"), gives("pay", "'more than agreed'")])
    middle = again(http, job_id, step_id="b")
    ended(http, middle)
    for run in (job_id, middle):
        assert ended(http, again(http, run, step_id="pay"))["result"] == "agreed"
        refused = http.post(f"jobs/restart/f/{run}", json={"step_id": "pay", "flow_version": newest})
        assert (refused.status_code, "approvals" in refused.text) == (409, True)
    anew = again(http, job_id, step_id="inner")
    answer(http, child_of(http, anew, 1), ask)
    assert ended(http, anew)["result"] == "more than agreed"


def child_of(http: httpx.Client, job_id: str, number: int) -> str:
    """The job of what a step runs inside of it, once there is one."""
    ends_at = time.monotonic() + WAIT_S
    while True:
        module = http.get(f"jobs_u/get/{job_id}").json()["flow_status"]["modules"][number]
        if found := (module.get("flow_jobs") or [module.get("job")])[0]:
            return str(found)
        assert time.monotonic() < ends_at
        http.get(f"jobs_u/getupdate/{job_id}", params={"running": "true"})
