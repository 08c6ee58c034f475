"""One column of rows that lie as bytes one after the other: where its values are, as numbers or as texts."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

MARGIN: Final = bytes(16)
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
        places = np.minimum(self.starts + at, len(self.data) - len(MARGIN))
        found: NDArray[np.generic] = everywhere(self.data, kind)[places]
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


def everywhere(data: NDArray[np.uint8], kind: str) -> NDArray[np.generic]:
    """The number that begins at each byte."""
    dtype: np.dtype[np.generic] = np.dtype(kind)
    return np.ndarray((len(data) - dtype.itemsize + 1,), dtype, buffer=data.data, strides=(1,))
