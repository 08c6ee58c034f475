"""One job: what it is, its arguments, result and log; canceling it; erasing what it held."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Final
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Query
from msgspec import UNSET, Raw, UnsetType
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from tidemill.db import audit, jobs, queue
from tidemill.engine import permit
from tidemill.engine.debouncing import REASON
from tidemill.engine.permit import Action
from tidemill.model.errors import BadRequest, Conflict, NotFound
from tidemill.model.identity import Principal
from tidemill.server.changes import changing
from tidemill.server.job_wire import CompletedJob, any_job, whole
from tidemill.server.jobs_seen import not_there, parse_job_id, require_job
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.live import read_text, texts
from tidemill.server.objects.ranges import read_range
from tidemill.server.outcome import JOB_HEADER
from tidemill.server.parts import Caller, InParts, Parts
from tidemill.server.wire import (
    ERRORS,
    TEXT,
    accepts,
    json_answer,
    json_body,
    raw_answer,
    returns,
    streamed_text,
    text_answer,
)

router = APIRouter(tags=["job"], responses=ERRORS, route_class=LazyRoute)

_ANY: Final = {"description": "Any JSON value.", "content": {"application/json": {"schema": {}}}}
_MOST_IDS: Final = 1000


class Reason(msgspec.Struct):
    """Why a job is canceled."""

    reason: str | None = None


class Maybe(msgspec.Struct):
    """Whether a job has started and ended, and its result; all members are always there."""

    completed: bool
    result: Raw
    success: bool | None
    started: bool


class Timing(msgspec.Struct, omit_defaults=True):
    """When a job was made and started, and how long it took."""

    created_at: datetime
    started_at: datetime | UnsetType = UNSET
    duration_ms: int | UnsetType = UNSET


@router.get("/api/w/{workspace}/jobs_u/get/{id}", response_class=Response, responses={200: any_job()})
async def get_job(
    parts: InParts,
    caller: Caller,
    id: str,  # noqa: A002
    *,
    no_logs: bool = False,
    no_code: bool = False,
    no_large: bool = False,
) -> Response:
    """The job, with its values and (without `no_logs`) its log.

    With `no_large`, values that lie in the object store are replaced by WINDMILL_TOO_BIG, as in lists.
    """
    job = await _whole(parts, caller, id)
    logs = None if no_logs else await _log(parts, job.workspace_id, job.id)
    return json_answer(await whole(parts, job, logs=logs, with_code=not no_code, with_large=not no_large))


@router.get(
    "/api/w/{workspace}/jobs_u/completed/get/{id}", response_class=Response, responses={200: returns(CompletedJob)}
)
async def get_completed_job(parts: InParts, caller: Caller, id: str) -> Response:  # noqa: A002
    """The job, once it has ended; 404 until then."""
    job = await _whole(parts, caller, id)
    if job.status is None:
        raise _not_ended(job.id)
    shown = await whole(parts, job, logs=await _log(parts, job.workspace_id, job.id))
    shown.type = UNSET
    return json_answer(shown)


@router.get("/api/w/{workspace}/jobs_u/completed/get_result/{id}", response_class=Response, responses={200: _ANY})
async def get_result(parts: InParts, caller: Caller, request: Request, id: str) -> Response:  # noqa: A002
    """The result of a job that has ended; 404 until then. With `Range` some bytes of its text."""
    outcome = await _outcome(parts, caller, id)
    if outcome.status is None:
        raise _not_ended(outcome.id)
    if (wanted := read_range(request.headers.get("range", ""))) is not None:
        stretch, size = await parts.values.stretch(outcome.result, outcome.result_object, *wanted)
        start = wanted[0] if wanted[0] >= 0 else size - len(stretch)
        told = {"Content-Range": f"bytes {start}-{start + len(stretch) - 1}/{size}", JOB_HEADER: str(outcome.id)}
        return raw_answer(stretch, status=HTTPStatus.PARTIAL_CONTENT, headers=told)
    headers = {JOB_HEADER: str(outcome.id)}
    if outcome.result_object is None:
        return raw_answer(b"null" if outcome.result is None else outcome.result, headers=headers)
    pieces, size = await parts.values.pieces(outcome.result_object)
    return StreamingResponse(pieces, headers={**headers, "Content-Length": str(size)}, media_type="application/json")


@router.get(
    "/api/w/{workspace}/jobs_u/completed/get_result_maybe/{id}",
    response_class=Response,
    responses={200: returns(Maybe)},
)
async def get_result_maybe(
    parts: InParts,
    caller: Caller,
    id: str,  # noqa: A002
    *,
    get_started: Annotated[bool, Query(description="Ignored: `started` is always told.")] = True,
) -> Response:
    """The result of a job, if it has ended."""
    del get_started
    outcome = await _outcome(parts, caller, id)
    if outcome.status is None:
        started = outcome.state in {"running", "waiting"}
        return json_answer(Maybe(completed=False, result=Raw(b"null"), success=None, started=started))
    raw = await parts.values.fetch(outcome.result, outcome.result_object) or b"null"
    success = outcome.status in {"success", "skipped"}
    return json_answer(Maybe(completed=True, result=Raw(raw), success=success, started=True))


@router.get(
    "/api/w/{workspace}/jobs_u/completed/get_timing/{id}", response_class=Response, responses={200: returns(Timing)}
)
async def get_timing(parts: InParts, caller: Caller, id: str) -> Response:  # noqa: A002
    """When the job was made and started, and how long it took."""
    job = await _whole(parts, caller, id)
    started_at = UNSET if job.started_at is None else job.started_at
    return json_answer(Timing(job.created_at, started_at, UNSET if job.duration_ms is None else job.duration_ms))


@router.get("/api/w/{workspace}/jobs_u/get_root_job_id/{id}", response_class=Response, responses={200: returns(str)})
async def get_root_job_id(parts: InParts, caller: Caller, id: str) -> Response:  # noqa: A002
    """The id of the job that began it all: the job's own where it has no parent."""
    seen = await require_job(parts, caller, id)
    return json_answer(str(seen.root_job or seen.parent_job or seen.id))


@router.get("/api/w/{workspace}/jobs_u/get_args/{id}", response_class=Response, responses={200: _ANY})
async def get_args(parts: InParts, caller: Caller, id: str) -> Response:  # noqa: A002
    """The arguments of the job."""
    job = await _whole(parts, caller, id)
    return raw_answer(await parts.values.fetch(job.args, job.args_object) or b"{}")


@router.get("/api/w/{workspace}/jobs_u/get_logs/{id}", response_class=Response, responses={200: TEXT})
@router.get("/api/w/{workspace}/jobs_u/get_completed_logs_tail/{id}", response_class=Response, responses={200: TEXT})
async def get_logs(parts: InParts, caller: Caller, id: str) -> Response:  # noqa: A002
    """The log of the job, as far as it is there."""
    seen = await require_job(parts, caller, id)
    slices = texts(parts.logs, caller.workspace, seen.id)
    return await streamed_text(each.text async for each in slices)


@router.post(
    "/api/w/{workspace}/jobs_u/queue/cancel/{id}",
    response_class=Response,
    responses={200: TEXT},
    openapi_extra=accepts(Reason, required=False),
)
async def cancel_job(
    parts: InParts,
    caller: Caller,
    id: str,  # noqa: A002
    body: Annotated[Reason, Depends(json_body(Reason))],
) -> Response:
    """Cancel the job: at once where it waits, through its worker where it runs."""
    return await _cancel_one(parts, caller, id, reason=body.reason, forced=False)


@router.post(
    "/api/w/{workspace}/jobs_u/queue/force_cancel/{id}",
    response_class=Response,
    responses={200: TEXT},
    openapi_extra=accepts(Reason, required=False),
)
async def force_cancel_job(
    parts: InParts,
    caller: Caller,
    id: str,  # noqa: A002
    body: Annotated[Reason, Depends(json_body(Reason))],
) -> Response:
    """Cancel the job at once, without waiting for its worker."""
    return await _cancel_one(parts, caller, id, reason=body.reason, forced=True)


@router.post(
    "/api/w/{workspace}/jobs/queue/cancel_selection",
    response_class=Response,
    responses={200: returns(list[str])},
    openapi_extra=accepts(list[str]),
)
async def cancel_selection(
    parts: InParts,
    caller: Caller,
    body: Annotated[list[str], Depends(json_body(list[str]))],
    *,
    force_cancel: bool = False,
) -> Response:
    """Cancel those of the jobs that are in the queue and that the caller may cancel; gives their ids."""
    wanted = _ids(body)
    canceled: list[str] = []
    async with changing(parts, caller) as tx:
        for seen in await jobs.all_seen(tx, caller.workspace, wanted):
            if not permit.decide(caller, Action.CANCEL, jobs.target_of(seen)).allowed:
                continue
            name = caller.username or caller.email
            if await queue.ask_to_cancel(tx, seen.id, canceled_by=name, reason=None, forced=force_cancel):
                canceled.append(str(seen.id))
        await audit.record(tx, caller, "jobs.cancel", "Delete", None, {"jobs": canceled})
    return json_answer(canceled)


@router.post(
    "/api/w/{workspace}/jobs/completed/delete/{id}", response_class=Response, responses={200: returns(CompletedJob)}
)
async def erase_job(parts: InParts, caller: Caller, id: str) -> Response:  # noqa: A002
    """Erase arguments, result and log of a job that has ended; it stays in the lists."""
    seen = await require_job(parts, caller, id, action=Action.DELETE)
    async with changing(parts, caller) as tx:
        if not await jobs.erase(tx, caller.workspace, seen.id):
            raise _not_ended(seen.id)
        await audit.record(tx, caller, "jobs.delete", "Delete", seen.script_path, {"job": str(seen.id)})
        job = await jobs.by_id(tx, caller.workspace, seen.id)
    assert job is not None
    return json_answer(await whole(parts, job))


@router.post(
    "/api/w/{workspace}/jobs/delete",
    response_class=Response,
    responses={200: TEXT},
    openapi_extra=accepts(list[str]),
)
async def delete_jobs(
    parts: InParts, caller: Caller, body: Annotated[list[str], Depends(json_body(list[str]))]
) -> Response:
    """Remove jobs that have ended, with all that belongs to them."""
    wanted = _ids(body)
    async with changing(parts, caller) as tx:
        for seen in await jobs.all_seen(tx, caller.workspace, wanted):
            permit.require(caller, Action.DELETE, jobs.target_of(seen))
        count = await jobs.remove(tx, caller.workspace, wanted)
        await audit.record(tx, caller, "jobs.delete", "Delete", None, {"jobs": [str(each) for each in wanted]})
    return text_answer(f"Deleted {count} jobs")


async def _whole(parts: Parts, caller: Principal, text: str) -> jobs.WholeJob:
    job_id = parse_job_id(text)
    job = await jobs.by_id(parts.database.single, caller.workspace, job_id)
    if job is None:
        raise not_there(job_id)
    permit.require(caller, Action.READ, jobs.target_of(job))
    return job


async def _outcome(parts: Parts, caller: Principal, text: str) -> jobs.Outcome:
    job_id = parse_job_id(text)
    outcome = await jobs.outcome(parts.database.single, caller.workspace, job_id)
    if outcome is None:
        raise not_there(job_id)
    permit.require(caller, Action.READ, jobs.target_of(outcome))
    return outcome


async def _log(parts: Parts, workspace: str, job_id: UUID) -> str:
    whole_log = await read_text(parts.logs, workspace, job_id, stream=False, start=0, most=2**31)
    return whole_log.text


async def _cancel_one(parts: Parts, caller: Principal, text: str, *, reason: str | None, forced: bool) -> Response:
    seen = await require_job(parts, caller, text, action=Action.CANCEL)
    if reason is not None and reason.startswith(REASON):  # a flow would end as skipped by that
        raise BadRequest(f"A reason may not begin with {REASON!r}: that tells of a newer run.")
    name = caller.username or caller.email
    async with changing(parts, caller) as tx:
        found = await queue.ask_to_cancel(tx, seen.id, canceled_by=name, reason=reason, forced=forced)
        if found:
            details = {"job": str(seen.id), "reason": reason, "forced": forced}
            await audit.record(tx, caller, "jobs.cancel", "Delete", seen.script_path, details)
    if not found:
        outcome = await jobs.outcome(parts.database.single, caller.workspace, seen.id)
        if outcome is None or outcome.status != "canceled":
            raise Conflict(f"Job {seen.id} has ended: it cannot be canceled any more.")
    return text_answer(str(seen.id))


def _ids(texts: list[str]) -> list[UUID]:
    if len(texts) > _MOST_IDS:
        raise BadRequest(f"At most {_MOST_IDS} jobs at a time; these are {len(texts)}.")
    return [parse_job_id(text) for text in texts]


def _not_ended(job_id: UUID) -> NotFound:
    return NotFound(f"Job {job_id} has not ended yet.")
