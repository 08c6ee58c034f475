"""What changed between two JSON texts."""

import pytest

from tidemill.engine.json_diff import MAX_CHANGES, differences


def told(old: str, new: str) -> list[tuple[str, str | None, str | None]]:
    return [
        (each.pointer, each.old.decode() if each.old else None, each.new.decode() if each.new else None)
        for each in differences(old.encode(), new.encode())
    ]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("1", "1", []),
        ("1.1", "1.10", [("", "1.1", "1.10")]),
        ("null", "{}", [("", "null", "{}")]),
        ('{"a":1,"b":2}', '{"b": 2, "a": 1}', []),
        ('{"a":1}', '{"a":2,"c":[]}', [("/a", "1", "2"), ("/c", None, "[]")]),
        ('{"a":{"b":[1,2]}}', '{"a":{"b":[1]}}', [("/a/b/1", "2", None)]),
        ('{"a/b":{"~":1}}', '{"a/b":{"~":2}}', [("/a~1b/~0", "1", "2")]),
        ("[1,2]", '{"0":1}', [("", "[1,2]", '{"0":1}')]),
        ("9007199254740992", "9007199254740993", [("", "9007199254740992", "9007199254740993")]),
        (" [1e400000] ", "[1e400001]", [("/0", "1e400000", "1e400001")]),
    ],
)  # fmt: skip
def test_each_place_that_differs_is_told_as_it_is_written(old: str, new: str, expected: object) -> None:
    assert told(old, new) == expected


def test_deep_and_wide_texts_stay_bounded() -> None:
    deep = "[" * 500 + "1" + "]" * 500
    assert len(told(deep, deep.replace("1", "2"))) == 1
    wide = "[" + ",".join("1" * 5000) + "]"
    assert len(told(wide, wide.replace("1", "2"))) == MAX_CHANGES
