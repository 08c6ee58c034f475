"""Reading OpenFlow: every member where it belongs, and what is wrong told with its place."""

import json
from typing import Any

import pytest

from tidemill.model import writtenjson
from tidemill.model.errors import InvalidFlow
from tidemill.model.flow import (
    BranchAll,
    BranchOne,
    DeployedScript,
    Expression,
    ForLoop,
    InlineScript,
    Static,
    all_steps,
)
from tidemill.model.flow_reading import read_flow

SCRIPT = {"type": "rawscript", "language": "python3", "content": "def main(): pass"}


def read(*modules: object, **more: object) -> Any:
    return read_flow(json.dumps({"modules": list(modules), **more}).encode())


def step(step_id: str = "a", value: object = None, **more: object) -> dict[str, object]:
    return {"id": step_id, "value": value or SCRIPT, **more}


def test_all_members_of_a_step_are_read() -> None:
    (found,) = read(
        step(
            summary="S",
            stop_after_if={"expr": "result", "skip_if_stopped": True, "error_message": "no"},
            stop_after_all_iters_if={"expr": "true", "error_message": "", "error_include_result": True},
            skip_if={"expr": "flow_input.x"},
            sleep={"type": "static", "value": 3},
            timeout=12,
            cache_ttl=60.0,
            mock={"enabled": True, "return_value": {"a": 1}},
            suspend={"required_events": 2, "timeout": 10, "resume_form": {"schema": {"type": "object"}}},
            retry={"constant": {"attempts": 1, "seconds": 0}, "retry_if": {"expr": "error"}},
            priority=7,
            delete_after_use=True,
            continue_on_error=True,
        )
    ).steps
    assert (found.id, found.summary, found.place, found.priority) == ("a", "S", "/modules/0", 7)
    assert found.stop is not None
    assert (found.stop.condition, found.stop.skipped, found.stop.error) == ("result", True, "no")
    assert (found.stop.with_result, found.stop_after_all.with_result) == (False, True)
    assert (found.stop_after_all.condition, found.stop_after_all.error) == ("true", "")
    assert (found.skip_if, found.sleep_s, found.timeout_s) == ("flow_input.x", Static(b"3"), Static(b"12"))
    assert (found.cache_ttl_s, found.mock) == (60, b'{"a":1}')
    assert (found.suspend.required, found.suspend.timeout_s, found.suspend.form) == (
        2,
        Static(b"10"),
        b'{"type":"object"}',
    )
    assert (found.retry.policy, found.retry.condition) == ({"constant": {"attempts": 1, "seconds": 0}}, "error")
    assert found.delete_after_use
    assert found.continue_on_error


def test_all_kinds_of_steps_are_read_at_any_depth() -> None:
    inner = step("x", {"type": "script", "path": "f/a/b", "hash": "1" * 16, "tag_override": "gpu"})
    loop = {
        "type": "forloopflow",
        "iterator": {"type": "javascript", "expr": "[1]"},
        "modules": [inner],
        "parallelism": 3,
    }
    flow = read(
        step("one", {"type": "branchone", "branches": [{"expr": "true", "modules": [step("l", loop)]}], "default": []}),
        step("all", {"type": "branchall", "branches": [{"modules": [], "skip_failure": True}], "parallel": True}),
        step("again", {"type": "whileloopflow", "modules": [step("i", {"type": "identity"})]}),
        step("sub", {"type": "flow", "path": "f/a/c", "input_transforms": {"n": {"type": "static", "value": None}}}),
        failure_module=step("whatever"),
        preprocessor_module=step("whatever"),
        flow_env={"n": 1.50},
        concurrent_limit=2,
        concurrency_time_window_s=9,
        delete_after_secs=0,
    )
    assert [each.id for each in all_steps(flow)] == [
        *("one", "l", "x", "all", "again", "i", "sub", "failure", "preprocessor"),
    ]
    places = {each.id: each.place for each in all_steps(flow)}
    assert places["x"] == "/modules/0/value/branches/0/modules/0/value/modules/0"
    kinds = {each.id: each.kind for each in all_steps(flow)}
    assert kinds["x"] == DeployedScript(path="f/a/b", hash="1" * 16, tag="gpu")
    assert isinstance(kinds["l"], ForLoop)
    assert kinds["l"].parallelism == Static(b"3")
    assert kinds["l"].iterator == Expression("[1]")
    assert isinstance(kinds["one"], BranchOne)
    assert isinstance(kinds["all"], BranchAll)
    assert kinds["all"].branches[0].skip_failure
    assert (flow.limit.count, flow.limit.window_s, flow.delete_after_s) == (2, 9, 1)


def test_static_values_stay_as_they_are_written() -> None:
    raw = b'{"modules":[{"id":"a","value":{"type":"rawscript","language":"bash","content":"",' + (
        b'"input_transforms":{"n":{"type":"static","value":{"a":[1.10,1e400,12345678901234567890]}}}}}]}'
    )
    (found,) = read_flow(raw).steps
    assert isinstance(found.kind, InlineScript)
    assert found.kind.inputs["n"] == Static(b'{"a":[1.10,1e400,12345678901234567890]}')
    assert writtenjson.dumps(writtenjson.loads(raw)) == raw


@pytest.mark.parametrize(
    ("modules", "told"),
    [
        ([step(value={"type": "aiagent"})], "/modules/0/value/type 'aiagent'"),
        ([step(value={"type": "rawscript", "language": "bash"})], "/modules/0/value/content is missing"),
        ([step(), step()], "taken twice: at /modules/0 and at /modules/1"),
        ([step("1a")], "/modules/0/id"),
        ([step(value={"type": "forloopflow", "modules": []})], "/modules/0/value/iterator"),
        ([step(sleep={"type": "magic"})], "/modules/0/sleep/type"),
        ([step(priority=101)], "/modules/0/priority"),
        ([step(continue_on_error="yes")], "/modules/0/continue_on_error"),
        ([step(value={"type": "rawscript", "language": "bash", "content": "\0"})], "/modules/0/value/content holds"),
        ([step(value={"type": "script", "path": "a\0"})], "/modules/0/value/path holds the character NUL"),
        ([step(value={"type": "flow", "path": "a\0"})], "/modules/0/value/path holds the character NUL"),
        (
            [step(debouncing={"debounce_delay_s": 1, "debounce_args_to_accumulate": ["a\0"]})],
            "/modules/0/debouncing/debounce_args_to_accumulate",
        ),
        ([7], "/modules/0 must be an object"),
        ({}, "/modules must be a list"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(modules: object, told: str) -> None:
    with pytest.raises(InvalidFlow) as error:
        read_flow(json.dumps({"modules": modules}).encode())
    assert told in str(error.value)


def test_loops_cannot_be_nested_without_end() -> None:
    module = step("deepest")
    for number in range(60):
        module = step(f"l{number}", {"type": "whileloopflow", "modules": [module]})
    with pytest.raises(InvalidFlow, match="deeper than"):
        read(module)
