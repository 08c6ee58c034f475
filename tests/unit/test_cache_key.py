"""Keys of the result cache: equal only for calls that a script cannot tell apart."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.engine.cache_key import cache_key, canonical


def key(version: str = "v", workspace: str = "w", permissioned_as: str = "u/a", **arguments: bytes) -> bytes:
    return cache_key(workspace=workspace, version=version, permissioned_as=permissioned_as, arguments=arguments)


@pytest.mark.parametrize(
    ("one", "other"),
    [(b'{"a": [1, 2]}', b'{ "a":[1,2]}\n'), (b'"\\u00e9\\/"', '"é/"'.encode()), (b'{"a":"x y"}', b'{"\\u0061":"x y"}')],
)
def test_spelling_makes_no_difference(one: bytes, other: bytes) -> None:
    assert key(a=one) == key(a=other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"1", b"1.0"),
        (b"1", b'"1"'),
        (b"0.0", b"-0.0"),
        (b"1e2", b"100"),
        (b"12345678901234567890", b"12345678901234567891"),
        (b"0.1", b"0.10000000000000000001"),
        (b'"a b"', b'"ab"'),
        (b'{"a":1,"b":2}', b'{"b":2,"a":1}'),
        (b"null", b'""'),
        (b"[]", b"{}"),
    ],
)
def test_what_a_script_can_tell_apart_has_two_keys(one: bytes, other: bytes) -> None:
    assert key(a=one) != key(a=other)


def test_arguments_are_compared_by_name_and_every_part_counts() -> None:
    assert key(a=b"1", b=b"2") == key(b=b"2", a=b"1")
    others = [
        key(a=b"1"), key(), key(b=b"1"), key(a=b"1", b=b"null"), key("v2", a=b"1"), key(workspace="x", a=b"1"),
        key(permissioned_as="u/b", a=b"1"), key("vu", "w", "/a", a=b"1"),
    ]  # fmt: skip
    assert len(set(others)) == len(others)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(value=JSON, indent=st.sampled_from([None, 2]), ascii_only=st.booleans())
def test_the_canonical_form_is_the_same_value_and_settled(value: object, indent: int | None, ascii_only: bool) -> None:
    raw = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    settled = canonical(raw)
    assert json.loads(settled) == json.loads(raw)
    assert canonical(settled) == settled == json.dumps(value, separators=(",", ":")).encode()
