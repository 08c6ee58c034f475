"""What the static check finds in flows, and where; and what it must not find."""

import json
from typing import Any

import pytest

from tidemill.engine.flow.check import Facts, Paths, Takes, check, paths_named
from tidemill.engine.flow.written import names_in
from tidemill.model.flow_reading import read_flow


def script(step_id: str, **settings: Any) -> dict[str, Any]:
    inputs = {name: {"type": "javascript", "expr": text} for name, text in settings.pop("inputs", {}).items()}
    value = {"type": "rawscript", "language": "bash", "content": "", "input_transforms": inputs}
    return {"id": step_id, "value": value, **settings}


def identity(step_id: str, **settings: Any) -> dict[str, Any]:
    return {"id": step_id, "value": {"type": "identity"}, **settings}


def loop(step_id: str, *modules: dict[str, Any], over: object = "[1]") -> dict[str, Any]:
    iterator = {"type": "javascript", "expr": over} if isinstance(over, str) else {"type": "static", "value": over}
    return {"id": step_id, "value": {"type": "forloopflow", "iterator": iterator, "modules": list(modules)}}


def again(step_id: str, *modules: dict[str, Any]) -> dict[str, Any]:
    return {"id": step_id, "value": {"type": "whileloopflow", "modules": list(modules)}}


def chosen(step_id: str, *conditions: str, default: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    branches = [{"expr": text, "modules": []} for text in conditions]
    return {"id": step_id, "value": {"type": "branchone", "branches": branches, "default": list(default)}}


def found(*modules: dict[str, Any], facts: Facts | None = None, **flow: Any) -> list[tuple[str, str]]:
    read = read_flow(json.dumps({"modules": modules, **flow}).encode())
    return [(each.code, each.place) for each in check(read, facts or Facts())]


@pytest.mark.parametrize(
    ("modules", "expected"),
    [
        ([script("a"), script("b", inputs={"x": "results.a.y"})], []),
        (
            [script("a"), script("b", inputs={"x": "results.c.y"})],
            [("unknown_step", "/modules/1/value/input_transforms/x")],
        ),
        (
            [script("a", inputs={"x": "results.b"}), script("b")],
            [("step_not_seen", "/modules/0/value/input_transforms/x")],
        ),
        ([script("a"), loop("l", script("b", inputs={"x": "results.a"}))], []),
        (
            [loop("l", script("b")), script("c", inputs={"x": "results['b']"})],
            [("step_not_seen", "/modules/1/value/input_transforms/x")],
        ),
        ([script("a", stop_after_if={"expr": "results.a > 1"}), script("b")], []),
        ([script("a"), script("b", inputs={"x": "'results.zz' /* results.zz */ // results.zz"})], []),
        (
            [script("a", stop_after_if={"expr": "true"}), script("b"), script("c")],
            [("unreachable_step", "/modules/1")],
        ),
        ([script("a", stop_after_if={"expr": "true"})], []),
        ([chosen("o", "results.o2", "true")], [("unknown_step", "/modules/0/value/branches/0/expr")]),
        (
            [chosen("o", "true", "flow_input.x", default=(identity("d"),))],
            [
                ("unreachable_branch", "/modules/0/value/branches/1"),
                ("unreachable_branch", "/modules/0/value/default"),
            ],
        ),
        ([chosen("o", "false;", "flow_input.x")], [("unreachable_branch", "/modules/0/value/branches/0")]),
        ([loop("l", identity("i"), over=[])], [("unreachable_step", "/modules/0/value/iterator")]),
        ([loop("l", identity("i"), over=" [ ];")], [("unreachable_step", "/modules/0/value/iterator")]),
        (
            [{**loop("l", identity("i")), "stop_after_all_iters_if": {"expr": "true"}}, script("b")],
            [("unreachable_step", "/modules/1")],
        ),
        ([{**loop("l", identity("i")), "stop_after_if": {"expr": "true"}}, script("b")], []),
        ([again("w", script("a", inputs={"x": "results.b"}), script("b", inputs={"x": "results.b"}))], []),
        (
            [again("w", script("a", inputs={"x": "results.c"})), script("c")],
            [("step_not_seen", "/modules/0/value/modules/0/value/input_transforms/x")],
        ),
        ([script("a", stop_after_all_iters_if={"expr": "true"}), script("b")], []),
        ([script("a", timeout=5, cache_ttl=5)], []),
        ([{**loop("l", script("b")), "timeout": 5}], [("unused_setting", "/modules/0/timeout")]),
        ([identity("a", cache_ttl=5)], [("unused_setting", "/modules/0/cache_ttl")]),
    ],
)
def test_steps_and_branches(modules: list[dict[str, Any]], expected: list[tuple[str, str]]) -> None:
    assert found(*modules) == expected


@pytest.mark.parametrize(
    ("modules", "expected"),
    [
        ([script("a", inputs={"v": "flow_input.x + flow_input['y']"})], []),
        ([script("a", inputs={"v": "flow_input.x"})], [("unused_argument", "")]),
        ([script("a", inputs={"v": "Object.keys(flow_input)"})], []),
        ([script("a", inputs={"v": "previous_result"})], []),
        ([identity("a")], []),
        ([], []),
        ([loop("l", identity("a"))], []),
        ([chosen("o", "1 > 0")], []),
        ([script("a", skip_if={"expr": "1 > 0"})], []),
        ([script("a"), identity("b")], [("unused_argument", ""), ("unused_argument", "")]),
        (
            [script("a", inputs={"v": "flow_input"}), script("b", inputs={"v": "flow_input.z"})],
            [("unknown_argument", "/modules/1/value/input_transforms/v")],
        ),
        ([script("a", inputs={"v": "flow_input"}), loop("l", script("b", inputs={"v": "flow_input.iter.value"}))], []),
    ],
)
def test_arguments(modules: list[dict[str, Any]], expected: list[tuple[str, str]]) -> None:
    assert found(*modules, facts=Facts(arguments=["x", "y"])) == expected


def test_settings_that_a_failure_step_does_not_have() -> None:
    failure = script("failure", timeout=5, retry={"constant": {"attempts": 1, "seconds": 0}}, sleep=3)
    places = [("unused_setting", f"/failure_module/{name}") for name in ("retry", "sleep")]
    assert found(script("a"), failure_module=failure) == places


@pytest.mark.parametrize(
    ("settings", "tag", "unused"),
    [
        ({}, None, 2),
        ({}, "gpu-$args[x.name]", 1),
        ({"concurrent_limit": 1, "concurrency_key": "$args[x]-$args[y]"}, None, 0),
        ({"concurrent_limit": 1}, None, 2),
        ({"debounce_delay_s": 1, "debounce_key": "$args[y]"}, None, 1),
        ({"debounce_delay_s": 1, "debounce_key": "k", "debounce_args_to_accumulate": ["x"]}, None, 1),
        ({"debounce_delay_s": 1}, None, 0),
    ],
)
def test_arguments_that_settings_are_made_of_are_used(settings: dict[str, Any], tag: str | None, unused: int) -> None:
    facts = Facts(arguments=["x", "y"], tag=tag)
    assert found(script("a"), facts=facts, **settings) == [("unused_argument", "")] * unused


def test_a_preprocessor_sees_what_was_sent() -> None:
    before = script("preprocessor", inputs={"event": "flow_input.body"})
    step = script("a", inputs={"v": "flow_input.x"})
    assert found(step, preprocessor_module=before, facts=Facts(arguments=["x"])) == []


def test_what_the_constants_of_a_flow_name_is_looked_for() -> None:
    assert found(identity("a"), flow_env={"db": "$res:f/gone/db", "n": 1}) == [("missing_resource", "/flow_env/db")]


def test_what_is_missing_is_told_where_it_is_named() -> None:
    static = {"type": "static", "value": ["$res:f/there/db", {"deep": "$var:f/gone/key"}]}
    step = script("a", inputs={"v": "resource('f/gone/db').host + variable(`f/there/key`)"})
    step["value"]["input_transforms"]["w"] = static
    modules = [
        step,
        {"id": "b", "value": {"type": "script", "path": "f/gone/script", "input_transforms": {}}},
        {"id": "c", "value": {"type": "flow", "path": "f/there/flow", "input_transforms": {}}},
    ]
    named = paths_named(read_flow(json.dumps({"modules": modules}).encode()))
    assert named == Paths(
        scripts=frozenset({"f/gone/script"}),
        flows=frozenset({"f/there/flow"}),
        resources=frozenset({"f/there/db", "f/gone/db"}),
        variables=frozenset({"f/gone/key", "f/there/key"}),
    )
    there = Paths(
        flows=frozenset({"f/there/flow"}), resources=frozenset({"f/there/db"}), variables=frozenset({"f/there/key"})
    )
    assert found(*modules, facts=Facts(there=there)) == [
        ("missing_variable", "/modules/0/value/input_transforms/w"),
        ("missing_script", "/modules/1/value/path"),
        ("missing_resource", "/modules/0/value/input_transforms/v"),
    ]


def test_it_is_told_where_not_all_expressions_were_parsed() -> None:
    assert found(script("a"), facts=Facts(unparsed=3)) == [("not_checked", "")]


def test_an_expression_that_cannot_be_parsed_is_told_at_each_place() -> None:
    modules = [script("a", inputs={"v": "1 +"}), script("b", skip_if={"expr": "1 +"})]
    assert found(*modules, facts=Facts(unparsable={"1 +": "why"})) == [
        ("unparsable_expression", "/modules/0/value/input_transforms/v"),
        ("unparsable_expression", "/modules/1/skip_if/expr"),
    ]


@pytest.mark.parametrize(
    ("text", "steps", "inputs"),
    [
        ("results.a.b + results['c-d']", {"a", "c-d"}, set()),
        ('`${results?.e} ${flow_input["f g"]}`', {"e"}, {"f g"}),
        ("myresults.a + x.results.b + flow_inputs", set(), set()),
        ("flow_input[name]", set(), None),
        ("results . a", {"a"}, set()),
    ],
)
def test_names_are_read_from_the_text(text: str, steps: set[str], inputs: set[str] | None) -> None:
    named = names_in(text)
    assert (named.steps, named.inputs) == (steps, inputs)


def runs(step_id: str, kind: str, path: str, *inputs: str, **more: str) -> dict[str, Any]:
    transforms = {name: {"type": "static", "value": 1} for name in inputs}
    return {"id": step_id, "value": {"type": kind, "path": path, "input_transforms": transforms, **more}}


def test_a_version_of_a_script_is_looked_for_by_its_hash() -> None:
    modules = [runs("a", "script", "f/x", hash="0123456789abcdef"), runs("b", "script", "f/x", hash="gone")]
    assert paths_named(read_flow(json.dumps({"modules": modules}).encode())) == Paths(
        versions=frozenset({"0123456789abcdef", "gone"})
    )
    there = Paths(versions=frozenset({"0123456789abcdef"}))
    assert found(*modules, facts=Facts(there=there)) == [("missing_version", "/modules/1/value/hash")]


def test_arguments_of_what_is_run_are_compared_with_what_it_takes() -> None:
    takes = {
        ("script", "f/s"): Takes(names=frozenset({"x", "y"}), required=frozenset({"x"})),
        ("version", "0123456789abcdef"): Takes(names=frozenset({"z"})),
        ("flow", "f/f"): Takes(names=frozenset({"x"}), required=frozenset({"x"})),
        ("script", "f/any"): Takes(names=frozenset({"x"}), takes_any=True),
    }
    there = Paths(
        scripts=frozenset({"f/s", "f/any"}), versions=frozenset({"0123456789abcdef"}), flows=frozenset({"f/f"})
    )
    modules = [
        runs("a", "script", "f/s", "x", "y"),
        runs("b", "script", "f/s", "y", "w"),
        loop("l", runs("c", "script", "f/s", "x", hash="0123456789abcdef")),
        runs("d", "flow", "f/f"),
        runs("e", "script", "f/any", "x", "more"),
    ]
    assert found(*modules, facts=Facts(there=there, takes=takes)) == [
        ("unknown_input", "/modules/1/value/input_transforms/w"),
        ("missing_input", "/modules/1/value/input_transforms"),
        ("unknown_input", "/modules/2/value/modules/0/value/input_transforms/x"),
        ("missing_input", "/modules/3/value/input_transforms"),
    ]


@pytest.mark.parametrize(("kind", "then"), [("script", "it is left out"), ("flow", "its steps see it all the same")])
def test_what_becomes_of_an_argument_that_is_not_taken_is_told(kind: str, then: str) -> None:
    there = Paths(scripts=frozenset({"f/x"}), flows=frozenset({"f/x"}))
    facts = Facts(there=there, takes={(kind, "f/x"): Takes(names=frozenset())})
    (finding,) = check(read_flow(json.dumps({"modules": [runs("a", kind, "f/x", "w")]}).encode()), facts)
    assert finding.message == f"The {kind} 'f/x' has no argument 'w': {then}."
