"""Which environments a worker removes, and what builds may use."""

import os
from pathlib import Path

import pytest

from tidemill.sandbox.port import MIB, Limits
from tidemill.worker import housekeeping
from tidemill.worker.builds import build_limits
from tidemill.worker.housekeeping import KEPT_COUNT, KEPT_S, UNTOUCHED_S, mark_used, remove_left, remove_old

NOW = 2_000_000_000.0


def make(directory: Path, name: str, *, age_s: float) -> Path:
    environment = directory / name
    (environment / "site").mkdir(parents=True)
    os.utime(environment, (NOW - age_s, NOW - age_s))
    return environment


def test_an_environment_that_nobody_used_for_long_is_removed(tmp_path: Path) -> None:
    old, kept = make(tmp_path, "old", age_s=KEPT_S + 1), make(tmp_path, "kept", age_s=KEPT_S - 1)
    assert remove_old(tmp_path, now=NOW) == ["old"]
    assert (old.exists(), kept.exists()) == (False, True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["kept"]


def test_what_flows_left_over_is_removed(tmp_path: Path) -> None:
    old, kept = make(tmp_path, "shared-1", age_s=UNTOUCHED_S + 1), make(tmp_path, "shared-2", age_s=UNTOUCHED_S - 1)
    other = make(tmp_path, "1-1", age_s=UNTOUCHED_S + 1)
    remove_left(tmp_path, now=NOW)
    assert (old.exists(), kept.exists(), other.exists()) == (False, True, True)


def test_of_too_many_the_oldest_go_but_none_that_may_be_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "KEPT_COUNT", 2)
    for age, name in enumerate(["fresh", "newer", "older", "oldest"]):
        make(tmp_path, name, age_s=UNTOUCHED_S - 10 + age * 20)
    assert remove_old(tmp_path, now=NOW) == ["oldest", "older"]
    assert KEPT_COUNT > 2
    make(tmp_path, "another", age_s=0)
    make(tmp_path, "one more", age_s=0)
    assert remove_old(tmp_path, now=NOW) == ["newer"]


def test_what_is_being_built_and_locked_is_left_alone(tmp_path: Path) -> None:
    for name in (".locks", ".build-x-1"):
        make(tmp_path, name, age_s=10 * KEPT_S)
    assert remove_old(tmp_path, now=NOW) == []
    assert len(list(tmp_path.iterdir())) == 2


def test_a_use_is_marked_and_a_directory_that_is_not_there_is_no_matter(tmp_path: Path) -> None:
    environment = make(tmp_path, "used", age_s=0)
    os.utime(environment, (0, 0))
    mark_used(environment)
    assert environment.stat().st_mtime > 0
    mark_used(tmp_path / "gone")
    assert remove_old(tmp_path / "nowhere", now=NOW) == []


def test_builds_have_at_least_the_limits_of_jobs() -> None:
    limits = build_limits(Limits(memory_bytes=64 * MIB, open_files=100_000))
    assert limits.memory_bytes > 64 * MIB
    assert limits.open_files == 100_000
