"""The types of MySQL and MariaDB, and how their values are read from rows in binary form."""

import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from pymysql.constants import FIELD_TYPE, FLAG
from pymysql.protocol import FieldDescriptorPacket, MysqlPacket

from tidemill.model.column import Column, DataType, Kind
from tidemill.stores.databases.mysql.geometry import well_known_text
from tidemill.stores.databases.single_precision import shortest

Reader = Callable[[MysqlPacket], object]

_BINARY: Final = 63
"""The character set of bytes."""
_INTEGERS: Final = {
    FIELD_TYPE.TINY: ("tinyint", 8, "b"),
    FIELD_TYPE.SHORT: ("smallint", 16, "h"),
    FIELD_TYPE.INT24: ("mediumint", 32, "i"),
    FIELD_TYPE.LONG: ("int", 32, "i"),
    FIELD_TYPE.LONGLONG: ("bigint", 64, "q"),
}
_TEXTS: Final = {
    FIELD_TYPE.VARCHAR: ("varchar", "varbinary"),
    FIELD_TYPE.VAR_STRING: ("varchar", "varbinary"),
    FIELD_TYPE.STRING: ("char", "binary"),
    FIELD_TYPE.TINY_BLOB: ("text", "blob"),
    FIELD_TYPE.MEDIUM_BLOB: ("text", "blob"),
    FIELD_TYPE.LONG_BLOB: ("text", "blob"),
    FIELD_TYPE.BLOB: ("text", "blob"),
}
_VECTOR: Final = 242


def column_of(field: FieldDescriptorPacket) -> tuple[Column, Reader]:
    """A column, and what reads its values."""
    data_type, reader = _typed(field)
    return Column(field.name, data_type, not field.flags & FLAG.NOT_NULL), reader


def _typed(field: FieldDescriptorPacket) -> tuple[DataType, Reader]:
    code = field.type_code
    if code in _INTEGERS:
        return _integer(field)
    if code in _PLAIN:
        return _PLAIN[code]
    if code in _TIMES:
        name, kind, reader = _TIMES[code]
        return DataType(name=name, kind=kind, fraction_digits=min(field.scale, 6)), reader
    if code in {FIELD_TYPE.DECIMAL, FIELD_TYPE.NEWDECIMAL}:
        precision = field.length - (not field.flags & FLAG.UNSIGNED) - bool(field.scale)
        name = f"decimal({precision},{field.scale})"
        return DataType(name=name, kind=Kind.DECIMAL, precision=precision, scale=field.scale), _decimal
    if code == FIELD_TYPE.BIT:
        name = f"bit({field.length})"
        one = field.length == 1
        return DataType(name=name, kind=Kind.BOOL if one else Kind.BINARY), _bit if one else _bytes
    return _text_or_bytes(field)


def _integer(field: FieldDescriptorPacket) -> tuple[DataType, Reader]:
    name, bits, form = _INTEGERS[field.type_code]
    unsigned = bool(field.flags & FLAG.UNSIGNED)
    data_type = DataType(name=name + " unsigned" * unsigned, kind=Kind.INTEGER, bits=bits, is_unsigned=unsigned)
    return data_type, _number("<" + (form.upper() if unsigned else form))


def _text_or_bytes(field: FieldDescriptorPacket) -> tuple[DataType, Reader]:
    """What is known of no other type is text."""
    text, binary = _TEXTS.get(field.type_code, ("text", "blob"))
    if field.type_code in _TEXTS and field.charsetnr == _BINARY:
        return DataType(name=binary, kind=Kind.BINARY), _bytes
    name = "enum" if field.flags & FLAG.ENUM else "set" if field.flags & FLAG.SET else text
    return DataType(name=name, kind=Kind.TEXT), _text


def read_row(packet: MysqlPacket, readers: list[Reader]) -> tuple[object, ...]:
    """A row in binary form: a zero, a bit for each NULL, and the values that are not."""
    packet.advance(1)
    nulls = packet.read((len(readers) + 9) // 8)
    return tuple(
        None if nulls[(index + 2) // 8] >> ((index + 2) % 8) & 1 else read(packet) for index, read in enumerate(readers)
    )


def _number(form: str) -> Reader:
    size, unpack = struct.calcsize(form), struct.Struct(form).unpack

    def read(packet: MysqlPacket) -> object:
        return unpack(packet.read(size))[0]

    return read


def _float(packet: MysqlPacket) -> float:
    return shortest(packet.read(4))


def _bytes(packet: MysqlPacket) -> bytes:
    return bytes(packet.read_length_coded_string() or b"")


def _text(packet: MysqlPacket) -> str:
    return _bytes(packet).decode()


def _decimal(packet: MysqlPacket) -> Decimal:
    return Decimal(_bytes(packet).decode())


def _bit(packet: MysqlPacket) -> bool:
    return _bytes(packet) == b"\1"


def _geometry(packet: MysqlPacket) -> str:
    return well_known_text(_bytes(packet))


def _date(packet: MysqlPacket) -> str:
    return _datetime(packet)[:10]


def _timestamp(packet: MysqlPacket) -> str:
    """An instant: our sessions have the time zone UTC."""
    return _datetime(packet) + " UTC"


def _datetime(packet: MysqlPacket) -> str:
    """Also the zero date, and days that no calendar has, which MySQL keeps where its mode allows."""
    data = packet.read(packet.read_uint8()).ljust(11, b"\0")
    year, month, day, hour, minute, second, micros = struct.unpack("<HBBBBBI", data)
    return f"{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}{_fraction(micros)}"


def _time(packet: MysqlPacket) -> str:
    """Up to 838 hours, before and after zero."""
    data = packet.read(packet.read_uint8()).ljust(12, b"\0")
    negative, days, hour, minute, second, micros = struct.unpack("<BIBBBI", data)
    return f"{'-' * negative}{days * 24 + hour:02}:{minute:02}:{second:02}{_fraction(micros)}"


def _fraction(micros: int) -> str:
    return f".{micros:06}".rstrip("0") if micros else ""


_TIMES: Final[dict[int, tuple[str, Kind, Reader]]] = {
    FIELD_TYPE.TIME: ("time", Kind.TIME, _time),
    FIELD_TYPE.DATETIME: ("datetime", Kind.TIMESTAMP, _datetime),
    FIELD_TYPE.TIMESTAMP: ("timestamp", Kind.TIMESTAMPTZ, _timestamp),
}
_PLAIN: Final[dict[int, tuple[DataType, Reader]]] = {
    FIELD_TYPE.YEAR: (DataType(name="year", kind=Kind.INTEGER, bits=16), _number("<H")),
    FIELD_TYPE.DOUBLE: (DataType(name="double", kind=Kind.FLOAT), _number("<d")),
    FIELD_TYPE.FLOAT: (DataType(name="float", kind=Kind.FLOAT, bits=32), _float),
    FIELD_TYPE.DATE: (DataType(name="date", kind=Kind.DATE), _date),
    FIELD_TYPE.NEWDATE: (DataType(name="date", kind=Kind.DATE), _date),
    FIELD_TYPE.JSON: (DataType(name="json", kind=Kind.JSON), _bytes),
    FIELD_TYPE.GEOMETRY: (DataType(name="geometry", kind=Kind.TEXT), _geometry),
    _VECTOR: (DataType(name="vector", kind=Kind.BINARY), _bytes),
}
