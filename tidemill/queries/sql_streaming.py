"""`-- s3`: the rows of the last statement go to an object of workspace storage as they come."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

from tidemill.engine.sql.annotations import Annotations, Collection
from tidemill.model.errors import BadRequest
from tidemill.queries.port import Host, Query
from tidemill.queries.row_writers import RowWriter, row_writer
from tidemill.queries.sql_collecting import drain
from tidemill.queries.streamed_object import object_key
from tidemill.stores.databases.port import Result, Session, Statement

BATCH_ROWS: Final = 8192
PIECE_BYTES: Final = 1024 * 1024


async def stream(
    session: Session, annotations: Annotations, statements: Sequence[Statement], query: Query, host: Host
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
    result = (await session.run(statements[-1]))[-1]
    if not result.columns:
        raise BadRequest("-- s3: the last statement gives no rows that could be streamed.")
    writer = row_writer(streaming.format, result.columns, big_numbers_as_text=annotations.big_numbers_as_text)
    commits = session if annotations.is_transaction else None
    return await host.upload(
        _pieces(result, writer, commits),
        key=object_key(streaming.prefix, query, host, extension=writer.extension),
        storage=streaming.storage,
        content_type=writer.content_type,
    )


async def _pieces(result: Result, writer: RowWriter, commits: Session | None) -> AsyncIterator[bytes]:
    """The object. Each batch is written in a thread: others go on meanwhile."""
    ready = bytearray()
    async for rows in result.batches(BATCH_ROWS):
        ready += await asyncio.to_thread(writer.write, rows)
        while len(ready) >= PIECE_BYTES:
            yield bytes(ready[:PIECE_BYTES])
            del ready[:PIECE_BYTES]
    ready += await asyncio.to_thread(writer.finish)
    if commits is not None:
        await commits.commit()
    if ready:
        yield bytes(ready)
