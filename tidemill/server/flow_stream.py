"""Tells who looks at a flow that it, or a level of it, has changed: events that name jobs, and hold nothing else."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import ExitStack
from typing import Final
from uuid import UUID

import anyio
import msgspec
from msgspec import UNSET, UnsetType
from starlette.responses import Response, StreamingResponse

from tidemill.db import flow_runs
from tidemill.model.errors import TidemillError
from tidemill.server.job_stream import BELIEVED_S, HEADERS, PING_S, STREAM_S, Note, event
from tidemill.server.parts import Parts
from tidemill.server.updates import Watch

MOST_LEVELS: Final = 64

Known = dict[UUID, tuple[int | None, str | None]]


class Changed(msgspec.Struct, omit_defaults=True, kw_only=True):
    """The levels of `jobs` are further than they were, or have ended. `completed`: the flow has ended."""

    type: str
    jobs: list[str]
    completed: bool | UnsetType = UNSET


def respond(
    parts: Parts, workspace: str, flow: UUID, levels: Sequence[UUID], *, check: Callable[[], Awaitable[object]]
) -> Response:
    """The stream of events as a response. `check` raises once the viewer may not see the flow any more."""
    stream = _events(parts, workspace, flow, levels, check=check)
    return StreamingResponse(stream, headers=HEADERS, media_type="text/event-stream")


async def _events(
    parts: Parts, workspace: str, flow: UUID, levels: Sequence[UUID], *, check: Callable[[], Awaitable[object]]
) -> AsyncGenerator[bytes, None]:
    believed_until = anyio.current_time() + BELIEVED_S
    try:
        async for note in _changes(parts, workspace, flow, levels):
            if anyio.current_time() >= believed_until:
                await check()
                believed_until = anyio.current_time() + BELIEVED_S
            yield event(note)
    except TidemillError as error:
        yield event(Note("error", str(error)))


async def _changes(
    parts: Parts, workspace: str, flow: UUID, levels: Sequence[UUID]
) -> AsyncGenerator[Changed | Note, None]:
    """What has changed; first of all how everything stands, for whoever looked before the watch began."""
    deadline = anyio.current_time() + STREAM_S
    ids, known = [flow, *levels], Known()
    with ExitStack() as stack:
        watches = [stack.enter_context(parts.updates.watch(job)) for job in ids]
        while (left_s := deadline - anyio.current_time()) > 0:
            rows = await flow_runs.standings(parts.database.single, workspace, ids)
            now = {row.id: (row.version, row.status) for row in rows}
            if flow not in now:
                yield Note("not_found")
                return
            changed = [str(job) for job, standing in now.items() if known.get(job) != standing]
            known, is_over = now, now[flow][1] is not None
            yield Changed(type="changed", jobs=changed, completed=is_over or UNSET) if changed else Note("ping")
            if is_over:
                return
            await _news(watches, min(left_s, PING_S))
    yield Note("timeout")


async def _news(watches: Sequence[Watch], timeout_s: float) -> None:
    """Return when one of them has news, or after `timeout_s`."""
    async with anyio.create_task_group() as group:

        async def wait(watch: Watch) -> None:
            if await watch.wait(timeout_s):
                group.cancel_scope.cancel()

        for watch in watches:
            group.start_soon(wait, watch)
