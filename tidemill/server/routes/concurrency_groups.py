"""Concurrency limits: the keys that jobs share them by, and the jobs under a key."""

from dataclasses import replace
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends
from starlette.responses import Response

from tidemill.db import identity, jobs
from tidemill.engine import permit
from tidemill.engine.permit import Action
from tidemill.model.errors import NotFound
from tidemill.server.job_filter import Wanted, job_filter
from tidemill.server.job_pages import find
from tidemill.server.job_wire import listed
from tidemill.server.jobs_seen import not_there, parse_job_id
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.paging import PageNumber, PerPage
from tidemill.server.parts import Caller, InParts
from tidemill.server.wire import ERRORS, json_answer, returns

router = APIRouter(tags=["concurrency_groups"], responses=ERRORS, route_class=LazyRoute)


class Group(msgspec.Struct):
    """A key with the number of its jobs that run."""

    concurrency_key: str
    total_running: int


class Jobs(msgspec.Struct):
    """Jobs that the caller may see; of the others nothing is told."""

    jobs: list[Any]
    obscured_jobs: list[str]


@router.get("/api/concurrency_groups/list", response_class=Response, responses={200: returns(list[Group])})
async def list_groups(parts: InParts) -> Response:
    """The keys of all workspaces that have jobs in the queue."""
    groups = await jobs.concurrency_groups(parts.database.single)
    return json_answer([Group(key, running) for key, running in groups])


@router.get("/api/concurrency_groups/{id}/key", response_class=Response, responses={200: returns(str | None)})
async def get_key(parts: InParts, caller: Caller, id: str) -> Response:  # noqa: A002
    """The key of a job in the queue; null where it has none.

    Everything is looked up whether there is such a job or not, so that the time that it takes tells nothing.
    """
    job_id = parse_job_id(id)
    workspace = await jobs.workspace_of(parts.database, job_id) or ""
    seen = await jobs.seen(parts.database.single, workspace, job_id)
    try:
        member = await identity.principal_by_name(parts.database, caller.email, workspace)
    except NotFound:
        raise not_there(job_id) from None
    if seen is None or caller.credential.workspace not in {None, workspace}:
        raise not_there(job_id)
    permit.require(replace(member, credential=caller.credential), Action.READ, jobs.target_of(seen))
    return json_answer(await jobs.concurrency_key(parts.database.single, workspace, job_id))


@router.get("/api/w/{workspace}/concurrency_groups/list_jobs", response_class=Response, responses={200: returns(Jobs)})
async def list_jobs(
    parts: InParts,
    caller: Caller,
    wanted: Annotated[Wanted, Depends(job_filter)],
    page: PageNumber = 1,
    per_page: PerPage = 100,
) -> Response:
    """Jobs of the workspace, by the filters of job lists and `concurrency_key`."""
    rows = await find(parts, caller, wanted, part=wanted.part, number=page, per_page=per_page)
    return json_answer(Jobs([listed(row, with_type=True) for row in rows], []))
