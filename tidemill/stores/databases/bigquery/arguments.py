"""Arguments of statements, from JSON to BigQuery's typed query parameters.

https://cloud.google.com/bigquery/docs/reference/rest/v2/QueryParameter has their form: a type, and a value in texts.
"""

import base64
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from tidemill.engine import bound_values as bound
from tidemill.engine.sql.parameter_types import ParameterType, read_type
from tidemill.model.errors import BadRequest
from tidemill.stores.databases.port import Argument

Parameter = dict[str, Any]
Writer = Callable[[str, str, bytes], str]

_RANGE: Final = re.compile(r"\[([^,]+), ([^,]+)\)")
_ENDLESS: Final = frozenset({"UNBOUNDED", "NULL", "unbounded", "null"})


def parameter(argument: Argument) -> Parameter:
    """A named query parameter.

    Raises:
        BadRequest: the value does not fit the declared type, or the type cannot be read.
    """
    raw = None if argument.value is None or argument.value == b"null" else argument.value
    declared = _declared(argument, raw)
    return {
        "name": argument.name,
        "parameterType": _type(declared),
        "parameterValue": _value(argument.name, declared, raw),
    }


def _declared(argument: Argument, raw: bytes | None) -> ParameterType:
    name = argument.type_name
    found = read_type(name, aliases=_ALIASES) if name else _inferred(argument.name, raw)
    if found is None:
        raise BadRequest(f"The argument {argument.name!r} is declared as {name[:80]!r}, which is no type of BigQuery.")
    if found.name == "STRUCT" and not found.fields:
        return ParameterType("JSON")  # nothing says what its fields are
    return found


def _type(declared: ParameterType) -> Parameter:
    match declared.name:
        case "ARRAY":
            assert declared.item is not None
            return {"type": "ARRAY", "arrayType": _type(declared.item)}
        case "STRUCT":
            fields = [{"name": name, "type": _type(inner)} for name, inner in declared.fields]
            return {"type": "STRUCT", "structTypes": fields}
        case "RANGE":
            assert declared.item is not None
            return {"type": "RANGE", "rangeElementType": _type(declared.item)}
    return {"type": declared.name}


def _value(name: str, declared: ParameterType, raw: bytes | None) -> Parameter:
    if raw is None or raw == b"null":
        return {"value": None}
    match declared.name:
        case "ARRAY":
            return _array(name, declared, raw)
        case "STRUCT":
            return _struct(name, declared, raw)
        case "RANGE":
            return _range(name, declared, raw)
    write = _WRITERS.get(declared.name)
    return {"value": write(name, declared.name.lower(), raw) if write else bound.text(raw)}


def _array(name: str, declared: ParameterType, raw: bytes) -> Parameter:
    item = declared.item
    assert item is not None
    return {"arrayValues": [_value(name, item, each) for each in bound.items(name, "array", raw)]}


def _struct(name: str, declared: ParameterType, raw: bytes) -> Parameter:
    """Fields are found without regard to their case, as BigQuery does."""
    given = {key.casefold(): each for key, each in bound.members(name, "struct", raw).items()}
    known = {field.casefold() for field, _ in declared.fields}
    if not known.issuperset(given):
        raise bound.unfit(name, "struct", raw, f"an object with the members {', '.join(sorted(known))} and no others")
    values = {field: _value(name, inner, given.get(field.casefold())) for field, inner in declared.fields}
    return {"structValues": values}


def _range(name: str, declared: ParameterType, raw: bytes) -> Parameter:
    item = declared.item
    found = _RANGE.fullmatch(bound.text(raw).strip()) if bound.is_text(raw) else None
    if found is None or item is None:
        raise bound.unfit(name, "range", raw, "a text such as [2024-01-01, 2024-02-01), with UNBOUNDED for no end")
    ends = {side: end.strip() for side, end in zip(("start", "end"), found.groups(), strict=True)}
    return {
        "rangeValue": {
            side: _value(name, item, b'"' + end.encode() + b'"') for side, end in ends.items() if end not in _ENDLESS
        }
    }


def _inferred(name: str, raw: bytes | None) -> ParameterType:
    """Of an argument that is declared without a type."""
    match (raw or b"n")[:1]:
        case b"t" | b"f":
            return ParameterType("BOOL")
        case b"{":
            return ParameterType("JSON")
        case b"[":
            items = bound.items(name, "array", raw or b"[]")
            bound.require_one_type(name, "array", items)
            found = {_inferred(name, each).name for each in items if each != b"null"}
            widest = next((each for each in ("BIGNUMERIC", "FLOAT64") if each in found), None)
            return ParameterType("ARRAY", item=ParameterType(widest or next(iter(found), "STRING")))
        case b'"' | b"n":
            return ParameterType("STRING")
    return ParameterType(_type_of_number(raw or b"0"))


def _type_of_number(raw: bytes) -> str:
    """The narrowest that keeps its digits."""
    number = Decimal(raw.decode())
    if raw.lstrip(b"-").isdigit() and -(2**63) <= number < 2**63:
        return "INT64"
    return "FLOAT64" if Decimal(repr(float(number))) == number else "BIGNUMERIC"


def _integer(name: str, type_name: str, raw: bytes) -> str:
    return str(bound.integer(name, type_name, raw))


def _float(name: str, type_name: str, raw: bytes) -> str:
    return bound.decimal(name, type_name, raw)


def _exact(whole_digits: int, scale: int) -> Writer:
    """Digits that BigQuery would round away are refused."""

    def write(name: str, type_name: str, raw: bytes) -> str:
        written = bound.decimal(name, type_name, raw)
        number = Decimal(written)
        if not number.is_finite() or number.adjusted() >= whole_digits or _scale(number) > scale:
            accepted = f"a number of up to {whole_digits} digits before the point and {scale} after it"
            raise bound.unfit(name, type_name, raw, accepted)
        return format(number, "f")

    return write


def _scale(number: Decimal) -> int:
    """How many digits after the point it needs."""
    _, digits, exponent = number.as_tuple()
    zeros = len(digits) - len("".join(map(str, digits)).rstrip("0"))
    return -(int(exponent) + zeros) if number else 0


def _boolean(name: str, type_name: str, raw: bytes) -> str:
    return "true" if bound.boolean(name, type_name, raw) else "false"


def _bytes(name: str, type_name: str, raw: bytes) -> str:
    return base64.b64encode(bound.binary(name, type_name, raw)).decode()


def _instant(name: str, type_name: str, raw: bytes) -> str:
    return f"{bound.timestamp_in_utc(name, type_name, raw)}+00:00"


def _json(name: str, type_name: str, raw: bytes) -> str:
    return raw.decode()


_WRITERS: Final[dict[str, Writer]] = {
    "INT64": _integer,
    "FLOAT64": _float,
    "NUMERIC": _exact(29, 9),
    "BIGNUMERIC": _exact(39, 38),
    "BOOL": _boolean,
    "BYTES": _bytes,
    "DATE": bound.date,
    "TIME": bound.time,
    "DATETIME": bound.timestamp,
    "TIMESTAMP": _instant,
    "JSON": _json,
}
"""What is not among them is given as its text."""

_ALIASES: Final = {
    **dict.fromkeys(("int", "integer", "bigint", "smallint", "tinyint", "byteint", "int64"), "INT64"),
    **dict.fromkeys(("float", "float64", "double", "real"), "FLOAT64"),
    **dict.fromkeys(("decimal", "numeric", "number"), "NUMERIC"),
    **dict.fromkeys(("bigdecimal", "bignumeric"), "BIGNUMERIC"),
    **dict.fromkeys(("bool", "boolean"), "BOOL"),
    **dict.fromkeys(("string", "text", "varchar", "char"), "STRING"),
    **dict.fromkeys(("struct", "record"), "STRUCT"),
    **{name: name.upper() for name in ("bytes", "date", "time", "datetime", "timestamp", "json", "geography")},
    **{name: name.upper() for name in ("interval", "array", "range")},
}
