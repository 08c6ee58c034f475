"""Replies of key-value stores by the types of RESP3, and their JSON."""

import base64
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from json.encoder import encode_basestring as quoted
from typing import Final, TypeAlias

EXACT_INTEGER: Final = 2**53 - 1
_JSON_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Simple:
    """A short text such as OK."""

    text: str


@dataclass(frozen=True, slots=True)
class Failure:
    """An error. `text` begins with its kind, such as WRONGTYPE."""

    text: str

    @property
    def kind(self) -> str:
        return self.text.partition(" ")[0]


@dataclass(frozen=True, slots=True)
class Double:
    """A 64-bit float, with the digits that the server gave."""

    text: str


@dataclass(frozen=True, slots=True)
class BigNumber:
    """An integer of any size."""

    value: int


@dataclass(frozen=True, slots=True)
class Verbatim:
    """A text with its format, `txt` or `mkd`."""

    format: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Set:
    """Members in the order of the server."""

    members: "list[Reply]"


@dataclass(frozen=True, slots=True)
class Map:
    """Pairs in the order of the server."""

    pairs: "list[tuple[Reply, Reply]]"


Reply: TypeAlias = (
    "bytes | Simple | Failure | int | Double | BigNumber | bool | Verbatim | Set | Map | list[Reply] | None"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How replies are written.

    Attributes:
        is_typed: each type of RESP3 that JSON has no form for is marked.
        big_numbers_as_text: integers that a JavaScript number cannot hold are strings.
    """

    is_typed: bool = False
    big_numbers_as_text: bool = False


PLAIN: Final = Form()


def to_json(reply: Reply, form: Form = PLAIN) -> str:
    """The JSON of a reply.

    Text is a string, other bytes `{"$base64": ...}`. A map is an object unless its keys are no texts, or are there
    twice, or begin with `$`: then it is `{"$map": [[key, value], ...]}`.
    """
    match reply:
        case None | bool():
            return json.dumps(reply)
        case bytes():
            return _text(reply)
        case int():
            return _integer(reply, form)
        case list():
            return f"[{','.join(to_json(each, form) for each in reply)}]"
        case Map():
            return _map(reply, form)
        case Set():
            members = f"[{','.join(to_json(each, form) for each in reply.members)}]"
            return f'{{"$set":{members}}}' if form.is_typed else members
        case Failure():
            return f'{{"$error":{quoted(reply.text)}}}'
        case _:
            return _typed(reply) if form.is_typed else _plain(reply, form)


def _plain(reply: "Simple | Double | BigNumber | Verbatim", form: Form) -> str:
    match reply:
        case Simple():
            return quoted(reply.text)
        case Verbatim():
            return _text(reply.content)
        case BigNumber():
            return _integer(reply.value, form)
        case Double():
            return _number(reply.text)


def _typed(reply: "Simple | Double | BigNumber | Verbatim") -> str:
    match reply:
        case Simple():
            return f'{{"$simple":{quoted(reply.text)}}}'
        case Verbatim():
            return f'{{"$verbatim":[{quoted(reply.format)},{_text(reply.content)}]}}'
        case BigNumber():
            return f'{{"$bignumber":"{reply.value}"}}'
        case Double():
            return f'{{"$double":{quoted(reply.text)}}}'


def _text(content: bytes) -> str:
    try:
        return quoted(content.decode())
    except UnicodeDecodeError:
        return f'{{"$base64":"{base64.b64encode(content).decode()}"}}'


def _integer(value: int, form: Form) -> str:
    return f'"{value}"' if form.big_numbers_as_text and abs(value) > EXACT_INTEGER else str(value)


def _number(text: str) -> str:
    if _JSON_NUMBER.fullmatch(text):
        return text
    number = float(text)
    if math.isnan(number):
        return '"NaN"'
    if math.isinf(number):
        return '"Infinity"' if number > 0 else '"-Infinity"'
    return repr(number)


def _map(reply: Map, form: Form) -> str:
    names = list(_names(reply))
    values = [to_json(value, form) for _, value in reply.pairs]
    is_object = (
        None not in names and len(set(names)) == len(names) and not any(name.startswith("$") for name in names if name)
    )
    if is_object and not form.is_typed:
        return "{" + ",".join(f"{quoted(name or '')}:{value}" for name, value in zip(names, values, strict=True)) + "}"
    keys = [to_json(key, form) for key, _ in reply.pairs]
    return '{"$map":[' + ",".join(f"[{key},{value}]" for key, value in zip(keys, values, strict=True)) + "]}"


def _names(reply: Map) -> Iterator[str | None]:
    """The keys of a map as texts; None for one that is none."""
    for key, _ in reply.pairs:
        match key:
            case Simple():
                yield key.text
            case bytes():
                try:
                    yield key.decode()
                except UnicodeDecodeError:
                    yield None
            case _:
                yield None
