"""Whole numbers in texts of anybody: `int` fails at thousands of digits, and takes those of all scripts."""

import re
from collections.abc import Sized
from typing import Final

MOST: Final = 18
"""So many digits fit 64 bits, whatever they are."""
_DIGITS: Final = re.compile(r"[0-9]{1,18}")


def number_in(text: str) -> int | None:
    """The number whose digits are all of `text`, 0 to 9; None where it is none, or has more digits than `MOST`."""
    return int(text) if _DIGITS.fullmatch(text) else None


def number_of(value: object) -> int | None:
    """The number of a field that may hold it as a text; None as `number_in`."""
    return None if isinstance(value, bool) or not isinstance(value, int | str) else number_in(str(value))


def is_index_of(name: str, elements: Sized) -> bool:
    """Whether `name` is the number of one of `elements`, the first being 0."""
    number = number_in(name)
    return number is not None and number < len(elements)
