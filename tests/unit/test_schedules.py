"""When occurrences come while servers look, or none does, with a clock that is handed in; and which handlers follow."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidemill.engine.cron import occurrences, parse_cron
from tidemill.engine.schedules import HandlerRules, Streak, next_due, settle
from tidemill.model.schedule import Handler

MINUTE = timedelta(minutes=1)
NEVER = datetime(2100, 1, 1, tzinfo=UTC)


def come(
    pattern: str, zone: str, looks: list[datetime], *, catch_up_s: int = 0, paused_until: datetime | None = None
) -> list[datetime]:
    """What comes of a schedule that is made at the first of `looks`: when a server looks what is due."""
    cron, where = parse_cron(pattern), ZoneInfo(zone)
    due = next_due(cron, where, now=looks[0], paused_until=paused_until)
    started = []
    for now in looks[1:]:
        while due is not None and due <= now:
            started.append(due)
            due = next_due(cron, where, now=now, last=due, paused_until=paused_until, catch_up_s=catch_up_s)
    return started


def every_minute(start: datetime, end: datetime) -> list[datetime]:
    return [start + number * MINUTE for number in range((end - start) // MINUTE + 1)]


def at(text: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def shown(moments: list[datetime], zone: str) -> list[str]:
    return [each.astimezone(ZoneInfo(zone)).strftime("%d %H:%M %Z") for each in moments]


@pytest.mark.parametrize(
    ("catch_up_s", "expected"),
    [
        (0, ["02:00", "03:15"]),
        (1800, ["02:00", "02:45", "03:00", "03:15"]),
        (3600, ["02:00", "02:15", "02:30", "02:45", "03:00", "03:15"]),
    ],
)
def test_an_hour_without_a_server(catch_up_s: int, expected: list[str]) -> None:
    """What was due comes, however late, and what should have come within the window."""
    before, after = every_minute(at("2027-01-10T01:50"), at("2027-01-10T01:59")), at("2027-01-10T03:01")
    looks = [*before, after, *every_minute(after, at("2027-01-10T03:20"))]
    found = come("0 */15 * * * *", "UTC", looks, catch_up_s=catch_up_s)
    assert [each.strftime("%H:%M") for each in found] == expected


@pytest.mark.parametrize(
    ("zone", "day", "fixed", "wild"),
    [
        ("Europe/Paris", "2027-03-28", ["28 03:00 CEST", "29 02:15 CEST"], 23),
        ("Europe/Paris", "2027-10-31", ["31 02:15 CEST", "01 02:15 CET"], 25),
        ("America/New_York", "2027-03-14", ["14 03:00 EDT", "15 02:15 EDT"], 23),
        ("America/New_York", "2027-11-07", ["07 02:15 EST", "08 02:15 EST"], 25),
        ("Australia/Lord_Howe", "2027-10-03", ["03 02:30 +11", "04 02:15 +11"], 23),
        ("Asia/Kolkata", "2027-03-28", ["28 02:15 IST", "29 02:15 IST"], 24),
    ],
)
@pytest.mark.parametrize("is_down", [False, True])
def test_a_change_of_clocks(zone: str, day: str, fixed: list[str], wild: int, *, is_down: bool) -> None:
    """The same comes whether a server looked all the time or, with all caught up, none did meanwhile."""
    start = at(f"{day}T00:00", zone) - MINUTE
    second = at(f"{day}T23:59", zone)
    looks = [start, *([] if is_down else every_minute(start, second)), second, second + timedelta(hours=4)]
    assert shown(come("0 15 2 * * *", zone, looks, catch_up_s=2 * 86_400), zone) == fixed
    assert len(come("0 0 * * * *", zone, looks[:-1], catch_up_s=2 * 86_400)) == wild


def test_a_pause_ends_with_the_first_moment_that_it_leaves_out_of_account() -> None:
    looks = every_minute(at("2027-01-10T01:00"), at("2027-01-10T02:00"))
    found = come("0 */15 * * * *", "UTC", looks, paused_until=at("2027-01-10T01:30"), catch_up_s=86_400)
    assert [each.strftime("%H:%M") for each in found] == ["01:30", "01:45", "02:00"]
    assert come("0 */15 * * * *", "UTC", looks, paused_until=NEVER) == []


@settings(max_examples=100, deadline=None)
@given(
    pattern=st.sampled_from(["0 */7 * * * *", "0 30 2 * * *", "0 0,20 1-3 * * *", "30 5/10 * * * *"]),
    zone=st.sampled_from(["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "UTC"]),
    start=st.sampled_from([at(f"2027-{day}") for day in ("03-14T00:00", "03-27T20:00", "10-30T22:00", "11-07T01:00")]),
    gaps=st.lists(st.integers(1, 240), min_size=1, max_size=40),
    catch_up_s=st.sampled_from([0, 600, 7200, 10**6]),
)  # fmt: skip
def test_nothing_comes_twice_and_only_what_is_older_than_the_window_is_left_out(
    pattern: str, zone: str, start: datetime, gaps: list[int], catch_up_s: int
) -> None:
    """However long servers do not look: `gaps` are the minutes between their looks."""
    looks = [start]
    for gap in gaps:
        looks.append(looks[-1] + gap * MINUTE)
    found = come(pattern, zone, looks, catch_up_s=catch_up_s)
    every = occurrences(parse_cron(pattern), ZoneInfo(zone), start, count=3000)
    expected = [each for each in every if each <= looks[-1]]
    assert found == sorted(set(found))
    assert set(found) <= set(expected)
    for left_out in set(expected) - set(found):
        seen = next(look for look in looks if look >= left_out)
        assert seen - left_out >= timedelta(seconds=catch_up_s)
    if catch_up_s == 10**6:
        assert found == expected


FAILED, SUCCESS, RECOVERED = Handler.FAILURE, Handler.SUCCESS, Handler.RECOVERY


@pytest.mark.parametrize(
    ("rules", "runs", "called"),
    [
        (HandlerRules(), "F", [{FAILED}]),
        (HandlerRules(), "FFSF", [{FAILED}, {FAILED}, {SUCCESS, RECOVERED}, {FAILED}]),
        (HandlerRules(failure_times=2), "FSFF", [set(), {SUCCESS}, set(), {FAILED}]),
        (HandlerRules(2, failure_is_exact=True), "FFFSF", [set(), {FAILED}, set(), {SUCCESS, RECOVERED}, set()]),
        (HandlerRules(recovery_times=2), "FSSS", [{FAILED}, {SUCCESS}, {SUCCESS, RECOVERED}, {SUCCESS}]),
        (HandlerRules(recovery_times=2), "FSFSS", [{FAILED}, {SUCCESS}, {FAILED}, {SUCCESS}, {SUCCESS, RECOVERED}]),
        (HandlerRules(), "SSS", [{SUCCESS}, {SUCCESS}, {SUCCESS}]),
    ],
)
def test_handlers(rules: HandlerRules, runs: str, called: list[set[Handler]]) -> None:
    streak, found = Streak(), []
    for run in runs:
        streak, calls = settle(streak, rules, succeeded=run == "S")
        found.append(set(calls))
    assert found == called
