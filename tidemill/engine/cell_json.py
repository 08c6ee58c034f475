"""Rows of a result as JSON: each kind of value in the form that `docs/reference/sql-types.md` tells, nothing lost."""

import base64
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from math import isfinite, isnan
from typing import Final

import msgspec

from tidemill.model import jsontext
from tidemill.model.column import BinaryText, Column, DataType, Kind, Row
from tidemill.model.errors import InvalidJson, QueryFailed

MAX_SAFE: Final = 2**53 - 1
"""Beyond it a JavaScript number is not exact."""

_MAX_JSON_BYTES: Final = 1 << 30
_SURE_CHARS: Final = 16
"""A decimal of at most 15 digits and a point comes back from a 64-bit float as it was."""

Convert = Callable[[object], object]


class RowEncoder:
    """Writes the rows of one result as JSON objects whose members are in the order of the columns."""

    def __init__(self, columns: Sequence[Column], *, big_numbers_as_text: bool = False) -> None:
        """
        Raises:
            QueryFailed: two columns have one name.
        """
        self._names = distinct_names(columns)
        self._cells = Cells(columns, big_numbers_as_text=big_numbers_as_text)
        self._encoder = msgspec.json.Encoder()

    def objects(self, rows: Sequence[Row]) -> bytes:
        """The rows as JSON objects with commas between them, without brackets."""
        return self._encoder.encode(self._members(rows))[1:-1]

    def lines(self, rows: Sequence[Row]) -> bytes:
        """The rows as JSON Lines."""
        return self._encoder.encode_lines(self._members(rows))

    def _members(self, rows: Sequence[Row]) -> list[dict[str, object]]:
        names = self._names
        return [dict(zip(names, row, strict=True)) for row in self._cells.converted(rows)]


class ScalarEncoder:
    """Writes the first column of each row."""

    def __init__(self, columns: Sequence[Column], *, big_numbers_as_text: bool = False) -> None:
        self._cells = Cells(columns[:1], big_numbers_as_text=big_numbers_as_text)
        self._encoder = msgspec.json.Encoder()

    def objects(self, rows: Sequence[Row]) -> bytes:
        """The values with commas between them, without brackets."""
        values = [row[0] for row in self._cells.converted([row[:1] for row in rows])]
        return self._encoder.encode(values)[1:-1]


class Cells:
    """Turns the values of rows into what the JSON encoder writes as they are."""

    def __init__(self, columns: Sequence[Column], *, big_numbers_as_text: bool = False) -> None:
        self._converts = [
            (index, _named(column.name, convert))
            for index, column in enumerate(columns)
            if (convert := converter(column.type, big_numbers_as_text=big_numbers_as_text)) is not None
        ]

    def converted(self, rows: Sequence[Row]) -> Sequence[Sequence[object]]:
        """The rows, with the cells replaced that need it."""
        if not self._converts:
            return rows
        changed = [list(row) for row in rows]
        for index, convert in self._converts:
            for row in changed:
                if row[index] is not None:
                    row[index] = convert(row[index])
        return changed


def converter(data_type: DataType, *, big_numbers_as_text: bool = False) -> Convert | None:
    """What makes a value of the type ready for the JSON encoder; None where it is so already. Values are not None."""
    match data_type.kind:
        case Kind.INTEGER:
            return _of_integer(data_type, big_numbers_as_text=big_numbers_as_text)
        case Kind.DECIMAL:
            return _decimal_text if big_numbers_as_text else _decimal
        case Kind.BINARY:
            return _hex if data_type.binary is BinaryText.HEX else _base64
        case Kind.ARRAY | Kind.STRUCT | Kind.MAP:
            return _NESTED[data_type.kind](data_type, big_numbers_as_text)
    return {Kind.FLOAT: _float, Kind.JSON: _json}.get(data_type.kind)


def distinct_names(columns: Sequence[Column]) -> list[str]:
    """The names of the columns.

    Raises:
        QueryFailed: two are the same.
    """
    names = [column.name for column in columns]
    if len(set(names)) != len(names):
        twice = next(name for index, name in enumerate(names) if name in names[:index])
        raise QueryFailed(
            f"Two columns of the result are called {twice!r}, so a row would lose one of them: give one another name, "
            "as in `select a.id, b.id as other_id`."
        )
    return names


def _named(name: str, convert: Convert) -> Convert:
    def convert_named(value: object) -> object:
        try:
            return convert(value)
        except InvalidJson as error:
            raise QueryFailed(
                f"The column {name!r} holds JSON that cannot be passed on as it is: {error} Cast it to text."
            ) from error

    return convert_named if convert is not _float and convert is not _decimal else convert


def _of_integer(data_type: DataType, *, big_numbers_as_text: bool) -> Convert | None:
    if big_numbers_as_text:
        return _safe_integer if data_type.bits not in {8, 16, 32} else None
    return None if 0 < data_type.bits <= 64 else _any_integer


def _safe_integer(value: object) -> object:
    assert isinstance(value, int)
    return value if -MAX_SAFE <= value <= MAX_SAFE else str(value)


def _any_integer(value: object) -> object:
    assert isinstance(value, int)
    return value if -(2**63) <= value < 2**63 else msgspec.Raw(str(value).encode())


def _float(value: object) -> object:
    assert isinstance(value, float)
    if isfinite(value):
        return value
    return "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _decimal(value: object) -> object:
    """A number with the digits that the database gave, where a 64-bit float holds the same; else a text with them."""
    assert isinstance(value, Decimal)
    text = str(value)
    if len(text) <= _SURE_CHARS and "E" not in text and value.is_finite():
        return msgspec.Raw(text.encode())
    text = _plain(value)
    if not value.is_finite():
        return text
    near = float(value)
    return msgspec.Raw(text.encode()) if isfinite(near) and Decimal(repr(near)) == value else text


def _decimal_text(value: object) -> object:
    assert isinstance(value, Decimal)
    return _plain(value)


def _plain(value: Decimal) -> str:
    """Without an exponent; `NaN`, `Infinity`, `-Infinity`."""
    return format(value, "f") if value.is_finite() else str(value)


def _hex(value: object) -> object:
    assert isinstance(value, bytes)
    return "\\x" + value.hex()


def _base64(value: object) -> object:
    assert isinstance(value, bytes)
    return base64.b64encode(value).decode()


def _json(value: object) -> object:
    assert isinstance(value, bytes)
    jsontext.check(value, max_bytes=_MAX_JSON_BYTES)
    return msgspec.Raw(value)


def _array(data_type: DataType, big_numbers_as_text: bool) -> Convert | None:
    assert data_type.item is not None
    inner = converter(data_type.item, big_numbers_as_text=big_numbers_as_text)
    if inner is None:
        return None

    def convert_flat(value: object) -> object:
        assert isinstance(value, list)
        return [None if each is None else inner(each) for each in value]

    def convert(value: object) -> object:
        """Arrays of more dimensions are lists in lists."""
        assert isinstance(value, list)
        return [None if each is None else convert(each) if isinstance(each, list) else inner(each) for each in value]

    return convert_flat if data_type.item.kind in {Kind.ARRAY, Kind.MAP} else convert


def _struct(data_type: DataType, big_numbers_as_text: bool) -> Convert | None:
    inner = {
        column.name: found
        for column in data_type.fields
        if (found := converter(column.type, big_numbers_as_text=big_numbers_as_text)) is not None
    }
    if not inner:
        return None

    def convert(value: object) -> object:
        assert isinstance(value, dict)
        return {name: inner[name](each) if each is not None and name in inner else each for name, each in value.items()}

    return convert


def _map(data_type: DataType, big_numbers_as_text: bool) -> Convert:
    """An object where the keys are texts, else a list of `{"key": …, "value": …}`."""
    key, value_type = data_type.fields
    of_key = converter(key.type, big_numbers_as_text=big_numbers_as_text)
    of_value = converter(value_type.type, big_numbers_as_text=big_numbers_as_text)
    has_texts = key.type.kind in {Kind.TEXT, Kind.UUID}

    def convert(value: object) -> object:
        assert isinstance(value, list)
        pairs = [
            (of_key(name) if of_key else name, of_value(each) if of_value and each is not None else each)
            for name, each in value
        ]
        return dict(pairs) if has_texts else [{"key": name, "value": each} for name, each in pairs]

    return convert


_NESTED: Final[Mapping[Kind, Callable[[DataType, bool], Convert | None]]] = {
    Kind.ARRAY: _array,
    Kind.STRUCT: _struct,
    Kind.MAP: _map,
}
