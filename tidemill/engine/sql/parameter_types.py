"""Declared types that hold others: `array<struct<a int64, b string(10)>>`, `int64[]`, `range<date>`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_PIECE: Final = re.compile(r"\s*(?:(\w+)|(<|>|,|\[\]|\[\s*\])|(\((?:[^()])*\)))")


@dataclass(frozen=True, slots=True)
class ParameterType:
    """A type. `item` is what an array or range is of, `fields` what a struct has."""

    name: str
    item: "ParameterType | None" = None
    fields: tuple[tuple[str, "ParameterType"], ...] = ()


def read_type(text: str, *, aliases: Mapping[str, str]) -> ParameterType | None:
    """A type as it is declared, in lower case. `aliases`: words -> names of types; None for what has another word or
    cannot be read. Sizes say nothing about how a value is bound, and are left out."""
    pieces: list[str] = []
    at = 0
    while at < len(text.rstrip()):
        found = _PIECE.match(text, at)
        if found is None:
            return None
        if not found[3]:
            pieces.append("".join(found[0].split()))
        at = found.end()
    try:
        read, rest = _type(pieces, aliases)
    except (IndexError, KeyError):
        return None
    return read if not rest else None


def _type(pieces: list[str], aliases: Mapping[str, str]) -> tuple[ParameterType, list[str]]:
    name, rest = aliases[pieces[0]], pieces[1:]
    found = ParameterType(name)
    if rest[:1] == ["<"] and name == "STRUCT":
        found, rest = _struct(rest[1:], aliases)
    elif rest[:1] == ["<"]:
        item, rest = _type(rest[1:], aliases)
        found, rest = ParameterType(name, item=item), _after(rest, ">")
    elif name in {"ARRAY", "RANGE"}:
        raise KeyError(name)  # of what?
    while rest[:1] == ["[]"]:
        found, rest = ParameterType("ARRAY", item=found), rest[1:]
    return found, rest


def _struct(rest: list[str], aliases: Mapping[str, str]) -> tuple[ParameterType, list[str]]:
    fields: list[tuple[str, ParameterType]] = []
    while True:
        name = rest[0]
        inner, rest = _type(rest[1:], aliases)
        fields.append((name, inner))
        if rest[:1] != [","]:
            return ParameterType("STRUCT", fields=tuple(fields)), _after(rest, ">")
        rest = rest[1:]


def _after(pieces: list[str], sign: str) -> list[str]:
    if pieces[0] != sign:
        raise KeyError(sign)
    return pieces[1:]
