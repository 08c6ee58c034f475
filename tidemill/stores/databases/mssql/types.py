"""The types of SQL Server: which kind each is, by the name that the server gives it."""

import re
from functools import lru_cache
from typing import Final

from tidemill.model.column import DataType, Kind

_NAME: Final = re.compile(
    r"(?P<word>[^(\s]+(?:\s+[^(\s]+)*+)\s*+(?:\(\s*(?P<first>\d{1,9}|max)\s*(?:,\s*(?P<second>\d{1,9})\s*)?\))?"
)
_BITS: Final = {"tinyint": 8, "smallint": 16, "int": 32, "bigint": 64}
_KINDS: Final = {
    "bit": Kind.BOOL,
    "real": Kind.FLOAT,
    "float": Kind.FLOAT,
    "binary": Kind.BINARY,
    "varbinary": Kind.BINARY,
    "image": Kind.BINARY,
    "timestamp": Kind.BINARY,
    "rowversion": Kind.BINARY,
    "hierarchyid": Kind.BINARY,
    "geometry": Kind.BINARY,
    "geography": Kind.BINARY,
    "date": Kind.DATE,
    "uniqueidentifier": Kind.UUID,
    "sql_variant": Kind.JSON,
    "json": Kind.JSON,
}
_TIMES: Final = {
    "time": (Kind.TIME, 7),
    "smalldatetime": (Kind.TIMESTAMP, 0),
    "datetime": (Kind.TIMESTAMP, 3),
    "datetime2": (Kind.TIMESTAMP, 7),
    "datetimeoffset": (Kind.TIMESTAMPTZ, 7),
}
_MONEY: Final = {"money": (19, 4), "smallmoney": (10, 4)}


@lru_cache(maxsize=1024)
def data_type(name: str) -> DataType:
    """Of `decimal(10,2)`, `nvarchar(max)`, `datetime2(7)`, ...; what is not known is text."""
    match = _NAME.fullmatch(name.strip().lower())
    word = match["word"] if match else ""
    first, second = (match["first"] or "", match["second"] or "") if match else ("", "")
    if word in _BITS:
        return DataType(name=name, kind=Kind.INTEGER, bits=_BITS[word], is_unsigned=word == "tinyint")
    if word in {"decimal", "numeric"}:
        return DataType(name=name, kind=Kind.DECIMAL, precision=int(first or 18), scale=int(second or 0))
    if word in _MONEY:
        precision, scale = _MONEY[word]
        return DataType(name=name, kind=Kind.DECIMAL, precision=precision, scale=scale)
    if word in _TIMES:
        kind, digits = _TIMES[word]
        return DataType(name=name, kind=kind, fraction_digits=int(first) if first.isdigit() else digits)
    bits = 32 if word == "real" else 64
    return DataType(name=name, kind=_KINDS.get(word, Kind.TEXT), bits=bits)
