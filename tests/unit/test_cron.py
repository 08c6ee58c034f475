"""Cron patterns: what they mean, beside two other implementations, and what changes of clocks do to them."""

import os
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from cronsim import CronSim
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st

from tidemill.engine.cron import next_after, occurrences, parse_cron, parse_zone
from tidemill.model.errors import BadRequest

SOAK = os.environ.get("TIDEMILL_SOAK") == "1"
START = datetime(2026, 1, 1, tzinfo=UTC)


def local(pattern: str, zone: str, after: str, count: int) -> list[str]:
    """The next occurrences as clocks of the zone show them."""
    moment = datetime.fromisoformat(after).replace(tzinfo=ZoneInfo(zone))
    found = occurrences(parse_cron(pattern), parse_zone(zone), moment, count=count)
    assert found == sorted(set(found))
    return [each.astimezone(ZoneInfo(zone)).isoformat() for each in found]


def days(pattern: str, count: int, after: datetime = START - timedelta(seconds=1)) -> list[str]:
    return [each.date().isoformat() for each in occurrences(parse_cron(pattern), ZoneInfo("UTC"), after, count=count)]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("0 0 0 L * *", ["2026-01-31", "2026-02-28", "2026-03-31"]),
        ("0 0 0 1,L * *", ["2026-01-01", "2026-01-31", "2026-02-01"]),
        ("0 0 0 15W * ?", ["2026-01-15", "2026-02-16", "2026-03-16"]),
        ("0 0 0 1W 8 ?", ["2026-08-03", "2027-08-02", "2028-08-01"]),
        ("0 0 0 31W * ?", ["2026-01-30", "2026-03-31", "2026-05-29"]),
        ("0 0 0 LW * *", ["2026-01-30", "2026-02-27", "2026-03-31"]),
        ("0 0 0 * * 5L", ["2026-01-30", "2026-02-27", "2026-03-27"]),
        ("0 0 0 * * FRI#L", ["2026-01-30", "2026-02-27", "2026-03-27"]),
        ("0 0 0 * * fri#2", ["2026-01-09", "2026-02-13", "2026-03-13"]),
        ("0 0 0 ? * 1#5", ["2026-03-30", "2026-06-29", "2026-08-31"]),
        ("0 0 0 13 * 5", ["2026-01-02", "2026-01-09", "2026-01-13"]),
        ("0 0 0 */2 * 1", ["2026-01-05", "2026-01-19", "2026-02-09"]),
        ("0 0 0 * * 7", ["2026-01-04", "2026-01-11", "2026-01-18"]),
        ("0 0 0 * * SAT-SUN", ["2026-01-03", "2026-01-04", "2026-01-10"]),
        ("0 0 0 29 2 *", ["2028-02-29", "2032-02-29", "2036-02-29"]),
        ("0 12 1 jan ?", ["2026-01-01", "2027-01-01", "2028-01-01"]),
    ],
)
def test_days(pattern: str, expected: list[str]) -> None:
    assert days(pattern, 3) == expected


def test_five_fields_are_at_second_zero_and_steps_begin_where_they_say() -> None:
    assert local("*/20 * * * *", "UTC", "2026-01-01T00:00:30", 3) == [
        "2026-01-01T00:20:00+00:00", "2026-01-01T00:40:00+00:00", "2026-01-01T01:00:00+00:00"
    ]  # fmt: skip
    assert [each[11:19] for each in local("5/25 0 0 * * *", "UTC", "2026-01-01T00:00:00", 3)] == [
        "00:00:05", "00:00:30", "00:00:55"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "pattern",
    ["", "* * * *", "* * * * * * *", "60 * * * * *", "* 60 * * * *", "* * 24 * * *", "* * * 0 * *", "* * * 32 * *",
     "* * * * 13 *", "* * * * * 8", "0 0 0 30 2 *", "0 0 0 31 2,4 *", "5-1 * * * * *", "*/0 * * * * *", "1- * * * * *",
     "a * * * * *", "@daily", "R * * * * *", "H * * * * *", "0 0 0 W * *", "0 0 0 1-5W * *", "0 0 0 * * L",
     "? * * * * *", "0 0 0 * * 5#6", "0 0 0 * * 5#0", "0 0 0 ?/2 * *", "1,,2 * * * * *", "-1 * * * * *",
     "0 0 0 * foo *",
     "0 0 0 * * foo", "0 0 0 L-3 * *", "1.5 * * * * *", "0 " * 400, "\u0661 * * * * *"],
)  # fmt: skip
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(BadRequest):
        parse_cron(pattern)


@pytest.mark.parametrize("zone", ["", "Mars/Base", "../etc/passwd", "Europe", "/etc/localtime", "a\x00b", "x" * 500,
                                  "localtime", "posixrules", "Factory", "right/UTC", "posix/Europe/Paris"])  # fmt: skip
def test_what_is_no_zone_is_refused(zone: str) -> None:
    with pytest.raises(BadRequest, match="IANA"):
        parse_zone(zone)


GAP = "Europe/Paris", "2026-03-28T12:00:00"
"""On 29 March the clocks go from 02:00 to 03:00."""
OVERLAP = "Europe/Paris", "2026-10-24T12:00:00"
"""On 25 October the hour from 02:00 comes twice."""


def test_a_fixed_time_in_the_gap_comes_at_its_end() -> None:
    assert local("0 30 2 * * *", *GAP, 2) == ["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"]
    assert local("0 0,15,30 2,3 * * *", *GAP, 4) == [
        "2026-03-29T03:00:00+02:00", "2026-03-29T03:15:00+02:00", "2026-03-29T03:30:00+02:00",
        "2026-03-30T02:00:00+02:00",
    ]  # fmt: skip


def test_a_fixed_time_in_the_overlap_comes_the_first_time_only() -> None:
    assert local("0 30 2 * * *", *OVERLAP, 2) == ["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"]


def test_a_wild_pattern_goes_on_in_real_time() -> None:
    assert local("0 */30 2 * * *", *GAP, 2) == ["2026-03-30T02:00:00+02:00", "2026-03-30T02:30:00+02:00"]
    assert local("0 */30 2 * * *", *OVERLAP, 5) == [
        "2026-10-25T02:00:00+02:00", "2026-10-25T02:30:00+02:00", "2026-10-25T02:00:00+01:00",
        "2026-10-25T02:30:00+01:00", "2026-10-26T02:00:00+01:00",
    ]  # fmt: skip
    for zone, after in (GAP, OVERLAP):
        moment = datetime.fromisoformat(after).replace(tzinfo=ZoneInfo(zone))
        found = occurrences(parse_cron("0 */15 * * * *"), ZoneInfo(zone), moment, count=200)
        assert {b - a for a, b in pairwise(found)} == {timedelta(minutes=15)}


def test_a_day_that_a_zone_left_out() -> None:
    """Samoa went over 30 December 2011."""
    assert local("0 0 9 * * *", "Pacific/Apia", "2011-12-29T12:00:00", 2) == [
        "2011-12-31T00:00:00+14:00", "2011-12-31T09:00:00+14:00"
    ]  # fmt: skip


ZONES = st.sampled_from(
    ["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu", "UTC"]
)
MOMENTS = st.datetimes(datetime(2010, 1, 1), datetime(2035, 1, 1)).map(lambda at: at.replace(tzinfo=UTC, microsecond=0))


def values(low: int, high: int) -> st.SearchStrategy[str]:
    one = st.integers(low, high)
    pairs = st.tuples(one, one).filter(lambda pair: pair[0] != pair[1])  # others read 5-5/2 as 5/2
    spans = pairs.map(lambda pair: f"{min(pair)}-{max(pair)}")
    return st.one_of(
        st.just("*"),
        one.map(str),
        spans,
        st.integers(1, high).map(lambda step: f"*/{step}"),
        st.tuples(spans, st.integers(1, 9)).map(lambda each: f"{each[0]}/{each[1]}"),
        st.lists(one, min_size=2, max_size=4, unique=True).map(lambda some: ",".join(map(str, sorted(some)))),
    )


DAYS = st.one_of(values(1, 28), st.just("L"), st.integers(1, 28).map(lambda day: f"{day}W"), st.just("?"))
WEEKDAYS = st.one_of(
    values(0, 6), st.tuples(st.integers(0, 6), st.integers(1, 4)).map(lambda each: f"{each[0]}#{each[1]}")
)
PATTERNS = st.tuples(values(0, 59), values(0, 59), values(0, 23), DAYS, values(1, 12), WEEKDAYS).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(pattern=PATTERNS, moment=MOMENTS)
def test_the_same_as_other_implementations_where_clocks_do_not_change(pattern: str, moment: datetime) -> None:
    ours = occurrences(parse_cron(pattern), ZoneInfo("UTC"), moment, count=4)
    fields = pattern.split()
    if "W" not in fields[3]:
        theirs = CronSim(pattern.replace("?", "*"), moment)
        assert ours == [next(theirs) for _ in range(4)]
    only_one_kind = "*" in {fields[3], fields[5]} or "?" in fields[3]
    if only_one_kind:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            other = croniter(pattern, moment, second_at_beginning=True)
            assert ours == [other.get_next(datetime) for _ in range(4)]


@settings(max_examples=60, deadline=None)
@given(pattern=PATTERNS, zone=ZONES, moment=MOMENTS)
def test_occurrences_only_go_forward_and_show_what_the_pattern_says(pattern: str, zone: str, moment: datetime) -> None:
    try:
        cron, where = parse_cron(pattern), ZoneInfo(zone)
    except BadRequest as error:
        assert "never comes" in str(error)  # noqa: PT017
        reject()
    first = next_after(cron, where, moment)
    assume(first is not None)
    assert first is not None
    assert first > moment
    between = moment + (first - moment) / 2
    assert next_after(cron, where, between) == first
    assert next_after(cron, where, first - timedelta(seconds=1)) == first
    shown = first.astimezone(where).replace(tzinfo=None)
    offset_before = (first - timedelta(seconds=1)).astimezone(where).utcoffset()
    is_end_of_gap = first.astimezone(where).utcoffset() != offset_before
    assert cron.next_local(shown - timedelta(seconds=1)) == shown or (is_end_of_gap and not cron.is_wild)


MINUTE = timedelta(minutes=1)
AROUND = timedelta(hours=7)


def changes(zone: str, year: int = 2027) -> list[tuple[str, datetime]]:
    """About when the clocks of a zone change in a year."""
    hours = [datetime(year, 1, 1, tzinfo=UTC) + timedelta(hours=hour) for hour in range(366 * 24)]
    offsets = [hour.astimezone(ZoneInfo(zone)).utcoffset() for hour in hours]
    return [(zone, at) for at, (before, after) in zip(hours[1:], pairwise(offsets), strict=False) if before != after]


@cache
def scenes() -> list[tuple[str, datetime]]:
    """Zones, each with a moment around which they are looked at: changes of clocks, a leap day, the end of a year."""
    changing = ("Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca")
    found = [scene for zone in changing for scene in changes(zone)]
    assert len(found) == 2 * len(changing)
    calm = [(zone, at) for zone in ("Asia/Kolkata", "UTC") for at in (datetime(2028, 2, 29, tzinfo=UTC), START)]
    return [*found, *changes("Pacific/Apia", 2011)[-1:], *calm]


@cache
def minutes(zone: str, moment: datetime) -> list[tuple[datetime, datetime]]:
    """Each minute around a moment, and what a clock of the zone shows then."""
    every = [moment - AROUND + number * MINUTE for number in range(2 * AROUND // MINUTE)]
    return [(at, at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)) for at in every]


@dataclass(frozen=True)
class Part:
    """What is written in a field, and the values that it means."""

    text: str
    values: frozenset[int]


def some_of(low: int, high: int) -> st.SearchStrategy[Part]:
    lists = st.lists(st.integers(low, high), min_size=1, max_size=4, unique=True)
    return lists.map(lambda some: Part(",".join(map(str, some)), frozenset(some)))


def part(low: int, high: int) -> st.SearchStrategy[Part]:
    every = range(low, high + 1)
    return st.one_of(
        st.just(Part("*", frozenset(every))),
        st.integers(2, 9).map(lambda step: Part(f"*/{step}", frozenset(every[::step]))),
        some_of(low, high),
        st.tuples(st.integers(low, high), st.integers(1, 9)).map(
            lambda pair: Part(f"{pair[0]}/{pair[1]}", frozenset(range(pair[0], high + 1, pair[1])))
        ),
    )


def seldom(usual: str, low: int, high: int) -> st.SearchStrategy[Part]:
    """Mostly all values: most patterns should come near the moment that is looked at."""
    return st.one_of(st.just(Part(usual, frozenset(range(low, high + 1)))), part(low, high))


def by_the_rule(
    minute: Part, hour: Part, day: Part, month: Part, weekday: Part, clock: list[tuple[datetime, datetime]]
) -> list[datetime]:
    """When a pattern comes, by looking at each minute."""

    def fits(shown: datetime) -> bool:
        by_month, by_week = shown.day in day.values, shown.isoweekday() % 7 in {each % 7 for each in weekday.values}
        either = "*" not in day.text and "*" not in weekday.text
        is_day = by_month or by_week if either else by_month and by_week
        return is_day and shown.month in month.values and shown.hour in hour.values and shown.minute in minute.values

    if "*" in minute.text + hour.text:
        return [at for at, shown in clock if fits(shown)]
    found, wanted = set(), clock[0][1]
    first = {shown: at for at, shown in reversed(clock)}
    behind_gap = {before + MINUTE: at for (_, before), (at, shown) in pairwise(clock) if shown > before + MINUTE}
    gap_end: datetime | None = None
    while wanted <= clock[-1][1]:
        gap_end = behind_gap.get(wanted, gap_end)
        if fits(wanted) and (at := first.get(wanted, gap_end)) is not None:
            found.add(at)
        wanted += MINUTE
    return sorted(found)


@settings(max_examples=3000 if SOAK else 300, deadline=None)
@given(
    scene=st.sampled_from(scenes()), minute=part(0, 59), hour=seldom("*", 0, 23) | some_of(0, 5),
    day=seldom("*", 1, 31), month=seldom("*", 1, 12), weekday=seldom("*", 0, 7),
)  # fmt: skip
def test_the_same_as_the_rule_says_minute_by_minute(
    scene: tuple[str, datetime], minute: Part, hour: Part, day: Part, month: Part, weekday: Part
) -> None:
    zone, moment = scene
    clock = minutes(zone, moment)
    pattern = " ".join(each.text for each in (minute, hour, day, month, weekday))
    expected = by_the_rule(minute, hour, day, month, weekday, clock)
    try:
        cron = parse_cron(pattern)
    except BadRequest as error:
        assert "never comes" in str(error)  # noqa: PT017
        assert expected == []
        return
    found = occurrences(cron, ZoneInfo(zone), clock[0][0] - MINUTE, count=len(expected) + 1)
    assert [at for at in found if at <= clock[-1][0]] == expected, pattern
