"""Cron patterns of six fields (second first), and when they come next in a time zone. Pure: moments come in.

    second minute hour day-of-month month day-of-week

A pattern of five fields has no seconds: it is at second 0. Fields take `*`, lists, ranges, steps, names of months and
days; days of month `L` (the last), `15W` (the weekday nearest to the 15th) and `LW` (the last weekday); days of week
`5L` (the last Friday) and `5#2` (the second one), with 0 and 7 for Sunday. Where both kinds of days are restricted,
either will do; a field that begins with `*` or `?` does not count as restricted.

What a change of clocks does depends on the pattern. With `*` in its hours, minutes or seconds it goes on in real time:
what is skipped does not come, what is repeated comes twice. Otherwise it names fixed times: one that is skipped comes
at the first moment after the gap, one that is repeated comes the first time only.
"""

import calendar
import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tidemill.engine.cron_fields import DayRule, Field, parse_days, parse_field, parse_weekdays, split_fields
from tidemill.model.errors import BadRequest

_SECOND: Final = timedelta(seconds=1)
_LOOK_AHEAD_YEARS: Final = 50
_OF_A_MACHINE: Final = re.compile(r"(?:localtime|posixrules|Factory)$|(?:posix|right)/")
"""Files beside those of time zones: what they mean differs from machine to machine, or counts leap seconds."""


@dataclass(frozen=True, slots=True)
class Cron:
    """A pattern that was read. `is_wild`: it goes on in real time when clocks change."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    months: frozenset[int]
    days: DayRule
    weekdays: DayRule
    is_wild: bool

    def next_local(self, after: datetime) -> datetime | None:
        """The first matching time behind `after` on a clock that never changes; None in the next 50 years."""
        start = after.replace(microsecond=0) + _SECOND
        day, earliest = start.date(), start.time()
        while day.year <= start.year + _LOOK_AHEAD_YEARS and day.year < date.max.year:
            if day.month not in self.months:
                day, earliest = _month_after(day), time.min
                continue
            if self._is_day(day) and (found := self._time_from(earliest)) is not None:
                return datetime.combine(day, found)
            day, earliest = day + timedelta(days=1), time.min
        return None

    def _is_day(self, day: date) -> bool:
        by_month, by_week = self.days.holds_for(day), self.weekdays.holds_for(day)
        if self.days.is_any or self.weekdays.is_any:
            return by_month and by_week
        return by_month or by_week

    def _time_from(self, earliest: time) -> time | None:
        """The first matching time of a day that is not before `earliest`."""
        for hour in self.hours[bisect_left(self.hours, earliest.hour) :]:
            at = earliest if hour == earliest.hour else time.min
            for minute in self.minutes[bisect_left(self.minutes, at.minute) :]:
                first = at.second if minute == at.minute else 0
                place = bisect_left(self.seconds, first)
                if place < len(self.seconds):
                    return time(hour, minute, self.seconds[place])
        return None


def parse_cron(text: str) -> Cron:
    """The pattern in `text`.

    Raises:
        BadRequest: it is none, or never comes; the message names the field.
    """
    fields = split_fields(text)
    second, minute, hour = (parse_field(name, fields[name]) for name in (Field.SECOND, Field.MINUTE, Field.HOUR))
    cron = Cron(
        seconds=second.values,
        minutes=minute.values,
        hours=hour.values,
        months=frozenset(parse_field(Field.MONTH, fields[Field.MONTH]).values),
        days=parse_days(fields[Field.DAY]),
        weekdays=parse_weekdays(fields[Field.WEEKDAY]),
        is_wild=second.is_wild or minute.is_wild or hour.is_wild,
    )
    if cron.next_local(datetime(2024, 1, 1)) is None:  # a clock of no zone
        raise BadRequest(f"The schedule '{text.strip()}' never comes: there is no such day.")
    return cron


def parse_zone(name: str) -> ZoneInfo:
    """The time zone of an IANA name.

    Raises:
        BadRequest: there is none.
    """
    try:
        if _OF_A_MACHINE.match(name) is None:
            return ZoneInfo(name)
        cause = None
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        cause = error
    raise BadRequest(f"{name[:80]!r} is no time zone: use an IANA name such as 'Europe/Paris' or 'UTC'.") from cause


def next_after(cron: Cron, zone: ZoneInfo, moment: datetime) -> datetime | None:
    """The first moment behind `moment` (aware) at which the pattern comes, in UTC; None in the last year."""
    moment = moment.astimezone(UTC)
    if moment.year == date.max.year:
        return None
    return _next_in_real_time(cron, zone, moment) if cron.is_wild else _next_fixed(cron, zone, moment)


def occurrences(cron: Cron, zone: ZoneInfo, after: datetime, *, count: int) -> list[datetime]:
    """The next `count` moments, fewer where it ends."""

    def all_after() -> Iterator[datetime]:
        moment: datetime | None = after
        while moment is not None and (moment := next_after(cron, zone, moment)) is not None:
            yield moment

    return list(islice(all_after(), count))


def _next_in_real_time(cron: Cron, zone: ZoneInfo, moment: datetime) -> datetime | None:
    start, offset = moment, _offset(zone, moment)
    after = _local(moment, offset)
    while (local := cron.next_local(after)) is not None:
        found = (local - offset).replace(tzinfo=UTC)
        if _offset(zone, found) == offset:
            return found
        start = _change(zone, start, found)  # the clock is another before `found` comes: go on with that one
        offset = _offset(zone, start)
        after = _local(start, offset) - _SECOND
    return None


def _next_fixed(cron: Cron, zone: ZoneInfo, moment: datetime) -> datetime | None:
    after = _local(moment, _offset(zone, moment))
    while (local := cron.next_local(after)) is not None:
        found = _first_instant(zone, local)
        if found > moment:
            return found
        after = local
    return None


def _first_instant(zone: ZoneInfo, local: datetime) -> datetime:
    """When a clock of the zone shows `local` for the first time, or jumps over it."""
    found = local.replace(tzinfo=zone).astimezone(UTC)
    if _local(found, _offset(zone, found)) == local:
        return found
    gap = local.replace(tzinfo=zone, fold=0).astimezone(UTC) - local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return _change(zone, found - gap - _SECOND, found)


def _change(zone: ZoneInfo, low: datetime, high: datetime) -> datetime:
    """The first second between `low` and `high` (excluded and included) at which the clock has left that of `low`."""
    offset = _offset(zone, low)
    while high - low > _SECOND:
        middle = low + ((high - low) // 2 // _SECOND) * _SECOND
        low, high = (middle, high) if _offset(zone, middle) == offset else (low, middle)
    return high


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta(0)


def _local(moment: datetime, offset: timedelta) -> datetime:
    return (moment + offset).replace(tzinfo=None, microsecond=0)


def _month_after(day: date) -> date:
    return day.replace(day=1) + timedelta(days=calendar.monthrange(day.year, day.month)[1])
