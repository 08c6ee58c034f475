"""The attempts of a job: each start of it that ended and was followed by another."""

from datetime import datetime

import msgspec
from fastapi import APIRouter
from msgspec import UNSET, Raw, UnsetType
from starlette.responses import Response

from tidemill.db import jobs
from tidemill.server.jobs_seen import require_job
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.parts import Caller, InParts
from tidemill.server.wire import ERRORS, json_answer, returns

router = APIRouter(tags=["job"], responses=ERRORS, route_class=LazyRoute)


class Attempt(msgspec.Struct):
    """An attempt that was not the job's last. `end_reason` is as in a job; `error` is what a failed one raised."""

    attempt: int
    worker: str | None
    started_at: datetime | None
    ended_at: datetime
    end_reason: str
    error: Raw | UnsetType = UNSET


@router.get("/api/w/{workspace}/jobs/attempts/{id}", response_class=Response, responses={200: returns(list[Attempt])})
async def list_attempts(parts: InParts, caller: Caller, id: str) -> Response:  # noqa: A002
    """The attempts of a job before its last, the first one first; none for a job that ran once."""
    seen = await require_job(parts, caller, id)
    found = await jobs.attempts(parts.database.single, caller.workspace, seen.id)
    return json_answer(
        [
            Attempt(
                each.attempt,
                each.worker,
                each.started_at,
                each.ended_at,
                each.end_reason,
                UNSET if each.error is None else Raw(each.error),
            )
            for each in found
        ]
    )
