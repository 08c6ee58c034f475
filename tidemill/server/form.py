"""Forms as bodies: the fields of `application/x-www-form-urlencoded`, and of `multipart/form-data` with its files."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from tidemill.model.errors import BadRequest, TooLarge
from tidemill.server.multipart import MAX_PARTS, Multipart, Part

MAX_FILES: Final = 100
"""In one form; each is an object of its own."""

KeepFile = Callable[[Part, AsyncIterator[bytes]], Awaitable[bytes]]
"""Puts a file where it stays; the JSON text of the pointer to it."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form.

    Attributes:
        value: its bytes; of a file that was kept the JSON text of the pointer, of a field for files without one "".
        is_file: whether it came as a file.
        is_kept: whether the file is kept elsewhere.
    """

    name: str
    value: bytes
    is_file: bool = False
    is_kept: bool = False


def parse_urlencoded(body: bytes) -> list[Field]:
    """The fields, in their order.

    Raises:
        BadRequest: it is not UTF-8 text, or has too many fields.
    """
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, strict_parsing=bool(body), errors="strict", max_num_fields=MAX_PARTS
        )
    except ValueError as error:
        raise BadRequest(f"The body is not a form: {error}.") from error
    return [Field(name, value.encode()) for name, value in pairs]


async def read_multipart(
    content_type: str, pieces: AsyncIterator[bytes], *, keep: KeepFile, holds: Callable[[str], bool], max_bytes: int
) -> list[Field]:
    """The fields, in their order. Files go to `keep` as they arrive, but those in fields that `holds` tells of.

    Raises:
        BadRequest: it is malformed, or has too many fields or files.
        TooLarge: what is held of it has more than `max_bytes` bytes.
    """
    form = Multipart(content_type, pieces)
    fields: list[Field] = []
    left, files = max_bytes, 0
    while (part := await form.next_part()) is not None:
        if part.filename is None or holds(part.name):
            value = await _held(form.body(), left)
            fields.append(Field(part.name, value, is_file=part.filename is not None))
            left -= len(value) + len(part.name)
            continue
        files += 1
        if files > MAX_FILES:
            raise BadRequest(f"The form has more than {MAX_FILES} files: upload them first, and send pointers to them.")
        fields.append(Field(part.name, await _kept(part, form.body(), keep), is_file=True, is_kept=True))
    return fields


async def _held(body: AsyncIterator[bytes], most: int) -> bytes:
    value = bytearray()
    async for piece in body:
        value += piece
        if len(value) > most:
            raise TooLarge(
                "The fields of the form are larger than arguments may be (TIDEMILL_MAX_VALUE_BYTES): send large data "
                "as a file, in a field whose parameter is not of the type bytes."
            )
    return bytes(value)


async def _kept(part: Part, body: AsyncIterator[bytes], keep: KeepFile) -> bytes:
    """The pointer; "" where nobody chose a file, which browsers tell by one without a name and without bytes."""
    if part.filename:
        return await keep(part, body)
    first = await anext(body, b"")
    return await keep(part, _joined(first, body)) if first else b""


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece
