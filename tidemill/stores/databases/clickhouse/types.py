"""The types of ClickHouse, as it names them, and how their values are read from its JSON."""

import base64
import json
import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from tidemill.model.column import Column, DataType, Kind

Reader = Callable[[Any], object]

_NAMED: Final = re.compile(r"(`(?:[^`\\]|\\.)*`|\w+)\s+(?=\w)")
_INTEGER: Final = re.compile(r"(U?)Int(8|16|32|64|128|256)")
_QUOTED: Final = re.compile(r"(?s)'(?:[^'\\]|\\.|'')*+(?:'|\\?\Z)")


@lru_cache(maxsize=1024)
def parse_type(text: str) -> tuple[DataType, Reader]:
    """Of `Nullable(Decimal(10, 2))`, `Array(Tuple(a Int8, b String))`, ..."""
    name, inner = _split(text)
    if name in {"Nullable", "LowCardinality"}:
        data_type, read = parse_type(inner)
        return data_type, _or_null(read)
    if match := _INTEGER.fullmatch(name):
        bits = int(match[2])
        wide = bits > 64
        data_type = DataType(name=text, kind=Kind.INTEGER, bits=0 if wide else bits, is_unsigned=bool(match[1]))
        return data_type, int
    if name in _COMPOSED:
        return _COMPOSED[name](text, inner)
    kind, read = _PLAIN.get(name, (Kind.TEXT, _text))
    return DataType(name=text, kind=kind, bits=32 if name == "Float32" else 64), read


def _split(text: str) -> tuple[str, str]:
    name, _, rest = text.strip().partition("(")
    return name, rest.removesuffix(")")


def _parts(inner: str) -> list[str]:
    """At the commas that are in no parentheses and no quotes."""
    plain = _QUOTED.sub(lambda match: "_" * len(match[0]), inner)
    parts, depth, start = [], 0, 0
    for index, character in enumerate(plain):
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append(inner[start:index].strip())
            start = index + 1
    return [*parts, inner[start:].strip()] if inner.strip() else []


def _array(text: str, inner: str) -> tuple[DataType, Reader]:
    item, read = parse_type(inner)
    return DataType(name=text, kind=Kind.ARRAY, item=item), lambda values: [read(value) for value in values]


def _tuple(text: str, inner: str) -> tuple[DataType, Reader]:
    """With names a dict, without them a dict by places from 1."""
    fields, readers = [], []
    for rank, part in enumerate(_parts(inner), 1):
        match = _NAMED.match(part)
        data_type, read = parse_type(part[match.end() :] if match else part)
        fields.append(Column(match[1].strip("`") if match else str(rank), data_type))
        readers.append(read)

    def read_tuple(values: Any) -> dict[str, object]:
        held = values.values() if isinstance(values, dict) else values
        return {field.name: read(value) for field, read, value in zip(fields, readers, held, strict=True)}

    return DataType(name=text, kind=Kind.STRUCT, fields=tuple(fields)), read_tuple


def _map(text: str, inner: str) -> tuple[DataType, Reader]:
    key_text, value_text = _parts(inner)
    (key, read_key), (value, read_value) = parse_type(key_text), parse_type(value_text)
    is_text = key.kind is Kind.TEXT

    def read_map(pairs: Any) -> list[tuple[object, object]]:
        return [(read_key(each if is_text else json.loads(each)), read_value(found)) for each, found in pairs.items()]

    fields = (Column("key", key, is_nullable=False), Column("value", value))
    return DataType(name=text, kind=Kind.MAP, fields=fields), read_map


def _decimal(text: str, inner: str) -> tuple[DataType, Reader]:
    precision, scale = (int(part) for part in _parts(inner))
    return DataType(name=text, kind=Kind.DECIMAL, precision=precision, scale=scale), Decimal


def _datetime(text: str, inner: str) -> tuple[DataType, Reader]:
    """An instant: the server writes it in UTC."""
    digits = int(_parts(inner)[0]) if text.startswith("DateTime64") else 0
    return DataType(name=text, kind=Kind.TIMESTAMPTZ, fraction_digits=digits), _instant


def _instant(value: Any) -> str:
    day, _, clock = str(value).removesuffix("Z").partition("T")
    whole, dot, fraction = clock.partition(".")
    fraction = fraction.rstrip("0")
    return f"{day} {whole}{dot if fraction else ''}{fraction} UTC"


def _or_null(read: Reader) -> Reader:
    return lambda value: None if value is None else read(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def binary(value: Any) -> bytes:
    """Of base64, as `base64Encode` writes it."""
    return base64.b64decode(value)


_PLAIN: Final[dict[str, tuple[Kind, Reader]]] = {
    "Bool": (Kind.BOOL, bool),
    "Float32": (Kind.FLOAT, float),
    "Float64": (Kind.FLOAT, float),
    "BFloat16": (Kind.FLOAT, float),
    "Date": (Kind.DATE, str),
    "Date32": (Kind.DATE, str),
    "UUID": (Kind.UUID, str),
    "JSON": (Kind.JSON, _json),
    "Dynamic": (Kind.JSON, _json),
    "Variant": (Kind.JSON, _json),
    "Object": (Kind.JSON, _json),
    "Nothing": (Kind.TEXT, lambda _: None),
}
"""What is not among them is text: strings, enums, addresses, geometries, intervals."""

_COMPOSED: Final[dict[str, Callable[[str, str], tuple[DataType, Reader]]]] = {
    "Array": _array,
    "Tuple": _tuple,
    "Map": _map,
    "Decimal": _decimal,
    "DateTime": _datetime,
    "DateTime64": _datetime,
}
