"""What becomes of the values that a Python job returns."""

import dataclasses
import datetime
import decimal
import enum
import json
import pathlib
import uuid
from collections import OrderedDict, namedtuple
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.sandbox.inside.results import Refused, to_json


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    inner: Any


class Model:
    def model_dump(self) -> dict[str, Any]:
        return {"when": datetime.date(2026, 1, 2)}


class Array:
    def tolist(self) -> list[int]:
        return [1, 2]


class DataFrame:
    iloc = None

    def to_dict(self, kind: str) -> list[dict[str, int]]:
        assert kind == "records"
        return [{"a": 1}]


class Row:
    def keys(self) -> list[str]:
        return ["a"]

    def __getitem__(self, key: str) -> int:
        return 1


Pair = namedtuple("Pair", "a b")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ({1: "a", None: "b", 1.5: "d"}, {"1": "a", "null": "b", "1.5": "d"}),
        ({(1, 2): "a"}, {"(1, 2)": "a"}),
        ((1, {2}, frozenset({3})), [1, [2], [3]]),
        ({3, 1, 2}, [1, 2, 3]),
        (datetime.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=datetime.UTC), "2026-01-02T03:04:05.000006+00:00"),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (datetime.time(3, 4), "03:04:00"),
        (decimal.Decimal("0.10000000000000000001"), "0.10000000000000000001"),
        (uuid.UUID(int=1), str(uuid.UUID(int=1))),
        (pathlib.PurePosixPath("/a"), "/a"),
        (b"hi", "aGk="),
        (bytearray(b"hi"), "aGk="),
        (memoryview(b"hi"), "aGk="),
        (Colour.RED, "red"),
        (Point(1, Point(2, b"")), {"x": 1, "inner": {"x": 2, "inner": ""}}),
        (Model(), {"when": "2026-01-02"}),
        (Array(), [1, 2]),
        (DataFrame(), [{"a": 1}]),
        (Row(), {"a": 1}),
        (Pair(1, 2), [1, 2]),
        (OrderedDict(a=1), {"a": 1}),
        ({"deep": [{"set": {Colour.RED: 1}}]}, {"deep": [{"set": {"red": 1}}]}),
        (int, "<class 'int'>"),
    ],
)
def test_value_becomes(value: object, expected: object) -> None:
    assert json.loads(to_json(value, "result")) == expected


def test_integers_of_any_length_are_exact() -> None:
    assert to_json([10**5000], "result") == b"[1" + b"0" * 5000 + b"]"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": [1, {"b": float("nan")}]}, "result.a[1].b is nan"),
        (float("inf"), "result is inf"),
        ([float("-inf")], "result[0] is -inf"),
        ({"a": "\ud800"}, "result.a holds half of a surrogate pair"),
    ],
)
def test_what_json_cannot_hold_is_named_with_its_place(value: object, message: str) -> None:
    with pytest.raises(Refused) as caught:
        to_json(value, "result")
    assert str(caught.value).startswith(message)


def test_value_that_holds_itself_is_refused() -> None:
    value: list[Any] = []
    value.append({"a": value})
    with pytest.raises(Refused, match="holds itself"):
        to_json(value, "result")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(VALUES)
def test_json_values_come_back_as_they_were(value: object) -> None:
    assert json.loads(to_json(value, "result")) == value
