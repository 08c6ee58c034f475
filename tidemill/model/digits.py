"""Elements of lists, named by digits in a path."""

import re
from collections.abc import Sized
from typing import Final

_INDEX: Final = re.compile(r"[0-9]{1,9}")


def is_index_of(name: str, elements: Sized) -> bool:
    """Whether `name` is the number of one of `elements`, the first being 0; of any length, which `int` is not."""
    return _INDEX.fullmatch(name) is not None and int(name) < len(elements)
