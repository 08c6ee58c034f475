"""Flows that answer before they have ended, and flows whose results are kept."""

import json

import httpx

from tests.conformance.test_restart import ended, gives, who


def waiting(step_id: str) -> dict[str, object]:
    """A step after which the flow waits, until it is canceled."""
    return {"id": step_id, "value": {"type": "identity"}, "suspend": {"required_events": 1}}


def test_who_waits_for_a_flow_gets_the_result_of_its_early_step(http: httpx.Client) -> None:
    flow = {"modules": [gives("a", "'early'"), waiting("b")], "early_return": "a"}
    answer = http.post("jobs/run_wait_result/preview_flow", json={"value": flow, "args": {}})
    assert (answer.status_code, answer.json()) == (200, "early")
    job_id = answer.headers["x-tidemill-job"]
    assert http.get(f"jobs_u/get/{job_id}").json()["type"] == "QueuedJob"
    assert http.post(f"jobs_u/queue/cancel/{job_id}", json={}).status_code == 200


def test_who_follows_a_flow_gets_the_result_of_its_early_step(http: httpx.Client) -> None:
    value = {"modules": [gives("a", "'early'"), waiting("b")], "early_return": "a"}
    flow = {"path": "u/admin/early_stream", "summary": "", "value": value}
    assert http.post("flows/create", json=flow).status_code == 201
    with http.stream("POST", "jobs/run_and_stream/f/u/admin/early_stream", json={}) as answer:
        told = [json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: ")]
    assert (told[-1]["completed"], told[-1]["success"], told[-1]["only_result"]) == (True, True, "early")
    waits = http.get("jobs/queue/list", params={"script_path_exact": "u/admin/early_stream"}).json()
    assert [each["job_kind"] for each in waits] == ["flow"]
    assert http.post(f"jobs_u/queue/cancel/{waits[0]['id']}", json={}).status_code == 200


def test_a_flow_that_fails_before_its_early_step_answers_with_that(http: httpx.Client) -> None:
    broken = {**who("a"), "value": {**who("a")["value"], "content": "exit 3"}}  # type: ignore[dict-item]
    flow = {"modules": [broken, who("b")], "early_return": "b"}
    answer = http.post("jobs/run_wait_result/preview_flow", json={"value": flow, "args": {}})
    assert answer.status_code == 500


def test_an_early_step_that_there_is_not_is_refused(http: httpx.Client) -> None:
    flow = {"modules": [who("a")], "early_return": "b"}
    answer = http.post("jobs/run/preview_flow", json={"value": flow, "args": {}})
    assert (answer.status_code, "/early_return" in answer.text) == (400, True)


def test_the_result_of_a_flow_is_kept_for_its_arguments(http: httpx.Client) -> None:
    flow = {"path": "u/admin/kept", "summary": "", "value": {"modules": [who("a")], "cache_ttl": 600}}
    assert http.post("flows/create", json=flow).status_code == 201

    def run(args: dict[str, object], path: str = "u/admin/kept") -> object:
        job = ended(http, http.post(f"jobs/run/f/{path}", json=args).text)
        assert job["success"], job["result"]
        return job["result"]

    first = run({"n": 1})
    assert run({"n": 1}) == first
    assert run({"n": 2}) != first
    inner = {"type": "flow", "path": "u/admin/kept", "input_transforms": {"n": {"type": "static", "value": 1}}}
    outer = {"path": "u/admin/keeps", "summary": "", "value": {"modules": [{"id": "in", "value": inner}]}}
    assert http.post("flows/create", json=outer).status_code == 201
    assert run({}, "u/admin/keeps") == first
    assert http.post("flows/update/u/admin/kept", json=flow).status_code == 200
    assert run({"n": 1}) != first


def test_one_version_is_waited_for_and_followed(http: httpx.Client) -> None:
    path = "u/admin/versions"
    for text in ("'old'", "'new'"):
        flow = {"path": path, "summary": "", "value": {"modules": [gives("a", text)]}}
        answer = http.post("flows/create" if text == "'old'" else f"flows/update/{path}", json=flow)
        assert answer.status_code in {200, 201}, answer.text
    newest, first = (each["id"] for each in http.get(f"flows/history/p/{path}").json())
    assert http.post(f"jobs/run_wait_result/f/{path}", json={}).json() == "new"
    assert http.get(f"jobs/run_wait_result/f/{path}").json() == "new"
    assert http.post(f"jobs/run_wait_result/fv/{first}", json={}).json() == "old"
    assert http.get(f"jobs/run_wait_result/fv/{newest}").json() == "new"
    with http.stream("POST", f"jobs/run_and_stream/fv/{first}", json={}) as answer:
        told = [json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: ")]
    assert (told[-1]["completed"], told[-1]["only_result"]) == (True, "old")
