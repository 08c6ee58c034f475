"""What expressions of flows give, what they ask for, and what their errors say."""

import json
import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.expressions.knowing import Knowing
from tidemill.engine.expressions import evaluation, javascript
from tidemill.engine.expressions.evaluation import evaluate
from tidemill.engine.expressions.need import Large, Need, NeedKind, Needs
from tidemill.engine.expressions.paths import parse_path, pick
from tidemill.model import jsontext
from tidemill.model.errors import ExpressionFailed

ROWS = b"[" + b",".join(b'{"id": %d, "text": "%s"}' % (i, b"y" * 40) for i in range(5000)) + b"]"
KNOWN: dict[str, Any] = {
    "roots": {
        "flow_input": b'{"x": 5, "name": "Ada", "iter": {"index": 1, "value": "v"}, "deep": {"a": {}}}',
        "previous_result": b'[1, 2, {"k": null}]',
        "resume": b'{"ok": true}',
        "approvers": b'["ada"]',
        "params": b"{}",
        "flow_env": b'{"STAGE": "prod"}',
        "results": b'{"a": 1, "b": 2}',
    },
    "results": {
        "a": b'{"b": [{"c": 1.10}, 2], "id": 12345678901234567890, "price": 0.12345678901234567891, "none": null}',
        "big": b'{"small": 5, "rows": ' + ROWS + b', "id": 12345678901234567891, "tail": {"x": 1}}',
        "with-dash": b'"d"',
        "list": b"[3, 1, 2]",
        "text": '"h\u00e9\U0001f600"'.encode(),
    },
    "variables": {"u/ada/greeting": b'"hi"'},
    "resources": {"f/etl/db": b'{"host": "h", "port": 5432}'},
}

PLAIN = [
    ("results.a.b[0].c", b"1.10"),
    ("results.a.id", b"12345678901234567890"),
    ("results.a.price", b"0.12345678901234567891"),
    ("results.a", KNOWN["results"]["a"]),
    (" results . a [ 'b' ] [ 1 ] ;", b"2"),
    ('results["with-dash"]', b'"d"'),
    ("flow_input.iter.value", b'"v"'),
    ("flow_input.missing", b"null"),
    ("previous_result", b'[1, 2, {"k": null}]'),
    ("previous_result[2].k", b"null"),
    ("previous_result.length", b"3"),
    ("previous_result[7]", b"null"),
    ("resume.ok", b"true"),
    ("approvers[0]", b'"ada"'),
    ("params", b"{}"),
    ("flow_env.STAGE", b'"prod"'),
    ("results", b'{"a": 1, "b": 2}'),
    ("results.text.length", b"4"),
    ("results.text[1]", '"\u00e9"'.encode()),
    ("results.text.nothing", b"null"),
    ("results.unknown", b"null"),
    ("results.big.rows[4999].id", b"4999"),
    ("results.big.rows[70].id", b"70"),
    ("results.big.rows.length", b"5000"),
    ("12345678901234567890", b"12345678901234567890"),
    ('{"a": 1.10}', b'{"a": 1.10}'),
    ("true", b"true"),
]

CODE = [
    ("flow_input.x + 1", b"6"),
    ("`${flow_input.name}!`", b'"Ada!"'),
    ("results.list.map((n) => n * 2)", b"[6,2,4]"),
    ("{a: flow_input.x, b: results.list}", b'{"a":5,"b":[3,1,2]}'),
    ("({...results.a.b[0], d: 1})", b'{"c":1.1,"d":1}'),
    ("const n = flow_input.x; return n * 2", b"10"),
    ("const n = flow_input.x;\nn * 3", b"15"),
    ("let s = 0; for (const n of results.list) s += n; s", b"6"),
    ("if (flow_input.x > 3) { return 'many' } return 'few'", b'"many"'),
    ("function twice(n) { return 2 * n }\nreturn twice(flow_input.x)", b"10"),
    ("const twice = (n) => { return 2 * n }; twice(flow_input.x)", b"10"),
    ("// the name\nflow_input.name", b'"Ada"'),
    ("flow_input?.deep?.b?.c ?? 'none'", b'"none"'),
    ("results.unknown?.x", b"null"),
    ("results.unknown ?? results.list", b"[3,1,2]"),
    ("'list' in results", b"true"),
    ("'unknown' in results", b"false"),
    ("Object.keys(results)", b'["a","b"]'),
    ("Object.entries(flow_input.iter)", b'[["index",1],["value","v"]]'),
    ("typeof nothing", b'"undefined"'),
    ("undefined", b"null"),
    ("[undefined, {a: undefined}]", b"[null,{}]"),
    ("results.a.id", b"12345678901234567890"),
    ("results.a.id + 1n", b"12345678901234567891"),
    ("`${results.a.id}`", b'"12345678901234567890"'),
    ("JSON.stringify({id: results.a.id})", rb'"{\"id\":12345678901234567890}"'),
    ("[results.a.id]", b"[12345678901234567890]"),
    ("-(2n ** 70n)", b"-1180591620717411303424"),
    ("0.1 + 0.2", b"0.30000000000000004"),
    ("variable('u/ada/greeting') + '!'", b'"hi!"'),
    ("resource('f/etl/db').port + 1", b"5433"),
    ("resource('f/' + 'etl' + '/db').host", b'"h"'),
    ("flow_input.x > 9 ? variable('u/ada/none') : 1", b"1"),
    ("new Date(0)", b'"1970-01-01T00:00:00.000Z"'),
    ("'\\u0000'", b'"\\u0000"'),
    ("results.text", '"h\u00e9\U0001f600"'.encode()),
    ("results.text + ''", '"h\u00e9\U0001f600"'.encode()),
    ("/a+/.test('caat')", b"true"),
    ("[...'ab'].reverse().join('')", b'"ba"'),
]

LARGE = [
    ("results.big.small + 1", b"6"),
    ("results.big.rows[4999].id + 1", b"5000"),
    ("results.big.rows.length + results.big.tail.x", b"5001"),
    ("results.big.rows.filter((row) => row.id < 3).map((row) => row.id)", b"[0,1,2]"),
    ("results.big.id + 1n", b"12345678901234567892"),
    ("Object.keys(results.big)", b'["small","rows","id","tail"]'),
    ("'rows' in results.big && !('none' in results.big)", b"true"),
    ("const {small, ...others} = results.big; Object.keys(others)", b'["rows","id","tail"]'),
    ("Array.isArray(results.big.rows) + typeof results.big", b'"trueobject"'),
    ("let n = 0; for (const row of results.big.rows) n += row.id; n", b"12497500"),
    ("results.big.nothing?.x ?? 'none'", b'"none"'),
    ("results.big.rows[0] === results.big.rows[0]", b"true"),
    ("results.big.small = 6; results.big.small", b"6"),
    ("results.big.hasOwnProperty('small')", b"true"),
]

FAILURES = [
    ("results.unknown.x", "results.unknown is undefined, so that 'x' cannot be read from it"),
    ("flow_input.deep.a.b.c", "flow_input.deep.a.b is undefined, so that 'c' cannot be read"),
    ("results.a.none.x", "results.a.none is null"),
    ("results.unknown.x + 1", "Without a value: results.unknown"),
    ("variable('u/ada/none')", "there is no variable at 'u/ada/none'"),
    ("resource('u/ada/none').host", "there is no resource at 'u/ada/none'"),
    ("nothing + 1", "nothing is not defined"),
    ("flow_input.x +", "SyntaxError"),
    ("return (", "SyntaxError"),
    ("await 1", "SyntaxError"),
    ("Promise.resolve(1)", "cannot wait"),
    ("(async () => 1)()", "cannot wait"),
    ("() => 1", "gives a function"),
    ("[Symbol('s')]", "gives a symbol"),
    ("new Map([[1, 2]])", "gives a Map or Set"),
    ("({a: new Set()})", "gives a Map or Set"),
    ("0 / 0", "gives NaN"),
    ("[1 / 0]", "gives Infinity"),
    ("throw new Error('so it is')", "so it is"),
    ("throw {code: 5}", 'it threw {"code":5}'),
    ("9007199254740993 + 1", "write 9007199254740993n"),
    ("results.a.price + 1", "0.12345678901234567891 would be rounded"),
    ("({...results.a})", "0.12345678901234567891 would be rounded"),
    ("results.a.id + 1", "BigInt"),
    ("const c = []; c.push(c); c", "circular"),
    ("'\\ud800' + ''", "surrogate"),
    ("results.text[2]", "surrogate"),
    ("", "It is empty"),
    ("  \n", "It is empty"),
    ("1 +" * 40_000 + "1", "more than 100000 characters"),
]


@pytest.mark.parametrize(("expression", "value"), PLAIN + CODE + LARGE)
def test_an_expression_gives(expression: str, value: bytes) -> None:
    assert Knowing(**KNOWN).evaluate(expression) == value


@pytest.mark.parametrize("expression", [each for each, _ in PLAIN if "1234" not in each])
def test_javascript_reads_a_plain_path_the_same_way(expression: str) -> None:
    plain = Knowing(**KNOWN).evaluate(expression)
    if b"0.123456" in plain:
        pytest.skip("JavaScript refuses the number, as another test says")
    code = Knowing(**KNOWN).evaluate(f"[{expression.strip(' ;')}][0]")
    assert json.loads(code) == json.loads(plain)


@pytest.mark.parametrize(("expression", "why"), FAILURES)
def test_a_failure_names_place_expression_and_cause(expression: str, why: str) -> None:
    with pytest.raises(ExpressionFailed) as failed:
        Knowing(**KNOWN).evaluate(expression, place="step b, input x")
    message = str(failed.value)
    assert message.startswith("step b, input x: the expression `")
    assert " ".join(expression.split())[:200] in message
    assert why in message


def test_only_what_is_touched_is_asked_for() -> None:
    known = Knowing(**KNOWN)
    assert (
        known.evaluate("results.list ? variable('u/ada/greeting') : resource('f/etl/db').port + results.a") == b'"hi"'
    )
    assert known.asked == [Need(NeedKind.RESULT, "list"), Need(NeedKind.VARIABLE, "u/ada/greeting")]


def test_a_need_that_the_expression_catches_is_asked_for_nevertheless() -> None:
    known = Knowing(**KNOWN)
    assert known.evaluate("let v; try { v = results.list } catch { v = 'caught' } v") == b"[3,1,2]"


def test_a_plain_path_asks_for_the_part_and_takes_it() -> None:
    need = Need(NeedKind.RESULT, "big", ("rows", 3, "id"))
    assert evaluate("results.big.rows[3].id", {}, run=javascript.run) == Needs(frozenset({need}), entire=True)
    assert str(need) == "results.big.rows[3].id"
    part = pick(KNOWN["results"]["big"], need)
    assert part == b"3"
    assert evaluate("results.big.rows[3].id", {need: part}, run=javascript.run) == b"3"
    assert evaluate("results.big.rows[3].id", {need: None}, run=javascript.run) == b"null"


def test_javascript_is_given_the_touched_part_of_a_large_value() -> None:
    """The whole would not go into the memory that there is, even as text."""
    huge = b'{"id": 7, "rows": [' + b'{"a": [1, 2, 3]},' * 200_000 + b"0]}"
    assert Knowing(results={"huge": huge}).evaluate("results.huge.id + results.huge.rows[2].a[1]") == b"9"
    with pytest.raises(ExpressionFailed, match="memory"):
        Knowing(results={"huge": huge}).evaluate("results.huge.rows.map((row) => row.a)")


def test_javascript_asks_for_parts_of_what_lies_elsewhere() -> None:
    root = Need(NeedKind.RESULT, "big")
    rows = replace(root, path=("rows",))
    have: dict[Need, bytes | Large | None] = {}
    asked: list[tuple[Need, bool]] = []
    parts: dict[tuple[Need, bool], bytes | Large | None] = {
        (root, False): Large(is_array=False),
        (rows, False): Large(is_array=True),
        (replace(root, path=("rows", "length")), False): b"3",
        (replace(root, path=("rows", "2")), False): b'{"id": 7}',
        (rows, True): b'[1, 2, {"id": 7}]',
    }
    source = "[results.big.rows.length, results.big.rows[2].id, results.big.rows.slice(0, 2)]"
    while isinstance(answer := evaluate(source, have, run=javascript.run), Needs):
        for need in answer.wanted:
            asked.append((need, answer.entire))
            have[need] = parts[need, answer.entire]
    assert answer == b"[3,7,[1,2]]"
    assert asked == list(parts)


@pytest.mark.parametrize(
    "expression",
    ["other.x", "results.a()", "results.a.b[0", "results.a b", "results?.a", "results.a[-1]", "results.a[01]",
     "flow_input.__proto__", "results['a\\n']", "results.a; results.b", "resultsa", "results.a.constructor", "1.x"],
)  # fmt: skip
def test_what_is_no_plain_path(expression: str) -> None:
    assert parse_path(expression) is None


def check_syntax(expression: str, *, place: str = "") -> None:
    evaluation.check_syntax(expression, parse=javascript.check_syntax, place=place)


@pytest.mark.parametrize(("expression", "_value"), PLAIN + CODE)
def test_what_runs_can_be_parsed(expression: str, _value: bytes) -> None:
    check_syntax(expression, place="step a")


@pytest.mark.parametrize("expression", ["1 +", "return (", "{a: }", "let 1x", "'", "", "9007199254740993 * 2"])
def test_what_cannot_be_parsed_is_refused_without_running(expression: str) -> None:
    with pytest.raises(ExpressionFailed, match="step a: the expression"):
        check_syntax(expression, place="step a")


def test_a_syntax_check_runs_nothing() -> None:
    check_syntax("while (true);")
    check_syntax("results.a.b.c.d(throw_away)")


def _is_same(answer: object, given: object) -> bool:
    """Whether it is the same value: integers as they are written, floats by what they are."""
    if isinstance(given, list):
        return isinstance(answer, list) and len(answer) == len(given) and all(map(_is_same, answer, given))
    if isinstance(given, dict):
        return (
            isinstance(answer, dict) and set(answer) == set(given) and all(_is_same(answer[k], given[k]) for k in given)
        )
    if isinstance(given, float):
        return isinstance(answer, Decimal) and float(answer) == given
    return answer == given


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@example(value=2.0**-24)
@given(value=_values)
def test_values_go_through_javascript_unchanged(value: jsontext.JsonValue) -> None:
    raw = jsontext.dumps(value)
    answer = Knowing(results={"a": raw}).evaluate("(x => x)(results.a)")
    assert _is_same(_read(answer), json.loads(raw))


@given(value=_values, keys=st.lists(st.text(max_size=3) | st.integers(0, 3), max_size=3))
def test_a_picked_part_is_the_text_as_it_stands(value: jsontext.JsonValue, keys: list[str | int]) -> None:
    raw = jsontext.dumps({"k": value, "other": [value]})
    expected: object = value
    for key in keys:
        if isinstance(expected, dict) and str(key) in expected:
            expected = expected[str(key)]
        elif isinstance(expected, list) and isinstance(key, int) and key < len(expected):
            expected = expected[key]
        else:
            return
    assert pick(raw, Need(NeedKind.RESULT, "a", ("k", *keys))) == jsontext.dumps(expected)  # type: ignore[arg-type]


def _read(raw: bytes) -> object:
    """Numbers by what they say, however they are written: JavaScript writes 1.0 as 1."""
    return json.loads(raw, parse_float=Decimal, parse_int=Decimal)


def test_messages_stay_short() -> None:
    with pytest.raises(ExpressionFailed) as failed:
        Knowing().evaluate("throw new Error('x'.repeat(5000)) // " + "y" * 5000)
    assert len(str(failed.value)) < 1500
    assert re.search(r"x{900}", str(failed.value))
