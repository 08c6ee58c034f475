"""Arguments of statements, from JSON to the text and type that Postgres is given."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Final

from psycopg import postgres

from tidemill.engine import bound_values as bound
from tidemill.model.column import DataType, Kind
from tidemill.model.errors import BadRequest
from tidemill.stores.databases.port import Argument
from tidemill.stores.databases.postgresql.composite import join_composite, quoted

UNKNOWN: Final = 0
"""The OID by which Postgres finds the type by itself."""

_ALIASES: Final = {
    "int": "int4",
    "integer": "int4",
    "smallint": "int2",
    "bigint": "int8",
    "serial": "int4",
    "smallserial": "int2",
    "bigserial": "int8",
    "real": "float4",
    "float": "float8",
    "double": "float8",
    "double precision": "float8",
    "decimal": "numeric",
    "dec": "numeric",
    "boolean": "bool",
    "character varying": "varchar",
    "char varying": "varchar",
    "character": "bpchar",
    "char": "bpchar",
    "string": "text",
    "bit varying": "varbit",
    "time without time zone": "time",
    "time with time zone": "timetz",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
}
_MODIFIER: Final = re.compile(r"\([^()]*\)")
_ARRAY: Final = re.compile(r"(?<!\s)\s*+(\[\d*+\]|\barray\b)$")
_JSON: Final = frozenset({"json", "jsonb"})


@dataclass(frozen=True, slots=True)
class DeclaredType:
    """A type as a script declares it. `name` is the item's without modifier, as `pg_type` has it where we know it."""

    name: str
    is_array: bool

    oid: int | None
    """None for a type that not every Postgres has."""

    @property
    def full_name(self) -> str:
        return self.name + ("[]" if self.is_array else "")


@lru_cache(maxsize=1024)
def declared_type(type_name: str) -> DeclaredType:
    """Of `numeric(10,2)[]`, `timestamp(3) with time zone`, `sales.mood`, ..."""
    name, is_array = type_name.strip(), False
    while match := _ARRAY.search(name):
        name, is_array = name[: match.start()], True
    if '"' not in name:
        name = " ".join(_MODIFIER.sub(" ", name).lower().split())
    name = name.removeprefix("pg_catalog.")
    name = _ALIASES.get(name, name)
    return DeclaredType(name, is_array, _oid(name, is_array=is_array))


def _oid(name: str, *, is_array: bool) -> int | None:
    if not name:
        return UNKNOWN
    info = postgres.types.get(name)
    if info is None:
        return None
    return info.array_oid if is_array else info.oid


def parameter(argument: Argument, declared: DeclaredType, data_type: DataType | None = None) -> bytes | None:
    """The text that Postgres reads. `data_type` is what is known of a type that not every Postgres has.

    Raises:
        BadRequest: the value does not fit the type.
    """
    if argument.value is None or argument.value == b"null":
        return None
    write = writer_of(declared, data_type)
    text = _array(argument, declared, argument.value, write) if declared.is_array else _one(argument, write)
    if "\0" in text:
        raise holds_nul(argument.name)
    return text.encode()


def holds_nul(name: str) -> BadRequest:
    """The error for a text that Postgres cannot keep."""
    return BadRequest(f"The argument {name!r} holds a NUL, which Postgres keeps in no text.")


def writer_of(declared: DeclaredType, data_type: DataType | None) -> "Writer":
    """Who writes values of the type, or of an array's items."""
    item = data_type.item or data_type if data_type else None
    if item is not None and item.kind is Kind.STRUCT:
        return partial(_row, item)
    if item is not None and item.kind is Kind.MAP:
        return _hstore
    return _WRITERS.get(declared.name, as_text)


Writer = Callable[[str, str, bytes], str]
"""Of an argument's name, its type's name and the raw JSON of a value."""


def _one(argument: Argument, write: Writer) -> str:
    assert argument.value is not None
    return write(argument.name, argument.type_name or "value", argument.value)


def _array(argument: Argument, declared: DeclaredType, raw: bytes, write: Writer) -> str:
    """`{...}`; arrays within it are further dimensions, but in arrays of JSON, whose items may be anything."""
    items = bound.items(argument.name, argument.type_name, raw)
    is_json = declared.name in _JSON
    if not is_json:
        bound.require_one_type(argument.name, argument.type_name, items)
    parts = []
    for item in items:
        if item == b"null":
            parts.append("NULL")
        elif item.startswith(b"[") and not is_json:
            parts.append(_array(argument, declared, item, write))
        else:
            parts.append(quoted(write(argument.name, argument.type_name, item)))
    return "{" + (";" if declared.name == "box" else ",").join(parts) + "}"


def as_text(name: str, type_name: str, raw: bytes) -> str:
    """A text as it is; of anything else its JSON."""
    return bound.text(raw)


def _json(name: str, type_name: str, raw: bytes) -> str:
    return raw.decode()


def _integer(bits: int, *, is_unsigned: bool = False) -> Writer:
    def write(name: str, type_name: str, raw: bytes) -> str:
        return str(bound.integer(name, type_name, raw, bits=bits, is_unsigned=is_unsigned))

    return write


def _boolean(name: str, type_name: str, raw: bytes) -> str:
    return "true" if bound.boolean(name, type_name, raw) else "false"


def _bytea(name: str, type_name: str, raw: bytes) -> str:
    return "\\x" + bound.binary(name, type_name, raw).hex()


def _bit(name: str, type_name: str, raw: bytes) -> str:
    return {b"true": "1", b"false": "0"}.get(raw) or bound.text(raw)


def _date(name: str, type_name: str, raw: bytes) -> str:
    return bound.date(name, type_name, raw, infinite=True, eras=True)


def _timestamp(name: str, type_name: str, raw: bytes) -> str:
    return bound.timestamp(name, type_name, raw, infinite=True, eras=True)


def _timestamptz(name: str, type_name: str, raw: bytes) -> str:
    return bound.timestamp_with_zone(name, type_name, raw, infinite=True, eras=True)


def _interval(name: str, type_name: str, raw: bytes) -> str:
    if not bound.is_text(raw):
        raise bound.unfit(name, type_name, raw, "a text such as P1DT2H or '1 day 2 hours'")
    return bound.text(raw)


def _row(row_type: DataType, name: str, type_name: str, raw: bytes) -> str:
    """`(1,a)` of an object with a member for each field; a field without one is NULL."""
    if bound.is_text(raw):
        return bound.text(raw)
    members = bound.members(name, type_name, raw)
    if unknown := members.keys() - {field.name for field in row_type.fields}:
        raise BadRequest(f"The argument {name!r}: {row_type.name} has no field {min(unknown)!r}.")
    texts = []
    for field in row_type.fields:
        part = Argument(name=f"{name}.{field.name}", type_name=field.type.name, value=members.get(field.name))
        text = parameter(part, declared_type(field.type.name), field.type)
        texts.append(None if text is None else text.decode())
    return join_composite(texts)


def _hstore(name: str, type_name: str, raw: bytes) -> str:
    if bound.is_text(raw):
        return bound.text(raw)
    entries = bound.members(name, type_name, raw).items()
    return ", ".join(
        f"{quoted(key)}=>{'NULL' if value == b'null' else quoted(bound.text(value))}" for key, value in entries
    )


_WRITERS: Final[dict[str, Writer]] = {
    "int2": _integer(16),
    "int4": _integer(32),
    "int8": _integer(64),
    "oid": _integer(32, is_unsigned=True),
    "float4": bound.decimal,
    "float8": bound.decimal,
    "numeric": bound.decimal,
    "bool": _boolean,
    "bytea": _bytea,
    "bit": _bit,
    "varbit": _bit,
    "date": _date,
    "time": bound.time,
    "timetz": bound.time_with_zone,
    "timestamp": _timestamp,
    "timestamptz": _timestamptz,
    "interval": _interval,
    "json": _json,
    "jsonb": _json,
}
"""What is not among them is written as its text is: enums, ranges, addresses, geometries, rows as `(1,a)`."""
