"""Scripts and flows whose calls wait for newer ones."""

import httpx

from tests.conformance.test_restart import ended

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


def test_a_step_is_not_debounced_and_a_test_of_a_flow_does_not_wait(http: httpx.Client) -> None:
    step = {"id": "a", "value": {"type": "identity"}}
    answer = http.post(
        "jobs/run_wait_result/preview_flow", json={"value": {"modules": [step], **SETTINGS}, "args": {"items": [1]}}
    )
    assert (answer.status_code, answer.json()) == (200, {"items": [1]})
    debounced = {**step, "debouncing": {"debounce_delay_s": 5}}
    refused = http.post("jobs/run/preview_flow", json={"value": {"modules": [debounced]}, "args": {}})
    assert (refused.status_code, "/modules/0/debouncing" in refused.text) == (501, True)


def test_a_step_that_is_to_have_a_narrower_token_is_refused(http: httpx.Client) -> None:
    step = {"id": "a", "value": {"type": "identity"}, "job_token_scopes": ["variables:read"]}
    for what, body in (("jobs/run/preview_flow", {}), ("flows/create", {"path": "u/admin/narrow", "summary": ""})):
        refused = http.post(what, json={"value": {"modules": [step]}, "args": {}, **body})
        assert (refused.status_code, "/modules/0/job_token_scopes" in refused.text) == (501, True)
