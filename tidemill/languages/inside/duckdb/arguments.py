"""Arguments as DuckDB's typed values: bound, and refused where a type would round, cut or reinterpret them."""

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any, Final, NoReturn

import duckdb
from duckdb import DuckDBPyConnection, Value
from duckdb.sqltypes import VARCHAR, DuckDBPyType

from .faults import BadRequest
from .types import INTEGERS, WIDE_INTEGERS, parts_of, scale_of

_ACCEPTED: Final = {
    "date": "YYYY-MM-DD",
    "time": "HH:MM:SS[.ffffff]",
    "timestamp": "YYYY-MM-DD HH:MM:SS[.ffffff], with a T in between or not",
    "timestamp with time zone": "YYYY-MM-DD HH:MM:SS[.ffffff] with an offset",
    "interval": "an interval as DuckDB writes it, such as 1 month 2 days",
    "uuid": "a UUID",
}


class Arguments:
    """The arguments of a script. Each is made when a statement first uses it."""

    def __init__(self, engine: DuckDBPyConnection, given: Mapping[str, Mapping[str, Any]]) -> None:
        """`given`: `type` (as declared, "" for none) and `json` (its raw JSON) by name."""
        self._engine = engine
        self._given = given
        self._made: dict[str, Value] = {}

    def of(self, names: set[str]) -> dict[str, Value]:
        """Those with these names.

        Raises:
            BadRequest: one is not declared, or its value does not fit its type.
        """
        return {name: self._one(name) for name in sorted(names)}

    def _one(self, name: str) -> Value:
        if name not in self._made:
            if name not in self._given:
                raise BadRequest(f"The script uses ${name} without declaring it: add the line -- ${name} (type)")
            given = self._given[name]
            self._made[name] = self._value(Given(name, given["json"], self._type(name, given["type"])))
        return self._made[name]

    def _type(self, name: str, declared: str) -> DuckDBPyType:
        if not declared:
            return VARCHAR
        try:
            return self._engine.type(declared)
        except duckdb.Error as error:
            raise BadRequest(f"The argument {name} is declared as {declared}: {_words(error)}") from error

    def _value(self, given: "Given") -> Value:
        try:
            value = Value(given.plain(json.loads(given.raw, parse_float=Decimal), given.kind), given.kind)
            self._engine.execute("select $1", [value])  # only now it is cast
        except (duckdb.Error, TypeError) as error:
            given.refuse(_words(error))
        return value


@dataclass(frozen=True, slots=True)
class Given:
    """An argument on its way: its raw JSON, and the type that it shall have."""

    name: str
    raw: str
    kind: DuckDBPyType

    def plain(self, value: Any, kind: DuckDBPyType) -> Any:
        """What DuckDB casts to `kind` without a loss."""
        if value is None:
            return None
        match kind.id:
            case "list" | "array":
                item = parts_of(kind)["child"]
                return [self.plain(each, item) for each in self.of(list, value)]
            case "struct":
                fields, members = parts_of(kind), self.of(dict, value)
                if unknown := sorted(members.keys() - fields.keys()):
                    self.refuse(f"it has no field {unknown[0]!r}")
                return {name: self.plain(members.get(name), part) for name, part in fields.items()}
            case "map":
                parts, members = parts_of(kind), self.of(dict, value)
                return {
                    "key": [self.plain(key, parts["key"]) for key in members],
                    "value": [self.plain(each, parts["value"]) for each in members.values()],
                }
        if str(kind) == "JSON":
            return self.raw if kind is self.kind else _json(value)
        plain: Scalar = _SCALARS.get(kind.id, _as_text)
        return plain(self, value, kind)

    def of(self, wanted: type, value: Any) -> Any:
        """`value`, which must be of this Python type."""
        if not isinstance(value, wanted):
            self.refuse(f"it is no {_NOUNS[wanted.__name__]}")
        return value

    def refuse(self, why: str) -> NoReturn:
        """Say what does not fit, without giving the value away: it may be a secret."""
        accepted = f" Accepted is {_ACCEPTED[self.kind.id]}." if self.kind.id in _ACCEPTED else ""
        noun = _SHAPES.get(self.raw[:1], "a number")
        raise BadRequest(
            f"The argument {self.name} cannot be a value of the type {self.kind}: {why} (given was {noun} of "
            f"{len(self.raw)} characters).{accepted}"
        )


_NOUNS: Final = {"list": "list", "dict": "object", "str": "text"}
_SHAPES: Final = {'"': "a text", "[": "a list", "{": "an object", "t": "a truth", "f": "a truth", "n": "null"}

_NUMBER: Final = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_INTEGER: Final = re.compile(r"[+-]?\d+")
_FRACTION: Final = re.compile(r"\.(\d+?)0*(?!\d)")
_TIME_OF_DAY: Final = re.compile(r"[T ](?!00:00(?::00(?:\.0+)?)?(?:Z|\+00(?::?00)?)?$)\d")
_FLOATS: Final = {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}
_WIDE: Final = Context(prec=200)


def _integer(given: Given, value: Any, _: DuckDBPyType) -> str:
    written = _text(value)
    if isinstance(value, bool) or not _INTEGER.fullmatch(written):
        given.refuse("it is not a whole number")
    return written


def _decimal(given: Given, value: Any, kind: DuckDBPyType) -> str:
    exact, scale = Decimal(_number(given, value)), scale_of(kind)
    if exact != exact.quantize(Decimal(1).scaleb(-scale), context=_WIDE):
        given.refuse(f"it has more than {scale} digits behind the point")
    return f"{exact:f}"


def _float(given: Given, value: Any, _: DuckDBPyType) -> str:
    if value in _FLOATS:
        return _FLOATS[value]
    written = _number(given, value)
    if float(written) in {float("inf"), float("-inf")}:
        given.refuse("it is too large")
    return written


def _number(given: Given, value: Any) -> str:
    written = _text(value)
    if isinstance(value, bool) or not _NUMBER.fullmatch(written):
        given.refuse("it is not a number")
    return written


def _truth(given: Given, value: Any, _: DuckDBPyType) -> bool:
    if not isinstance(value, bool) and value not in {"true", "false"}:
        given.refuse("it is neither true nor false")
    return value in {True, "true"}


def _bytes(given: Given, value: Any, _: DuckDBPyType) -> bytes:
    """A list of bytes, as results give them, or base64."""
    try:
        if isinstance(value, list):
            return bytes(value)
        encoded: str = given.of(str, value)
        return base64.b64decode(encoded.partition(",")[2] if encoded.startswith("data:") else encoded, validate=True)
    except (ValueError, TypeError) as error:
        given.refuse(f"it is neither base64 nor a list of bytes: {error}")


def _date(given: Given, value: Any, _: DuckDBPyType) -> str:
    written: str = given.of(str, value)
    if _TIME_OF_DAY.search(written):
        given.refuse("it has a time, which a date would drop")
    return written


def _moment(digits: int) -> "Scalar":
    """Of times and timestamps that keep so many digits of a second."""

    def plain(given: Given, value: Any, _: DuckDBPyType) -> str:
        written: str = given.of(str, value)
        fraction = _FRACTION.search(written)
        if fraction is not None and len(fraction[1].rstrip("0")) > digits:
            given.refuse(f"it keeps {digits} digits of a second, not more")
        return written

    return plain


def _any_text(_: Given, value: Any, _kind: DuckDBPyType) -> str:
    return _text(value)


def _as_text(given: Given, value: Any, _: DuckDBPyType) -> str:
    text: str = given.of(str, value)
    return text


def _text(value: Any) -> str:
    """A text as it is, any other JSON as its text."""
    return value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    """JSON, numbers with the digits that they came with."""
    match value:
        case Decimal():
            return str(value)
        case list():
            return f"[{','.join(map(_json, value))}]"
        case dict():
            return f"{{{','.join(f'{_json(name)}:{_json(member)}' for name, member in value.items())}}}"
        case _:
            return json.dumps(value, ensure_ascii=False)


def _words(error: Exception) -> str:
    return str(error).partition("\n")[0].removeprefix("Invalid Input Error: ").removeprefix("Failed to cast value: ")


Scalar = Callable[[Given, Any, DuckDBPyType], Any]
_SCALARS: Final[Mapping[str, Scalar]] = {
    **dict.fromkeys(INTEGERS | WIDE_INTEGERS, _integer),
    "decimal": _decimal,
    "double": _float,
    "float": _float,
    "boolean": _truth,
    "blob": _bytes,
    "varchar": _any_text,
    "char": _any_text,
    "date": _date,
    "time": _moment(6),
    "time with time zone": _moment(6),
    "time_ns": _moment(9),
    "timestamp": _moment(6),
    "timestamp with time zone": _moment(6),
    "timestamp_s": _moment(0),
    "timestamp_ms": _moment(3),
    "timestamp_ns": _moment(9),
}
