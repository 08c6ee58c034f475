"""The fields of cron patterns: what is written in each, and which values or days it means."""

import calendar
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Final

from tidemill.model.errors import BadRequest

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_ITEM: Final = re.compile(r"(?P<any>[*?])|(?P<first>[a-z0-9]+)(?:-(?P<last>[a-z0-9]+))?")
_STEP: Final = re.compile(r"[1-9][0-9]{0,3}")
_NUMBER: Final = re.compile(r"[0-9]{1,2}")
_OF_WEEK: Final = re.compile(r"(?P<day>[a-z0-9]+)(?:#(?P<nth>[1-5]|l)|(?P<last>l))")
_MOST_CHARS: Final = 300
_SATURDAY: Final = 6
_SUNDAY: Final = 7


class Field(Enum):
    """A field, in the order in which they are written; its name for messages, its least and its greatest value."""

    SECOND = ("second", 0, 59)
    MINUTE = ("minute", 0, 59)
    HOUR = ("hour", 0, 23)
    DAY = ("day of month", 1, 31)
    MONTH = ("month", 1, 12)
    WEEKDAY = ("day of week", 0, 7)

    @property
    def label(self) -> str:
        return self.value[0]

    @property
    def least(self) -> int:
        return self.value[1]

    @property
    def most(self) -> int:
        return self.value[2]


@dataclass(frozen=True, slots=True)
class Values:
    """The values of a field, sorted. `is_wild`: it was written with a `*`."""

    values: tuple[int, ...]
    is_wild: bool


@dataclass(frozen=True, slots=True)
class DayRule:
    """Which days a field means; `is_any`: it begins with `*` or `?`, and restricts what the other field says.

    Attributes:
        numbers: days of the month, or of the week with 0 for Sunday.
        nearest: days of the month of which the nearest weekday is meant, 0 for the last one.
        nth: pairs of a day of the week and which of the month, 0 for the last.
    """

    is_any: bool
    is_of_week: bool
    numbers: frozenset[int] = frozenset()
    is_last: bool = False
    nearest: frozenset[int] = frozenset()
    nth: frozenset[tuple[int, int]] = frozenset()

    def holds_for(self, day: date) -> bool:
        """Whether it means that day."""
        last = calendar.monthrange(day.year, day.month)[1]
        if not self.is_of_week:
            nearest = any(_nearest_weekday(day, wanted or last) == day.day for wanted in self.nearest if wanted <= last)
            return day.day in self.numbers or (self.is_last and day.day == last) or nearest
        weekday = day.isoweekday() % _SUNDAY
        which = {(day.day - 1) // 7 + 1} | ({0} if day.day + 7 > last else set())
        return weekday in self.numbers or any(day_of == weekday and nth in which for day_of, nth in self.nth)


def split_fields(text: str) -> Mapping[Field, str]:
    """What is written for each field; a pattern of five has the second 0.

    Raises:
        BadRequest: there are not five or six fields.
    """
    parts = text.lower().split() if len(text) <= _MOST_CHARS else []
    if len(parts) == len(Field) - 1:
        parts = ["0", *parts]
    if len(parts) != len(Field):
        raise BadRequest(
            f"A schedule has six fields (second, minute, hour, day of month, month, day of week), such as "
            f"'0 0 12 * * *'; {text[:80]!r} has {len(parts)}."
        )
    return dict(zip(Field, parts, strict=True))


def parse_field(field: Field, text: str) -> Values:
    """The values of an ordinary field.

    Raises:
        BadRequest: something in it is not what the field takes.
    """
    found: set[int] = set()
    for item in text.split(","):
        found |= _values(field, item)
    return Values(tuple(sorted(found)), is_wild=any(item.startswith("*") for item in text.split(",")))


def parse_days(text: str) -> DayRule:
    """The rule of a day-of-month field."""
    numbers: set[int] = set()
    nearest: set[int] = set()
    is_last = False
    for item in text.split(","):
        if item == "l":
            is_last = True
        elif item == "lw":
            nearest.add(0)
        elif item.endswith("w"):
            nearest.add(_number(Field.DAY, item[:-1]))
        else:
            numbers |= _values(Field.DAY, item)
    return DayRule(_is_any(text), False, frozenset(numbers), is_last, frozenset(nearest))


def parse_weekdays(text: str) -> DayRule:
    """The rule of a day-of-week field."""
    numbers: set[int] = set()
    nth: set[tuple[int, int]] = set()
    for item in text.split(","):
        if (special := _OF_WEEK.fullmatch(item)) is not None and item not in _DAYS:
            which = special["nth"] or "l"
            nth.add((_number(Field.WEEKDAY, special["day"]) % _SUNDAY, 0 if which == "l" else int(which)))
        else:
            numbers |= {value % _SUNDAY for value in _values(Field.WEEKDAY, item)}
    return DayRule(_is_any(text), True, frozenset(numbers), nth=frozenset(nth))


def _is_any(text: str) -> bool:
    return text[:1] in {"*", "?"}


def _values(field: Field, item: str) -> set[int]:
    """One item of a list: `*`, a value, a range, each with a step."""
    written, _, step = item.partition("/")
    found = _ITEM.fullmatch(written)
    if found is None or (("/" in item) and _STEP.fullmatch(step) is None):
        raise _refused(field, item)
    if found["any"] is not None:
        if found["any"] == "?" and (field not in {Field.DAY, Field.WEEKDAY} or step):
            raise _refused(field, item)
        first, last = field.least, min(field.most, _SATURDAY) if field is Field.WEEKDAY else field.most
    else:
        first = _number(field, found["first"])
        last = _number(field, found["last"]) if found["last"] else (field.most if step else first)
        if field is Field.WEEKDAY and last == 0 < first:
            last = _SUNDAY  # from Friday to Sunday
    if first > last:
        raise BadRequest(f"In the {field.label} of the schedule, the range '{item[:40]}' goes backwards.")
    return set(range(first, last + 1, int(step or 1)))


def _number(field: Field, text: str) -> int:
    names: Mapping[str, int] = {}
    if field is Field.MONTH:
        names = {name: place + 1 for place, name in enumerate(_MONTHS)}
    elif field is Field.WEEKDAY:
        names = {name: place for place, name in enumerate(_DAYS)}
    if text in names:
        return names[text]
    if _NUMBER.fullmatch(text) is None or not field.least <= int(text) <= field.most:
        raise _refused(field, text)
    return int(text)


def _refused(field: Field, item: str) -> BadRequest:
    return BadRequest(
        f"The {field.label} of the schedule cannot be {item[:40]!r}: it takes {field.least} to {field.most}, '*', "
        f"lists, ranges and steps."
    )


def _nearest_weekday(day: date, wanted: int) -> int:
    """The day of the month from Monday to Friday that is nearest to `wanted`, within the same month."""
    last = calendar.monthrange(day.year, day.month)[1]
    weekday = day.replace(day=wanted).isoweekday()
    if weekday == _SATURDAY:
        return wanted - 1 if wanted > 1 else wanted + 2
    if weekday == _SUNDAY:
        return wanted + 1 if wanted < last else wanted - 2
    return wanted
