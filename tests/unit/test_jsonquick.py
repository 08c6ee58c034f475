"""The fast look at JSON: what it vouches for is what the slow one keeps, and it vouches for what is usual."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_jsontext import KEPT, REFUSED
from tidemill.model import jsonquick, jsontext
from tidemill.model.errors import InvalidJson, TooLarge
from tidemill.model.jsonshape import shape_of

LIMITS = {"max_depth": jsontext.MAX_DEPTH, "max_arrays": jsontext.MAX_ARRAYS, "max_digits": jsontext.MAX_INT_DIGITS}


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """So small that texts of a test are taken apart as those of a hundred megabytes are."""
    monkeypatch.setattr(jsonquick, "_PIECE_BYTES", 40)
    monkeypatch.setattr(jsonquick, "_MOST_BYTES", 400)


def vouches(raw: bytes) -> bool:
    return jsonquick.is_faithful(raw, **LIMITS) and jsontext._half_pair(raw) is None


def keeps(raw: bytes) -> bool:
    """What the slow look says."""
    try:
        jsontext._decode(jsontext._text(raw, jsontext.MAX_DEPTH), jsontext._VALIDATE)
    except (InvalidJson, TooLarge):
        return False
    return True


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED)
def test_it_vouches_for_nothing_that_is_refused(raw: bytes) -> None:
    assert not vouches(raw)
    assert not vouches(b'{"rows":[' + b'{"a":1,"b":2},' * 50 + raw + b"]}")
    assert not vouches(b"[" + b'{"a":1,"b":2},' * 50 + b'{"a":' + raw + b',"b":2}]')


@pytest.mark.parametrize("raw", KEPT.values(), ids=KEPT)
def test_it_is_never_wrong_about_what_is_kept(raw: bytes) -> None:
    assert keeps(raw)
    vouches(raw)


@pytest.mark.parametrize(
    "row",
    [
        '{"id": 1, "name": "Ann", "ok": true, "v": 1.5, "t": null}',
        '{"id":1,"at":"12:30","s":"},{","e":"\\"a\\":\\\\"}',
        '{"id":1,"tags":["a","b"],"by":{"name":"x","mail":"y"},"n":[{"a":1,"b":[1,2]}]}',
        '[1,2,{"a":1,"b":"\\ud83d\\ude00 é"}]',
        '{"a":{}}',
    ],
)
@pytest.mark.parametrize("between", [",", ", ", "\n,\n "])
@pytest.mark.parametrize("around", ["[%s]", ' {"rows": [%s], "n": {"a": 1, "b": 2}} ', '{"a":{"b":{"rows":[%s]}}}'])
def test_it_vouches_for_rows_however_they_are_written(row: str, between: str, around: str) -> None:
    raw = (around % between.join([row] * 60)).encode()
    assert vouches(raw)
    first = row.index('"')
    name = row[first : row.index('"', first + 1) + 1]
    broken = row.replace("{", f'{{"q":1,{name}:0,"q":2,', 1)
    assert not vouches((around % between.join([row] * 30 + [broken] + [row] * 30)).encode())


def test_members_of_a_large_object_are_counted_once_each() -> None:
    members = [b'"k%d": {"a": %d, "b": [1, 2]}' % (n, n) for n in range(200)]
    assert vouches(b"{" + b",".join(members) + b"}")
    assert not vouches(b"{" + b",".join([*members, b'"\\u006b7": 1']) + b"}")


@pytest.mark.parametrize(
    "long", [b'"' + b"[{:" * 100 + b'"', b"1" + b"0" * 100, b'["' + b"x" * 100 + b'"]', b"[]" + b" " * 100]
)
def test_long_texts_and_numbers_stand_anywhere(long: bytes) -> None:
    for raw in (long, b'{"a": %b, "b": %b}' % (long, long), b'{"a": {"a": 1, "b": %b}, "b": 1}' % long):
        assert keeps(raw)
        assert vouches(raw)
    keeps(b'[{"a":1,"b":2},%b,{"a":1}]' % long)
    assert not vouches(b'{"a": %b, "b": 1, "a": 2}' % long)


def test_what_would_take_too_much_to_tell_is_left_to_the_slow_look() -> None:
    for raw in (
        b'[{"a":1,"b":2},' + b"1," * 1000 + b"1]",
        b'{"a":' * 20 + b'{"a":1,"b":"%b"}' % (b"x" * 99) + b"}" * 20,
    ):
        assert not vouches(raw)
        assert keeps(raw)


names = st.sampled_from(["a", "b", "\\u0061", "é", '\\"', ":", ""])
leaves = st.sampled_from(
    ["1", "-0.5e3", '"x"', '"},{"', '"]:["', '"\\\\"', "null", "{}", "[]", "1e400", '"\\ud83d\\ude00"']
)


def objects(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.lists(st.tuples(names, inner), max_size=4)
    return pairs.map(lambda found: "{" + ",".join(f'"{name}" : {value}' for name, value in found) + "}")


def arrays(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(inner, max_size=8).map(lambda found: "[" + ", ".join(found) + "]")


texts = st.recursive(leaves, lambda inner: objects(inner) | arrays(inner), max_leaves=40)


@given(texts)
def test_it_agrees_with_the_slow_look_on_json_with_keys_that_come_twice(text: str) -> None:
    raw = text.encode()
    if vouches(raw):
        assert keeps(raw)
    elif keeps(raw):
        assert "1e400" in text or len(raw) > 40


@given(st.text('[]{},:"\\ua0 1', max_size=80))
def test_it_vouches_for_no_noise(text: str) -> None:
    assert not vouches(text.encode()) or keeps(text.encode())


@given(texts, st.integers(1, 64))
def test_the_shape_is_that_of_the_value(text: str, piece: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tidemill.model.jsonshape._PIECE_BYTES", piece)
        shape = shape_of(text.encode(), limit=0)
    found = list(containers(json.loads(text, object_pairs_hook=tuple, parse_float=str)))
    filled = [each for each in found if isinstance(each, tuple) and each]
    assert shape.arrays == sum(isinstance(each, list) for each in found)
    assert (shape.members, shape.objects) == (sum(map(len, filled)), len(filled))
    assert shape.deepest == deepest(json.loads(text, object_pairs_hook=tuple, parse_float=str))


def inside(value: object) -> list[object]:
    return value if isinstance(value, list) else [each for _, each in value] if isinstance(value, tuple) else []


def containers(value: object) -> Iterator[object]:
    if isinstance(value, list | tuple):
        yield value
    for each in inside(value):
        yield from containers(each)


def deepest(value: object) -> int:
    return 1 + max(map(deepest, inside(value)), default=0) if isinstance(value, list | tuple) else 0
