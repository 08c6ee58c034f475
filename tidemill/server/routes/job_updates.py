"""Following a job: one answer at a time (long poll), or a stream of events that can be resumed."""

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Header, Query
from starlette.responses import Response

from tidemill.server import flow_stream, job_stream
from tidemill.server.flow_stream import MOST_LEVELS
from tidemill.server.job_stream import Update, View, resumed
from tidemill.server.jobs_seen import require_job, still_sees
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.parts import Caller, InParts, Readmission
from tidemill.server.wire import ERRORS, EVENTS, json_answer, returns

router = APIRouter(tags=["job"], responses=ERRORS, route_class=LazyRoute)

_MOST: Final = 2**50
Offset = Annotated[int, Query(ge=0, le=_MOST, description="How much is known already, in UTF-16 units.")]
Running = Annotated[bool, Query(description="Whether it is known already that the job runs.")]


@router.get("/api/w/{workspace}/jobs_u/getupdate/{id}", response_class=Response, responses={200: returns(Update)})
async def get_update(
    parts: InParts,
    caller: Caller,
    id: str,  # noqa: A002
    *,
    running: Running = False,
    log_offset: Offset = 0,
    stream_offset: Offset = 0,
    get_progress: bool = False,
    no_logs: bool = False,
) -> Response:
    """What is new of the job. Answers as soon as there is something, else after some seconds."""
    seen = await require_job(parts, caller, id)
    view = View(
        running=running,
        log_offset=log_offset,
        stream_offset=stream_offset,
        with_logs=not no_logs,
        with_progress=get_progress,
    )
    return json_answer(await job_stream.poll(parts, caller.workspace, seen.id, view))


@router.get(
    "/api/w/{workspace}/jobs_u/getupdate_sse/{id}",
    response_class=Response,
    responses={200: EVENTS},
)
async def get_updates_as_events(
    parts: InParts,
    caller: Caller,
    readmit: Readmission,
    id: str,  # noqa: A002
    *,
    running: Running = False,
    log_offset: Offset = 0,
    stream_offset: Offset = 0,
    get_progress: bool = True,
    only_result: bool = False,
    no_logs: bool = False,
    fast: Annotated[bool, Query(description="Ignored: updates come as fast as there are any.")] = False,
    last_event_id: Annotated[str | None, Header(description="Go on behind this event.")] = None,
) -> Response:
    """Updates until the job has ended, as server-sent events; the last one holds the result."""
    del fast
    seen = await require_job(parts, caller, id)
    view = View(
        running=running,
        log_offset=log_offset,
        stream_offset=stream_offset,
        with_logs=not no_logs,
        with_progress=get_progress,
        only_result=only_result,
    )
    check = still_sees(parts, readmit, seen.id)
    return job_stream.respond(parts, caller.workspace, seen.id, resumed(view, last_event_id), check=check)


@router.get("/api/w/{workspace}/jobs_u/flow_changes_sse/{id}", response_class=Response, responses={200: EVENTS})
async def get_flow_changes_as_events(
    parts: InParts,
    caller: Caller,
    readmit: Readmission,
    id: str,  # noqa: A002
    *,
    level: Annotated[
        list[UUID], Query(max_length=MOST_LEVELS, description="Jobs below it (iterations, branches) to tell of, too.")
    ] = [],  # noqa: B006
) -> Response:
    """Which levels of a flow have changed, as server-sent events until it has ended; look at them for what is new."""
    seen = await require_job(parts, caller, id)
    for each in level:
        await require_job(parts, caller, str(each))
    check = still_sees(parts, readmit, seen.id)
    return flow_stream.respond(parts, caller.workspace, seen.id, level, check=check)
