"""What rounds of workflows in code say, and what the next one is given."""

import json
from typing import Any

import pytest

from tidemill.engine import workflow
from tidemill.engine.workflow import Approval, Sleep, StepDone, TaskCall, Tasks, read_suspension
from tidemill.languages.python import Python
from tidemill.model.errors import BadRequest


def told(**fields: object) -> object:
    return read_suspension(json.dumps(fields).encode())


def test_what_a_round_waits_for_is_read() -> None:
    step = {"key": "a", "name": "a", "script": "a", "args": {"n": 1}, "dispatch_type": "inline", "timeout": 5}
    tasks = told(type="dispatch", mode="sequential", steps=[step])
    assert isinstance(tasks, Tasks)
    assert (tasks.steps[0].key, bytes(tasks.steps[0].args), tasks.steps[0].timeout) == ("a", b'{"n": 1}', 5)
    assert isinstance(told(type="inline_checkpoint", key="s", result=[1], duration_ms=3), StepDone)
    assert isinstance(told(type="approval", key="approval", timeout=1800, form=None), Approval)
    assert isinstance(told(type="sleep", key="sleep", seconds=2), Sleep)


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "dispatch", "steps": []},
        {"type": "dispatch", "steps": [{"key": "a\0b"}]},
        {"type": "dispatch", "steps": [{"key": "a", "dispatch_type": "other"}]},
        {"type": "dispatch", "steps": [{"key": "a", "tag": "a\0b"}]},
        {"type": "dispatch", "steps": [{"key": "a", "timeout": 1e12}]},
        {"type": "dispatch", "steps": [{"key": "a", "timeout": -1}]},
        {"type": "dispatch", "steps": [{"key": "a", "priority": 2**40}]},
        {"type": "dispatch", "steps": [{"key": "a", "concurrent_limit": 2**40}]},
        {"type": "approval", "key": "approval", "timeout": 1e12},
        {"type": "sleep", "key": "sleep", "seconds": -1},
        {"type": "sleep", "key": "sleep", "seconds": 2**40},
        {"type": "sleep", "key": "", "seconds": 1},
        {"type": "sleep", "key": "x" * 501, "seconds": 1},
        {"type": "unheard of"},
    ],
)
def test_what_cannot_be_understood_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(BadRequest):
        told(**fields)


@pytest.mark.parametrize(
    ("script", "dispatch_type", "is_own"),
    [
        ("double", "inline", True),
        ("f/a/double", "inline", False),
        ("f/a/double", "script", False),
        ("f/a/flow", "flow", False),
    ],
)
def test_a_task_with_a_path_is_something_else(script: str, dispatch_type: Any, is_own: bool) -> None:
    assert TaskCall(key="k", script=script, dispatch_type=dispatch_type).is_own is is_own


def test_a_checkpoint_holds_values_as_they_were_written() -> None:
    values = {"a": b"1.50", "b#2": b'{"x": null}'}
    assert workflow.checkpoint(values) == b'{"completed_steps":{"a":1.50,"b#2":{"x": null}}}'
    assert json.loads(workflow.checkpoint({}, executing="a")) == {"completed_steps": {}, "_executing_key": "a"}


def test_the_failure_of_a_task_tells_its_error_and_job() -> None:
    result = json.dumps(
        {"error": {"name": "KeyError", "message": "no", "stack": "at", "extra": {"n": 1}, "limit": "x"}}
    )
    assert json.loads(workflow.failed_task("t", result.encode(), job="J")) == {
        "__wmill_error": True,
        "message": "no",
        "step_key": "t",
        "child_job_id": "J",
        "result": {"error": {"name": "KeyError", "message": "no", "stack": "at", "extra": {"n": 1}}},
    }


def test_the_failure_of_a_flow_whose_result_is_no_error_keeps_that_result() -> None:
    failure = json.loads(workflow.failed_task("t", b'["of its failure step"]', job="J"))
    assert failure["result"]["error"] == {
        "name": "TaskFailed",
        "message": "Task 't' failed.",
        "extra": ["of its failure step"],
    }


def test_extra_that_is_too_large_is_left_out_and_said_so() -> None:
    result = json.dumps({"error": {"name": "E", "message": "m", "extra": "x" * 70_000}}).encode()
    error = json.loads(workflow.failed_task("t", result, job="J"))["result"]["error"]
    assert error == {"name": "E", "message": "m", "extra_omitted": True}


def test_only_what_says_so_is_the_failure_of_a_step() -> None:
    sent = {"__wmill_error": True, "message": "m", "step_key": "other", "result": {"error": {"name": "E"}}}
    kept = workflow.failed_step("s", json.dumps(sent).encode())
    assert kept is not None
    assert json.loads(kept) == {
        "__wmill_error": True,
        "message": "Step 's' failed.",
        "step_key": "s",
        "result": {"error": {"name": "E", "message": "Step 's' failed."}},
    }
    for value in (b"1", b'"__wmill_error"', b'{"__wmill_error": 1}', b'{"a": {"__wmill_error": true}}', b"[]"):
        assert workflow.failed_step("s", value) is None


def test_links_of_approvals_are_told_apart_from_all_others() -> None:
    numbers = {workflow.bound_number(key) for key in ("manager", "approval", "approval_2", "é")}
    assert len(numbers) == 4
    assert all(workflow.is_bound(number) and number < 2**48 for number in numbers)
    assert not any(workflow.is_bound(number) for number in (0, 10**9, 2**32))


@pytest.mark.parametrize(
    ("source", "is_one"),
    [
        ("from wmill import workflow\n@workflow\nasync def main(): ...", True),
        ("import wmill\n@wmill.workflow\nasync def main(): ...", True),
        ("import wmill\n# @workflow\n'''\n @workflow'''\ndef main(): ...", False),
        ("from wmill import task\n@workflows\ndef main(): ...", False),
        ("@workflow\ndef main(): ...", False),
    ],
)
def test_workflows_are_known_by_their_decorator(source: str, is_one: bool) -> None:
    assert Python().is_workflow(source) is is_one
