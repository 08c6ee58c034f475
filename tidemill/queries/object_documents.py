"""Reads an object of workspace storage as documents for an argument `(s3object)`: JSON Lines or JSON."""

import asyncio
import json
from typing import Final

from tidemill.engine.documents import extended_json
from tidemill.engine.documents.bson_tree import Tree, Unfit
from tidemill.engine.documents.exact_number import exact_float
from tidemill.model import jsontext
from tidemill.model.errors import BadRequest, InvalidJson, TooLarge
from tidemill.queries.port import Host

MAX_OBJECT_BYTES: Final = 128 * 1024 * 1024


async def read_documents(pointer: bytes, host: Host, *, name: str) -> Tree:
    """What the object holds: a list of documents, one a line, or of one JSON text what it says.

    Raises:
        BadRequest: it is neither; the message names argument and line.
        TooLarge: it has more than `MAX_OBJECT_BYTES`.
    """
    chunks: list[bytes] = []
    size = 0
    async for chunk in host.download(pointer):
        size += len(chunk)
        if size > MAX_OBJECT_BYTES:
            raise TooLarge(f"The object of the argument {name} has more than {MAX_OBJECT_BYTES} bytes.")
        chunks.append(chunk)
    return await asyncio.to_thread(_parsed, b"".join(chunks), name)


def _parsed(content: bytes, name: str) -> Tree:
    lines = [line for line in content.split(b"\n") if line.strip()]
    if not lines:
        return []
    if len(lines) == 1 or not _is_json(lines[0]):
        return _value(content, name, 1)
    return [_value(line, name, number) for number, line in enumerate(lines, start=1)]


def _is_json(line: bytes) -> bool:
    try:
        jsontext.check(line, max_bytes=len(line))
    except InvalidJson:
        return False
    return True


def _value(text: bytes, name: str, line: int) -> Tree:
    try:
        jsontext.check(text, max_bytes=len(text))
        return extended_json.typed(json.loads(text, parse_float=exact_float))
    except (InvalidJson, Unfit) as error:
        raise BadRequest(f"The object of the argument {name}, document {line}: {error}") from error
