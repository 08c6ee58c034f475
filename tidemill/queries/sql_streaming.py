"""`-- s3`: the rows of the last statement go to an object of workspace storage as they come."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, cast

from tidemill.engine.sql.annotations import Annotations, Collection, Format
from tidemill.model.errors import BadRequest
from tidemill.queries.port import Host, Query
from tidemill.queries.row_writers import BatchWriter, RowWriter, parquet_writer, row_writer
from tidemill.queries.sql_collecting import drain
from tidemill.queries.streamed_object import object_key
from tidemill.stores.databases.port import (
    Capabilities,
    ColumnarResult,
    ColumnarSession,
    Result,
    Session,
    Statement,
)

BATCH_ROWS: Final = 8192
PIECE_BYTES: Final = 1024 * 1024


async def stream(
    session: Session,
    annotations: Annotations,
    statements: Sequence[Statement],
    query: Query,
    host: Host,
    *,
    can: Capabilities,
) -> bytes:
    """The JSON of the `S3Object`. A transaction is committed before the object is there; if that fails, it never is.

    Raises:
        BadRequest: the last statement gives no rows, or a form of the result is asked for as well.
        QueryFailed, ConnectionFailed: nothing is left of the object.
    """
    streaming = annotations.streaming
    assert streaming is not None
    if annotations.collection is not Collection.LAST_ALL_ROWS:
        raise BadRequest("-- s3 writes all rows of the last statement: leave out result_collection.")
    for statement in statements[:-1]:
        for earlier in await session.run(statement):
            await drain(earlier)
    writer, written = await _begun(session, annotations, statements[-1], can=can)
    commits = session if annotations.is_transaction and not can.together else None
    return await host.upload(
        _pieces(written, writer, commits),
        key=object_key(streaming.prefix, query, host, extension=writer.extension),
        storage=streaming.storage,
        content_type=writer.content_type,
    )


async def _begun(
    session: Session, annotations: Annotations, statement: Statement, *, can: Capabilities
) -> tuple[RowWriter, AsyncGenerator[bytes]]:
    """The writer, and what it has written after each batch of rows, which are whole columns where that can be."""
    assert annotations.streaming is not None
    if can.columnar and annotations.streaming.format is Format.PARQUET:
        columnar = await cast("ColumnarSession", session).run_columnar(statement)
        if columnar is not None:
            writer = parquet_writer(columnar.columns)
            return writer, _of_columns(columnar, writer)
    result = (await session.run(statement))[-1]
    if not result.columns:
        raise BadRequest("-- s3: the last statement gives no rows that could be streamed.")
    form, as_text = annotations.streaming.format, annotations.big_numbers_as_text
    of_rows = row_writer(form, result.columns, big_numbers_as_text=as_text)
    return of_rows, _of_rows(result, of_rows)


async def _of_rows(result: Result, writer: RowWriter) -> AsyncGenerator[bytes]:
    """Each batch is written in a thread: others go on meanwhile."""
    async for rows in result.batches(BATCH_ROWS):
        yield await asyncio.to_thread(writer.write, rows)


async def _of_columns(result: ColumnarResult, writer: BatchWriter) -> AsyncGenerator[bytes]:
    """In always the same thread: each keeps some of the memory that it used."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, thread_name_prefix="columns") as thread:
        async for batch in result.batches():
            yield await loop.run_in_executor(thread, writer.write_batch, batch)


async def _pieces(written: AsyncGenerator[bytes], writer: RowWriter, commits: Session | None) -> AsyncIterator[bytes]:
    """The object."""
    ready = bytearray()
    async for some in written:
        ready += some
        while len(ready) >= PIECE_BYTES:
            yield bytes(ready[:PIECE_BYTES])
            del ready[:PIECE_BYTES]
    ready += await asyncio.to_thread(writer.finish)
    if commits is not None:
        await commits.commit()
    if ready:
        yield bytes(ready)
