"""From the bytes of a file, as they come, to its records."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from typing import Final, cast

from tidemill.engine.sql.annotations import Format
from tidemill.engine.table_files import CsvRecords, JsonLines, Record, RecordReader
from tidemill.model.errors import TooLarge
from tidemill.registry import Entry

MOST_PARQUET_BYTES: Final = 4 * 1024 * 1024 * 1024
"""It is put on disk first: Parquet is read from its end."""
PIECE_BYTES: Final = 256 * 1024
_PARQUET: Final = Entry("tidemill.queries.parquet_records:ParquetRecords")


async def records_of(pieces: AsyncIterator[bytes], form: Format) -> AsyncIterator[Sequence[Record]]:
    """The records of a file, some at a time; memory holds few of them.

    Raises:
        BadRequest: it is no such file; the message names the line.
        TooLarge: a Parquet file is.
    """
    if form is Format.PARQUET:
        async for batch in _of_parquet(pieces):
            yield batch
        return
    reader: RecordReader = CsvRecords() if form is Format.CSV else JsonLines()
    async for piece in pieces:
        for at in range(0, len(piece), PIECE_BYTES):
            if found := await asyncio.to_thread(_fed, reader, piece[at : at + PIECE_BYTES]):
                yield found
    if rest := list(reader.end()):
        yield rest


def _fed(reader: RecordReader, piece: bytes) -> list[Record]:
    return list(reader.feed(piece))


async def _of_parquet(pieces: AsyncIterator[bytes]) -> AsyncIterator[Sequence[Record]]:
    with tempfile.TemporaryFile(prefix="tidemill-") as file:
        size = 0
        async for piece in pieces:
            size += len(piece)
            if size > MOST_PARQUET_BYTES:
                raise TooLarge(f"The Parquet file has more than {MOST_PARQUET_BYTES} bytes: load it with DuckDB.")
            await asyncio.to_thread(file.write, piece)
        reader = cast("type[_Batches]", _PARQUET.load())(file)
        while (batch := await asyncio.to_thread(next, reader, None)) is not None:
            yield batch


class _Batches(Iterator[Sequence[Record]]):
    def __init__(self, file: object) -> None: ...


async def in_one_task(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same pieces, made by one task whoever takes them: drivers keep things in the context of their task."""
    ready: asyncio.Queue[bytes | None] = asyncio.Queue(maxsize=2)

    async def make() -> None:
        try:
            async with aclosing(pieces):  # type: ignore[type-var]  # generators close
                async for piece in pieces:
                    await ready.put(piece)
        finally:
            await ready.put(None)

    making = asyncio.create_task(make(), name="export")
    try:
        while (piece := await ready.get()) is not None:
            yield piece
        await making
    finally:
        making.cancel()
        while not ready.empty():
            ready.get_nowait()
        await asyncio.gather(making, return_exceptions=True)


async def pieces_with(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """A stream whose first piece was looked at already; it is closed whatever happens."""
    async with aclosing(rest):  # type: ignore[type-var]  # generators close
        yield first
        async for piece in rest:
            yield piece
