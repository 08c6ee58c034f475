"""Preprocessors: what a webhook sends is made into arguments before a script, or a flow, begins."""

import itertools
import json
from typing import Any

import httpx
import pytest

from tests.conformance.test_restart import ended

_numbers = itertools.count(1)
SCRIPT = """
import datetime

def preprocessor(event):
    return {
        "kind": event["kind"], "name": event["body"]["user"]["name"], "source": event["query"].get("source"),
        "agent": event["headers"]["x-agent"], "text": event["raw_string"], "day": "2026-05-04",
        "secrets": [name for name in (*event["headers"], *event["query"]) if name in ("authorization", "token")],
    }

def main(name: str, kind: str = "", source=None, agent=None, text=None, secrets=None, day: datetime.date = None):
    return [kind, name, source, agent, text, secrets, day and day.year]
"""
BODY = '{"user": {"name": "ada"}}'
EVENT = {"X-Agent": "test", "Content-Type": "application/json"}


def deploy(http: httpx.Client, content: str, **more: object) -> str:
    path = f"u/admin/preprocessed_{next(_numbers)}"
    body = {"path": path, "summary": "", "content": content, "language": "python3", **more}
    answer = http.post("scripts/create", json=body)
    assert answer.status_code == 201, answer.text
    return path


def deploy_flow(http: httpx.Client, preprocessor: dict[str, object], **more: object) -> str:
    inputs = {"name": {"type": "javascript", "expr": "flow_input.name"}}
    content = "def main(name):\n    return f'hello {name}'\n"
    hello = {"type": "rawscript", "language": "python3", "content": content, "input_transforms": inputs}
    value = {
        "modules": [{"id": "hello", "value": hello}, {"id": "same", "value": {"type": "identity"}}],
        "preprocessor_module": {"id": "preprocessor", "value": preprocessor},
        **more,
    }
    path = f"u/admin/preprocessed_{next(_numbers)}"
    answer = http.post("flows/create", json={"path": path, "summary": "", "value": value, "schema": {}})
    assert answer.status_code == 201, answer.text
    return path


def rawscript(content: str, **inputs: object) -> dict[str, object]:
    return {"type": "rawscript", "language": "python3", "content": content, "input_transforms": inputs}


def test_a_script_is_given_what_its_preprocessor_makes_of_a_webhook(http: httpx.Client) -> None:
    path = deploy(http, SCRIPT)
    answer = http.post(f"jobs/run_wait_result/p/{path}?source=crm&raw=true", content=BODY, headers=EVENT)
    assert answer.json() == ["webhook", "ada", "crm", "test", BODY, [], 2026]


def test_what_has_the_arguments_of_main_already_is_not_preprocessed(http: httpx.Client) -> None:
    path = deploy(http, SCRIPT)
    answer = http.post(f"jobs/run_wait_result/p/{path}?skip_preprocessor=true", json={"name": "bob"})
    assert answer.json()[:2] == ["", "bob"]
    caller = deploy(
        http, f"import wmill\ndef main():\n    return wmill.run_script_by_path('{path}', args={{'name': 'eve'}})\n"
    )
    assert http.post(f"jobs/run_wait_result/p/{caller}", json={}).json()[:2] == ["", "eve"]


def test_a_job_that_was_preprocessed_is_run_again_with_its_event(http: httpx.Client) -> None:
    path = deploy(http, SCRIPT)
    job = ended(http, http.post(f"jobs/run/p/{path}", content=BODY, headers=EVENT).text)
    assert (job["result"][1], job["args"]["event"]["body"]) == ("ada", json.loads(BODY))
    again = http.post("jobs/run/batch_rerun_jobs", json={"job_ids": [job["id"]]})
    assert ended(http, again.text)["result"] == job["result"]


def test_what_a_preprocessor_gives_must_be_arguments(http: httpx.Client) -> None:
    path = deploy(http, "def preprocessor(event):\n    return 3\ndef main(n):\n    return n\n")
    job = ended(http, http.post(f"jobs/run/p/{path}", json={}).text)
    assert "preprocessor must return the arguments of main as a dict" in job["result"]["error"]["message"]


PREPROCESSORS = [
    ("def preprocessor(event):\n    return {'name': event['body']['user']['name']}\n", {}),
    ("def main(event):\n    return {'name': event['body']['user']['name']}\n", {}),
    (
        "def preprocessor(name):\n    return {'name': name}\n",
        {"name": {"type": "javascript", "expr": "flow_input.event.body.user.name"}},
    ),
]


@pytest.mark.parametrize(("content", "inputs"), PREPROCESSORS)
def test_the_input_of_a_flow_is_what_its_preprocessor_gives(
    http: httpx.Client, content: str, inputs: dict[str, Any]
) -> None:
    path = deploy_flow(http, rawscript(content, **inputs))
    job = ended(http, http.post(f"jobs/run/f/{path}", content=BODY, headers=EVENT).text)
    assert job["result"] == "hello ada", job["result"]
    status = job["flow_status"]["preprocessor_module"]
    assert (status["type"], status["id"]) == ("Success", "preprocessor")
    skipped = http.post(f"jobs/run_wait_result/f/{path}?skip_preprocessor=true", json={"name": "bob"})
    assert skipped.json() == "hello bob"


def test_a_deployed_script_may_be_the_preprocessor_of_a_flow(http: httpx.Client) -> None:
    script = deploy(http, PREPROCESSORS[0][0], kind="preprocessor")
    path = deploy_flow(http, {"type": "script", "path": script, "input_transforms": {}})
    assert http.post(f"jobs/run_wait_result/f/{path}", content=BODY, headers=EVENT).json() == "hello ada"


def test_a_flow_that_is_started_again_from_a_step_has_the_preprocessed_input(http: httpx.Client) -> None:
    path = deploy_flow(http, rawscript(PREPROCESSORS[0][0]))
    job = ended(http, http.post(f"jobs/run/f/{path}", content=BODY, headers=EVENT).text)
    again = http.post(f"jobs/restart/f/{job['id']}", json={"step_id": "hello"})
    assert again.status_code == 201, again.text
    assert ended(http, again.text)["result"] == "hello ada"


def test_a_preprocessor_that_fails_fails_the_flow(http: httpx.Client) -> None:
    failing = deploy_flow(http, rawscript("def preprocessor(event):\n    raise ValueError('no event')\n"))
    job = ended(http, http.post(f"jobs/run/f/{failing}", json={}).text)
    assert (job["success"], job["result"]["error"]["message"]) == (False, "no event")
    wrong = deploy_flow(http, rawscript("def preprocessor(event):\n    return 3\n"))
    job = ended(http, http.post(f"jobs/run/f/{wrong}", json={}).text)
    assert (job["success"], "must give an object" in job["result"]["error"]["message"]) == (False, True), job["result"]


def test_forms_and_lists_are_events_too(http: httpx.Client) -> None:
    path = deploy(
        http, "def preprocessor(event):\n    return {'body': event['body']}\ndef main(body):\n    return body\n"
    )
    run = f"jobs/run_wait_result/p/{path}"
    assert http.post(run, data={"a": "1", "b": "x"}).json() == {"a": "1", "b": "x"}
    assert http.post(run, json=[1, {"body": 2}]).json() == [1, {"body": 2}]
    assert http.post(run, content="plain", headers={"Content-Type": "text/plain"}).json() == "plain"
    assert http.get(f"{run}?payload=eyJhIjogMX0=").json() == {"a": 1}


def test_an_input_of_a_preprocessor_that_cannot_be_evaluated_is_a_failure_of_it(http: httpx.Client) -> None:
    broken = {"x": {"type": "javascript", "expr": "flow_input.none.at"}}
    seen = {"x": {"type": "javascript", "expr": "error.message"}}
    failure = {"id": "failure", "value": rawscript("def main(x):\n    return x\n", **seen)}
    path = deploy_flow(http, rawscript("def main(x):\n    return {}\n", **broken), failure_module=failure)
    job = ended(http, http.post(f"jobs/run/f/{path}", content=BODY, headers=EVENT).text)
    assert (job["success"], "/preprocessor_module/value/input_transforms/x" in job["result"]) == (False, True)
    assert job["flow_status"]["preprocessor_module"]["type"] == "Failure"
