"""What a job tells about itself while it runs: its progress, and figures for charts."""

from datetime import datetime
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends
from starlette.responses import Response

from tidemill.db import jobs, queue
from tidemill.engine.permit import Action
from tidemill.model.errors import BadRequest, Conflict
from tidemill.server.changes import changing
from tidemill.server.jobs_seen import require_job
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.parts import Caller, InParts
from tidemill.server.wire import ERRORS, accepts, json_answer, json_body, returns

router = APIRouter(tags=["metrics"], responses=ERRORS, route_class=LazyRoute)


class NewProgress(msgspec.Struct):
    """How far the job is, in per cent. `flow_job_id` is taken and not needed: a flow is found by the job itself."""

    percent: int | float | None = None
    flow_job_id: str | None = None


class Window(msgspec.Struct):
    """Which figures are wanted."""

    timeseries_max_datapoints: int | None = None
    from_timestamp: datetime | None = None
    to_timestamp: datetime | None = None


class Named(msgspec.Struct):
    """A figure that there is."""

    id: str
    name: str


class Scalar(msgspec.Struct):
    """A figure's value."""

    metric_id: str
    value: float


class Metrics(msgspec.Struct):
    """The figures of a job. There are no time series."""

    metrics_metadata: list[Named]
    scalar_metrics: list[Scalar]
    timeseries_metrics: list[Scalar]


@router.post(
    "/api/w/{workspace}/job_metrics/set_progress/{id}",
    response_class=Response,
    responses={200: returns(None)},
    openapi_extra=accepts(NewProgress),
)
async def set_progress(
    parts: InParts,
    caller: Caller,
    id: str,  # noqa: A002
    body: Annotated[NewProgress, Depends(json_body(NewProgress))],
) -> Response:
    """Tell how far a running job is, from 0 to 100; the job itself, and whoever may cancel it."""
    seen = await require_job(parts, caller, id, action=Action.CANCEL)
    if body.percent is None or not 0 <= body.percent <= 100:
        raise BadRequest("percent must be a number from 0 to 100.")
    async with changing(parts, caller) as tx:
        if not await jobs.set_progress(tx, caller.workspace, seen.id, percent=int(body.percent)):
            raise Conflict(f"Job {seen.id} does not run.")
        await queue.wake(tx, queue.JOB_CHANNEL, str(seen.id))
    return json_answer(None)


@router.get(
    "/api/w/{workspace}/job_metrics/get_progress/{id}", response_class=Response, responses={200: returns(int | None)}
)
async def get_progress(parts: InParts, caller: Caller, id: str) -> Response:  # noqa: A002
    """How far the job is, in per cent; null where it has not told."""
    seen = await require_job(parts, caller, id)
    standing = await jobs.standing(parts.database.single, caller.workspace, seen.id)
    return json_answer(None if standing is None else standing.progress)


@router.post(
    "/api/w/{workspace}/job_metrics/get/{id}",
    response_class=Response,
    responses={200: returns(Metrics)},
    openapi_extra=accepts(Window, required=False),
)
async def get_metrics(
    parts: InParts,
    caller: Caller,
    id: str,  # noqa: A002
    _window: Annotated[Window, Depends(json_body(Window))],
) -> Response:
    """The figures of the job: its progress, and the most memory that it used (in KiB)."""
    seen = await require_job(parts, caller, id)
    standing = await jobs.standing(parts.database.single, caller.workspace, seen.id)
    found: list[tuple[str, str, float]] = []
    if standing is not None and standing.memory_peak_bytes is not None:
        found.append(("memory_kb", "Memory peak (KiB)", standing.memory_peak_bytes / 1024))
    if standing is not None and standing.progress is not None:
        found.append(("progress_perc", "Progress (%)", standing.progress))
    return json_answer(
        Metrics(
            [Named(metric, name) for metric, name, _ in found],
            [Scalar(metric, value) for metric, _, value in found],
            [],
        )
    )


@router.get("/api/w/{workspace}/jobs/worker_is_draining/{id}", response_class=Response, responses={200: returns(bool)})
async def worker_is_draining(parts: InParts, caller: Caller, id: str) -> Response:  # noqa: A002
    """Whether the worker that runs the job was told to stop."""
    seen = await require_job(parts, caller, id)
    return json_answer(await jobs.is_draining(parts.database.single, caller.workspace, seen.id))
