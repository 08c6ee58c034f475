"""Flows: deploying versions, looking at them, their history, archiving, removing."""

from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from tidemill.db import audit, favorites, flows, jobs
from tidemill.db.flows import Filter, FlowVersion
from tidemill.engine import permit
from tidemill.engine.flow.check import Finding
from tidemill.engine.permit import Action, Item, ItemKind, Listing
from tidemill.model.errors import BadRequest, NotFound
from tidemill.model.identity import Principal
from tidemill.model.job import JobKind
from tidemill.model.path import parse_path
from tidemill.server.changes import changing
from tidemill.server.flow_check import findings, warnings
from tidemill.server.flow_deploy import checked_flow, deploy_flow, locking_failure
from tidemill.server.flow_wire import (
    FlowHistoryLine,
    FlowOut,
    FlowRow,
    LastRun,
    NewFlow,
    flow_history_line,
    flow_out,
    flow_row,
    last_run_out,
)
from tidemill.server.flows_seen import flow_version, latest_flow, parse_version
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.paging import MOST_PER_PAGE, PageNumber, PerPage, counted_page, visible_page
from tidemill.server.parts import Caller, InParts, Parts
from tidemill.server.preconditions import Conditions, etag
from tidemill.server.wire import ERRORS, TEXT, accepts, json_answer, json_body, returns, text_answer

router = APIRouter(tags=["flow"], responses=ERRORS, route_class=LazyRoute)

_FLOWS: Final = Listing("flows")
InBody = Annotated[NewFlow, Depends(json_body(NewFlow))]


class Archived(msgspec.Struct):
    """Whether a flow is out of use."""

    archived: bool = True


class FlowMessage(msgspec.Struct):
    """What a deployment says about itself."""

    deployment_msg: str = ""


class FlowDeployment(msgspec.Struct):
    """Whether the scripts of a flow are locked: with neither of the members they are, or need not be.

    `job_id`: of the job that locks them, or could not; `lock_error_logs`: why not.
    """

    lock_error_logs: str | msgspec.UnsetType = msgspec.UNSET
    job_id: str | msgspec.UnsetType = msgspec.UNSET


class FlowDraft(msgspec.Struct):
    """A flow that is not deployed."""

    value: msgspec.Raw
    schema: msgspec.Raw = msgspec.field(default_factory=lambda: msgspec.Raw(b"null"))
    tag: str | None = None


class FoundFlow(msgspec.Struct):
    """A flow as a search in all of them reads it."""

    path: str
    value: msgspec.Raw


@router.post(
    "/api/w/{workspace}/flows/create",
    status_code=201,
    response_class=Response,
    responses={201: {**TEXT, "description": "The path of the flow."}},
    openapi_extra=accepts(NewFlow),
)
async def create_flow(parts: InParts, caller: Caller, body: InBody) -> Response:
    """Deploy a new flow. What is probably wrong with it stands in the header `Tidemill-Warnings`."""
    flow = await deploy_flow(parts, caller, body)
    found = await warnings(parts, caller, flow, schema=bytes(body.schema), tag=body.tag)
    return text_answer(parse_path(body.path).text, status=201, headers=found)


@router.post(
    "/api/w/{workspace}/flows/update/{path:path}",
    response_class=Response,
    responses={200: {**TEXT, "description": "The path of the flow."}},
    openapi_extra=accepts(NewFlow),
)
async def update_flow(parts: InParts, caller: Caller, path: str, body: InBody, conditions: Conditions) -> Response:
    """Deploy a new version of the flow at the path, on top of the one that `If-Match` names, if any.

    Another `path` in the body moves it.
    """
    flow = await deploy_flow(parts, caller, body, at=path, conditions=conditions)
    found = await warnings(parts, caller, flow, schema=bytes(body.schema), tag=body.tag)
    return text_answer(parse_path(body.path or path).text, headers=found)


@router.post(
    "/api/w/{workspace}/flows/check",
    response_class=Response,
    responses={200: returns(list[Finding])},
    openapi_extra=accepts(FlowDraft),
)
async def check_flow(
    parts: InParts, caller: Caller, body: Annotated[FlowDraft, Depends(json_body(FlowDraft))]
) -> Response:
    """What is probably wrong with a flow, with places in its value; nothing is deployed, and nothing of it runs."""
    flow = await checked_flow(bytes(body.value))
    return json_answer(await findings(parts, caller, flow, schema=bytes(body.schema), tag=body.tag))


@router.post(
    "/api/w/{workspace}/flows/archive/{path:path}",
    response_class=Response,
    responses={200: TEXT},
    openapi_extra=accepts(Archived, required=False),
)
async def archive_flow(
    parts: InParts, caller: Caller, path: str, body: Annotated[Archived, Depends(json_body(Archived))]
) -> Response:
    """Take a flow out of use, or with `"archived": false` into use again. Runs that have begun go on."""
    flow = await latest_flow(parts, caller, path, action=Action.WRITE)
    async with changing(parts, caller) as tx:
        await flows.set_archived(tx, caller.workspace, flow.path, archived=body.archived)
        operation = "flows.archive" if body.archived else "flows.unarchive"
        await audit.record(tx, caller, operation, "Delete" if body.archived else "Update", flow.path)
    return text_answer(flow.path)


@router.delete("/api/w/{workspace}/flows/delete/{path:path}", response_class=Response, responses={200: TEXT})
async def delete_flow(parts: InParts, caller: Caller, path: str) -> Response:
    """Remove a flow with all of its versions for good. Runs that have begun may not find their steps any more."""
    flow = await latest_flow(parts, caller, path, action=Action.DELETE)
    async with changing(parts, caller) as tx:
        await flows.remove(tx, caller.workspace, flow.path)
        await audit.record(tx, caller, "flows.delete", "Delete", flow.path)
    return text_answer(flow.path)


@router.get("/api/w/{workspace}/flows/get/v/{version}", response_class=Response, responses={200: returns(FlowOut)})
async def get_flow_version(parts: InParts, caller: Caller, version: str) -> Response:
    """One version of a flow."""
    return json_answer(flow_out(await flow_version(parts, caller, parse_version(version))))


@router.get("/api/w/{workspace}/flows/get/{path:path}", response_class=Response, responses={200: returns(FlowOut)})
async def get_flow(parts: InParts, caller: Caller, path: str) -> Response:
    """The version of a flow that runs."""
    flow = await latest_flow(parts, caller, path)
    return json_answer(flow_out(flow), headers=etag(flow.id))


@router.get(
    "/api/w/{workspace}/flows/get_latest_version/{path:path}",
    response_class=Response,
    responses={200: returns(FlowHistoryLine)},
)
async def get_latest_version(parts: InParts, caller: Caller, path: str) -> Response:
    """The number of the version that runs."""
    flow = await latest_flow(parts, caller, path)
    return json_answer(
        FlowHistoryLine(flow.id, flow.created_at, flow.created_by, flow.deployment_message or msgspec.UNSET)
    )


@router.get("/api/w/{workspace}/flows/exists/{path:path}", response_class=Response, responses={200: returns(bool)})
async def flow_exists(parts: InParts, caller: Caller, path: str) -> Response:
    """Whether there is a flow in use at the path."""
    try:
        flow = await latest_flow(parts, caller, path)
    except NotFound:
        return json_answer(False)
    return json_answer(not flow.archived)


@router.get(
    "/api/w/{workspace}/flows/deployment_status/p/{path:path}",
    response_class=Response,
    responses={200: returns(FlowDeployment)},
)
async def get_deployment_status(parts: InParts, caller: Caller, path: str) -> Response:
    """Whether the scripts that stand in the flow are locked. It runs either way: one without a lock is locked then."""
    flow = await latest_flow(parts, caller, path)
    locking = await flows.locking(parts.database.single, caller.workspace, flow.id)
    if locking is None or locking.status == "success":
        return json_answer(FlowDeployment())
    return json_answer(FlowDeployment(locking_failure(locking) or msgspec.UNSET, str(locking.job)))


@router.get(
    "/api/w/{workspace}/flows/history/p/{path:path}",
    response_class=Response,
    responses={200: returns(list[FlowHistoryLine])},
)
async def get_flow_history(
    parts: InParts, caller: Caller, path: str, page: PageNumber = 1, per_page: PerPage = MOST_PER_PAGE
) -> Response:
    """The versions of a flow, the newest first."""
    flow = await latest_flow(parts, caller, path)
    limit = min(per_page, MOST_PER_PAGE)
    skip = (max(page, 1) - 1) * limit
    lines = await flows.versions(parts.database.single, caller.workspace, flow.path, limit=limit, skip=skip)
    return json_answer([flow_history_line(line) for line in lines])


@router.post(
    "/api/w/{workspace}/flows/history_update/v/{version}",
    response_class=Response,
    responses={200: TEXT},
    openapi_extra=accepts(FlowMessage),
)
async def update_flow_history(
    parts: InParts, caller: Caller, version: str, body: Annotated[FlowMessage, Depends(json_body(FlowMessage))]
) -> Response:
    """Change what a deployment says about itself."""
    flow = await flow_version(parts, caller, parse_version(version), action=Action.WRITE)
    async with changing(parts, caller) as tx:
        await flows.set_message(tx, caller.workspace, flow.id, message=body.deployment_msg)
        await audit.record(tx, caller, "flows.update", "Update", flow.path, {"version": flow.id})
    return text_answer("ok")


@router.get("/api/w/{workspace}/flows/list", response_class=Response, responses={200: returns(list[FlowRow])})
async def list_flows(
    parts: InParts,
    caller: Caller,
    request: Request,
    *,
    page: PageNumber = 1,
    per_page: PerPage = 1000,
    order_desc: bool = True,
    created_by: str | None = None,
    path_start: str | None = None,
    path_exact: str | None = None,
    show_archived: bool = False,
    starred_only: bool = False,
    label: str | None = None,
    with_deployment_msg: bool = False,
    without_description: bool = False,
    without_value: bool = False,
) -> Response:
    """The flows that the caller may see, those deployed last first, without their schemas."""
    permit.require(caller, Action.LIST, _FLOWS)
    starred = await favorites.paths(parts.database.single, caller, ItemKind.FLOW)
    wanted = Filter(
        archived=show_archived,
        path_exact=_plain(path_exact),
        path_start=_plain(path_start),
        created_by=_plain(created_by),
        label=_plain(label),
        descending=order_desc,
        with_value=not without_value,
        paths=sorted(starred) if starred_only else None,
    )
    number, readable = counted_page(request, page, per_page), permit.readable_owners(caller)
    async with parts.database.transaction(caller.workspace) as tx:

        async def fetch(after: FlowVersion | None, limit: int) -> list[FlowVersion]:
            return await flows.page(tx, caller.workspace, wanted, readable=readable, after=after, limit=limit)

        found = await visible_page(fetch, lambda flow: _may_list(caller, flow), number=number, per_page=per_page)
    rows = [flow_row(flow, with_value=wanted.with_value) for flow in found]
    for row in rows:
        row.starred = row.path in starred
        row.description = "" if without_description else row.description
        row.deployment_msg = row.deployment_msg if with_deployment_msg else msgspec.UNSET
    return json_answer(rows)


@router.get("/api/w/{workspace}/flows/list_paths", response_class=Response, responses={200: returns(list[str])})
async def list_flow_paths(parts: InParts, caller: Caller) -> Response:
    """The paths of all flows in use, in order."""
    return json_answer(await _paths(parts, caller))


@router.get("/api/w/{workspace}/flows/last_runs", response_class=Response, responses={200: returns(dict[str, LastRun])})
async def list_last_runs(parts: InParts, caller: Caller) -> Response:
    """The newest run of each flow in use, by its path, where the caller may see one."""
    single, readable = parts.database.single, permit.readable_owners(caller)
    runs = await jobs.last_runs(single, caller, await _paths(parts, caller), kind=JobKind.FLOW, readable=readable)
    seen = [run for run in runs if permit.decide(caller, Action.READ, jobs.target_of(run)).allowed]
    return json_answer({run.script_path: last_run_out(run) for run in seen})


async def _paths(parts: Parts, caller: Principal) -> list[str]:
    permit.require(caller, Action.LIST, _FLOWS)
    found = []
    for row in await flows.paths(parts.database.single, caller.workspace):
        item = Item(ItemKind.FLOW, parse_path(row.path), msgspec.json.decode(row.extra_perms, type=dict[str, bool]))
        if permit.decide(caller, Action.LIST, item).allowed:
            found.append(row.path)
    return found


@router.get("/api/w/{workspace}/flows/list_search", response_class=Response, responses={200: returns(list[FoundFlow])})
async def list_flow_search(parts: InParts, caller: Caller) -> Response:
    """Path and value of the 1,000 flows in use that were deployed last."""
    permit.require(caller, Action.LIST, _FLOWS)
    readable = permit.readable_owners(caller)
    async with parts.database.transaction(caller.workspace) as tx:
        rows = await flows.page(tx, caller.workspace, Filter(), readable=readable, after=None, limit=1000)
    visible = [
        row
        for row in rows
        if permit.decide(caller, Action.READ, Item(ItemKind.FLOW, parse_path(row.path), row.shares)).allowed
    ]
    return json_answer([FoundFlow(row.path, msgspec.Raw(row.value)) for row in visible])


def _may_list(caller: Principal, flow: FlowVersion) -> bool:
    return permit.decide(caller, Action.LIST, Item(ItemKind.FLOW, parse_path(flow.path), flow.shares)).allowed


def _plain(text: str | None) -> str | None:
    if text is not None and "\x00" in text:
        raise BadRequest("A filter holds the character NUL.")
    return text
