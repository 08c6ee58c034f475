"""Where the result of a script that streams goes: the object's key, and the object of what has no columns."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Final

from tidemill.engine.script_head import Streamed
from tidemill.engine.sql.annotations import Format
from tidemill.model.ids import new_id
from tidemill.queries.document_rows import SAMPLE, DocumentRows, Members
from tidemill.queries.port import Host, Query
from tidemill.queries.row_writers import row_writer

DEFAULT_FOLDER: Final = "wmill_datalake"


def object_key(prefix: str, query: Query, host: Host, *, extension: str) -> str:
    """`<prefix>/<job>.<extension>`; without a prefix below the path of the script, or of whoever runs a preview."""
    name = query.job_id or str(new_id(time.time_ns() // 1_000_000))
    _, _, actor = host.identity.partition("/")
    folder = prefix.strip("/") or f"{DEFAULT_FOLDER}/{query.path.strip('/') or actor}/{name}"
    return f"{folder}/{name}.{extension}"


async def upload_lines(lines: AsyncIterable[bytes], streamed: Streamed, query: Query, host: Host) -> bytes:
    """Write JSON Lines to the object; its pointer. If `lines` raises, nothing is left."""
    key = object_key(streamed.prefix, query, host, extension="json")
    return await host.upload(lines, key=key, storage=streamed.storage, content_type="application/x-ndjson")


async def upload_rows(
    documents: AsyncGenerator[Sequence[Members]], streamed: Streamed, query: Query, host: Host
) -> bytes:
    """Write CSV or Parquet to the object; its pointer. If `documents` raises, nothing is left.

    Raises:
        QueryFailed: documents are not alike; see `DocumentRows`.
    """
    sample: list[Members] = []
    async for batch in documents:
        sample += batch
        if len(sample) >= SAMPLE:
            break
    rows = DocumentRows(sample)
    writer = row_writer(Format(streamed.format), rows.columns, big_numbers_as_text=False)

    def written(some: Sequence[Members]) -> bytes:
        return writer.write(rows.rows(some)) if some else b""

    async def pieces() -> AsyncIterator[bytes]:
        yield await asyncio.to_thread(written, sample)
        async for batch in documents:
            yield await asyncio.to_thread(written, batch)
        yield await asyncio.to_thread(writer.finish)

    async with aclosing(documents):
        return await host.upload(
            _given(pieces()),
            key=object_key(streamed.prefix, query, host, extension=writer.extension),
            storage=streamed.storage,
            content_type=writer.content_type,
        )


async def _given(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for piece in pieces:
        if piece:
            yield piece
