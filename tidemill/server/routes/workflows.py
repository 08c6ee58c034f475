"""What workflows in code send: what their steps gave, tasks to start, and links to answer approvals by."""

from datetime import datetime
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Query
from msgspec import Raw
from starlette.requests import Request
from starlette.responses import Response

from tidemill.db import identity, jobs, workflows
from tidemill.db.workflows import GivenStep
from tidemill.engine.permit import Action
from tidemill.engine.workflow import bound_number, check_key, failed_step
from tidemill.model.errors import BadRequest, Denied
from tidemill.model.identity import Principal
from tidemill.server.approval_links import InId, InName, resume_urls
from tidemill.server.approval_wire import ResumeUrls
from tidemill.server.arguments import require_object
from tidemill.server.enqueue import Runnable, RunQuery, submit
from tidemill.server.jobs_seen import not_there, parse_job_id, require_job
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.moments import in_utc
from tidemill.server.parts import Caller, InParts, Parts
from tidemill.server.run_answers import ID, started
from tidemill.server.wire import ERRORS, accepts, decode, json_answer, read_json, returns

router = APIRouter(tags=["job"], responses=ERRORS, route_class=LazyRoute)

_W: Final = "/api/w/{workspace}"
_PASSED_ON: Final = ("scheduled_for", "delete_after_use", "flow_path", "shared")


class StepBody(msgspec.Struct, kw_only=True):
    """What a step of a workflow gave."""

    key: str
    result: Raw = msgspec.field(default_factory=lambda: Raw(b"null"))
    started_at: datetime | None = None
    duration_ms: int | None = None


class Stored(msgspec.Struct):
    """What was kept. `failure`: that of a step that failed, as the workflow is given it from now on."""

    failure: Raw | None = None


class TaskBody(msgspec.Struct, kw_only=True):
    """The arguments of a task."""

    args: Raw = msgspec.field(default_factory=lambda: Raw(b"{}"))


@router.post(
    f"{_W}/jobs/wac/inline_checkpoint/{{job_id}}",
    response_class=Response,
    responses={200: returns(Stored)},
    openapi_extra=accepts(StepBody),
)
async def keep_step(parts: InParts, caller: Caller, request: Request, job_id: str) -> Response:
    """Keep what a step of the workflow gave, for its further rounds. Only the workflow itself may."""
    attempt = await _require_itself(parts, caller, job_id)
    body = decode(await read_json(request, max_bytes=parts.values.max_bytes), StepBody)
    failure = failed_step(body.key, body.result)
    given = GivenStep(
        key=body.key,
        value=failure or bytes(body.result),
        started_at=in_utc(body.started_at),
        duration_ms=body.duration_ms,
    )
    job = parse_job_id(job_id)
    await workflows.keep_step(parts.database, parts.keyring, caller.workspace, job, attempt, given)
    return json_answer(Stored(None if failure is None else Raw(failure)))


@router.get(
    f"{_W}/jobs/wac_approval_urls/{{id}}/{{step_key}}", response_class=Response, responses={200: returns(ResumeUrls)}
)
async def create_approval_urls(
    parts: InParts, caller: Caller, job: InId, step_key: str, approver: InName = ""
) -> Response:
    """Links to answer one approval of a workflow, and no other: the same ones each time."""
    check_key(step_key)
    seen = await require_job(parts, caller, job, action=Action.CANCEL)
    if not await workflows.has_begun(parts.database.single, caller.workspace, seen.id):
        raise BadRequest(f"Job {seen.id} is no workflow: it waits for no approvals by a name.")
    return json_answer(await resume_urls(parts, caller, job, bound_number(step_key), approver=approver))


@router.post(
    f"{_W}/jobs/run/workflow_as_code/{{job_id}}/{{function}}",
    status_code=201,
    response_class=Response,
    responses={201: ID},
    openapi_extra=accepts(TaskBody),
)
@router.post(
    f"{_W}/jobs/workflow_as_code/{{job_id}}/{{function}}",
    status_code=201,
    response_class=Response,
    responses={201: ID},
    openapi_extra=accepts(TaskBody),
)
async def run_task(
    parts: InParts,
    caller: Caller,
    request: Request,
    job_id: str,
    function: str,
    *,
    tag: Annotated[str | None, Query(description="For the job of the task; else that of the job that asks.")] = None,
) -> Response:
    """Run a function of the script that asks for it as a job of its own, which it waits for by itself."""
    if not function.isidentifier():
        raise BadRequest(f"'{function[:60]}' is not the name of a function.")
    await _require_itself(parts, caller, job_id)
    job = await jobs.by_id(parts.database.single, caller.workspace, parse_job_id(job_id))
    if job is None:
        raise not_there(job_id)
    is_deployed = job.kind == "script"
    options: dict[str, object] = {name: job.settings[name] for name in _PASSED_ON if name in job.settings}
    runnable = Runnable(
        kind="script" if is_deployed else "preview",
        language=job.language,
        path=job.script_path,
        script_hash=job.script_hash if is_deployed else None,
        content=None if is_deployed else job.content,
        lock=None if is_deployed else job.lock,
        tag=tag or job.tag,
        on_worker_loss=job.on_worker_loss,
        options={**options, "entry": function},
    )
    body = decode(await read_json(request, max_bytes=parts.values.max_bytes), TaskBody)
    args = require_object(bytes(body.args), what="args")
    query = RunQuery(parent_job=job.id, root_job=job.root_job or job.id, timeout=job.timeout_s)
    return started(await submit(parts, caller, request, runnable, args=args, query=query))


async def _require_itself(parts: Parts, caller: Principal, job_id: str) -> int:
    """The attempt of the job that asks, which must be this one: it is its own code that is trusted with this."""
    wanted, credential = parse_job_id(job_id), caller.credential
    if credential.job_id != wanted:
        async with parts.database.transaction(caller.workspace) as tx:
            await identity.hold_attempt(tx, caller)
        raise Denied("Only the job itself may do this, by its own token.")
    return credential.attempt or 0
