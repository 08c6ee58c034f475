"""Ids of jobs."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from tidemill.model.ids import Sequence, id_time_ms, milliseconds, new_id, new_job_id

NOW_MS = 1_800_000_000_123


def test_an_id_is_a_uuid_of_version_7_that_holds_its_time() -> None:
    made = Sequence().next(NOW_MS)
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert id_time_ms(made) == NOW_MS


def test_ids_of_one_millisecond_grow_and_differ() -> None:
    ids = Sequence()
    made = [ids.next(NOW_MS) for _ in range(5000)]
    assert made == sorted(made)
    assert len(set(made)) == 5000


def test_ids_grow_when_the_clock_goes_back() -> None:
    ids = Sequence()
    first = ids.next(NOW_MS)
    assert ids.next(NOW_MS - 60_000) > first


def test_a_full_counter_borrows_from_the_next_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = Sequence()
    first = ids.next(NOW_MS)
    monkeypatch.setattr(ids, "_counter", 2**42 - 1)
    second = ids.next(NOW_MS)
    assert second > first
    assert id_time_ms(second) == NOW_MS + 1


def test_a_later_time_sorts_after_in_text_as_well() -> None:
    ids = Sequence()
    made = [str(ids.next(NOW_MS + i)) for i in range(100)]
    assert made == sorted(made)


def test_job_ids_take_a_time_or_milliseconds() -> None:
    now = datetime.now(UTC) + timedelta(days=1)
    assert id_time_ms(new_job_id(now)) == milliseconds(now)
    assert new_job_id(milliseconds(now)) < new_id(milliseconds(now))


@pytest.mark.parametrize("now_ms", [-1, 2**48])
def test_a_time_that_does_not_fit_is_refused(now_ms: int) -> None:
    with pytest.raises(ValueError, match="milliseconds"):
        Sequence().next(now_ms)


@pytest.mark.parametrize("other", [uuid4(), UUID(int=0)])
def test_other_uuids_hold_no_time(other: UUID) -> None:
    with pytest.raises(ValueError, match="version 7"):
        id_time_ms(other)
