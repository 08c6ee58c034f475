"""Arguments of scripts for keys: what each declared type takes, and the words that become of it."""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from tidemill.engine.script_head import Declaration, unquoted
from tidemill.model import jsontext
from tidemill.model.errors import BadRequest, InvalidJson, InvalidScript
from tidemill.model.jsontext import JsonValue
from tidemill.model.script import Parameter


class Unfit(ValueError):
    """A value does not fit a type; the message never quotes it."""


@dataclass(frozen=True, slots=True)
class ArgumentType:
    """A type that arguments can have.

    Attributes:
        schema: JSON schema of a value, for forms.
        read: the words of a value, given its raw JSON; raises Unfit.
    """

    schema: Mapping[str, object]
    read: Callable[[bytes], tuple[bytes, ...]]


def parameter(declaration: Declaration) -> Parameter:
    """The entry of an argument in the script's signature."""
    default = default_of(declaration)
    return Parameter(
        name=declaration.name,
        value_schema=TYPES[declaration.type_name].schema,
        has_default=declaration.has_default,
        default=jsontext.loads(default) if default is not None else None,
        shows_default=declaration.has_default,
    )


def default_of(declaration: Declaration) -> bytes | None:
    """The default as JSON text; None if there is none.

    Raises:
        InvalidScript: it does not fit the type.
    """
    if not declaration.has_default:
        return None
    is_text = TYPES[declaration.type_name].schema.get("type") == "string"
    raw = jsontext.dumps(unquoted(declaration.default)) if is_text else declaration.default.encode()
    try:
        words_of(declaration, raw)
    except BadRequest as error:
        raise InvalidScript(f"Line {declaration.line}: the default does not fit. {error}") from error
    return raw


def words_of(declaration: Declaration, raw: bytes) -> tuple[bytes, ...]:
    """The words that an argument stands for: one, or those of a list or object.

    Raises:
        BadRequest: it does not fit its type; the message names the argument.
    """
    try:
        jsontext.check(raw, max_bytes=len(raw))
        return TYPES[declaration.type_name].read(raw.strip())
    except (Unfit, InvalidJson) as error:
        raise BadRequest(f"Argument {declaration.name} ({declaration.type_name}): {error}.") from error


def _string(raw: bytes) -> bytes:
    if not raw.startswith(b'"'):
        raise Unfit("a text is expected")
    return str(jsontext.loads(raw)).encode()


def _int(raw: bytes) -> bytes:
    if not raw.removeprefix(b"-").isdigit():
        raise Unfit("an integer is expected")
    return raw


def _double(raw: bytes) -> bytes:
    if raw[:1] not in b"-0123456789":
        raise Unfit("a number is expected")
    return raw


def _binary(raw: bytes) -> bytes:
    try:
        return base64.b64decode(_string(raw), validate=True)
    except binascii.Error as error:
        raise Unfit("base64 is expected") from error


def _json(raw: bytes) -> bytes:
    return raw


def _one(read: Callable[[bytes], bytes]) -> Callable[[bytes], tuple[bytes, ...]]:
    return lambda raw: (read(raw),)


def _list(read: Callable[[bytes], bytes]) -> Callable[[bytes], tuple[bytes, ...]]:
    def read_all(raw: bytes) -> tuple[bytes, ...]:
        if not raw.startswith(b"["):
            raise Unfit("a list is expected")
        found = tuple(read(item) for item in _items(raw))
        if not found:
            raise Unfit("the list is empty, and a command cannot be told so")
        return found

    return read_all


def _items(raw: bytes) -> list[bytes]:
    """The raw text of each member of a JSON array."""
    values = jsontext.loads(raw)
    assert isinstance(values, list)
    if any(isinstance(value, float) for value in values):  # digits are kept as they are written
        return [piece.strip() for piece in raw.strip()[1:-1].split(b",")] if _is_flat(values) else []
    return [jsontext.dumps(value) for value in values]


def _is_flat(values: list[JsonValue]) -> bool:
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        raise Unfit("a list of numbers is expected")
    return True


def _pairs(raw: bytes) -> tuple[bytes, ...]:
    if not raw.startswith(b"{"):
        raise Unfit("an object is expected")
    words: list[bytes] = []
    for name, value in jsontext.object_fields(raw).items():
        words += (name.encode(), _string(value) if value.startswith(b'"') else _double(value))
    if not words:
        raise Unfit("the object is empty, and a command cannot be told so")
    return tuple(words)


_TEXT: Final = {"type": "string"}
_SCALARS: Final[dict[str, tuple[Mapping[str, object], Callable[[bytes], bytes]]]] = {
    "string": (_TEXT, _string),
    "int": ({"type": "integer"}, _int),
    "double": ({"type": "number"}, _double),
    "binary": ({**_TEXT, "contentEncoding": "base64"}, _binary),
}
TYPES: Final[dict[str, ArgumentType]] = {
    **{name: ArgumentType(schema, _one(read)) for name, (schema, read) in _SCALARS.items()},
    **{
        f"{name}[]": ArgumentType({"type": "array", "items": schema}, _list(read))
        for name, (schema, read) in _SCALARS.items()
    },
    "json": ArgumentType({}, _one(_json)),
    "object": ArgumentType({"type": "object"}, _pairs),
}
"""Types of arguments by name. An `object` stands for its fields and values in turn (HSET, MSET, XADD)."""
