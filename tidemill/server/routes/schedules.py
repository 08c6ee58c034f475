"""Schedules: what runs when, and what became of it."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends, Query
from msgspec import UnsetType
from starlette.responses import Response

from tidemill.db import audit, flows, schedules, scripts
from tidemill.db.pool import Transaction
from tidemill.db.schedules import Content, Filter, Occurrence, Schedule
from tidemill.engine import permit
from tidemill.engine.cron import occurrences, parse_cron, parse_zone
from tidemill.engine.permit import Action, Item, ItemKind, Listing
from tidemill.engine.schedules import next_due
from tidemill.model.errors import BadRequest, Unsupported
from tidemill.model.identity import Principal
from tidemill.model.path import parse_path
from tidemill.model.schedule import Target
from tidemill.server import items
from tidemill.server.changes import changing, plain
from tidemill.server.item_pages import InItemPage
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.moments import in_utc
from tidemill.server.on_behalf import identity_for
from tidemill.server.parts import Caller, InParts
from tidemill.server.preconditions import Conditions, Preconditions, etag, require_change
from tidemill.server.schedule_changes import record
from tidemill.server.schedule_defaults import DefaultHandler, keep, with_defaults
from tidemill.server.schedule_wire import (
    NewSchedule,
    OneSchedule,
    ScheduleChange,
    ScheduleWithJobs,
    WireRun,
    WireSchedule,
    checked_content,
    checked_labels_of,
    fields_of,
    new_settings,
    on_wire,
    target_of,
)
from tidemill.server.wire import ERRORS, TEXT, accepts, json_answer, json_body, returns, text_answer

router = APIRouter(tags=["schedules"], responses=ERRORS, route_class=LazyRoute)

_W: Final = "/api/w/{workspace}/schedules"
_SHOWN: Final = 10
_RUNS: Final = 20
_ALL: Final = 1 << 31
SCHEDULES: Final = items.Store(ItemKind.SCHEDULE, schedules.find, schedules.hold, schedules.delete)


class Preview(msgspec.Struct):
    """A pattern to try out."""

    schedule: str
    timezone: str = "UTC"
    cron_version: str | None = None


class Enabled(msgspec.Struct):
    """Whether it shall come."""

    enabled: bool


@router.post("/api/schedules/preview", response_class=Response, responses={200: returns(list[datetime])},
             openapi_extra=accepts(Preview))  # fmt: skip
async def preview_schedule(body: Annotated[Preview, Depends(json_body(Preview))]) -> Response:
    """When a pattern comes next: ten moments."""
    if body.cron_version not in {None, "v2"}:
        raise Unsupported("cron_version must be 'v2': days of the week are 0 to 7 with 0 and 7 for Sunday.")
    return json_answer(occurrences(parse_cron(body.schedule), parse_zone(body.timezone), _now(), count=_SHOWN))


@router.post(
    f"{_W}/create", response_class=Response, status_code=201, responses={201: TEXT}, openapi_extra=accepts(NewSchedule)
)
async def create_schedule(
    parts: InParts,
    caller: Caller,
    conditions: Conditions,
    body: Annotated[NewSchedule, Depends(json_body(NewSchedule))],
) -> Response:
    """Create a schedule. It runs with the rights of who creates it."""
    item = Item(ItemKind.SCHEDULE, parse_path(body.path))
    permit.require(caller, Action.CREATE, item)
    conditions.check_absent(item)
    async with changing(parts, caller) as tx:
        preserve = bool(body.preserve_permissioned_as)
        actor, email = await identity_for(tx, caller, body.permissioned_as, preserve=preserve)
        content = checked_content(
            Content(
                path=item.path.text,
                cron=body.schedule,
                timezone=body.timezone,
                target=target_of(body.script_path, is_flow=body.is_flow),
                enabled=body.enabled,
                paused_until=in_utc(body.paused_until),
                settings=new_settings(await with_defaults(tx, caller.workspace, body)),
                labels=checked_labels_of(body.labels),
                permissioned_as=actor,
                email=email,
            )
        )
        await _require_target(tx, caller, content.target)
        version = await schedules.create(tx, content, workspace=caller.workspace, actor=caller.actor)
        if version is None:
            raise await items.taken(tx, caller, SCHEDULES, item=item, conditions=conditions)
        await record(tx, caller, content.path, None)
        await audit.record(tx, caller, "schedules.create", "Create", content.path)
    return text_answer(content.path, status=201, headers=etag(version))


@router.post(
    f"{_W}/update/{{path:path}}", response_class=Response, responses={200: TEXT}, openapi_extra=accepts(ScheduleChange)
)
async def update_schedule(
    path: str,
    parts: InParts,
    caller: Caller,
    conditions: Conditions,
    body: Annotated[ScheduleChange, Depends(json_body(ScheduleChange))],
) -> Response:
    """Change a schedule. From then on it runs with the rights of who changed it, or of whom is to be preserved."""

    def changed(held: Schedule, actor: str, email: str) -> Content:
        is_flow = held.target_kind == "flow" if body.is_flow is None else body.is_flow
        paused = held.paused_until if isinstance(body.paused_until, UnsetType) else in_utc(body.paused_until)
        return Content(
            path=held.path,
            cron=body.schedule or held.cron,
            timezone=body.timezone or held.timezone,
            target=target_of(body.script_path or held.target_path, is_flow=is_flow),
            enabled=held.enabled if body.enabled is None else body.enabled,
            paused_until=paused,
            settings=new_settings(body, held.more),
            labels=checked_labels_of(body.labels, held.labels),
            permissioned_as=actor,
            email=email,
        )

    async with changing(parts, caller) as tx:
        held = await _held(tx, caller, path, conditions)
        preserve = bool(body.preserve_permissioned_as)
        actor, email = await identity_for(tx, caller, body.permissioned_as, preserve=preserve)
        content = checked_content(changed(held, actor, email))
        await _require_target(tx, caller, content.target)
        version = await _update(tx, caller, held, content, conditions=conditions)
    return text_answer(held.path, headers=etag(version))


@router.post(
    f"{_W}/setenabled/{{path:path}}", response_class=Response, responses={200: TEXT}, openapi_extra=accepts(Enabled)
)
async def set_schedule_enabled(
    path: str,
    parts: InParts,
    caller: Caller,
    conditions: Conditions,
    body: Annotated[Enabled, Depends(json_body(Enabled))],
) -> Response:
    """Switch a schedule on or off; whom it runs as stays."""
    async with changing(parts, caller) as tx:
        held = await _held(tx, caller, path, conditions)
        content = replace(_content_of(held), enabled=body.enabled)
        version = await _update(tx, caller, held, content, conditions=conditions)
    return text_answer(held.path, headers=etag(version))


@router.delete(f"{_W}/delete/{{path:path}}", response_class=Response, responses={200: TEXT})
async def delete_schedule(path: str, parts: InParts, caller: Caller, conditions: Conditions) -> Response:
    """Delete a schedule; jobs that it started go on."""
    async with changing(parts, caller) as tx:
        item = Item(ItemKind.SCHEDULE, parse_path(path))
        found = await schedules.hold(tx, caller.workspace, item.path.text)
        held = require_change(caller, Action.DELETE, found, item=item, conditions=conditions)
        await schedules.delete(tx, held, workspace=caller.workspace, versions=conditions.versions)
        await schedules.record_change(tx, caller, held.path, "delete", None)
        await audit.record(tx, caller, "schedules.delete", "Delete", held.path)
    return text_answer(held.path)


@router.post(
    f"{_W}/setdefaulthandler",
    response_class=Response,
    status_code=201,
    responses={201: TEXT},
    openapi_extra=accepts(DefaultHandler),
)
async def set_default_handler(
    parts: InParts, caller: Caller, body: Annotated[DefaultHandler, Depends(json_body(DefaultHandler))]
) -> Response:
    """Set the handler of schedules that name none, and with `override_existing` that of all there are."""
    permit.require_scope(caller, "schedules", "write")
    new_settings(body.settled())
    async with changing(parts, caller) as tx:
        await keep(tx, caller.workspace, body)
        if body.override_existing:
            for one in await schedules.page(tx, caller, Filter(), skip=0, limit=_ALL):
                held = await schedules.hold(tx, caller.workspace, one.path)
                if held is not None:
                    content = replace(_content_of(held), settings=new_settings(body.settled(), held.more))
                    await _update(tx, caller, held, content, conditions=Preconditions())
        await audit.record(tx, caller, "schedules.setdefaulthandler", "Update", body.handler_type)
    return text_answer(f"The default {body.handler_type} handler was set.", status=201)


@router.get(f"{_W}/get/{{path:path}}", response_class=Response, responses={200: returns(OneSchedule)})
async def get_schedule(path: str, parts: InParts, caller: Caller, conditions: Conditions) -> Response:
    """A schedule."""
    found = await items.visible(parts, caller, SCHEDULES, path=path, action=Action.READ)
    if conditions.is_known(found.version):
        return Response(status_code=304, headers=etag(found.version))
    return json_answer(OneSchedule(**fields_of(caller.workspace, found)), headers=etag(found.version))


@router.get(f"{_W}/exists/{{path:path}}", response_class=Response, responses={200: returns(bool)})
async def exists_schedule(path: str, parts: InParts, caller: Caller) -> Response:
    """Whether there is a schedule that the caller may see."""
    return json_answer(await items.exists(parts, caller, SCHEDULES, path))


@router.get(f"{_W}/list", response_class=Response, responses={200: returns(list[WireSchedule])})
async def list_schedules(
    parts: InParts,
    caller: Caller,
    page: InItemPage,
    args: Annotated[str | None, Query(description="JSON that the arguments have to contain.")] = None,
    path: Annotated[str | None, Query(description="Of what it runs.")] = None,
    is_flow: bool | None = None,
    path_start: str | None = None,
    schedule_path: str | None = None,
    description: str | None = None,
    summary: str | None = None,
    broad_filter: str | None = None,
    label: str | None = None,
) -> Response:
    """Schedules in order of path."""
    permit.require(caller, Action.LIST, Listing("schedules"))
    wanted = Filter(
        path=plain("schedule_path", schedule_path),
        path_start=plain("path_start", path_start),
        target_path=plain("path", path),
        target_kind=None if is_flow is None else "flow" if is_flow else "script",
        label=plain("label", label),
        summary=plain("summary", summary),
        description=plain("description", description),
        anything=plain("broad_filter", broad_filter),
        args=None if args is None else _object(args),
    )
    async with parts.database.transaction(caller.workspace) as tx:
        found = await schedules.page(tx, caller, wanted, skip=page.skip, limit=page.limit)
    return json_answer([on_wire(caller.workspace, one) for one in found])


@router.get(f"{_W}/list_with_jobs", response_class=Response, responses={200: returns(list[ScheduleWithJobs])})
async def list_schedules_with_jobs(parts: InParts, caller: Caller, page: InItemPage) -> Response:
    """Schedules in order of path, each with its last 20 runs."""
    permit.require(caller, Action.LIST, Listing("schedules"))
    async with parts.database.transaction(caller.workspace) as tx:
        found = await schedules.page(tx, caller, Filter(), skip=page.skip, limit=page.limit)
        runs = await schedules.last_jobs(tx, caller.workspace, [one.path for one in found], limit=_RUNS)
    return json_answer(
        [
            ScheduleWithJobs(**fields_of(caller.workspace, one), jobs=[WireRun(**run) for run in runs[one.path]])
            for one in found
        ]
    )


@router.get(f"{_W}/next/{{path:path}}", response_class=Response, responses={200: returns(list[datetime])})
async def next_occurrences(path: str, parts: InParts, caller: Caller) -> Response:
    """When a schedule comes next: ten moments; none where it is switched off."""
    found = await items.visible(parts, caller, SCHEDULES, path=path, action=Action.READ)
    if not found.enabled:
        return json_answer([])
    cron, zone = parse_cron(found.cron), parse_zone(found.timezone)
    first = next_due(cron, zone, now=_now(), paused_until=found.paused_until)
    return json_answer([] if first is None else [first, *occurrences(cron, zone, first, count=_SHOWN - 1)])


@router.get(f"{_W}/occurrences/{{path:path}}", response_class=Response, responses={200: returns(list[Occurrence])})
async def list_occurrences(
    path: str,
    parts: InParts,
    caller: Caller,
    before: Annotated[datetime | None, Query(description="Go on behind this one.")] = None,
    per_page: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """What became of the occurrences of a schedule, newest first: run, skipped or missed, and why."""
    found = await items.visible(parts, caller, SCHEDULES, path=path, action=Action.READ)
    single = parts.database.single
    rows = await schedules.occurrences(single, caller.workspace, found.path, before=in_utc(before), limit=per_page)
    return json_answer(rows)


async def _held(tx: Transaction, caller: Principal, path: str, conditions: Conditions) -> Schedule:
    item = Item(ItemKind.SCHEDULE, parse_path(path))
    found = await schedules.hold(tx, caller.workspace, item.path.text)
    return require_change(caller, Action.WRITE, found, item=item, conditions=conditions)


async def _update(
    tx: Transaction, caller: Principal, held: Schedule, content: Content, *, conditions: Conditions
) -> int:
    version = await schedules.update(
        tx, held, content, workspace=caller.workspace, actor=caller.actor, versions=conditions.versions
    )
    await record(tx, caller, held.path, held)
    await audit.record(tx, caller, "schedules.update", "Update", held.path)
    return version


async def _require_target(tx: Transaction, caller: Principal, target: Target) -> None:
    """Refuse a schedule of what is not there, or what the caller may not run."""
    path = parse_path(target.path)
    if target.kind == "flow":
        flow = await flows.head(tx, caller.workspace, path.text)
        kind, shares = ItemKind.FLOW, None if flow is None or flow.archived else flow.shares
    else:
        script = await scripts.seen_head(tx, caller.workspace, path.text)
        kind, shares = ItemKind.SCRIPT, None if script is None else script.shares
    if shares is None:
        raise permit.not_found(Item(kind, path))
    permit.require(caller, Action.RUN, Item(kind, path, shares))


def _content_of(held: Schedule) -> Content:
    return Content(
        path=held.path,
        cron=held.cron,
        timezone=held.timezone,
        target=target_of(held.target_path, is_flow=held.target_kind == "flow"),
        enabled=held.enabled,
        paused_until=held.paused_until,
        settings=held.more,
        labels=held.labels,
        permissioned_as=held.permissioned_as,
        email=held.email,
    )


def _object(text: str) -> dict[str, object]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadRequest("args must be a JSON object.") from error
    if not isinstance(found, dict):
        raise BadRequest("args must be a JSON object.")
    return found


def _now() -> datetime:
    return datetime.now(UTC)
