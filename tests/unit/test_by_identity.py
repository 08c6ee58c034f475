"""What a pure function gave for an object is remembered, for that very object."""

import pytest

from tidemill.model.by_identity import ByIdentity


def test_an_object_is_asked_about_once_and_an_equal_one_for_itself() -> None:
    asked: list[list[int]] = []

    def size(thing: list[int]) -> int:
        asked.append(thing)
        return len(thing)

    remembered = ByIdentity(size, most=2)
    one, other = [1, 2], [1, 2]
    assert [remembered(one), remembered(one), remembered(other)] == [2, 2, 2]
    assert len(asked) == 2
    assert remembered([]) == 0
    assert remembered(other) == 2
    assert len(asked) == 3
    assert remembered(one) == 2
    assert len(asked) == 4, "the oldest makes room"


def test_what_fails_is_asked_again() -> None:
    asked: list[object] = []

    def refuse(thing: object) -> int:
        asked.append(thing)
        raise ValueError("no")

    remembered, thing = ByIdentity(refuse), object()
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            remembered(thing)
    assert len(asked) == 2
