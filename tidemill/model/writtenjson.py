"""JSON read so that it can be written again to the digit: numbers with a point or an exponent keep their text."""

import json
from typing import Final


class Written(str):
    """A number as it was written."""

    __slots__ = ()


JsonValue = None | bool | int | str | list["JsonValue"] | dict[str, "JsonValue"]
"""As `loads` gives it: a number that is no integer is a `Written`."""

_DECODER: Final = json.JSONDecoder(parse_float=Written)


def loads(raw: bytes) -> JsonValue:
    """The value of JSON text that `model/jsontext.py` has let pass."""
    value: JsonValue = _DECODER.decode(raw.decode())
    return value


def dumps(value: JsonValue) -> bytes:
    """Compact JSON text; numbers as they were written."""
    return _text(value).encode()


def _text(value: JsonValue) -> str:
    match value:
        case Written():
            return str(value)
        case dict():
            return "{" + ",".join(f"{_text(name)}:{_text(each)}" for name, each in value.items()) + "}"
        case list():
            return "[" + ",".join(map(_text, value)) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)
