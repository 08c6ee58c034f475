"""The binary form of COPY, a batch of rows at a time: where the bytes of each column's values are.

The format: https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format".
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from tidemill.stores.databases.cells import MARGIN, Cells, everywhere

SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0"
TRAILER: Final = b"\xff\xff"
"""In the place of a row's count of fields: there are no more."""
_FLAGS_BYTES: Final = 8


def without_header(message: bytes) -> bytes:
    """The first row of a stream.

    Raises:
        ValueError: it is no such stream.
    """
    at = len(SIGNATURE) + _FLAGS_BYTES
    if not message.startswith(SIGNATURE) or len(message) < at:
        raise ValueError("The server sends rows in a form that is not known.")
    return message[at + int.from_bytes(message[at - 4 : at], "big") :]


def split_columns(rows: bytearray, lengths: Sequence[int], *, count: int) -> list[Cells]:
    """The `count` columns of rows that lie one after the other, each of so many bytes. `rows` gets a margin.

    Raises:
        ValueError: a row has another number of fields.
    """
    rows += MARGIN
    data = np.frombuffer(rows, dtype=np.uint8)
    sizes = np.fromiter(lengths, dtype=np.int64, count=len(lengths))
    ends = np.cumsum(sizes)
    at = ends - sizes
    if not (everywhere(data, ">i2")[at] == count).all():
        raise ValueError("the columns have just changed.")
    at, columns = at + 2, []
    for _ in range(count):
        told = everywhere(data, ">i4")[at].astype(np.int64)
        is_null = told < 0
        width = np.maximum(told, 0)
        columns.append(Cells(data, at + 4, width, is_null if is_null.any() else None))
        at = at + 4 + width
    if not (at == ends).all():
        raise ValueError("a row ends where it should not.")
    return columns
