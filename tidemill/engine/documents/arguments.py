"""Arguments of scripts for documents: what each declared type takes, and the BSON value that becomes of it."""

import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from tidemill.engine.documents import extended_json
from tidemill.engine.documents.bson_tree import Tree, Typed, Unfit, fitting
from tidemill.engine.documents.exact_number import exact_float
from tidemill.engine.script_head import Declaration, unquoted
from tidemill.model import jsontext
from tidemill.model.errors import BadRequest, InvalidJson, InvalidScript
from tidemill.model.script import Parameter

QUERY: Final = "query"
S3_OBJECT: Final = "s3object"

_LONG: Final = 0x12
_DOUBLE: Final = 0x01
_REGEX: Final = 0x0B


@dataclass(frozen=True, slots=True)
class ArgumentType:
    """A type that arguments can have.

    Attributes:
        schema: JSON schema of a value, for forms.
        read: the value of JSON, given the raw text and what it says; raises Unfit.
    """

    schema: Mapping[str, object]
    read: Callable[[str, Tree], Tree]


@dataclass(frozen=True, slots=True)
class Value:
    """The value of an argument.

    Attributes:
        type_name: as declared: what a `query` or `regex` may do, others may not.
    """

    name: str
    type_name: str
    tree: Tree


def parameter(declaration: Declaration) -> Parameter:
    """The entry of an argument in the script's signature."""
    default = default_of(declaration)
    return Parameter(
        name=declaration.name,
        value_schema=TYPES[declaration.type_name].schema,
        has_default=declaration.has_default,
        default=jsontext.loads(default) if default is not None else None,
        shows_default=declaration.has_default,
        is_nullable=default == b"null",
    )


def default_of(declaration: Declaration) -> bytes | None:
    """The default as JSON text; None if there is none.

    Raises:
        InvalidScript: it does not fit the type.
    """
    if not declaration.has_default:
        return None
    text = declaration.default
    if text.lower() == "null":
        return b"null"
    is_text = TYPES[declaration.type_name].schema.get("type") == "string"
    raw = jsontext.dumps(unquoted(text)) if is_text else text.encode()
    try:
        read_value(declaration, raw)
    except BadRequest as error:
        raise InvalidScript(f"Line {declaration.line}: the default does not fit. {error}") from error
    return raw


def read_value(declaration: Declaration, raw: bytes) -> Value:
    """What the argument is bound to.

    Raises:
        BadRequest: `raw` does not fit its type; the message names the argument.
    """
    name = declaration.name
    try:
        jsontext.check(raw, max_bytes=len(raw))
        tree: Tree = extended_json.typed(json.loads(raw, parse_float=_number))
        value = None if tree is None else TYPES[declaration.type_name].read(raw.decode().strip(), _plain(tree))
    except InvalidJson as error:
        raise BadRequest(f"Argument {name}: {error}") from error
    except Unfit as error:
        raise BadRequest(f"Argument {name} ({declaration.type_name}): {error}.") from error
    return Value(name, declaration.type_name, value)


class _Inexact(str):
    """The text of a JSON number that no double holds: only a decimal takes it."""

    __slots__ = ()


def _number(text: str) -> float | _Inexact:
    try:
        return exact_float(text)
    except Unfit:
        return _Inexact(text)


def _plain(tree: Tree) -> Tree:
    """`tree`, if BSON holds all numbers inside of it; one that is the whole argument is left for its type."""
    waiting = _children(tree)
    while waiting:
        item = waiting.pop()
        _any("", item)
        waiting += _children(item)
    return tree


def _children(tree: Tree) -> list[Tree]:
    return list(tree.values()) if isinstance(tree, dict) else list(tree) if isinstance(tree, list) else []


def _wants(tree: Tree) -> str:
    """What was given, in words, without the value: it may be a secret."""
    match tree:
        case Typed():
            return "a value of Extended JSON"
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float() | _Inexact():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case dict():
            return "an object"


def _refuse(tree: Tree, wanted: str) -> Unfit:
    return Unfit(f"{wanted} is expected, not {_wants(tree)}")


def _string(raw: str, tree: Tree) -> Tree:
    if isinstance(tree, str) and not isinstance(tree, _Inexact):
        return tree
    raise _refuse(tree, "a text")


def _int(raw: str, tree: Tree) -> Tree:
    if (isinstance(tree, int) and not isinstance(tree, bool)) or (
        isinstance(tree, Typed) and tree.kind in {0x10, _LONG}
    ):
        return tree
    raise _refuse(tree, "an integer")


def _long(raw: str, tree: Tree) -> Tree:
    if isinstance(tree, Typed) and tree.kind == _LONG:
        return tree
    if isinstance(tree, int | str) and not isinstance(tree, bool | _Inexact):
        return extended_json.long(str(tree))
    raise _refuse(tree, "an integer, or a text of its digits,")


def _double(raw: str, tree: Tree) -> Tree:
    if isinstance(tree, _Inexact):
        exact_float(tree)
    if isinstance(tree, Typed) and tree.kind == _DOUBLE:
        return tree
    if isinstance(tree, int | float) and not isinstance(tree, bool):
        return Typed(_DOUBLE, struct.pack("<d", exact_float(str(tree))))
    raise _refuse(tree, "a number")


def _decimal(raw: str, tree: Tree) -> Tree:
    if isinstance(tree, Typed) and tree.kind == 0x13:
        return tree
    if isinstance(tree, int | float | str) and not isinstance(tree, bool):
        is_text = isinstance(tree, str) and not isinstance(tree, _Inexact)
        return extended_json.decimal(str(tree) if is_text or not raw else raw)
    raise _refuse(tree, "a number, or a text of its digits,")


def _bool(raw: str, tree: Tree) -> Tree:
    if isinstance(tree, bool):
        return tree
    raise _refuse(tree, "true or false")


def _object(raw: str, tree: Tree) -> Tree:
    if isinstance(tree, dict):
        return tree
    raise _refuse(tree, "an object")


def _array(raw: str, tree: Tree) -> Tree:
    if isinstance(tree, list):
        return tree
    raise _refuse(tree, "a list")


def _any(raw: str, tree: Tree) -> Tree:
    if isinstance(tree, _Inexact):
        exact_float(tree)
    return fitting(tree) if isinstance(tree, int) else tree


def _query(raw: str, tree: Tree) -> Tree:
    if isinstance(tree, dict | list):
        return tree
    raise _refuse(tree, "an object or a list")


def _expression(raw: str, tree: Tree) -> Tree:
    if isinstance(tree, dict) and tree.keys() <= {"pattern", "options"}:
        pattern, options = tree.get("pattern"), tree.get("options", "")
        if isinstance(pattern, str) and isinstance(options, str):
            return extended_json.expression(pattern, options)
    if isinstance(tree, str) and not isinstance(tree, _Inexact):
        return extended_json.expression(tree)
    if isinstance(tree, Typed) and tree.kind == _REGEX:
        return tree
    raise _refuse(tree, "a pattern, or an object of pattern and options,")


def _from_text(kind: int, what: str, read: Callable[[str], Typed]) -> Callable[[str, Tree], Tree]:
    def convert(raw: str, tree: Tree) -> Tree:
        if isinstance(tree, Typed) and tree.kind == kind:
            return tree
        if isinstance(tree, str) and not isinstance(tree, _Inexact):
            return read(tree)
        raise _refuse(tree, what)

    return convert


_TEXT: Final = {"type": "string"}
_SCALARS: Final[dict[str, ArgumentType]] = {
    "string": ArgumentType(_TEXT, _string),
    "int": ArgumentType({"type": "integer"}, _int),
    "long": ArgumentType({"type": "integer"}, _long),
    "double": ArgumentType({"type": "number"}, _double),
    "decimal": ArgumentType({"type": "number"}, _decimal),
    "bool": ArgumentType({"type": "boolean"}, _bool),
    "date": ArgumentType({**_TEXT, "format": "date-time"}, _from_text(0x09, "a date", extended_json.date)),
    "objectid": ArgumentType(
        {**_TEXT, "pattern": "^[0-9a-fA-F]{24}$"}, _from_text(0x07, "an ObjectId", extended_json.object_id)
    ),
    "uuid": ArgumentType({**_TEXT, "format": "uuid"}, _from_text(0x05, "a UUID", extended_json.identifier)),
    "binary": ArgumentType({**_TEXT, "contentEncoding": "base64"}, _from_text(0x05, "base64", extended_json.binary)),
    "regex": ArgumentType(_TEXT, _expression),
    "object": ArgumentType({"type": "object"}, _object),
}


def _list_of(item: ArgumentType) -> ArgumentType:
    def read(raw: str, tree: Tree) -> Tree:
        if isinstance(tree, list):
            return [None if each is None else item.read("", each) for each in tree]
        raise _refuse(tree, "a list")

    return ArgumentType({"type": "array", "items": item.schema}, read)


TYPES: Final[dict[str, ArgumentType]] = {
    **_SCALARS,
    **{f"{name}[]": _list_of(item) for name, item in _SCALARS.items()},
    "array": ArgumentType({"type": "array"}, _array),
    "any": ArgumentType({}, _any),
    QUERY: ArgumentType({"type": "object"}, _query),
    S3_OBJECT: ArgumentType({"type": "object", "format": "resource-s3_object"}, _object),
}
"""Types of arguments by name. The text of a type is compared in lower case: `objectId` is one."""
