"""Rows in the binary form of prepared statements, some thousands at a time: whole columns as Arrow arrays, with numpy.

What is an error by way of the rows (`arrow_columns.py`) is one here: days that no calendar has, times beyond a day.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pymysql.constants import FIELD_TYPE
from pymysql.protocol import FieldDescriptorPacket, MysqlPacket

from tidemill.model.column import Column, Kind
from tidemill.model.errors import QueryFailed
from tidemill.stores.databases.arrow_columns import arrow_type, converted, converter
from tidemill.stores.databases.cells import MARGIN, Cells, Flags, Numbers, everywhere
from tidemill.stores.databases.mysql.arguments import counted
from tidemill.stores.databases.mysql.types import Reader, column_of

Decode = Callable[[Cells], pa.Array]

_COUNTED, _TIMED = -1, 0
"""The layouts that are no width: a length before the bytes, and one of a single byte before the parts of a moment."""
_WIDTHS: Final = {
    FIELD_TYPE.TINY: 1, FIELD_TYPE.SHORT: 2, FIELD_TYPE.YEAR: 2, FIELD_TYPE.INT24: 4, FIELD_TYPE.LONG: 4,
    FIELD_TYPE.LONGLONG: 8, FIELD_TYPE.FLOAT: 4, FIELD_TYPE.DOUBLE: 8,
    **dict.fromkeys(
        (FIELD_TYPE.DATE, FIELD_TYPE.NEWDATE, FIELD_TYPE.DATETIME, FIELD_TYPE.TIMESTAMP, FIELD_TYPE.TIME), _TIMED
    ),
}  # fmt: skip
_SECOND_US: Final = 1_000_000
_DAY_US: Final = 86_400 * _SECOND_US


@dataclass(frozen=True, slots=True)
class _Field:
    """A column of a result. `width`: of its values in bytes, or their layout."""

    column: Column
    width: int
    decode: Decode


class MysqlColumns:
    """Makes record batches of the rows of one result."""

    def __init__(self, described: Sequence[FieldDescriptorPacket]) -> None:
        self._fields = [_field(each) for each in described]
        self._names = [each.column.name for each in self._fields]

    def batch(self, rows: bytearray, starts: Sequence[int], sizes: Sequence[int]) -> pa.RecordBatch:
        """Those that begin at `starts` in `rows`, which gets a margin.

        Raises:
            QueryFailed: Parquet has no form for a value, or what came are no rows.
        """
        rows += MARGIN
        data = np.frombuffer(rows, dtype=np.uint8)
        begin = np.fromiter(starts, dtype=np.int64, count=len(starts))
        ends = begin + np.fromiter(sizes, dtype=np.int64, count=len(sizes))
        at = begin + 1 + (len(self._fields) + 9) // 8  # behind a zero and the bits of what is NULL
        arrays = []
        for number, field in enumerate(self._fields):
            cells = _cells(data, at, _nulls(data, begin, number), field.width)
            arrays.append(converted(field.column, field.decode, cells))
            at = cells.starts + cells.sizes
        if not (at == ends).all():
            raise QueryFailed("The rows cannot be read: one ends where it should not. Run it again.")
        return pa.record_batch(arrays, names=self._names)


def _nulls(data: NDArray[np.uint8], begin: Numbers, number: int) -> Flags | None:
    bit = number + 2
    found = (data[begin + 1 + bit // 8] >> np.uint8(bit % 8)) & 1 == 1
    return found if found.any() else None


def _cells(data: NDArray[np.uint8], at: Numbers, is_null: Flags | None, width: int) -> Cells:
    """Those whose layouts begin at `at`, which is within the data, or its margin where nothing is left."""
    if width > 0:
        sizes, heads = np.full(len(at), width, dtype=np.int64), np.zeros(len(at), dtype=np.int64)
    else:
        sizes, heads = _lengths(data, at)
    if is_null is not None:
        sizes, heads = np.where(is_null, 0, sizes), np.where(is_null, 0, heads)
    starts = np.minimum(at + heads, len(data))
    return Cells(data, starts, np.minimum(sizes, len(data) - starts), is_null)


def _lengths(data: NDArray[np.uint8], at: Numbers) -> tuple[Numbers, Numbers]:
    """Of values with a length before them, and how many bytes that takes itself."""
    at = np.minimum(at, len(data) - len(MARGIN))
    first = data[at].astype(np.int64)
    heads = np.ones(len(at), dtype=np.int64)
    if first.max(initial=0) > 250:
        for sign, kind, size in ((0xFC, "<u2", 3), (0xFD, "<u4", 4), (0xFE, "<i8", 9)):
            is_so = first == sign
            told = everywhere(data, kind)[at + 1].astype(np.int64)
            first = np.where(is_so, told & 0xFFFFFF if sign == 0xFD else told, first)
            heads = np.where(is_so, size, heads)
    return first, heads


def _field(described: FieldDescriptorPacket) -> _Field:
    column, reader = column_of(described)
    return _Field(column, _WIDTHS.get(described.type_code, _COUNTED), _decode(column, described.type_code, reader))


def _decode(column: Column, code: int, reader: Reader) -> Decode:
    wanted = arrow_type(column.type)
    match column.type.kind:
        case Kind.INTEGER | Kind.FLOAT:
            sign = "f" if column.type.kind is Kind.FLOAT else "u" if column.type.is_unsigned else "i"
            return partial(_numbers, kind=f"<{sign}{_WIDTHS[code]}", wanted=wanted)
        case Kind.DECIMAL:
            return lambda cells: cells.texts(pa.string()).cast(wanted)
        case Kind.BOOL:
            return lambda cells: pa.array((cells.sizes == 1) & (cells.numbers("u1") == 1), mask=cells.is_null)
        case Kind.DATE | Kind.TIMESTAMP | Kind.TIMESTAMPTZ:
            return partial(_moments, wanted=wanted)
        case Kind.TIME:
            return _times
        case Kind.BINARY:
            return partial(Cells.texts, arrow_type=wanted)
        case _ if code == FIELD_TYPE.GEOMETRY:
            return partial(_one_by_one, column=column, reader=reader)
        case _:
            return _texts


def _numbers(cells: Cells, kind: str, wanted: pa.DataType) -> pa.Array:
    return pa.array(cells.numbers(kind), mask=cells.is_null).cast(wanted)


def _texts(cells: Cells) -> pa.Array:
    found = cells.texts(pa.string())
    found.validate(full=True)
    return found


def _one_by_one(cells: Cells, column: Column, reader: Reader) -> pa.Array:
    """As rows are read."""
    values = cells.texts(pa.binary()).to_pylist()
    return converter(column.type)(
        [None if each is None else reader(MysqlPacket(counted(each), "utf8")) for each in values]
    )


def _part(cells: Cells, kind: str, at: int, *, from_size: int) -> Numbers:
    """A part of moments, which values that are not so long have as 0; so do NULLs."""
    found: Numbers = np.where(cells.sizes >= from_size, cells.numbers(kind, at=at), 0).astype(np.int64)
    return found


def _clock(cells: Cells, at: int) -> Numbers:
    """Microseconds of the hours, minutes and seconds from there on, and of what may stand behind them."""
    hour, minute, second = (_part(cells, "u1", at + place, from_size=at + 3) for place in range(3))
    return ((hour * 60 + minute) * 60 + second) * _SECOND_US + _part(cells, "<u4", at + 3, from_size=at + 7)


def _moments(cells: Cells, wanted: pa.DataType) -> pa.Array:
    year = _part(cells, "<u2", 0, from_size=4)
    month, day = (_part(cells, "u1", at, from_size=4) for at in (2, 3))
    is_known = np.ones(len(year), dtype=np.bool_) if cells.is_null is None else ~cells.is_null
    first = ((year - 1970) * 12 + month - 1).astype("M8[M]")
    days = first.astype("M8[D]").astype(np.int64) + day - 1
    ends = (first + 1).astype("M8[D]").astype(np.int64)
    if (((month < 1) | (month > 12) | (day < 1) | (days >= ends)) & is_known).any():
        raise ValueError("it is a day that no calendar has.")
    if pa.types.is_date(wanted):
        return pa.array(days.astype(np.int32), mask=cells.is_null).cast(wanted)
    return pa.array(days * _DAY_US + _clock(cells, 4), mask=cells.is_null).cast(wanted)


def _times(cells: Cells) -> pa.Array:
    is_negative, days = _part(cells, "u1", 0, from_size=8), _part(cells, "<u4", 1, from_size=8)
    moments = _clock(cells, 5)
    if (is_negative | days).any() or (moments >= _DAY_US).any():
        raise ValueError("it is before zero or not within a day.")
    return pa.array(moments, mask=cells.is_null).cast(pa.time64("us"))
