"""Resources and states: JSON values at paths. What was written comes back to the byte."""

from datetime import datetime
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends
from msgspec import UNSET, UnsetType
from starlette.responses import Response

from tidemill.db import resources, state_writes, storage_access
from tidemill.db.items import version_mismatch
from tidemill.db.pool import Transaction
from tidemill.db.resources import Content, Filter, Resource
from tidemill.db.state_writes import STATE
from tidemill.db.storage_access import Touched
from tidemill.engine import permit
from tidemill.engine.permit import Action, Item, ItemKind, Listing
from tidemill.model.errors import AlreadyExists, BadRequest, Conflict, TidemillError
from tidemill.model.identity import Principal
from tidemill.model.path import check_name, parse_path
from tidemill.server import items
from tidemill.server.changes import changing, checked_labels, plain
from tidemill.server.item_pages import InItemPage
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.parts import Caller, InParts
from tidemill.server.preconditions import Conditions, Preconditions, etag, require_change
from tidemill.server.resources_seen import RESOURCES, interpolated, note_read, require_resource, resources_for
from tidemill.server.routes.variables import Paths
from tidemill.server.wire import ERRORS, TEXT, accepts, json_answer, json_body, raw_answer, returns, text_answer

router = APIRouter(tags=["resources"], responses=ERRORS, route_class=LazyRoute)

_W: Final = "/api/w/{workspace}/resources"
_SEARCHED_CHARS: Final = 4000
_ANY_JSON: Final = returns(msgspec.Raw)


class NewResource(msgspec.Struct):
    """A resource to create; the value is any JSON."""

    path: str
    value: msgspec.Raw
    resource_type: str
    description: str | None = None
    labels: list[str] | None = None


class ResourceChange(msgspec.Struct):
    """What to change; what is not given stays, and so does what is null, but for the value."""

    path: str | None = None
    value: msgspec.Raw | UnsetType = UNSET
    resource_type: str | None = None
    description: str | None = None
    labels: list[str] | None = None


class NewValue(msgspec.Struct):
    """The value of a resource: any JSON, null too."""

    value: msgspec.Raw


class ListedResource(msgspec.Struct, kw_only=True):
    """A resource. `value` is only in the answer to `get`, and absent where the caller may not read it."""

    workspace_id: str
    path: str
    resource_type: str
    description: str
    extra_perms: msgspec.Raw
    is_oauth: bool
    is_linked: bool = False
    is_refreshed: bool = False
    is_draft: bool = False
    created_by: str
    edited_by: str
    edited_at: datetime
    version: int
    labels: list[str] | UnsetType = UNSET
    value: msgspec.Raw | UnsetType = UNSET


class NamedResource(msgspec.Struct):
    """A resource by its path; the name is the path, too."""

    name: str
    path: str


class SearchedResource(msgspec.Struct):
    """The beginning of a resource's value, for searching in it."""

    path: str
    value: str
    truncated: bool


@router.post(
    f"{_W}/create", response_class=Response, status_code=201, responses={201: TEXT}, openapi_extra=accepts(NewResource)
)
async def create_resource(
    parts: InParts,
    caller: Caller,
    conditions: Conditions,
    body: Annotated[NewResource, Depends(json_body(NewResource))],
    update_if_exists: bool = False,
) -> Response:
    """Create a resource; fails where there is one, unless it may be updated."""
    content = Content(
        path=parse_path(body.path).text,
        resource_type=check_name("resource type", body.resource_type),
        value=bytes(body.value),
        description=body.description or "",
        labels=checked_labels(body.labels),
    )
    async with changing(parts, caller) as tx:
        version = await _create(tx, caller, content, conditions=conditions, may_update=update_if_exists)
    return text_answer(content.path, status=201, headers=etag(version))


@router.post(
    f"{_W}/update/{{path:path}}", response_class=Response, responses={200: TEXT}, openapi_extra=accepts(ResourceChange)
)
async def update_resource(
    path: str,
    parts: InParts,
    caller: Caller,
    conditions: Conditions,
    body: Annotated[ResourceChange, Depends(json_body(ResourceChange))],
) -> Response:
    """Change a resource, and move it where another `path` is given. Never creates one."""
    item = Item(ItemKind.RESOURCE, parse_path(path))
    new_path = parse_path(body.path) if body.path is not None else item.path
    labels = None if body.labels is None else checked_labels(body.labels)
    new_type = None if body.resource_type is None else check_name("resource type", body.resource_type)
    async with changing(parts, caller) as tx:
        found = await resources.hold(tx, caller.workspace, item.path.text)
        seen = await state_writes.seen(tx, caller, item.path.text, found)
        held = require_change(caller, Action.WRITE, seen, item=item, conditions=conditions)
        if new_path != item.path:
            permit.require(caller, Action.MOVE, held.item)
            permit.require(caller, Action.CREATE, Item(ItemKind.RESOURCE, new_path))
        content = Content(
            path=new_path.text,
            resource_type=new_type or held.resource_type,
            value=held.value if isinstance(body.value, UnsetType) else bytes(body.value),
            description=held.description if body.description is None else body.description,
            labels=held.labels if labels is None else labels,
        )
        version = await _update(tx, caller, held, content, conditions=conditions, committed=found)
    return text_answer(new_path.text, headers=etag(version))


@router.post(
    f"{_W}/update_value/{{path:path}}", response_class=Response, responses={200: TEXT}, openapi_extra=accepts(NewValue)
)
async def update_resource_value(
    path: str,
    parts: InParts,
    caller: Caller,
    conditions: Conditions,
    body: Annotated[NewValue, Depends(json_body(NewValue))],
) -> Response:
    """Give a resource another value. Never creates one."""
    item = Item(ItemKind.RESOURCE, parse_path(path))
    async with changing(parts, caller) as tx:
        found = await resources.hold(tx, caller.workspace, item.path.text)
        seen = await state_writes.seen(tx, caller, item.path.text, found)
        held = require_change(caller, Action.WRITE, seen, item=item, conditions=conditions)
        content = Content(
            path=held.path,
            resource_type=held.resource_type,
            value=bytes(body.value),
            description=held.description,
            labels=held.labels,
        )
        version = await _update(tx, caller, held, content, conditions=conditions, committed=found)
    return text_answer(item.path.text, headers=etag(version))


@router.get(f"{_W}/get/{{path:path}}", response_class=Response, responses={200: returns(ListedResource)})
async def get_resource(path: str, parts: InParts, caller: Caller, conditions: Conditions) -> Response:
    """A resource with its value as it was written, references and all."""
    found = await require_resource(parts, caller, path, Action.READ)
    if conditions.is_known(found.version):
        return Response(status_code=304, headers=etag(found.version))
    may_read = permit.decide(caller, Action.READ_VALUE, found.item).allowed
    if may_read:
        await note_read(parts, caller, found)
    value = msgspec.Raw(found.value) if may_read else UNSET
    return json_answer(_listed(caller, found, value), headers=etag(found.version))


@router.get(f"{_W}/get_value/{{path:path}}", response_class=Response, responses={200: _ANY_JSON})
async def get_resource_value(path: str, parts: InParts, caller: Caller, conditions: Conditions) -> Response:
    """The value alone, as it was written."""
    found = await require_resource(parts, caller, path, Action.READ_VALUE)
    if conditions.is_known(found.version):
        return Response(status_code=304, headers=etag(found.version))
    await note_read(parts, caller, found)
    return raw_answer(found.value, headers=etag(found.version))


@router.get(f"{_W}/get_value_interpolated/{{path:path}}", response_class=Response, responses={200: _ANY_JSON})
async def get_resource_value_interpolated(path: str, parts: InParts, caller: Caller) -> Response:
    """The value with `$var:` and `$res:` replaced, under the caller's rights. The `ETag` is that of the resource."""
    found = await require_resource(parts, caller, path, Action.READ_VALUE)
    value = await interpolated(parts, caller, found)
    return raw_answer(value, headers=etag(found.version))


@router.get(f"{_W}/exists/{{path:path}}", response_class=Response, responses={200: returns(bool)})
async def exists_resource(path: str, parts: InParts, caller: Caller) -> Response:
    """Whether there is a resource that the caller may see."""
    return json_answer(await items.exists(parts, caller, resources_for(caller), path))


@router.get(f"{_W}/list", response_class=Response, responses={200: returns(list[ListedResource])})
async def list_resources(
    parts: InParts,
    caller: Caller,
    page: InItemPage,
    resource_type: str | None = None,
    resource_type_exclude: str | None = None,
    path_start: str | None = None,
    path: str | None = None,
    description: str | None = None,
    value: str | None = None,
    broad_filter: str | None = None,
    label: str | None = None,
) -> Response:
    """Resources in order of path, without their values; types are separated by commas. States are among them."""
    permit.require(caller, Action.LIST, Listing("resources"))
    if value is not None:
        raise BadRequest("Resources cannot be listed by their values here; list_search has the beginnings of them.")
    wanted = Filter(
        types=_types("resource_type", resource_type),
        not_types=_types("resource_type_exclude", resource_type_exclude),
        path_start=plain("path_start", path_start),
        path=plain("path", path),
        description=plain("description", description),
        anything=plain("broad_filter", broad_filter),
        label=plain("label", label),
    )
    async with parts.database.transaction(caller.workspace) as tx:
        found = await resources.page(tx, caller, wanted, skip=page.skip, limit=page.limit)
    return json_answer([_listed(caller, each, UNSET) for each in found])


@router.get(f"{_W}/list_names/{{name}}", response_class=Response, responses={200: returns(list[NamedResource])})
async def list_resource_names(name: str, parts: InParts, caller: Caller, page: InItemPage) -> Response:
    """The paths of the resources of one type."""
    permit.require(caller, Action.LIST, Listing("resources"))
    wanted = Filter(types=[check_name("resource type", name)])
    async with parts.database.transaction(caller.workspace) as tx:
        found = await resources.page(tx, caller, wanted, skip=page.skip, limit=page.limit)
    return json_answer([NamedResource(each.path, each.path) for each in found])


@router.get(f"{_W}/list_search", response_class=Response, responses={200: returns(list[SearchedResource])})
async def list_search_resources(parts: InParts, caller: Caller, page: InItemPage) -> Response:
    """The beginnings of the values that the caller may read, states aside."""
    permit.require(caller, Action.LIST, Listing("resources"))
    async with parts.database.transaction(caller.workspace) as tx:
        wanted = Filter(not_types=["state"])
        found = await resources.page(tx, caller, wanted, skip=page.skip, limit=page.limit)
        readable = [each for each in found if permit.decide(caller, Action.READ_VALUE, each.item).allowed]
        paths = [each.path for each in readable]
        texts = await resources.beginnings(tx, caller.workspace, paths, chars=_SEARCHED_CHARS)
        if caller.is_job:
            touched = [Touched("resource", each.path, each.version) for each in readable]
            await storage_access.record(tx, caller, touched, "read")
    shown = [texts[path] for path in paths if path in texts]
    return json_answer([SearchedResource(each.path, each.beginning, each.truncated) for each in shown])


@router.delete(f"{_W}/delete/{{path:path}}", response_class=Response, responses={200: TEXT})
async def delete_resource(path: str, parts: InParts, caller: Caller, conditions: Conditions) -> Response:
    """Delete a resource; its history stays."""
    return text_answer(await items.delete(parts, caller, resources_for(caller), path=path, conditions=conditions))


@router.delete(
    f"{_W}/delete_bulk",
    response_class=Response,
    responses={200: returns(list[str])},
    openapi_extra=accepts(Paths),
)
async def delete_resources(
    parts: InParts, caller: Caller, body: Annotated[Paths, Depends(json_body(Paths))]
) -> Response:
    """Delete many resources at once, or none where one may not be deleted; the paths of those that were there."""
    return json_answer(await items.delete_many(parts, caller, resources_for(caller), body.paths))


async def _create(
    tx: Transaction, caller: Principal, content: Content, *, conditions: Preconditions, may_update: bool
) -> int:
    item = Item(ItemKind.RESOURCE, parse_path(content.path))
    found = await resources.hold(tx, caller.workspace, content.path) if may_update else None
    held = await state_writes.seen(tx, caller, content.path, found)
    if may_update and held is not None and permit.decide(caller, Action.WRITE, held.item).visible:
        require_change(caller, Action.WRITE, held, item=item, conditions=conditions)
        return await _update(tx, caller, held, content, conditions=conditions, committed=found)
    permit.require(caller, Action.CREATE, item)
    if held is not None and found is None:
        raise _written_by_itself(item, held, conditions)
    if conditions.is_given and content.resource_type == STATE and await state_writes.is_step(tx, caller):
        return await _create_with_step(tx, caller, content, conditions=conditions)
    version = await resources.create(tx, content, workspace=caller.workspace, actor=caller.actor)
    if version is None and may_update and found is None:  # somebody was faster just now
        return await _create(tx, caller, content, conditions=conditions, may_update=True)
    if version is None:
        raise await items.taken(tx, caller, RESOURCES, item=item, conditions=conditions)
    conditions.check_absent(item)
    await items.record_write(tx, caller, RESOURCES.kind, path=content.path, version=version)
    return version


async def _create_with_step(tx: Transaction, caller: Principal, content: Content, *, conditions: Preconditions) -> int:
    """As `_create`, for a step of a flow: the state is there once the step has ended."""
    item = Item(ItemKind.RESOURCE, parse_path(content.path))
    if await resources.hold(tx, caller.workspace, content.path) is not None:
        raise await items.taken(tx, caller, RESOURCES, item=item, conditions=conditions)
    conditions.check_absent(item)
    return await state_writes.keep(tx, caller, content, expected=0)


def _written_by_itself(item: Item, held: Resource, conditions: Preconditions) -> TidemillError:
    """The error for a step that wants to create what it has created itself, which counts once it has ended."""
    if conditions.none_match is not None:
        return version_mismatch(item, current=held.version)
    return AlreadyExists(f"This step has made a {item.kind} at '{item.path}' already; update it instead.")


async def _update(
    tx: Transaction,
    caller: Principal,
    held: Resource,
    content: Content,
    *,
    conditions: Preconditions,
    committed: Resource | None,
) -> int:
    """Write over `held`, the resource as the caller sees it, and `committed`, as everybody else does."""
    is_own = committed is None or held.version != committed.version
    stays = content.path == held.path and content.resource_type == held.resource_type
    if is_own and not stays:
        raise Conflict(f"What this step has written to '{held.path}' counts with its end: it cannot be moved before.")
    waits = is_own or (
        conditions.is_given and stays and held.resource_type == STATE and await state_writes.is_step(tx, caller)
    )
    if waits:
        return await state_writes.keep(tx, caller, content, expected=committed.version if committed else 0)
    version = await resources.update(
        tx, held, content, workspace=caller.workspace, actor=caller.actor, versions=conditions.versions
    )
    await items.record_write(tx, caller, RESOURCES.kind, path=content.path, version=version, was_at=held.path)
    return version


def _types(name: str, text: str | None) -> list[str] | None:
    names = [part.strip() for part in (plain(name, text) or "").split(",")]
    return [each for each in names if each] or None


def _listed(caller: Principal, found: Resource, value: msgspec.Raw | UnsetType) -> ListedResource:
    return ListedResource(
        workspace_id=caller.workspace,
        path=found.path,
        resource_type=found.resource_type,
        description=found.description,
        extra_perms=msgspec.Raw(found.extra_perms),
        is_oauth=found.is_oauth,
        created_by=found.created_by,
        edited_by=found.edited_by,
        edited_at=found.edited_at,
        version=found.version,
        labels=list(found.labels) or UNSET,
        value=value,
    )
