"""Values as JSON that loses nothing: for each type what the engine is asked for, and how that is written.

Python's own objects would lose the months of an interval, nanoseconds, infinite dates and those beyond the year 9999.
Where they would, an expression asks the engine for a text, or for the parts.
"""

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from duckdb.sqltypes import DuckDBPyType

from .engine import literal, quoted
from .faults import Refused
from .types import INTEGERS, parts_of

Encode = Callable[[Any], str]
"""A value that is not None -> JSON."""
Ask = Callable[[str], str]
"""An expression that gives a value of the type -> one that gives what `Encode` takes."""

text: Final[Encode] = json.encoder.encode_basestring
_MOST_EXACT: Final = 2**53 - 1
_KEY: Final = "'key'"
_VALUE: Final = "'value'"


@dataclass(frozen=True, slots=True)
class Form:
    """How values of one type get out. `ask` None: as the engine hands them to Python."""

    encode: Encode
    ask: Ask | None = None

    def written(self, value: Any) -> str:
        """A value as JSON, NULL as well."""
        return "null" if value is None else self.encode(value)

    def asked(self, expression: str) -> str:
        """The expression that gives what `written` takes."""
        return expression if self.ask is None else self.ask(expression)


class Forms:
    """The forms of types. `big_as_text`: integers that JavaScript's numbers do not hold become texts."""

    def __init__(self, *, big_as_text: bool) -> None:
        self._integer: Encode = _integer_or_text if big_as_text else str

    def of(self, kind: DuckDBPyType, column: str) -> Form:
        """The form of `kind`.

        Raises:
            Refused: there is none.
        """
        name = kind.id
        if str(kind) == "JSON":
            return Form(str)
        if name in INTEGERS:
            return Form(self._integer)
        if name in _PLAIN:
            return _PLAIN[name]
        ways = {
            "list": self._list,
            "array": self._list,
            "struct": self._struct,
            "map": self._map,
            "union": self._union,
        }
        if name not in ways:
            raise Refused(
                f"The column {column} has the type {kind}, which has no form in JSON: select {quoted(column)}::text."
            )
        return ways[name](kind, column)

    def _list(self, kind: DuckDBPyType, column: str) -> Form:
        item = self.of(parts_of(kind)["child"], column)

        def encode(values: Sequence[Any]) -> str:
            return f"[{','.join(map(item.written, values))}]"

        if item.ask is None:
            return Form(encode)
        return Form(encode, lambda value: _each(value, item.asked))

    def _struct(self, kind: DuckDBPyType, column: str) -> Form:
        fields = [(name, self.of(part, column)) for name, part in kind.children if isinstance(part, DuckDBPyType)]
        if not all(name for name, _ in fields):
            return self._row([form for _, form in fields])
        keys = [(name, text(name), form) for name, form in fields]

        def encode(value: dict[str, Any]) -> str:
            return f"{{{','.join(f'{key}:{form.written(value[name])}' for name, key, form in keys)}}}"

        if all(form.ask is None for _, form in fields):
            return Form(encode)

        def ask(value: str) -> str:
            parts = (f"{quoted(name)} := {form.asked(_field(value, literal(name)))}" for name, form in fields)
            return _unless_null(value, f"struct_pack({', '.join(parts)})")

        return Form(encode, ask)

    def _row(self, forms: list[Form]) -> Form:
        """A struct whose fields have no names."""

        def encode(value: Sequence[Any]) -> str:
            return f"[{','.join(form.written(each) for form, each in zip(forms, value, strict=True))}]"

        if all(form.ask is None for form in forms):
            return Form(encode)

        def ask(value: str) -> str:
            parts = (form.asked(_field(value, str(place))) for place, form in enumerate(forms, start=1))
            return _unless_null(value, f"row({', '.join(parts)})")

        return Form(encode, ask)

    def _map(self, kind: DuckDBPyType, column: str) -> Form:
        """An object where keys are single values, else a list of keys with their values."""
        parts = parts_of(kind)
        key, value = self.of(parts["key"], column), self.of(parts["value"], column)
        is_object = parts["key"].id not in _NESTED

        def encode(entries: Sequence[dict[str, Any]]) -> str:
            pairs = [(key.written(each["key"]), value.written(each["value"])) for each in entries]
            if is_object:
                return f"{{{','.join(f'{_key(name)}:{member}' for name, member in pairs)}}}"
            listed = (f'{{"key":{name},"value":{member}}}' for name, member in pairs)
            return f"[{','.join(listed)}]"

        def ask(whole: str) -> str:
            entries = f"map_entries({whole})"
            if key.ask is None and value.ask is None:
                return entries
            return _each(
                entries,
                lambda each: (
                    f"struct_pack(key := {key.asked(_field(each, _KEY))}, value := {value.asked(_field(each, _VALUE))})"
                ),
            )

        return Form(encode, ask)

    def _union(self, kind: DuckDBPyType, column: str) -> Form:
        """An object of one field: the tag with the value."""
        forms = {name: self.of(part, column) for name, part in parts_of(kind).items() if name}
        places = {name: f"m{place}" for place, name in enumerate(forms)}

        def encode(value: dict[str, Any]) -> str:
            tag = value["tag"]
            return f"{{{text(tag)}:{forms[tag].written(value[places[tag]])}}}"

        def ask(value: str) -> str:
            parts = [f"tag := union_tag({value})::varchar"]
            parts += (
                f"{places[name]} := {form.asked(f'union_extract({value}, {literal(name)})')}"
                for name, form in forms.items()
            )
            return _unless_null(value, f"struct_pack({', '.join(parts)})")

        return Form(encode, ask)


def _field(value: str, name: str) -> str:
    return f"struct_extract({value}, {name})"


def _each(values: str, ask: Ask) -> str:
    """`ask` of each item; the name of the item is longer than any in `values`, so that none hides another."""
    name = "v" * (max(map(len, re.findall(r"\bv+\b", values)), default=0) + 1)
    return f"list_transform({values}, lambda {name}: {ask(name)})"


def _unless_null(value: str, expression: str) -> str:
    return f"case when {value} is null then null else {expression} end"


def _as_text(value: str) -> str:
    return f"cast({value} as varchar)"


def _key(encoded: str) -> str:
    return encoded if encoded.startswith('"') else text(encoded)


def _integer_or_text(value: int) -> str:
    return str(value) if -_MOST_EXACT <= value <= _MOST_EXACT else f'"{value}"'


def _float(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    return '"NaN"' if math.isnan(value) else '"Infinity"' if value > 0 else '"-Infinity"'


def _real(written: str) -> str:
    """A float of 32 bits, as the engine writes it: with the fewest digits that tell it from others."""
    return {"nan": '"NaN"', "inf": '"Infinity"', "-inf": '"-Infinity"'}.get(written, written)


def _date(written: str) -> str:
    return f'"{written.replace(" (BC)", " BC")}"'


def _timestamp(written: str) -> str:
    """`2024-02-29T12:00:00.5`, `0044-03-15T00:00:00 BC`, `infinity`."""
    day, is_before, time = written.partition(" (BC) ")
    return f'"{day}T{time} BC"' if is_before else f'"{written.replace(" ", "T", 1)}"'


_OFFSET: Final = re.compile(r"(?P<rest>.*)(?P<offset>[+-]\d\d(?::\d\d){0,2})")


def _with_zone(written: str) -> str:
    """The offset in full; `Z` for none."""
    found = _OFFSET.fullmatch(written)
    if found is None:
        return written
    offset = found["offset"]
    return found["rest"] + ("Z" if offset == "+00" else offset if ":" in offset else f"{offset}:00")


def _moment(written: str) -> str:
    day, is_before, time = written.partition(" (BC) ")
    if is_before:
        return f'"{day}T{_with_zone(time)} BC"'
    return f'"{_with_zone(written.replace(" ", "T", 1))}"' if ":" in written else f'"{written}"'


_SPAN: Final = re.compile(
    r"(?:(?P<years>-?\d+) years? ?)?(?:(?P<months>-?\d+) months? ?)?(?:(?P<days>-?\d+) days? ?)?"
    r"(?:(?P<sign>-)?(?P<hours>\d+):(?P<minutes>\d\d):(?P<seconds>\d\d)(?:\.(?P<fraction>\d+))?)?"
)


def _interval(written: str) -> str:
    """`{"months", "days", "nanos"}`: what of it is not the same length everywhere stays apart."""
    found = _SPAN.fullmatch(written)
    assert found is not None, written
    part = {name: int(digits or 0) for name, digits in found.groupdict().items() if name not in {"sign", "fraction"}}
    seconds = (part["hours"] * 60 + part["minutes"]) * 60 + part["seconds"]
    nanos = seconds * 1_000_000_000 + int((found["fraction"] or "0").ljust(9, "0"))
    months = part["years"] * 12 + part["months"]
    return f'{{"months":{months},"days":{part["days"]},"nanos":{-nanos if found["sign"] else nanos}}}'


_NESTED: Final = frozenset({"list", "array", "struct", "map", "union", "variant"})
_WRITTEN: Final = Form(text, _as_text)
_MOMENT: Final = Form(_timestamp, _as_text)
_PLAIN: Final = {
    "boolean": Form(lambda value: "true" if value else "false"),
    "hugeint": Form(lambda value: f'"{value}"'),
    "uhugeint": Form(lambda value: f'"{value}"'),
    "bignum": Form(text, _as_text),
    "decimal": Form(lambda value: f'"{value:f}"'),
    "double": Form(_float),
    "float": Form(_real, _as_text),
    "varchar": Form(text),
    "char": Form(text),
    "enum": _WRITTEN,
    "uuid": _WRITTEN,
    "bit": _WRITTEN,
    "geometry": _WRITTEN,
    "time": _WRITTEN,
    "time_ns": _WRITTEN,
    "blob": Form(lambda value: f"[{','.join(map(str, value))}]"),
    "date": Form(_date, _as_text),
    "time with time zone": Form(lambda written: text(_with_zone(written)), _as_text),
    "timestamp": _MOMENT,
    "timestamp_s": _MOMENT,
    "timestamp_ms": _MOMENT,
    "timestamp_ns": _MOMENT,
    "timestamp with time zone": Form(_moment, _as_text),
    "interval": Form(_interval, _as_text),
    "variant": Form(str, lambda value: f"cast(cast({value} as json) as varchar)"),
    "sqlnull": Form(text),
    "null": Form(text),
    '"null"': Form(text),
}
