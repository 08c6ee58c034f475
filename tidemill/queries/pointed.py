"""Arguments that point to objects, `(s3object)`: the content, as JSON text that a statement unpacks."""

import asyncio
import csv
import io
import re
from collections.abc import AsyncIterator, Callable
from pathlib import PurePosixPath
from typing import Final

import msgspec

from tidemill.model import jsontext
from tidemill.model.errors import BadRequest, InvalidJson, TooLarge
from tidemill.queries.arguments import read_pointer
from tidemill.queries.port import Host
from tidemill.registry import Entry

MOST_BYTES: Final = 512 * 1024 * 1024
_PARQUET: Final = Entry("tidemill.queries.parquet_reader:ParquetReader")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")


async def content_of(pointer: bytes, host: Host, *, name: str) -> bytes:
    """The JSON text of the object that the argument `name` points to.

    Parquet and CSV become a list of objects; other objects are JSON, or JSON Lines, which become a list.

    Raises:
        BadRequest: it does not point to an object, or that is not what its name says.
        TooLarge: it has more than 512 MiB.
        NotFound, Denied, Unavailable: it cannot be read.
    """
    key = read_pointer(pointer, name=name).key
    raw = await _read(host.download(pointer), name)
    read = _READERS.get(PurePosixPath(key).suffix.lower(), _json)
    try:
        return await asyncio.to_thread(read, raw)
    except (InvalidJson, ValueError, csv.Error) as error:
        raise BadRequest(f"The object {key} of the argument {name} cannot be read: {error}") from error


async def _read(chunks: AsyncIterator[bytes], name: str) -> bytes:
    found = bytearray()
    async for chunk in chunks:
        found += chunk
        if len(found) > MOST_BYTES:
            raise TooLarge(
                f"The object of the argument {name} has more than {MOST_BYTES} bytes: load it with DuckDB, which reads "
                "objects piece by piece."
            )
    return bytes(found)


def _json(raw: bytes) -> bytes:
    """JSON as it is. Several lines of it are a list, nothing at all is an empty one."""
    raw = raw.removeprefix(b"\xef\xbb\xbf").strip()
    if not raw:
        return b"[]"
    lines = [line for line in raw.splitlines() if line.strip()]
    if len(lines) > 1 and _is_json(lines[0]):
        raw = b"[" + b",".join(lines) + b"]"
    jsontext.check(raw, max_bytes=MOST_BYTES)
    return raw


def _is_json(raw: bytes) -> bool:
    try:
        jsontext.check(raw, max_bytes=MOST_BYTES)
    except InvalidJson:
        return False
    return True


def _csv(raw: bytes) -> bytes:
    """A list of objects by the header. A column of nothing but numbers has numbers, with the digits that there are."""
    rows = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""), strict=True))
    if not rows:
        return b"[]"
    names, cells = rows[0], [row for row in rows[1:] if row]
    if len(set(names)) != len(names):
        raise ValueError("two columns have one name.")
    for number, row in enumerate(cells, 1):
        if len(row) != len(names):
            raise ValueError(f"row {number} has {len(row)} cells, the header {len(names)}.")
    converts = [_convert(column) for column in zip(*cells, strict=True)]
    return msgspec.json.encode(
        [{name: convert(cell) for name, convert, cell in zip(names, converts, row, strict=True)} for row in cells]
    )


def _convert(column: tuple[str, ...]) -> Callable[[str], object]:
    given = [cell for cell in column if cell]
    if given and all(map(_NUMBER.fullmatch, given)):
        return lambda cell: msgspec.Raw(cell.encode()) if cell else None
    if given and all(cell in {"true", "false"} for cell in given):
        return lambda cell: cell == "true" if cell else None
    return lambda cell: cell or None


def _parquet(raw: bytes) -> bytes:
    reader = _PARQUET.load()
    read: Callable[[bytes], bytes] = reader.read  # type: ignore[attr-defined]
    return read(raw)


_READERS: Final[dict[str, Callable[[bytes], bytes]]] = {".csv": _csv, ".parquet": _parquet}
