"""`Range` headers, as RFC 9110 has them."""

import re
from typing import Final

from tidemill.model.errors import RangeUnsatisfiable

_RANGE: Final = re.compile(r"bytes=([0-9]{0,19})-([0-9]{0,19})")


def read_range(header: str) -> tuple[int, int | None] | None:
    """`start` and `end` as `ObjectStore.get` takes them; None for the whole: also where several ranges are asked for.

    Raises:
        RangeUnsatisfiable: it asks for the last 0 bytes.
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None or found[1] == found[2] == "":
        return None
    if found[1] == "":
        if int(found[2]) == 0:
            raise RangeUnsatisfiable("The range bytes=-0 holds nothing.")
        return -int(found[2]), None
    start, end = int(found[1]), int(found[2]) + 1 if found[2] else None
    return None if end is not None and end <= start else (start, end)
