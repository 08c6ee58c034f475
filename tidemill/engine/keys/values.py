"""Words of commands from JSON and back to how redis-cli would have them typed."""

import base64
import binascii
import re
from collections.abc import Iterable
from typing import Final

import msgspec

from tidemill.model.errors import BadRequest

_PLAIN: Final = re.compile(rb"[A-Za-z0-9_.:/@*+-]+")
_BASE64: Final = "$base64"
_NUMBER: Final = re.compile(rb"-?\d[\d.eE+-]*")


def word(raw: bytes, what: str) -> bytes:
    """The bytes of a text, of a number as it is written, or of `{"$base64": …}`.

    Raises:
        BadRequest: it is something else; the message names `what`.
    """
    if _NUMBER.fullmatch(raw.strip()):
        return raw.strip()
    match msgspec.json.decode(raw):
        case str() as text:
            return text.encode()
        case {"$base64": str() as text, **others} if not others:
            return decoded(text)
    raise BadRequest(f'{what} must be a text, a number, or bytes as {{"$base64": …}}.')


def decoded(text: str) -> bytes:
    """
    Raises:
        BadRequest: it is no base64.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequest(f"{text[:40]!r} is not base64.") from error


def is_base64(raw: bytes) -> bool:
    """Whether JSON is bytes, rather than an object of fields."""
    found = msgspec.json.decode(raw)
    return isinstance(found, dict) and set(found) == {_BASE64}


def typed(words: Iterable[bytes]) -> str:
    """A command as one types it into redis-cli, and as scripts have it."""
    return " ".join(each.decode() if _PLAIN.fullmatch(each) else _quoted(each) for each in words)


def _quoted(each: bytes) -> str:
    try:
        text = each.decode()
    except UnicodeDecodeError:
        return '"' + "".join(f"\\x{byte:02x}" for byte in each) + '"'
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r") + '"'


def pattern(text: str, *, is_within: bool) -> bytes:
    """A glob of what begins with a text, or contains it in upper or lower case."""
    escaped = "".join(
        f"[{char.lower()}{char.upper()}]" if is_within and char.isascii() and char.isalpha() else _escaped(char)
        for char in text
    )
    return f"{'*' if is_within else ''}{escaped}*".encode()


def _escaped(char: str) -> str:
    return f"\\{char}" if char in "*?[]^-\\" else char


def exactly(text: bytes) -> bytes:
    """A glob of this text alone."""
    return re.sub(rb"([*?\[\]^\\-])", rb"\\\1", text)
