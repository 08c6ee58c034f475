"""Reads the types of columns, and their values, as [MS-TDS] 2.2.5.4 to 2.2.5.6 puts them on the wire.

pytds has readers of its own, which drop the last digit of `datetime2` and know no texts in UTF-8.
"""

from collections.abc import Callable
from typing import Final, Protocol

from tidemill.model.column import DataType
from tidemill.stores.databases.mssql import values
from tidemill.stores.databases.mssql.types import data_type
from tidemill.stores.databases.mssql.values import Unreadable, Value, number_of
from tidemill.stores.databases.single_precision import shortest

_MAX: Final = 0xFFFF
_LONG_NULL: Final = 0xFFFFFFFFFFFFFFFF
Reader = Callable[["Source"], object]


class Source(Protocol):
    """Where bytes come from."""

    def take(self, size: int) -> bytes:
        """Exactly so many of the next ones."""

    def counted(self) -> bytes:
        """As many as the next one says."""


def read_type(source: Source) -> tuple[DataType, Reader]:
    """The type that comes next, and what reads its values.

    Raises:
        Unreadable: nothing is known of it, so that nothing behind it can be read.
    """
    code = source.take(1)[0]
    if code not in _TYPES:
        raise Unreadable(f"The server sends a type that is not known ({code:#04x}): cast it to nvarchar(max).")
    return _TYPES[code](source)


def _fixed(name: str, size: int, value: Value) -> Callable[[Source], tuple[DataType, Reader]]:
    found = data_type(name)
    return lambda _: (found, lambda source: value(source.take(size)))


def _counted(value: Value) -> Reader:
    """Of a value with its size in a byte before it; 0 is NULL."""

    def read(source: Source) -> object:
        data = source.counted()
        return value(data) if data else None

    return read


def _nullable(sizes: dict[int, tuple[str, Value]]) -> Callable[[Source], tuple[DataType, Reader]]:
    """Of types that their size tells apart."""

    def read(source: Source) -> tuple[DataType, Reader]:
        name, value = sizes[source.take(1)[0]]
        return data_type(name), _counted(value)

    return read


_OLD_TIMES: Final[dict[int, tuple[str, Value]]] = {
    4: ("smalldatetime", values.smalldatetime),
    8: ("datetime", values.datetime),
}
_INTEGERS: Final[dict[int, tuple[str, Value]]] = {
    1: ("tinyint", number_of),
    2: ("smallint", values.signed),
    4: ("int", values.signed),
    8: ("bigint", values.signed),
}
_FLOATS: Final[dict[int, tuple[str, Value]]] = {4: ("real", shortest), 8: ("float", values.double)}
_MONEYS: Final[dict[int, tuple[str, Value]]] = {4: ("smallmoney", values.money), 8: ("money", values.money)}


def _decimal(name: str) -> Callable[[Source], tuple[DataType, Reader]]:
    def read(source: Source) -> tuple[DataType, Reader]:
        _, precision, scale = source.take(3)
        return data_type(f"{name}({precision},{scale})"), _counted(values.decimal_value(scale))

    return read


def _scaled(name: str, value: Callable[[int], Value]) -> Callable[[Source], tuple[DataType, Reader]]:
    def read(source: Source) -> tuple[DataType, Reader]:
        scale = source.take(1)[0]
        return data_type(f"{name}({scale})"), _counted(value(scale))

    return read


def _day(_: Source) -> tuple[DataType, Reader]:
    return data_type("date"), _counted(values.day)


def _unique(source: Source) -> tuple[DataType, Reader]:
    source.take(1)
    return data_type("uniqueidentifier"), _counted(values.guid)


def _sized(value: Value) -> Reader:
    """Of a value with its size in two bytes before it."""

    def read(source: Source) -> object:
        size = number_of(source.take(2))
        return None if size == _MAX else value(source.take(size))

    return read


def _chunked(value: Value) -> Reader:
    """Of a value in pieces (PLP): its size, or that it is not known, then pieces until an empty one."""

    def read(source: Source) -> object:
        if number_of(source.take(8)) == _LONG_NULL:
            return None
        pieces = []
        while size := number_of(source.take(4)):
            pieces.append(source.take(size))
        return value(b"".join(pieces))

    return read


def _by_size(name: str, size: int, value: Value, *, bytes_a_char: int = 1) -> tuple[DataType, Reader]:
    if size == _MAX:
        return data_type(f"{name}(max)"), _chunked(value)
    return data_type(f"{name}({size // bytes_a_char})"), _sized(value)


def _binary(name: str) -> Callable[[Source], tuple[DataType, Reader]]:
    return lambda source: _by_size(name, number_of(source.take(2)), bytes)


def _unicode(name: str) -> Callable[[Source], tuple[DataType, Reader]]:
    def read(source: Source) -> tuple[DataType, Reader]:
        size = number_of(source.take(2))
        source.take(5)
        return _by_size(name, size, values.utf16, bytes_a_char=2)

    return read


def _characters(name: str) -> Callable[[Source], tuple[DataType, Reader]]:
    def read(source: Source) -> tuple[DataType, Reader]:
        size = number_of(source.take(2))
        return _by_size(name, size, values.text_value(source.take(5)))

    return read


def _xml(source: Source) -> tuple[DataType, Reader]:
    if source.take(1)[0]:
        for width in (1, 1, 2):  # the database, owner and name of its schema
            source.take(2 * number_of(source.take(width)))
    return data_type("xml"), _chunked(values.xml_text)


def _user_type(source: Source) -> tuple[DataType, Reader]:
    """Of the CLR: the bytes in which it is kept. `geometry`, `geography` and `hierarchyid` are such types."""
    source.take(2)
    names = [source.take(2 * number_of(source.take(width))).decode("utf-16-le") for width in (1, 1, 1, 2)]
    known = names[2] if names[2] in {"geometry", "geography", "hierarchyid"} else "varbinary(max)"
    return data_type(known), _chunked(bytes)


def _large(name: str, *, has_collation: bool) -> Callable[[Source], tuple[DataType, Reader]]:
    """`text`, `ntext`, `image`: a pointer, a time stamp, and the bytes."""

    def read(source: Source) -> tuple[DataType, Reader]:
        source.take(4)
        collation = source.take(5) if has_collation else b""
        for _ in range(source.take(1)[0]):
            source.take(2 * number_of(source.take(2)))
        value: Value = bytes
        if has_collation:
            value = values.utf16 if name == "ntext" else values.text_value(collation)
        return data_type(name), lambda found: _pointed(found, value)

    return read


def _pointed(source: Source, value: Value) -> object:
    pointer = source.take(1)[0]
    if not pointer:
        return None
    source.take(pointer + 8)
    return value(source.take(number_of(source.take(4))))


def _variant(source: Source) -> tuple[DataType, Reader]:
    source.take(4)
    return data_type("sql_variant"), _read_variant


def _read_variant(source: Source) -> object:
    """JSON: each value of such a column has a type of its own."""
    size = number_of(source.take(4))
    if not size:
        return None
    code, count = source.take(2)
    properties, data = source.take(count), source.take(size - 2 - count)
    if code not in _IN_VARIANTS:
        raise Unreadable(f"A sql_variant holds a type that is not known ({code:#04x}): cast it to nvarchar(4000).")
    return values.as_json(_IN_VARIANTS[code](properties)(data))


_IN_VARIANTS: Final[dict[int, Callable[[bytes], Value]]] = {
    0x24: lambda _: values.guid,
    0x28: lambda _: values.day,
    0x29: lambda properties: values.time_value(properties[0]),
    0x2A: lambda properties: values.datetime2_value(properties[0]),
    0x2B: lambda properties: values.datetimeoffset_value(properties[0]),
    0x30: lambda _: number_of,
    0x32: lambda _: values.truth,
    0x34: lambda _: values.signed,
    0x38: lambda _: values.signed,
    0x3A: lambda _: values.smalldatetime,
    0x3B: lambda _: shortest,
    0x3C: lambda _: values.money,
    0x3D: lambda _: values.datetime,
    0x3E: lambda _: values.double,
    0x6A: lambda properties: values.decimal_value(properties[1]),
    0x6C: lambda properties: values.decimal_value(properties[1]),
    0x7A: lambda _: values.money,
    0x7F: lambda _: values.signed,
    0xA5: lambda _: bytes,
    0xA7: lambda properties: values.text_value(properties[:5]),
    0xAD: lambda _: bytes,
    0xAF: lambda properties: values.text_value(properties[:5]),
    0xE7: lambda _: values.utf16,
    0xEF: lambda _: values.utf16,
}
"""Its properties stand between type and value: precision and scale, sizes, collation."""

_TYPES: Final[dict[int, Callable[[Source], tuple[DataType, Reader]]]] = {
    0x1F: lambda _: (data_type("null"), lambda _: None),
    0x22: _large("image", has_collation=False),
    0x23: _large("text", has_collation=True),
    0x24: _unique,
    0x26: _nullable(_INTEGERS),
    0x28: _day,
    0x29: _scaled("time", values.time_value),
    0x2A: _scaled("datetime2", values.datetime2_value),
    0x2B: _scaled("datetimeoffset", values.datetimeoffset_value),
    0x30: _fixed("tinyint", 1, number_of),
    0x32: _fixed("bit", 1, values.truth),
    0x34: _fixed("smallint", 2, values.signed),
    0x38: _fixed("int", 4, values.signed),
    0x3A: _fixed("smalldatetime", 4, values.smalldatetime),
    0x3B: _fixed("real", 4, shortest),
    0x3C: _fixed("money", 8, values.money),
    0x3D: _fixed("datetime", 8, values.datetime),
    0x3E: _fixed("float", 8, values.double),
    0x62: _variant,
    0x63: _large("ntext", has_collation=True),
    0x68: _nullable({1: ("bit", values.truth)}),
    0x6A: _decimal("decimal"),
    0x6C: _decimal("numeric"),
    0x6D: _nullable(_FLOATS),
    0x6E: _nullable(_MONEYS),
    0x6F: _nullable(_OLD_TIMES),
    0x7A: _fixed("smallmoney", 4, values.money),
    0x7F: _fixed("bigint", 8, values.signed),
    0xA5: _binary("varbinary"),
    0xA7: _characters("varchar"),
    0xAD: _binary("binary"),
    0xAF: _characters("char"),
    0xE7: _unicode("nvarchar"),
    0xEF: _unicode("nchar"),
    0xF0: _user_type,
    0xF1: _xml,
}
