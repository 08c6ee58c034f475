"""Updates of one job: as the answer to a long poll, and as server-sent events that can be resumed."""

import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

import anyio
import msgspec
from msgspec import UNSET, Raw, UnsetType
from starlette.responses import Response, StreamingResponse

from tidemill.db import jobs
from tidemill.model.errors import NotFound, TidemillError
from tidemill.server.flow_results import step_result
from tidemill.server.live import Look, look
from tidemill.server.parts import Parts
from tidemill.server.updates import Watch

LONG_POLL_S: Final = 10.0
PING_S: Final = 15.0
STREAM_S: Final = 300.0
"""So long one stream of events lasts; clients then connect again and go on where they were."""
BELIEVED_S: Final = 5.0
"""So long a viewer of a stream is taken to have the rights that it had."""

_EVENT_ID: Final = re.compile(r"(\d{1,15})-(\d{1,15})")
HEADERS: Final = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a viewer has already, and what it wants to see. `running`: whether it knows that the job runs.

    `early_return`: of a flow, the step whose result ends the stream as soon as it has succeeded.
    """

    running: bool = False
    log_offset: int = 0
    stream_offset: int = 0
    progress: int | None = None
    with_logs: bool = True
    with_progress: bool = False
    only_result: bool = False
    early_return: str | None = None


class Update(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What is new of a job. `only_result` is its result, in the event that tells that it has ended."""

    type: str | UnsetType = UNSET
    running: bool
    completed: bool
    success: bool | UnsetType = UNSET
    new_logs: str | UnsetType = UNSET
    log_offset: int | UnsetType = UNSET
    new_result_stream: str | UnsetType = UNSET
    stream_offset: int | UnsetType = UNSET
    mem_peak: int | UnsetType = UNSET
    progress: int | UnsetType = UNSET
    only_result: Raw | UnsetType = UNSET


class Note(msgspec.Struct, omit_defaults=True):
    """An event that is no update: `ping`, `timeout`, `not_found` or `error`."""

    type: str
    error: str | UnsetType = UNSET


def resumed(view: View, last_event_id: str | None) -> View:
    """`view`, from behind the event of that id on, where a client names one."""
    found = _EVENT_ID.fullmatch(last_event_id or "")
    return view if found is None else replace(view, log_offset=int(found[1]), stream_offset=int(found[2]))


async def poll(parts: Parts, workspace: str, job_id: UUID, view: View, *, timeout_s: float = LONG_POLL_S) -> Update:
    """What is new; waits up to `timeout_s` for something.

    Raises:
        NotFound: there is no such job (any more).
    """
    with parts.updates.watch(job_id) as watch:
        seen = await _look_for_news(parts, workspace, job_id, view, watch=watch, timeout_s=timeout_s)
    return _update(seen, view)


def respond(
    parts: Parts, workspace: str, job_id: UUID, view: View, *, check: Callable[[], Awaitable[object]]
) -> Response:
    """The stream of events as a response. `check` raises once the viewer may not see the job any more."""
    stream = events(parts, workspace, job_id, view, check=check)
    return StreamingResponse(stream, headers=HEADERS, media_type="text/event-stream")


async def events(
    parts: Parts,
    workspace: str,
    job_id: UUID,
    view: View,
    *,
    check: Callable[[], Awaitable[object]],
    lasts_s: float = STREAM_S,
    ping_s: float = PING_S,
    believed_s: float = BELIEVED_S,
) -> AsyncGenerator[bytes, None]:
    """Updates until the job has ended, `lasts_s` are over or it is not there (any more), each as one event.

    Nothing is told to a viewer whose rights were looked at longer than `believed_s` ago.
    """
    stream = _updates(parts, workspace, job_id, view, lasts_s=lasts_s, ping_s=ping_s)
    believed_until = anyio.current_time() + believed_s
    try:
        async with aclosing(stream):
            async for each in stream:
                if anyio.current_time() >= believed_until:
                    await check()
                    believed_until = anyio.current_time() + believed_s
                yield each
    except NotFound:
        yield event(Note("not_found"))
    except TidemillError as error:
        yield event(Note("error", str(error)))


async def _updates(
    parts: Parts, workspace: str, job_id: UUID, view: View, *, lasts_s: float, ping_s: float
) -> AsyncGenerator[bytes, None]:
    deadline = anyio.current_time() + lasts_s
    is_first = True
    with parts.updates.watch(job_id) as watch:
        while (left_s := deadline - anyio.current_time()) > 0:
            timeout_s = 0.0 if is_first else min(left_s, ping_s)
            seen = await _look_for_news(parts, workspace, job_id, view, watch=watch, timeout_s=timeout_s)
            if not is_first and not _is_news(seen, view):
                yield event(Note("ping"))
                continue
            update = _update(seen, view)
            update.type = "update"
            if seen.completed:
                update.only_result = await _result(parts, workspace, job_id, view)
            if not view.only_result or seen.completed or is_first:
                yield event(update, id=f"{seen.log.end}-{seen.stream.end}")
            if seen.completed:
                return
            view, is_first = _after(view, seen), False
    yield event(Note("timeout"))


async def _look_for_news(
    parts: Parts, workspace: str, job_id: UUID, view: View, *, watch: Watch, timeout_s: float
) -> Look:
    """How the job stands: at once where there is news for the viewer, otherwise when there is, or after `timeout_s`."""
    deadline = anyio.current_time() + timeout_s
    while True:
        seen = await look(
            parts.database,
            parts.logs,
            workspace,
            job_id,
            watched=watch.watched,
            log_offset=view.log_offset,
            stream_offset=view.stream_offset,
            with_logs=view.with_logs and not view.only_result,
        )
        left_s = deadline - anyio.current_time()
        if not seen.has_ended and await _has_returned_early(parts, workspace, job_id, view):
            return replace(seen, completed=True, success=True)
        if left_s <= 0 or _is_news(seen, view):
            return seen
        await watch.wait(left_s)


async def _has_returned_early(parts: Parts, workspace: str, job_id: UUID, view: View) -> bool:
    if view.early_return is None:
        return False
    return await step_result(parts, workspace, job_id, view.early_return, succeeded=True) is not None


def _is_news(seen: Look, view: View) -> bool:
    return (
        seen.completed
        or seen.running != view.running
        or seen.log.text != ""
        or seen.stream.text != ""
        or (view.with_progress and seen.progress != view.progress)
    )


def _after(view: View, seen: Look) -> View:
    """What the viewer knows once it has seen `seen`."""
    return replace(
        view,
        running=seen.running,
        log_offset=seen.log.end,
        stream_offset=seen.stream.end,
        progress=seen.progress,
    )


def _update(seen: Look, view: View) -> Update:
    update = Update(running=seen.running, completed=seen.completed, stream_offset=seen.stream.end)
    if view.with_logs and not view.only_result:
        update.log_offset = seen.log.end
        update.new_logs = seen.log.text
    if seen.stream.text:
        update.new_result_stream = seen.stream.text
    if seen.success is not None and seen.completed:
        update.success = seen.success
    if seen.memory_peak_bytes is not None:
        update.mem_peak = seen.memory_peak_bytes // 1024
    if seen.progress is not None:
        update.progress = seen.progress
    return update


async def _result(parts: Parts, workspace: str, job_id: UUID, view: View) -> Raw:
    outcome = await jobs.outcome(parts.database.single, workspace, job_id)
    if outcome is None:
        raise NotFound(f"There is no job {job_id}.")
    if outcome.status is None and view.early_return is not None:
        return Raw(await step_result(parts, workspace, job_id, view.early_return, succeeded=True) or b"null")
    return Raw(await parts.values.fetch(outcome.result, outcome.result_object) or b"null")


def event(body: msgspec.Struct, *, id: str = "") -> bytes:  # noqa: A002
    """One event on one line: JSON that users gave may hold line ends between its tokens, where a blank is as good."""
    head = f"id: {id}\n".encode() if id else b""
    return head + b"data: " + msgspec.json.encode(body).replace(b"\r", b" ").replace(b"\n", b" ") + b"\n\n"
