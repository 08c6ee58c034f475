"""References to variables and resources: what is replaced, what never is, and what is refused."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.engine.inputs import Interpolation, Reference, contains_reference, references, variable_value
from tidemill.model.errors import InterpolationFailed, TooLarge


def resolve(
    raw: bytes, store: Mapping[str, bytes], *, rounds: list[int] | None = None, max_bytes: int = 1 << 20
) -> bytes:
    plan = Interpolation(raw, max_bytes=max_bytes)
    while wanted := plan.wanted:
        if rounds is not None:
            rounds.append(len(wanted))
        plan.supply({each: store[str(each)] for each in wanted if str(each) in store})
    return plan.result()


STORE = {
    "$var:f/a/password": variable_value('p"w\n\\ü'),
    "$res:f/a/db": b'{"host": "h", "port": 5432.10, "password": "$var:f/a/password"}',
    "$res:f/a/both": b'["$res:f/a/db", {"again": "$res:f/a/db"}]',
}


def test_a_whole_string_is_replaced_and_the_rest_stays_to_the_byte() -> None:
    raw = b'{ "n":1.10, "big":12345678901234567890123,\n "db": "$res:f/a/db" }'
    assert resolve(raw, STORE) == (
        b'{ "n":1.10, "big":12345678901234567890123,\n "db": '
        b'{"host": "h", "port": 5432.10, "password": "p\\"w\\n\\\\\xc3\xbc"} }'
    )


@pytest.mark.parametrize(
    "raw",
    [
        b'"see $var:f/a/password"',
        b'" $var:f/a/password"',
        b'{"$var:f/a/password": 1}',
        b'{"$var:f/a/password"  \n: "x"}',
        b'"$VAR:f/a/password"',
        b'"$vars:x"',
        b'"\\\\u0024var:f/a/password"',
        b'"a\\"$var:f/a/password"',
        b'"\\"$var:x\\""',
        b'["x","\\\\"]',
        b"12",
        b'""',
    ],
)
def test_what_only_looks_like_a_reference_stays(raw: bytes) -> None:
    assert not contains_reference(raw)
    assert resolve(raw, {}) == raw


@pytest.mark.parametrize(
    "raw", [b'"\\u0024var:f/a/password"', b'"$\\u0076ar:f/a/passwor\\u0064"', b'"$var:f\\/a/password"']
)
def test_an_escaped_reference_is_one(raw: bytes) -> None:
    assert references(raw) == {Reference("var", "f/a/password")}
    assert json.loads(resolve(raw, STORE)) == 'p"w\n\\ü'


def test_a_level_costs_one_round_however_many_references_it_has() -> None:
    rounds: list[int] = []
    resolved = json.loads(resolve(b'["$res:f/a/both", "$res:f/a/db", "$res:f/a/db"]', STORE, rounds=rounds))
    assert rounds == [2, 1]
    assert resolved[0][1]["again"] == resolved[1] == resolved[2]
    assert resolved[1]["password"] == 'p"w\n\\ü'


def test_the_text_of_a_variable_is_never_looked_into() -> None:
    store = {"$var:f/a/x": variable_value("$res:f/a/db")}
    assert resolve(b'"$var:f/a/x"', store) == b'"$res:f/a/db"'


def test_a_missing_target_is_named_with_the_way_to_it() -> None:
    with pytest.raises(InterpolationFailed, match=r"no variable at 'f/a/password'.*\$res:f/a/db -> \$var:f/a/password"):
        resolve(b'"$res:f/a/db"', {"$res:f/a/db": STORE["$res:f/a/db"]})
    with pytest.raises(InterpolationFailed, match="no resource at ''"):
        resolve(b'"$res:"', STORE)


@pytest.mark.parametrize(
    ("store", "circle"),
    [
        ({"$res:u/a/a": b'"$res:u/a/a"'}, "$res:u/a/a -> $res:u/a/a"),
        (
            {"$res:u/a/a": b'"$res:u/a/b"', "$res:u/a/b": b'{"x":["$res:u/a/c"]}', "$res:u/a/c": b'"$res:u/a/b"'},
            "$res:u/a/b -> $res:u/a/c -> $res:u/a/b",
        ),
    ],
)
def test_a_circle_is_refused_with_its_chain(store: dict[str, bytes], circle: str) -> None:
    with pytest.raises(InterpolationFailed, match="circle") as caught:
        resolve(b'"$res:u/a/a"', store)
    assert circle in str(caught.value)


def test_twenty_levels_are_followed_and_no_more() -> None:
    store = {f"$res:u/a/r{n}": b'"$res:u/a/r%d"' % (n + 1) for n in range(40)}
    store["$res:u/a/r20"] = b"1"
    assert resolve(b'"$res:u/a/r1"', store) == b"1"
    with pytest.raises(InterpolationFailed, match=r"More than 20 references"):
        resolve(b'"$res:u/a/r0"', store)


def test_resources_that_unfold_without_end_are_refused_before_they_are_built() -> None:
    store = {f"$res:u/a/r{n}": b"[%s]" % b",".join([b'"$res:u/a/r%d"' % (n + 1)] * 50) for n in range(19)}
    store["$res:u/a/r19"] = b'"leaf"'
    with pytest.raises(TooLarge, match="references"):
        resolve(b'"$res:u/a/r0"', store)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["$var:v", "$res:r", "$res:", "$var"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("$var:v"), inner),
)


@given(value=JSON, ascii_only=st.booleans())
def test_it_does_what_a_walk_over_the_decoded_value_does(value: object, ascii_only: bool) -> None:
    def walk(item: object) -> object:
        if isinstance(item, str):
            return {"$var:v": "secret", "$res:r": {"a": 1}, "$res:": 0}.get(item, item)
        if isinstance(item, list):
            return [walk(each) for each in item]
        return {key: walk(each) for key, each in item.items()} if isinstance(item, dict) else item

    raw = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    store = {"$var:v": variable_value("secret"), "$res:r": b'{"a":1}', "$res:": b"0"}
    assert json.loads(resolve(raw, store)) == walk(json.loads(raw))
    assert contains_reference(raw) == bool(references(raw))
