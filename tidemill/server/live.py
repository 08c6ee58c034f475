"""What viewers of a running job get: how it stands, and what is new in its log and its result stream.

Each look goes to the database once for all viewers of a job that look after the same news. Offsets count UTF-16 units,
as JavaScript's strings do; no character is ever cut in two, and texts are passed on as they were written.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, TypeVar, cast
from uuid import UUID

from tidemill.db import jobs
from tidemill.db.logs import Logs
from tidemill.db.pool import Database
from tidemill.model.errors import NotFound
from tidemill.server.updates import Watched

T = TypeVar("T")

MOST_UNITS: Final = 1024 * 1024
"""What one update carries at most; the rest comes with the next one."""
_LAST_UNIT: Final = 2**53
_HIGH: Final = range(0xD800, 0xDC00)
_LOW: Final = range(0xDC00, 0xE000)


@dataclass(frozen=True, slots=True)
class Slice:
    """New text, and the offset behind it."""

    text: str
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a viewer sees that has `log_offset` units of the log and `stream_offset` of the stream already.

    Attributes:
        completed: it has ended, and nothing of its log and stream is left to be sent.
        has_ended: it has ended; what is left comes with the next looks.
    """

    running: bool
    completed: bool
    has_ended: bool
    success: bool | None
    progress: int | None
    memory_peak_bytes: int | None
    log: Slice
    stream: Slice


async def look(
    database: Database,
    logs: Logs,
    workspace: str,
    job_id: UUID,
    *,
    watched: Watched,
    log_offset: int,
    stream_offset: int,
    with_logs: bool = True,
) -> Look:
    """How the job stands and what is new for a viewer.

    Raises:
        NotFound: there is no such job (any more).
    """
    single = database.single

    async def stand() -> jobs.Standing | None:
        return await jobs.standing(single, workspace, job_id)

    async def text(start: int, end: int, *, stream: bool) -> Slice:
        async def read() -> Slice:
            return await read_text(logs, workspace, job_id, stream=stream, start=start)

        return await _once(watched, ("text", stream, start), read) if end > start else Slice("", start)

    standing = await _once(watched, ("standing", workspace), stand)
    if standing is None:
        raise NotFound(f"There is no job {job_id}.")
    log = await text(log_offset, standing.log_end, stream=False) if with_logs else Slice("", log_offset)
    stream = await text(stream_offset, standing.stream_end, stream=True)
    has_ended = standing.status is not None
    is_drained = stream.end >= standing.stream_end and (not with_logs or log.end >= standing.log_end)
    return Look(
        running=standing.state in {"running", "waiting"} or (has_ended and not is_drained),
        completed=has_ended and is_drained,
        has_ended=has_ended,
        success=standing.status == "success" if has_ended else None,
        progress=standing.progress,
        memory_peak_bytes=standing.memory_peak_bytes,
        log=log,
        stream=stream,
    )


async def read_text(
    logs: Logs, workspace: str, job_id: UUID, *, stream: bool, start: int, most: int = MOST_UNITS
) -> Slice:
    """About `most` units at most of a job's log (or stream) from the offset `start` on.

    A start in the middle of a character is moved to the beginning of that character.
    """
    found, taken, at = [], 0, min(start, _LAST_UNIT)
    async with aclosing(texts(logs, workspace, job_id, stream=stream, start=at)) as slices:
        async for each in slices:
            found.append(each.text)
            taken, at = taken + units(each.text), each.end
            if taken >= most:
                break
    return Slice("".join(found), at)


async def texts(
    logs: Logs, workspace: str, job_id: UUID, *, stream: bool = False, start: int = 0
) -> AsyncGenerator[Slice, None]:
    """All of a job's log (or stream) from the offset `start` on, a piece at a time; see `read_text`."""
    async with aclosing(logs.pieces(workspace, job_id, stream=stream, unit=start)) as pieces:
        async for piece in pieces:
            end = piece.start_unit + piece.units
            if end > start:
                yield Slice(from_unit(piece.text, max(0, start - piece.start_unit)), end)


def units(text: str) -> int:
    """The length of `text` in UTF-16 units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def from_unit(text: str, unit: int) -> str:
    """`text` from its UTF-16 unit `unit` on; from the character's beginning where that lies within one."""
    if text.isascii():
        return text[unit:]
    encoded = text.encode("utf-16-le", "surrogatepass")
    if unit > 0 and _unit_at(encoded, unit) in _LOW and _unit_at(encoded, unit - 1) in _HIGH:
        unit -= 1
    return encoded[unit * 2 :].decode("utf-16-le", "surrogatepass")


def _unit_at(encoded: bytes, unit: int) -> int:
    return int.from_bytes(encoded[unit * 2 : unit * 2 + 2], "little")


async def _once(watched: Watched, key: object, read: Callable[[], Awaitable[T]]) -> T:
    """What `read` gives, read once for all who ask under the same news of the job."""
    version, task = watched.seen.get(key, (-1, None))
    if version != watched.version or task is None:
        watched.seen = {known: entry for known, entry in watched.seen.items() if entry[0] == watched.version}
        task = cast("asyncio.Task[object]", asyncio.ensure_future(read()))
        watched.seen[key] = watched.version, task
    try:
        return cast("T", await asyncio.shield(task))
    except BaseException:
        if task.done():
            watched.seen.pop(key, None)
        raise
