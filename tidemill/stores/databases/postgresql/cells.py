"""The binary form of COPY, a batch of rows at a time: where the bytes of each column's values are.

The format: https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0"
TRAILER: Final = b"\xff\xff"
"""In the place of a row's count of fields: there are no more."""
_FLAGS_BYTES: Final = 8
_MARGIN: Final = bytes(16)
"""Behind the last row, so that what is read from there for NULLs is within the buffer."""

Numbers: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Cells:
    """One column of some rows.

    Attributes:
        data: the bytes of all of the rows, and a margin.
        starts: where each value begins in them.
        sizes: how many bytes it has; 0 for NULL.
        is_null: None where no value is NULL.
    """

    data: NDArray[np.uint8]
    starts: Numbers
    sizes: Numbers
    is_null: Flags | None

    def numbers(self, kind: str, *, at: int | Numbers = 0) -> NDArray[np.generic]:
        """The number of numpy's type `kind` at so many bytes into each value. Those of NULLs mean nothing."""
        places = np.minimum(self.starts + at, len(self.data) - len(_MARGIN))
        found: NDArray[np.generic] = _everywhere(self.data, kind)[places]
        return found

    def require_width(self, width: int) -> None:
        """
        Raises:
            ValueError: a value has another size.
        """
        sizes = self.sizes if self.is_null is None else self.sizes[~self.is_null]
        if not (sizes == width).all():
            raise ValueError("the type of the column has just changed.")

    def texts(self, arrow_type: pa.DataType, *, skipped: int = 0) -> pa.Array:
        """The bytes of each value but the first `skipped`, as strings or binary."""
        count = len(self.starts)
        ends = self.starts + self.sizes
        offsets = np.zeros(2 * count + 1, dtype=np.int32)
        offsets[1::2] = np.minimum(self.starts + skipped, ends)
        offsets[2::2] = ends
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(self.data)]
        between_and_values = pa.Array.from_buffers(arrow_type, 2 * count, buffers)
        return between_and_values.take(pa.array(np.arange(1, 2 * count, 2, dtype=np.int32), mask=self.is_null))


def _everywhere(data: NDArray[np.uint8], kind: str) -> NDArray[np.generic]:
    """The number that begins at each byte."""
    dtype: np.dtype[np.generic] = np.dtype(kind)
    return np.ndarray((len(data) - dtype.itemsize + 1,), dtype, buffer=data.data, strides=(1,))


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
    rows += _MARGIN
    data = np.frombuffer(rows, dtype=np.uint8)
    sizes = np.fromiter(lengths, dtype=np.int64, count=len(lengths))
    ends = np.cumsum(sizes)
    at = ends - sizes
    if not (_everywhere(data, ">i2")[at] == count).all():
        raise ValueError("the columns have just changed.")
    at, columns = at + 2, []
    for _ in range(count):
        told = _everywhere(data, ">i4")[at].astype(np.int64)
        is_null = told < 0
        width = np.maximum(told, 0)
        columns.append(Cells(data, at + 4, width, is_null if is_null.any() else None))
        at = at + 4 + width
    if not (at == ends).all():
        raise ValueError("a row ends where it should not.")
    return columns
