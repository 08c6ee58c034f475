"""Flows that wait for approvals: links to answer by, what is asked, and the answers."""

import base64
import binascii
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query
from msgspec import UNSET
from starlette.requests import Request
from starlette.responses import Response

from tidemill.db import approvals, jobs
from tidemill.engine.approval_link import MOST_RESUME_ID
from tidemill.engine.permit import Action
from tidemill.model import jsontext
from tidemill.model.errors import BadRequest, NotFound, TooLarge
from tidemill.model.identity import Principal
from tidemill.model.job import WHOLE_FLOWS
from tidemill.server.answers import Asking, answer_as_member, answer_by_link, asked, refusal
from tidemill.server.approval_links import InId, InName, link_for, resume_urls
from tidemill.server.approval_wire import (
    ApprovalInfo,
    Resume,
    ResumeUrls,
    SuspendedFlow,
    approvers,
    conditions,
    form_of,
)
from tidemill.server.approver import Approver, approver_by_link, approver_by_token
from tidemill.server.job_wire import QueuedJob, whole
from tidemill.server.jobs_seen import not_there, parse_job_id, require_job
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.parts import Caller, InParts, Parts
from tidemill.server.wire import ERRORS, TEXT, accepts, json_answer, json_body, read_json, returns, text_answer

router = APIRouter(tags=["job"], responses=ERRORS, route_class=LazyRoute)

_W: Final = "/api/w/{workspace}"
_LINK: Final = "{id}/{resume_id}/{signature}"
_DONE: Final[dict[int | str, dict[str, Any]]] = {201: {**TEXT, "description": "What was noted."}}
_PAYLOAD: Final = {"requestBody": {"required": False, "content": {"application/json": {"schema": {}}}}}
_MOST_SHOWN_BYTES: Final = 1024 * 1024
"""What a step gives is looked at for its description and the like up to this size."""


async def by_link(
    parts: InParts,
    request: Request,
    workspace: str,
    job: InId,
    *,
    resume_id: str,
    signature: str,
    approver: InName = "",
) -> Approver:
    """Whoever has the link that is called."""
    return await approver_by_link(
        parts, request, workspace, job=job, resume_id=resume_id, signature=signature, approver=approver
    )


InApprover = Annotated[Approver, Depends(by_link)]
Number = Annotated[int, Path(ge=0, le=MOST_RESUME_ID)]


@router.get(f"{_W}/jobs/job_signature/{{id}}/{{resume_id}}", response_class=Response, responses={200: TEXT})
async def create_signature(
    parts: InParts, caller: Caller, job: InId, resume_id: Number, approver: InName = ""
) -> Response:
    """What makes a link to answer what the job asks: one for each `resume_id`, good for one answer."""
    link = await link_for(parts, caller, job, resume_id, approver=approver)
    return text_answer(link.signature(parts.approval_secret))


@router.get(
    f"{_W}/jobs/resume_urls/{{id}}/{{resume_id}}", response_class=Response, responses={200: returns(ResumeUrls)}
)
async def create_resume_urls(
    parts: InParts,
    caller: Caller,
    job: InId,
    resume_id: Number,
    *,
    approver: InName = "",
    flow_level: Annotated[
        bool, Query(description="For the next step of the flow that asks, and not for this one.")
    ] = False,
) -> Response:
    """Links to answer what the job asks: each is good for one answer, and whoever has one may give it."""
    if flow_level:
        job = await _flow_of(parts, caller, job)
    return json_answer(await resume_urls(parts, caller, job, resume_id, approver=approver))


@router.get(f"{_W}/jobs_u/resume/{_LINK}", status_code=201, response_class=Response, responses=_DONE)
async def resume_by_get(
    parts: InParts, who: InApprover, payload: Annotated[str, Query(description="JSON in base64.")] = ""
) -> Response:
    """Approve by a link."""
    await answer_by_link(parts, who, approved=True, payload=_decoded(parts, payload))
    return _noted(approved=True)


@router.post(
    f"{_W}/jobs_u/resume/{_LINK}",
    status_code=201,
    response_class=Response,
    responses=_DONE,
    openapi_extra=_PAYLOAD,
)
async def resume_by_post(parts: InParts, who: InApprover, request: Request) -> Response:
    """Approve by a link; the body is what the flow gets as `resume`."""
    await answer_by_link(parts, who, approved=True, payload=await _payload(parts, request))
    return _noted(approved=True)


@router.get(f"{_W}/jobs_u/cancel/{_LINK}", status_code=201, response_class=Response, responses=_DONE)
async def cancel_by_get(parts: InParts, who: InApprover) -> Response:
    """Disapprove by a link."""
    await answer_by_link(parts, who, approved=False, payload=b"null")
    return _noted(approved=False)


@router.post(
    f"{_W}/jobs_u/cancel/{_LINK}",
    status_code=201,
    response_class=Response,
    responses=_DONE,
    openapi_extra=_PAYLOAD,
)
async def cancel_by_post(parts: InParts, who: InApprover, request: Request) -> Response:
    """Disapprove by a link."""
    await answer_by_link(parts, who, approved=False, payload=await _payload(parts, request))
    return _noted(approved=False)


@router.get(f"{_W}/jobs_u/get_flow/{_LINK}", response_class=Response, responses={200: returns(SuspendedFlow)})
async def get_suspended_flow(parts: InParts, who: InApprover) -> Response:
    """The flow that waits for an answer by this link, and who has approved so far."""
    assert who.link is not None
    waiting = (await _first(parts, who, str(who.link.job))).waiting
    flow = await jobs.by_id(parts.database.single, who.workspace, waiting.source_id)
    if flow is None:
        raise not_there(waiting.source_id)
    given = await approvals.answers(parts.database.single, who.workspace, waiting.level_id, step=waiting.step)
    shown = await whole(parts, flow, with_code=False)
    if not isinstance(shown, QueuedJob):
        raise NotFound(f"Flow {flow.id} has ended: nothing waits for an answer any more.")
    return json_answer(SuspendedFlow(shown, approvers(given)))


@router.get(
    f"{_W}/jobs_u/flow/approval_info/{{job_id}}", response_class=Response, responses={200: returns(ApprovalInfo)}
)
async def get_approval_info(
    parts: InParts,
    request: Request,
    workspace: str,
    job_id: str,
    token: Annotated[str, Query(description="`<resume_id>.<signature>.<approver>` of a link.")] = "",
) -> Response:
    """What the flow asks, and whether the caller may answer."""
    who = await approver_by_token(parts, request, workspace, job=job_id, token=token)
    return json_answer(await _info(parts, who, await _first(parts, who, job_id)))


@router.post(
    f"{_W}/jobs_u/flow/resume_suspended/{{job_id}}",
    status_code=201,
    response_class=Response,
    responses=_DONE,
    openapi_extra=accepts(Resume),
)
async def resume_suspended(
    parts: InParts,
    request: Request,
    workspace: str,
    job_id: str,
    body: Annotated[Resume, Depends(json_body(Resume))],
) -> Response:
    """Answer by the token of a link or, without one, as the member who is signed in."""
    who = await approver_by_token(parts, request, workspace, job=job_id, token=body.approval_token)
    payload = _bounded(parts, bytes(body.payload))
    if who.link is not None:
        await answer_by_link(parts, who, approved=body.approved, payload=payload)
    else:
        await _require_known(parts, who, job_id)
        await answer_as_member(parts, who, parse_job_id(job_id), approved=body.approved, payload=payload)
    return _noted(approved=body.approved)


@router.post(
    f"{_W}/jobs/flow/resume/{{id}}",
    status_code=201,
    response_class=Response,
    responses=_DONE,
    openapi_extra=_PAYLOAD,
)
async def resume_as_owner(parts: InParts, caller: Caller, request: Request, job: InId) -> Response:
    """Approve as a member who may cancel the flow; the body is what the flow gets as `resume`."""
    seen = await require_job(parts, caller, job, action=Action.CANCEL)
    who = Approver(workspace=caller.workspace, link=None, person=caller)
    await answer_as_member(parts, who, seen.id, approved=True, payload=await _payload(parts, request))
    return _noted(approved=True)


async def _flow_of(parts: Parts, caller: Principal, job: str) -> str:
    """The innermost whole flow that the job belongs to."""
    seen = await require_job(parts, caller, job, action=Action.CANCEL)
    for each in await approvals.lineage(parts.database.single, caller.workspace, seen.id):
        if each.kind in WHOLE_FLOWS:
            return str(each.id)
    raise BadRequest(f"Job {seen.id} is no step of a flow: leave out flow_level.")


async def _first(parts: Parts, who: Approver, job_id: str) -> Asking:
    """What waits longest at a job, of what the approver may answer where there is some."""
    await _require_known(parts, who, job_id)
    single = parts.database.single
    asking = await asked(single, who.workspace, parse_job_id(job_id))
    for each in asking:
        if not await refusal(single, who, each):
            return each
    if not asking:
        raise NotFound(f"Nothing waits for an answer at job {job_id}.")
    return asking[0]


async def _require_known(parts: Parts, who: Approver, job_id: str) -> None:
    """Who has a link may know of the job; members where they may see it, or are among those who are asked."""
    if who.link is not None or who.person is None:
        return
    for each in await asked(parts.database.single, who.workspace, parse_job_id(job_id)):
        if each.rules.groups and not await refusal(parts.database.single, who, each):
            return
    await require_job(parts, who.person, job_id)


async def _info(parts: Parts, who: Approver, asking: Asking) -> ApprovalInfo:
    single, waiting = parts.database.single, asking.waiting
    given = await approvals.answers(single, who.workspace, waiting.level_id, step=waiting.step)
    outcome = await jobs.outcome(single, who.workspace, waiting.step_job)
    result = b"null"
    if outcome is not None and outcome.status is not None:
        result = await parts.values.fetch(outcome.result, outcome.result_object) or b"null"
    if asking.description != b"null":
        result = jsontext.build_object({"description": asking.description})
    form, description = form_of(asking.suspend.form, result if len(result) <= _MOST_SHOWN_BYTES else b"null")
    reason = await refusal(single, who, asking)
    flow = await jobs.seen(single, who.workspace, waiting.source_id)
    return ApprovalInfo(
        flow_id=str(waiting.source_id),
        can_approve=not reason,
        user_auth_required=asking.rules.needs_account,
        approval_conditions=conditions(asking.rules),
        skin="minimal" if asking.suspend.is_minimal else "detailed",
        approvers=approvers(given),
        required=waiting.required,
        hide_cancel=asking.suspend.hides_cancel,
        form_schema=form,
        description=description,
        step_summary=asking.step.summary or asking.step.id,
        flow_summary=UNSET if flow is None or flow.script_path is None else flow.script_path,
        reason=reason or UNSET,
    )


def _decoded(parts: Parts, text: str) -> bytes:
    """The payload of a link that is followed: JSON in base64, null where there is none."""
    if not text:
        return b"null"
    try:
        raw = base64.b64decode(text.replace(" ", "+"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequest("payload must be JSON in base64.") from error
    jsontext.check(raw, max_bytes=parts.options.inline_value_bytes)
    return raw


async def _payload(parts: Parts, request: Request) -> bytes:
    return await read_json(request, max_bytes=parts.options.inline_value_bytes)


def _bounded(parts: Parts, raw: bytes) -> bytes:
    if len(raw) > parts.options.inline_value_bytes:
        raise TooLarge(f"A payload has at most {parts.options.inline_value_bytes} bytes; this one has {len(raw)}.")
    return raw


def _noted(*, approved: bool) -> Response:
    return text_answer("Approved." if approved else "Disapproved.", status=201)
