"""The JSON policy: what is refused, what is kept as it is written."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.model import jsontext
from tidemill.model.errors import InvalidJson, TooLarge

LIMIT = 1 << 30

REFUSED = {
    "empty": b"",
    "blank": b" \n",
    "bom": b"\xef\xbb\xbf{}",
    "utf-16": '{"a":1}'.encode("utf-16"),
    "invalid utf-8": b'"\xff"',
    "overlong utf-8": b'"\xc0\x80"',
    "surrogate as utf-8": b'"\xed\xa0\x80"',
    "lone high surrogate": b'"\\ud800"',
    "lone low surrogate": b'"\\uDFFF"',
    "high surrogate before a letter": b'"\\ud83dx"',
    "two high surrogates": b'"\\ud83d\\ud83d\\ude00"',
    "lone surrogate in a key": b'{"\\ud800":1}',
    "lone surrogate after an escaped backslash": b'"\\\\\\ud800"',
    "nan": b"NaN",
    "infinity": b"[Infinity]",
    "minus infinity": b'{"a":-Infinity}',
    "duplicate key": b'{"a":1,"a":1}',
    "duplicate key by escape": b'{"a":1,"\\u0061":2}',
    "duplicate key deep down": b'[[{"x":{"b":1,"c":2,"b":3}}]]',
    "int of 4301 digits": b"1" * 4301,
    "negative int of 10^5 digits": b"[-" + b"1" * 100_000 + b"]",
    "trailing garbage": b"{} x",
    "two values": b"1 2",
    "trailing comma": b"[1,]",
    "trailing comma in object": b'{"a":1,}',
    "single quotes": b"{'a':1}",
    "comment": b"[1/*x*/]",
    "bare word": b"hello",
    "leading zero": b"01",
    "plus sign": b"+1",
    "naked point": b"1.",
    "hex": b"0x10",
    "raw newline in a string": b'"a\nb"',
    "raw nul in a string": b'"a\x00b"',
    "nul after the value": b"{}\x00",
    "bad escape": b'"\\x41"',
    "unclosed string": b'"abc',
    "unclosed list": b"[1",
    "depth 513": b"[" * 513 + b"]" * 513,
    "depth 513 of objects": b'{"a":' * 513 + b"1" + b"}" * 513,
    "depth 10^5": b"[" * 100_000 + b"]" * 100_000,
    "depth after a long string": b'["' + b"x" * 2_000_000 + b'",' + b"[" * 600 + b"]" * 600 + b"]",
}

KEPT = {
    "null": b"null",
    "blanks around": b" \t\r\n{ } \n",
    "nul escape": b'{"a\\u0000":"\\u0000"}',
    "surrogate pair": b'"\\ud83d\\uDE00"',
    "escaped backslash before u": b'"\\\\ud800"',
    "emoji": '"\U0001f600"'.encode(),
    "precise number": b"0.1000000000000000055511151231257827",
    "big int": b"9007199254740993",
    "int of 4300 digits": b"9" * 4300,
    "huge exponent": b"1e400000",
    "minus zero": b"-0.0",
    "10^5 fraction digits": b"0." + b"3" * 100_000,
    "empty key": b'{"":1}',
    "same key in two objects": b'[{"a":1},{"a":1},{"b":{"a":1}}]',
    "depth 512": b"[" * 512 + b"]" * 512,
    "wide, not deep": b"[" + b",".join([b"[{}]"] * 5_000) + b"]",
    "brackets in strings": b'["' + b"[{" * 2_000 + b'\\"' + b"[" * 2_000 + b'"]',
    "backslashes across a piece": b'["' + b"\\\\" * 1_500_000 + b'",' + b",".join([b"[]"] * 600) + b"]",
    "10^6 keys": b"{" + b",".join(b'"%d":0' % i for i in range(1_000_000)) + b"}",
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED)
def test_what_is_not_faithful_json_is_refused_by_every_function(raw: bytes) -> None:
    with pytest.raises(InvalidJson):
        jsontext.check(raw, max_bytes=LIMIT)
    with pytest.raises(InvalidJson):
        jsontext.loads(raw)
    with pytest.raises(InvalidJson):
        jsontext.object_fields(raw)
    with pytest.raises(InvalidJson):
        jsontext.object_fields(b'{"k":' + raw + b"}")


@pytest.mark.parametrize("raw", KEPT.values(), ids=KEPT)
def test_unusual_but_faithful_json_is_kept(raw: bytes) -> None:
    jsontext.check(raw, max_bytes=LIMIT)


def test_more_bytes_than_allowed_are_too_large() -> None:
    jsontext.check(b"[1]", max_bytes=3)
    with pytest.raises(TooLarge, match="3 bytes"):
        jsontext.check(b"[1]", max_bytes=2)


def test_a_flood_of_arrays_is_refused_before_it_takes_memory() -> None:
    raw = b"[" + b"[]," * jsontext.MAX_ARRAYS + b"1]"
    with pytest.raises(TooLarge, match="arrays"):
        jsontext.check(raw, max_bytes=LIMIT)
    jsontext.check(b'["' + raw + b'",' + b"[]," * 600 + b"1]", max_bytes=LIMIT)


def test_a_shallower_limit_can_be_asked_for() -> None:
    jsontext.check(b"[[1]]", max_bytes=10, max_depth=2)
    with pytest.raises(InvalidJson, match="deeper than 1"):
        jsontext.check(b"[[1]]", max_bytes=10, max_depth=1)


def test_a_number_beyond_a_float_is_refused_only_where_a_float_is_needed() -> None:
    assert jsontext.object_fields(b'{"x":1e400000}') == {"x": b"1e400000"}
    with pytest.raises(InvalidJson, match="too large for a float"):
        jsontext.loads(b'{"x":-1e400000}')


def test_integers_are_exact_and_a_point_makes_a_float() -> None:
    assert jsontext.loads(b"[123456789012345678901234567890]") == [123456789012345678901234567890]
    assert isinstance(jsontext.loads(b"1.0"), float)


def test_raw_text_of_members_is_exactly_what_was_written() -> None:
    raw = b' { "a" : 1.10 , "b":\t{ "x" : [ 1 , 2 ] }, "\\u0063": "\\u0041", "d":-0 } '
    assert jsontext.object_fields(raw) == {"a": b"1.10", "b": b'{ "x" : [ 1 , 2 ] }', "c": b'"\\u0041"', "d": b"-0"}


@pytest.mark.parametrize("raw", [b"[]", b"1", b'"x"', b"null"])
def test_members_are_taken_from_an_object_only(raw: bytes) -> None:
    with pytest.raises(InvalidJson, match="must be an object"):
        jsontext.object_fields(raw)


def test_an_empty_object_has_no_members() -> None:
    assert jsontext.object_fields(b"{ }") == {}


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"rows": [{"price": math.nan}]}, r"\$\.rows\[0\]\.price is nan"),
        ([1, math.inf], r"\$\[1\] is inf"),
        ({"a": {1: 2}}, r"object at \$\.a is not a string"),
        (["\ud800"], r"\$\[0\] has half of a surrogate"),
        ({"\ud800": 1}, r"object at \$ has half of a surrogate"),
        ({"a": b"x"}, r"\$\.a is of type bytes"),
        ([10**4300], r"\$\[0\] has more than 4300 digits"),
    ],
)
def test_an_error_of_dumps_names_the_place(value: object, place: str) -> None:
    with pytest.raises(InvalidJson, match=place):
        jsontext.dumps(value)  # type: ignore[arg-type]


def test_a_circle_is_refused() -> None:
    circle: list[object] = []
    circle.append(circle)
    with pytest.raises(InvalidJson, match="nested deeper"):
        jsontext.dumps(circle)  # type: ignore[arg-type]


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=30,
)


@given(values)
def test_a_value_survives_dumps_and_loads(value: jsontext.JsonValue) -> None:
    raw = jsontext.dumps(value)
    jsontext.check(raw, max_bytes=len(raw))
    assert jsontext.loads(raw) == value


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), values), st.sampled_from([None, 1, "\t"]))
def test_taking_apart_and_building_keep_every_member(members: dict[str, jsontext.JsonValue], indent: object) -> None:
    raw = json.dumps(members, indent=indent).encode()  # type: ignore[arg-type]
    fields = jsontext.object_fields(raw)
    assert jsontext.object_fields(jsontext.build_object(fields)) == fields
    assert {name: json.loads(text) for name, text in fields.items()} == members


@given(st.binary(max_size=200) | st.text('[]{}",:\\u0dD8e1.- \n', max_size=60).map(str.encode))
def test_any_bytes_are_kept_or_refused_with_our_error(raw: bytes) -> None:
    try:
        jsontext.check(raw, max_bytes=LIMIT)
    except InvalidJson:
        return
    json.loads(raw)  # what is kept is JSON for the standard library too


@given(st.integers(min_value=1, max_value=40), st.text('[]{}"\\', max_size=80))
def test_depth_is_counted_outside_of_strings_only(depth: int, noise: str) -> None:
    raw = b"[" * depth + jsontext.dumps(noise) + b"]" * depth
    jsontext.check(raw, max_bytes=LIMIT, max_depth=depth)
    with pytest.raises(InvalidJson, match="deeper"):
        jsontext.check(raw, max_bytes=LIMIT, max_depth=depth - 1)
