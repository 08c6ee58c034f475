"""Dates and times as SQL Server keeps them, and their texts: to the hundred nanoseconds, which Python's own drop."""

from datetime import date
from typing import Final

TICKS_A_DAY: Final = 24 * 60 * 60 * 300
"""`datetime` counts in thirds of ten milliseconds."""
DAYS_TO_1900: Final = date(1900, 1, 1).toordinal() - 1
_UNITS_A_DAY: Final = 24 * 60 * 60 * 10**7


def day_text(days: int) -> str:
    """Of days since the first of the year 1."""
    return date.fromordinal(days + 1).isoformat()


def clock_text(units: int) -> str:
    """Of hundreds of nanoseconds since midnight: `HH:MM:SS[.f]` with the digits that there are."""
    seconds, fraction = divmod(units, 10**7)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    text = f"{hour:02}:{minute:02}:{second:02}"
    return f"{text}.{fraction:07}".rstrip("0") if fraction else text


def units_of(count: int, scale: int) -> int:
    """Hundreds of nanoseconds, of a count of units with `scale` digits below a second."""
    return int(count * 10 ** (7 - scale))


def old_clock_text(ticks: int) -> str:
    """Of the ticks of a `datetime`, as the server shows them: to the millisecond."""
    return clock_text((ticks * 10 + 1) // 3 * 10**4)


def day_of(text: str) -> int:
    """Days since the first of the year 1, of `YYYY-MM-DD`.

    Raises:
        ValueError: it is not from the years 1 to 9999.
    """
    return date.fromisoformat(text).toordinal() - 1


def clock_of(text: str) -> int:
    """Hundreds of nanoseconds since midnight, of `HH:MM:SS[.f]` with at most seven digits.

    Raises:
        ValueError: it is the end of the day, `24:00:00`.
    """
    whole, _, fraction = text.partition(".")
    hour, minute, second = map(int, whole.split(":"))
    units = (hour * 3600 + minute * 60 + second) * 10**7 + int(fraction.ljust(7, "0") or 0)
    if units >= _UNITS_A_DAY:
        raise ValueError("24:00:00 is a time of the next day")
    return units


def shifted(days: int, units: int, *, minutes: int) -> tuple[int, int]:
    """The day and the time so many minutes later; either may leave the calendar."""
    moved = days * _UNITS_A_DAY + units + minutes * 60 * 10**7
    return divmod(moved, _UNITS_A_DAY)
