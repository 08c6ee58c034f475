"""The checker of histories itself: what it must accept, and what it must find."""

import random

import pytest

from tests.linearizability import Operation, is_linearizable


def read(value: object, called: float, returned: float | None) -> Operation:
    return Operation(kind="read", value=value, called=called, returned=returned)  # type: ignore[arg-type]


def write(value: object, called: float, returned: float | None) -> Operation:
    return Operation(kind="write", value=value, called=called, returned=returned)  # type: ignore[arg-type]


def swap(expected: object, value: object, ok: bool, called: float, returned: float | None) -> Operation:
    return Operation(kind="swap", value=value, expected=expected, ok=ok, called=called, returned=returned)  # type: ignore[arg-type]


GOOD = {
    "empty": [],
    "one after the other": [write(1, 0, 1), read(1, 2, 3), write(2, 4, 5), read(2, 6, 7)],
    "a read during a write sees the old": [write(1, 0, 10), read(None, 1, 2)],
    "a read during a write sees the new": [write(1, 0, 10), read(1, 1, 2)],
    "two writes at once in either order": [write(1, 0, 10), write(2, 0, 10), read(1, 11, 12)],
    "old then new during one write": [write(1, 0, 10), read(None, 1, 2), read(1, 3, 4)],
    "an unanswered write happened": [write(1, 0, None), read(1, 5, 6)],
    "an unanswered write never happened": [write(1, 0, None), read(None, 5, 6)],
    "an unanswered write happened late": [write(1, 0, None), read(None, 5, 6), read(1, 7, 8)],
    "a swap that lost": [write(1, 0, 1), swap(None, 2, False, 2, 3), read(1, 4, 5)],
    "one of two swaps": [swap(None, 1, True, 0, 5), swap(None, 2, False, 0, 5), read(1, 6, 7)],
}
BAD = {
    "a value that nobody wrote": [read(7, 0, 1)],
    "a stale read": [write(1, 0, 1), write(2, 2, 3), read(1, 4, 5)],
    "new then old": [write(1, 0, 10), read(1, 1, 2), read(None, 3, 4)],
    "a lost update": [swap(None, 1, True, 0, 5), swap(None, 2, True, 0, 5)],
    "two readers that see two writes in two orders": [
        write(1, 0, 1), write(2, 0, 1),
        read(1, 2, 3), read(2, 4, 5), read(1, 6, 7),
    ],
    "a swap that lost for nothing": [write(1, 0, 1), swap(1, 2, False, 2, 3)],
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_a_history_that_some_order_explains_is_accepted(name: str) -> None:
    assert is_linearizable(GOOD[name])


@pytest.mark.parametrize("name", BAD)
def test_a_history_that_no_order_explains_is_found(name: str) -> None:
    assert not is_linearizable(BAD[name])


@pytest.mark.parametrize("seed", range(20))
def test_what_one_register_went_through_is_accepted_and_one_wrong_read_is_found(seed: int) -> None:
    history, state = [], None
    chance = random.Random(seed)
    for moment in range(80):
        called, returned = moment - chance.random() * 4, moment + chance.random() * 4
        if chance.random() < 0.5:
            state = moment
            history.append(write(state, called, returned))
        else:
            history.append(read(state, called, returned))
    assert is_linearizable(history)
    assert not is_linearizable([*history, read(-1, 200, 201)])
    first = next(each.value for each in history if each.kind == "write")
    assert not is_linearizable([*history, read(first, 200, 201)])
