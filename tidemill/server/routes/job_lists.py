"""Lists and counts of jobs."""

from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from tidemill.db import audit, jobs, queue
from tidemill.engine import permit
from tidemill.engine.permit import Action
from tidemill.model.errors import BadRequest, Conflict, NotFound
from tidemill.server.changes import changing
from tidemill.server.job_filter import Wanted, job_filter
from tidemill.server.job_pages import JOBS, find
from tidemill.server.job_wire import CompletedJob, QueuedJob, any_job, listed
from tidemill.server.jobs_seen import require_job
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.paging import PageNumber, PerPage
from tidemill.server.parts import Caller, InParts
from tidemill.server.wire import ERRORS, TEXT, json_answer, returns, text_answer

router = APIRouter(tags=["job"], responses=ERRORS, route_class=LazyRoute)

_LAST_MS: Final = 253_402_300_799_999
InFilter = Annotated[Wanted, Depends(job_filter)]


class Length(msgspec.Struct):
    """A count."""

    database_length: int


class QueueLength(msgspec.Struct):
    """How long the queue is, and how many flows in it wait for answers."""

    database_length: int
    suspended: int


class Position(msgspec.Struct):
    """How many jobs wait before a moment."""

    position: int


@router.get("/api/w/{workspace}/jobs/list", response_class=Response, responses={200: any_job(listed=True)})
async def list_jobs(
    parts: InParts, caller: Caller, wanted: InFilter, page: PageNumber = 1, per_page: PerPage = 30
) -> Response:
    """Jobs, queued and completed, the newest first. Large values are replaced by WINDMILL_TOO_BIG."""
    rows = await find(parts, caller, wanted, part=wanted.part, number=page, per_page=per_page)
    return json_answer([listed(row, with_type=True) for row in rows])


@router.get("/api/w/{workspace}/jobs/queue/list", response_class=Response, responses={200: returns(list[QueuedJob])})
async def list_queue(
    parts: InParts, caller: Caller, wanted: InFilter, page: PageNumber = 1, per_page: PerPage = 30
) -> Response:
    """Jobs that wait or run, the newest first."""
    rows = await find(parts, caller, wanted, part="queue", number=page, per_page=per_page)
    return json_answer([listed(row, with_type=False) for row in rows])


@router.get(
    "/api/w/{workspace}/jobs/completed/list", response_class=Response, responses={200: returns(list[CompletedJob])}
)
async def list_completed(
    parts: InParts, caller: Caller, wanted: InFilter, page: PageNumber = 1, per_page: PerPage = 30
) -> Response:
    """Jobs that have ended, the newest first."""
    rows = await find(parts, caller, wanted, part="completed", number=page, per_page=per_page)
    return json_answer([listed(row, with_type=False) for row in rows])


@router.get("/api/w/{workspace}/jobs/list_filtered_uuids", response_class=Response, responses={200: returns(list[str])})
async def list_ids(
    parts: InParts, caller: Caller, wanted: InFilter, page: PageNumber = 1, per_page: PerPage = 1000
) -> Response:
    """The ids of the jobs that `jobs/list` shows."""
    rows = await find(parts, caller, wanted, part=wanted.part, number=page, per_page=per_page)
    return json_answer([str(row.id) for row in rows])


@router.get(
    "/api/w/{workspace}/jobs/queue/list_filtered_uuids", response_class=Response, responses={200: returns(list[str])}
)
async def list_queued_ids(
    parts: InParts, caller: Caller, wanted: InFilter, page: PageNumber = 1, per_page: PerPage = 1000
) -> Response:
    """The ids of the jobs that `jobs/queue/list` shows."""
    rows = await find(parts, caller, wanted, part="queue", number=page, per_page=per_page)
    return json_answer([str(row.id) for row in rows])


@router.get("/api/w/{workspace}/jobs/queue/count", response_class=Response, responses={200: returns(QueueLength)})
async def count_queue(parts: InParts, caller: Caller) -> Response:
    """How many jobs wait or run."""
    permit.require(caller, Action.LIST, JOBS)
    single, workspace = parts.database.single, caller.workspace
    queued = await jobs.count(single, workspace, queued=True)
    return json_answer(QueueLength(queued, await jobs.count_suspended(single, workspace)))


@router.get("/api/w/{workspace}/jobs/completed/count", response_class=Response, responses={200: returns(Length)})
async def count_completed(parts: InParts, caller: Caller) -> Response:
    """How many jobs have ended."""
    permit.require(caller, Action.LIST, JOBS)
    return json_answer(Length(await jobs.count(parts.database.single, caller.workspace, queued=False)))


@router.get("/api/w/{workspace}/jobs/completed/count_jobs", response_class=Response, responses={200: returns(int)})
async def count_recent(
    parts: InParts,
    caller: Caller,
    *,
    completed_after_s_ago: Annotated[int | None, Query(ge=0, le=2**31 - 1)] = None,
    success: bool | None = None,
    tags: str | None = None,
) -> Response:
    """How many jobs ended in the last seconds."""
    permit.require(caller, Action.LIST, JOBS)
    if "\x00" in (tags or ""):
        raise BadRequest("tags holds the character NUL.")
    count = await jobs.count_recent(
        parts.database.single,
        caller.workspace,
        seconds=completed_after_s_ago,
        success=success,
        tags=tags.split(",") if tags else None,
    )
    return json_answer(count)


@router.get(
    "/api/w/{workspace}/jobs/queue/position/{scheduled_for}",
    response_class=Response,
    responses={200: returns(Position)},
)
async def get_position(parts: InParts, caller: Caller, scheduled_for: int) -> Response:
    """How many jobs wait that are due before a moment, in milliseconds since 1970."""
    permit.require(caller, Action.LIST, JOBS)
    if not 0 <= scheduled_for <= _LAST_MS:
        raise BadRequest("The moment must be in milliseconds since 1970.")
    moment = datetime.fromtimestamp(scheduled_for / 1000, UTC)
    return json_answer(Position(await jobs.position(parts.database.single, caller.workspace, moment)))


@router.get("/api/w/{workspace}/jobs/queue/scheduled_for/{id}", response_class=Response, responses={200: returns(int)})
async def get_scheduled_for(parts: InParts, caller: Caller, id: str) -> Response:  # noqa: A002
    """When a job in the queue is due, in milliseconds since 1970."""
    seen = await require_job(parts, caller, id)
    due_at = await jobs.due_at(parts.database.single, caller.workspace, seen.id)
    if due_at is None:
        raise NotFound(f"Job {seen.id} is not in the queue.")
    return json_answer(int(due_at.timestamp() * 1000))


@router.post("/api/w/{workspace}/jobs/queue/run_now/{id}", response_class=Response, responses={200: TEXT})
async def run_now(parts: InParts, caller: Caller, id: str) -> Response:  # noqa: A002
    """Make a job that waits for a later moment due now."""
    seen = await require_job(parts, caller, id, action=Action.CANCEL)
    async with changing(parts, caller) as tx:
        tag = await jobs.run_now(tx, caller.workspace, seen.id)
        if tag is None:
            raise Conflict(f"Job {seen.id} does not wait.")
        await audit.record(tx, caller, "jobs.run_now", "Update", seen.script_path, {"job": str(seen.id)})
        await queue.wake(tx, queue.QUEUE_CHANNEL, tag)
    return text_answer(str(seen.id))


@router.get("/api/jobs/db_clock", response_class=Response, responses={200: returns(int)})
async def db_clock(parts: InParts) -> Response:
    """The database's clock, in milliseconds since 1970."""
    return json_answer(await jobs.now_ms(parts.database.single))
