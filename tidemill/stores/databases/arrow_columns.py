"""Values of a result as Arrow, for Parquet: each column with the narrowest type that keeps all that it may hold.

Where there is none (numbers without a declared precision, intervals, times with an offset) a column is text.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final, TypeAlias, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from tidemill.model.column import Column, DataType, Kind, Row
from tidemill.model.errors import QueryFailed

MOST_DIGITS: Final = 76
"""Of Arrow's widest decimal."""

T = TypeVar("T")
Values: TypeAlias = Sequence[object]
Convert = Callable[[Values], pa.Array]

_SIGNED: Final = {8: pa.int8(), 16: pa.int16(), 32: pa.int32(), 64: pa.int64()}
_UNSIGNED: Final = {8: pa.uint8(), 16: pa.uint16(), 32: pa.uint32(), 64: pa.uint64()}
_TIMES: Final = frozenset({Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ})


class ArrowColumns:
    """Makes record batches of the rows of one result."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._converts = [converter(column.type) for column in columns]
        self.schema = pa.schema([pa.field(each.name, arrow_type(each.type)) for each in columns])

    def batch(self, rows: Sequence[Row]) -> pa.RecordBatch:
        """The rows.

        Raises:
            QueryFailed: Parquet has no form for a value; the message names the column.
        """
        arrays = [
            converted(column, convert, values)
            for column, convert, values in zip(self._columns, self._converts, zip(*rows, strict=True), strict=True)
        ]
        return pa.record_batch(arrays, schema=self.schema)


def converted(column: Column, convert: Callable[[T], pa.Array], values: T) -> pa.Array:
    """What `convert` makes of the values of a column.

    Raises:
        QueryFailed: Parquet has no form for one of them.
    """
    try:
        return convert(values)
    except (pa.ArrowException, OverflowError, ValueError, TypeError) as error:
        raise QueryFailed(
            f"The column {column.name!r} ({column.type.name}) holds a value that Parquet has no form for: "
            f"{error} Cast the column to text, or stream another format."
        ) from error


def arrow_type(data_type: DataType, *, is_nested: bool = False) -> pa.DataType:
    """What a column of this type is in Arrow. Times inside of others are texts."""
    match data_type.kind:
        case Kind.BOOL:
            return pa.bool_()
        case Kind.INTEGER:
            return (_UNSIGNED if data_type.is_unsigned else _SIGNED).get(data_type.bits) or _wide_integer(data_type)
        case Kind.FLOAT:
            return pa.float32() if data_type.bits == 32 else pa.float64()
        case Kind.DECIMAL if 0 < data_type.precision <= MOST_DIGITS and 0 <= data_type.scale <= data_type.precision:
            wide = data_type.precision > 38
            return (pa.decimal256 if wide else pa.decimal128)(data_type.precision, data_type.scale)
        case Kind.BINARY:
            return pa.binary()
        case Kind.ARRAY | Kind.STRUCT | Kind.MAP:
            return _nested_type(data_type)
        case _ if not is_nested:
            return _time_type(data_type)
    return pa.string()


def _wide_integer(data_type: DataType) -> pa.DataType:
    """Of any size, but perhaps of a known number of digits."""
    if 0 < data_type.precision <= MOST_DIGITS:
        return arrow_type(replace(data_type, kind=Kind.DECIMAL, scale=0))
    return pa.string()


def _time_type(data_type: DataType) -> pa.DataType:
    unit = "ns" if data_type.fraction_digits > 6 else "us"
    match data_type.kind:
        case Kind.DATE:
            return pa.date32()
        case Kind.TIME:
            return pa.time64(unit)
        case Kind.TIMESTAMP:
            return pa.timestamp(unit)
        case Kind.TIMESTAMPTZ:
            return pa.timestamp(unit, tz="UTC")
        case _:
            return pa.string()


def _nested_type(data_type: DataType) -> pa.DataType:
    if data_type.kind is Kind.ARRAY:
        assert data_type.item is not None
        return pa.list_(arrow_type(data_type.item, is_nested=True))
    inner = [(each.name, arrow_type(each.type, is_nested=True)) for each in data_type.fields]
    if data_type.kind is Kind.MAP:
        return pa.map_(inner[0][1], inner[1][1])
    return pa.struct(inner)


def converter(data_type: DataType) -> Convert:
    """What makes an array of the values of a column."""
    wanted = arrow_type(data_type)
    plain = _plain(data_type)
    if data_type.kind in _TIMES:
        return lambda values: _times(values, wanted)
    if plain is None:
        return lambda values: pa.array(values, wanted)
    return lambda values: pa.array([None if each is None else plain(each) for each in values], wanted)


def _times(values: Values, wanted: pa.DataType) -> pa.Array:
    texts = pa.array(values, pa.string())
    if pa.types.is_timestamp(wanted) and wanted.tz:
        return pc.utf8_rtrim(texts, " UTC").cast(pa.timestamp(wanted.unit)).cast(wanted)
    if pa.types.is_time(wanted):  # Arrow reads times only behind a date
        return pc.binary_join_element_wise("1970-01-01", texts, " ").cast(pa.timestamp(wanted.unit)).cast(wanted)
    return texts.cast(wanted)


def _plain(data_type: DataType) -> Callable[[object], object] | None:
    """What makes a value what Arrow takes for its type; None where it is that already."""
    match data_type.kind:
        case Kind.JSON:
            return _text_of_json
        case Kind.INTEGER if data_type.bits not in _SIGNED:
            return str if pa.types.is_string(arrow_type(data_type)) else _whole
        case Kind.DECIMAL if pa.types.is_string(arrow_type(data_type)):
            return lambda value: format(value, "f")
        case Kind.ARRAY:
            assert data_type.item is not None
            inner = _plain(data_type.item)
            return None if inner is None else lambda value: _each(value, inner)
        case Kind.STRUCT:
            fields = {each.name: found for each in data_type.fields if (found := _plain(each.type)) is not None}
            return (lambda value: _members(value, fields)) if fields else None
        case _:
            return None


def _whole(value: object) -> Decimal:
    assert isinstance(value, int)
    return Decimal(value)


def _text_of_json(value: object) -> str:
    assert isinstance(value, bytes)
    return value.decode()


def _each(value: object, convert: Callable[[object], object]) -> list[object]:
    assert isinstance(value, list)
    return [None if each is None else convert(each) for each in value]


def _members(value: object, converts: dict[str, Callable[[object], object]]) -> dict[str, object]:
    assert isinstance(value, dict)
    return {
        name: converts[name](each) if each is not None and name in converts else each for name, each in value.items()
    }
