"""Which strings of a resource are secret."""

import pytest

from tidemill.engine.secret_values import secret_values


@pytest.mark.parametrize(
    ("value", "places", "expected"),
    [
        ('{"password": "p", "user": "u"}', ["password"], ["p"]),
        ('{"a": {"b": "x\\n\\"y"}}', ["a.b"], ['x\n"y']),
        ('{"keys": [{"key": "1"}, {"key": "2"}, {}, 3]}', ["keys[].key"], ["1", "2"]),
        ('{"keys": ["1", "2"]}', ["keys[]"], ["1", "2"]),
        ('"whole"', [""], ["whole"]),
        ('{"account": {"private_key": "k", "n": 1, "l": ["m"]}}', ["account"], ["k", "m"]),
        ('{"password": "$var:u/a/b"}', ["password"], []),
        ('{"password": ""}', ["password"], []),
        ('{"password": null}', ["password"], []),
        ('{"password": 1e400000}', ["password"], []),
        ('{"a": "p", "b": "p"}', ["a", "b"], ["p"]),
        ("[]", ["password"], []),
        ("null", ["a.b", "a[]", ""], []),
        ('{"a": "text"}', ["a.b", "a[]"], []),
    ],
)
def test_strings_at_secret_places_are_found(value: str, places: list[str], expected: list[str]) -> None:
    assert secret_values(value.encode(), places) == expected
