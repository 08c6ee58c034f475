"""Arguments of statements, from JSON to the texts that ClickHouse reads as the types in `{name:Type}`."""

from collections.abc import Callable
from typing import Final

from tidemill.engine import bound_values as bound
from tidemill.model.column import DataType, Kind
from tidemill.model.errors import BadRequest
from tidemill.stores.databases.clickhouse.types import parse_type
from tidemill.stores.databases.port import Argument

_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0", "\b": "\\b"})
Writer = Callable[[str, DataType, bytes], str]


def parameter(argument: Argument) -> str:
    """The value of the parameter in the address, before it is encoded for that.

    Raises:
        BadRequest: it does not fit the declared type.
    """
    if argument.value is None or argument.value == b"null":
        return "\\N"
    try:
        data_type, _ = parse_type(argument.type_name or "String")
    except (ValueError, IndexError, RecursionError) as error:
        raise BadRequest(
            f"The argument {argument.name!r} has no type of ClickHouse: {argument.type_name[:80]}."
        ) from error
    if data_type.kind in {Kind.ARRAY, Kind.STRUCT, Kind.MAP}:
        return _literal(argument.name, data_type, argument.value)
    return _plain(argument.name, data_type, argument.value).translate(_ESCAPES)


def _plain(name: str, data_type: DataType, raw: bytes) -> str:
    write = _WRITERS.get(data_type.kind)
    return write(name, data_type, raw) if write else bound.text(raw)


def _literal(name: str, data_type: DataType, raw: bytes) -> str:
    """As in SQL, which is how ClickHouse reads parameters that are composed of others."""
    if raw == b"null":
        return "NULL"
    if data_type.kind is Kind.ARRAY:
        assert data_type.item is not None
        item = data_type.item
        return "[" + ",".join(_literal(name, item, each) for each in bound.items(name, data_type.name, raw)) + "]"
    if data_type.kind is Kind.STRUCT:
        parts = (
            bound.items(name, data_type.name, raw)
            if raw.startswith(b"[")
            else list(bound.members(name, data_type.name, raw).values())
        )
        if len(parts) != len(data_type.fields):
            raise bound.unfit(name, data_type.name, raw, f"{len(data_type.fields)} values")
        pairs = zip(data_type.fields, parts, strict=True)
        return "(" + ",".join(_literal(name, field.type, part) for field, part in pairs) + ")"
    if data_type.kind is Kind.MAP:
        value = data_type.fields[1].type
        members = bound.members(name, data_type.name, raw).items()
        return "{" + ",".join(f"{_quoted(key)}:{_literal(name, value, each)}" for key, each in members) + "}"
    text = _plain(name, data_type, raw)
    return text if data_type.kind in {Kind.INTEGER, Kind.FLOAT, Kind.BOOL} else _quoted(text)


def _quoted(text: str) -> str:
    return "'" + text.translate(_ESCAPES).replace("'", "\\'") + "'"


def _integer(name: str, data_type: DataType, raw: bytes) -> str:
    bits = data_type.bits or int("".join(filter(str.isdigit, data_type.name)))
    return str(bound.integer(name, data_type.name, raw, bits=bits, is_unsigned=data_type.is_unsigned))


def _number(name: str, data_type: DataType, raw: bytes) -> str:
    return bound.decimal(name, data_type.name, raw)


def _boolean(name: str, data_type: DataType, raw: bytes) -> str:
    return "true" if bound.boolean(name, data_type.name, raw) else "false"


def _date(name: str, data_type: DataType, raw: bytes) -> str:
    return bound.date(name, data_type.name, raw)


def _instant(name: str, data_type: DataType, raw: bytes) -> str:
    """In UTC, as the session is."""
    return bound.timestamp_in_utc(name, data_type.name, raw)


def _json(name: str, data_type: DataType, raw: bytes) -> str:
    return raw.decode()


_WRITERS: Final[dict[Kind, Writer]] = {
    Kind.INTEGER: _integer,
    Kind.FLOAT: _number,
    Kind.DECIMAL: _number,
    Kind.BOOL: _boolean,
    Kind.DATE: _date,
    Kind.TIMESTAMPTZ: _instant,
    Kind.JSON: _json,
}
