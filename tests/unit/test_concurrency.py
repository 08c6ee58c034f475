"""Concurrency limits: keys, and the room under them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.engine.concurrency import Room, concurrency_key, fill, room

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def ago(*seconds: float) -> list[datetime]:
    return [NOW - timedelta(seconds=each) for each in seconds]


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("plain", "plain"),
        ("$workspace-x", "main-x"),
        ("$workspaces", "$workspaces"),
        ("a:$args[user]", "a:bob"),
        ("$args[db.host]/$args[db.port]", "h/5432"),
        ("$args[list.1]", "b"),
        ("$args[list.9]|$args[no.such]|$args[user.x]", "||"),
        ("$args[db]", '{"host":"h","port":5432}'),
        ("$args[flag]", "true"),
        ("$args[trick]", "$workspace$args[user]"),
        ("$args[]", ""),
        (f"$args[list.{'9' * 5000}]$args[list.²]", ""),
    ],
)
def test_templates_are_filled_once(template: str, filled: str) -> None:
    arguments = {
        "user": "bob", "db": {"port": 5432, "host": "h"}, "list": ["a", "b"], "flag": True,
        "trick": "$workspace$args[user]",
    }  # fmt: skip
    assert fill(template, workspace="main", arguments=arguments) == filled


def test_keys_never_reach_across_workspaces() -> None:
    keys = {
        concurrency_key(template, workspace=workspace, path="f/a/s", arguments={})
        for workspace in ("a", "b")
        for template in (None, "k", "path:f/a/s")
    }
    assert len(keys) == 6


def test_a_long_key_is_cut_without_meeting_another() -> None:
    first, second = (
        concurrency_key("$args[x]", workspace="a", path="f/a/s", arguments={"x": "y" * 5000 + end + "\0"})
        for end in "ab"
    )
    assert first != second
    assert len(first) < 300
    assert "\0" not in first


@pytest.mark.parametrize(
    ("limit", "running", "starts", "window_s", "wanted"),
    [
        (2, 0, [], None, Room(2, None)),
        (2, 2, [], None, Room(0, None)),
        (2, 3, [], None, Room(0, None)),
        (2, 0, ago(1, 2), 10, Room(0, NOW + timedelta(seconds=8))),
        (2, 0, ago(1, 10), 10, Room(1, None)),
        (2, 2, ago(50, 60), 10, Room(0, None)),
        (2, 1, ago(1), 10, Room(1, None)),
        (2, 0, ago(1, 2, 3), 10, Room(0, NOW + timedelta(seconds=8))),
        (0, 0, [], 10, Room(0, None)),
    ],
)
def test_the_room_under_a_limit(
    limit: int, running: int, starts: list[datetime], window_s: float | None, wanted: Room
) -> None:
    assert room(limit=limit, running=running, starts=starts, window_s=window_s, now=NOW) == wanted


@given(limit=st.integers(1, 5), starts=st.lists(st.floats(0, 30)), running=st.integers(0, 6))
def test_when_a_full_window_opens_there_is_room(limit: int, starts: list[float], running: int) -> None:
    found = room(limit=limit, running=running, starts=ago(*starts), window_s=10, now=NOW)
    assert 0 <= found.count <= max(0, limit - running)
    if found.frees_at is not None:
        assert found.frees_at > NOW
        assert room(limit=limit, running=0, starts=ago(*starts), window_s=10, now=found.frees_at).count >= 1
