"""Values of Postgres's types in its binary form, as Arrow arrays: a column at a time, with numpy.

What is an error by way of the rows (`arrow_columns.py`) is one here: infinite times, and years that Arrow does
not read.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from psycopg import postgres

from tidemill.model.column import DataType, Kind
from tidemill.stores.databases.arrow_columns import arrow_type
from tidemill.stores.databases.cells import Cells, Numbers

Decode = Callable[[Cells], pa.Array]

MOST_DIGITS: Final = 18
"""Of a decimal that fits 64 bits whole."""
_DAY_US: Final = 86_400_000_000
_EPOCH_DAYS: Final = 10_957
"""From 1970, where Arrow counts from, to 2000, where Postgres does."""
_FIRST_DAY: Final = -719_162
_LAST_DAY: Final = 2_932_896
"""The years 1 to 9999."""
_NEGATIVE: Final = 0x4000
_TENS: Final = np.array([10**power for power in range(MOST_DIGITS + 1)], dtype=np.int64)
_HEX: Final = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), dtype=np.uint8).reshape(256, 2)
_DASHES: Final = (8, 13, 18, 23)
_UUID_CHARS: Final = 36


def binary_decoder(oid: int, data_type: DataType) -> Decode | None:
    """For values of the type `oid`, which columns have as `data_type`; None where their text is to be asked for."""
    name = _NAMES.get(oid, "")
    if name == "numeric":
        whole = 0 < data_type.precision <= MOST_DIGITS and 0 <= data_type.scale <= data_type.precision
        return partial(_decimals, data_type=data_type) if whole else None
    return _DECODERS.get(name)


def text_decoder(data_type: DataType) -> Decode | None:
    """For the texts of values, where they are what Arrow holds or is made from; None where each has to be looked at."""
    match data_type.kind:
        case Kind.TEXT | Kind.INTERVAL:
            return partial(Cells.texts, arrow_type=pa.string())
        case Kind.DECIMAL:
            return lambda cells: cells.texts(pa.string()).cast(arrow_type(data_type))
        case _:
            return None


def _plain(cells: Cells, kind: str) -> pa.Array:
    """Numbers as they are."""
    dtype = np.dtype(kind)
    cells.require_width(dtype.itemsize)
    return pa.array(cells.numbers(kind).astype(dtype.newbyteorder("=")), mask=cells.is_null)


def _booleans(cells: Cells) -> pa.Array:
    cells.require_width(1)
    return pa.array(cells.numbers("u1") != 0, mask=cells.is_null)


def _dates(cells: Cells) -> pa.Array:
    cells.require_width(4)
    days = _known(cells, cells.numbers(">i4").astype(np.int64)) + _EPOCH_DAYS
    _require_between(days, _FIRST_DAY, _LAST_DAY)
    return pa.array(days.astype(np.int32), mask=cells.is_null).cast(pa.date32())


def _times(cells: Cells) -> pa.Array:
    cells.require_width(8)
    moments = _known(cells, cells.numbers(">i8").astype(np.int64))
    _require_between(moments, 0, _DAY_US - 1)
    return pa.array(moments, mask=cells.is_null).cast(pa.time64("us"))


def _timestamps(cells: Cells, zone: str | None) -> pa.Array:
    cells.require_width(8)
    moments = _known(cells, cells.numbers(">i8").astype(np.int64))
    since = _EPOCH_DAYS * _DAY_US
    _require_between(moments, _FIRST_DAY * _DAY_US - since, (_LAST_DAY + 1) * _DAY_US - since - 1)
    return pa.array(moments + since, mask=cells.is_null).cast(pa.timestamp("us", zone))


def _decimals(cells: Cells, data_type: DataType) -> pa.Array:
    """Digits to the base 10,000, the first of which counts `weight` such places before the point."""
    digits, weight = (cells.numbers(">i2", at=at).astype(np.int64) for at in (0, 2))
    sign = _known(cells, cells.numbers(">u2", at=4).astype(np.int64))
    if not ((sign == 0) | (sign == _NEGATIVE)).all():
        raise ValueError("it is not finite.")
    digits = _known(cells, digits)
    whole = np.zeros(len(digits), dtype=np.int64)
    for place in range(int(digits.max(initial=0))):
        digit = np.where(digits > place, cells.numbers(">i2", at=8 + 2 * place).astype(np.int64), 0)
        power = np.clip(4 * (weight - place) + data_type.scale, -MOST_DIGITS, MOST_DIGITS)
        whole += digit * _TENS[np.maximum(power, 0)] // _TENS[np.maximum(-power, 0)]
    return _of_64_bits(np.where(sign == _NEGATIVE, -whole, whole), cells, arrow_type(data_type))


def _of_64_bits(values: Numbers, cells: Cells, wanted: pa.DataType) -> pa.Array:
    """Decimals of 128 bits, whose upper half is the sign."""
    halves = np.empty((len(values), 2), dtype="<i8")
    halves[:, 0] = values
    halves[:, 1] = values >> 63
    return pa.Array.from_buffers(wanted, len(values), [_validity(cells), pa.py_buffer(halves)])


def _uuids(cells: Cells) -> pa.Array:
    cells.require_width(16)
    places = np.minimum(cells.starts, len(cells.data) - 16)[:, None] + np.arange(16)
    digits = _HEX[cells.data[places]].reshape(len(places), 32)
    texts = np.full((len(places), _UUID_CHARS), ord("-"), dtype=np.uint8)
    texts[:, [at for at in range(_UUID_CHARS) if at not in _DASHES]] = digits
    offsets = np.arange(len(places) + 1, dtype=np.int32) * _UUID_CHARS
    buffers = [_validity(cells), pa.py_buffer(offsets), pa.py_buffer(texts)]
    return pa.Array.from_buffers(pa.string(), len(places), buffers)


def _validity(cells: Cells) -> pa.Buffer | None:
    if cells.is_null is None:
        return None
    return pa.py_buffer(np.packbits(~cells.is_null, bitorder="little"))


def _known(cells: Cells, values: Numbers) -> Numbers:
    """With 0 in the place of NULLs."""
    return values if cells.is_null is None else np.where(cells.is_null, 0, values)


def _require_between(values: NDArray[np.int64], least: int, most: int) -> None:
    if len(values) and (values.min() < least or values.max() > most):
        raise ValueError("it is infinite, before Christ, beyond the year 9999, or the end of a day as 24:00.")


_NAMES: Final = {info.oid: info.name for info in postgres.types}
_DECODERS: Final[dict[str, Decode]] = {
    "bool": _booleans,
    "int2": partial(_plain, kind=">i2"),
    "int4": partial(_plain, kind=">i4"),
    "int8": partial(_plain, kind=">i8"),
    "oid": partial(_plain, kind=">u4"),
    "float4": partial(_plain, kind=">f4"),
    "float8": partial(_plain, kind=">f8"),
    "date": _dates,
    "time": _times,
    "timestamp": partial(_timestamps, zone=None),
    "timestamptz": partial(_timestamps, zone="UTC"),
    "uuid": _uuids,
    "bytea": partial(Cells.texts, arrow_type=pa.binary()),
    "json": partial(Cells.texts, arrow_type=pa.string()),
    "jsonb": partial(Cells.texts, arrow_type=pa.string(), skipped=1),
    "text": partial(Cells.texts, arrow_type=pa.string()),
    "varchar": partial(Cells.texts, arrow_type=pa.string()),
    "bpchar": partial(Cells.texts, arrow_type=pa.string()),
    "name": partial(Cells.texts, arrow_type=pa.string()),
}
"""By the name of the type. jsonb has the number of its version before its text."""
