"""Resource types: the catalogue is there in every workspace; developers add types and may define one anew."""

import dataclasses
from datetime import datetime
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends
from msgspec import UNSET, UnsetType
from starlette.responses import Response

from tidemill.db import audit, resource_types, resources
from tidemill.db.resource_types import ADMINS, Origin, ResourceType
from tidemill.engine import permit
from tidemill.engine.permit import Action, Listing, Need, WorkspaceTarget
from tidemill.model import jsontext
from tidemill.model.errors import AlreadyExists, BadRequest, Conflict, NotFound
from tidemill.model.path import check_name
from tidemill.model.resource_type import catalogue, check_schema, recognise_url
from tidemill.server.changes import changing
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.parts import Caller, InParts
from tidemill.server.wire import ERRORS, TEXT, accepts, json_answer, json_body, returns, text_answer

router = APIRouter(tags=["resources"], responses=ERRORS, route_class=LazyRoute)

_W: Final = "/api/w/{workspace}/resources"
_TO_CHANGE: Final = WorkspaceTarget("resources", Need.DEVELOPER)

LONGEST_URL: Final = 16_384

Extension = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.\-]{1,30}\Z")]


class NewType(msgspec.Struct, rename={"json_schema": "schema"}):
    """A resource type to create. Without a schema, any value will do."""

    name: str
    json_schema: msgspec.Raw | UnsetType = UNSET
    description: str | None = None
    display_name: str | None = None
    format_extension: Extension | None = None
    is_fileset: bool | None = None


class TypeChange(msgspec.Struct, rename={"json_schema": "schema"}):
    """What to change; what is not given stays. null clears `format_extension` and `display_name`."""

    json_schema: msgspec.Raw | UnsetType = UNSET
    description: str | None = None
    display_name: str | UnsetType | None = UNSET
    format_extension: Extension | UnsetType | None = UNSET
    is_fileset: bool | None = None


class WireType(msgspec.Struct, kw_only=True, rename={"json_schema": "schema"}):
    """A resource type. `workspace_id` is `admins` for what all workspaces share; `origin` and `category` are ours."""

    name: str
    workspace_id: str
    json_schema: msgspec.Raw
    description: str
    origin: Origin
    category: str | UnsetType = UNSET
    display_name: str | UnsetType = UNSET
    format_extension: str | UnsetType = UNSET
    is_fileset: bool | UnsetType = UNSET
    created_by: str | UnsetType = UNSET
    edited_at: datetime | UnsetType = UNSET


class TypeCount(msgspec.Struct):
    """How many resources of a type there are."""

    resource_type: str
    count: int


class Pasted(msgspec.Struct):
    """A connection URL, secrets and all."""

    url: Annotated[str, msgspec.Meta(max_length=LONGEST_URL)]


class Recognised(msgspec.Struct):
    """The resource that a connection URL describes. Nothing is stored."""

    resource_type: str
    value: msgspec.Raw


class FileForm(msgspec.Struct, omit_defaults=True):
    """How resources of a type are written to files."""

    format_extension: str | None = None
    is_fileset: bool = False


@router.post(
    f"{_W}/type/create", response_class=Response, status_code=201, responses={201: TEXT}, openapi_extra=accepts(NewType)
)
async def create_resource_type(
    parts: InParts, caller: Caller, body: Annotated[NewType, Depends(json_body(NewType))]
) -> Response:
    """Create a type; fails where the workspace sees one of that name. Types of `admins` are seen by all workspaces."""
    permit.require(caller, Action.CREATE, _TO_CHANGE)
    name = check_name("resource type", body.name)
    new = ResourceType(
        name=name,
        origin="workspace",
        schema=_checked_schema(body.json_schema) or b"{}",
        description=body.description or "",
        display_name=body.display_name or "",
        format_extension=body.format_extension,
        is_fileset=bool(body.is_fileset),
    )
    there = await resource_types.find(parts.database.single, caller.workspace, name)
    async with changing(parts, caller) as tx:
        if there is not None or not await resource_types.create(
            tx, new, workspace=caller.workspace, actor=caller.actor
        ):
            raise AlreadyExists(
                f"There is a resource type '{name}' already; update it to define it anew for this workspace."
            )
        await audit.record(tx, caller, "resource_types.create", "Create", name)
    return text_answer(name, status=201)


@router.post(
    f"{_W}/type/update/{{name}}", response_class=Response, responses={200: TEXT}, openapi_extra=accepts(TypeChange)
)
async def update_resource_type(
    name: str, parts: InParts, caller: Caller, body: Annotated[TypeChange, Depends(json_body(TypeChange))]
) -> Response:
    """Change a type. One that comes from elsewhere is defined anew for this workspace; delete that to undo it."""
    permit.require(caller, Action.WRITE, _TO_CHANGE)
    found = await _known(parts, caller.workspace, name)
    schema = _checked_schema(body.json_schema)
    changed = dataclasses.replace(
        found,
        schema=schema or found.schema,
        description=found.description if body.description is None else body.description,
        display_name=found.display_name if body.display_name is UNSET else body.display_name or "",
        format_extension=found.format_extension
        if isinstance(body.format_extension, UnsetType)
        else body.format_extension,
        is_fileset=found.is_fileset if body.is_fileset is None else body.is_fileset,
    )
    async with changing(parts, caller) as tx:
        await resource_types.put(tx, changed, workspace=caller.workspace, actor=caller.actor)
        parameters = {"overrides": found.origin} if found.origin != "workspace" else None
        await audit.record(tx, caller, "resource_types.update", "Update", name, parameters)
    return text_answer(name)


@router.delete(f"{_W}/type/delete/{{name}}", response_class=Response, responses={200: TEXT})
async def delete_resource_type(name: str, parts: InParts, caller: Caller) -> Response:
    """Delete the workspace's own definition of a type. Resources of the type stay."""
    permit.require(caller, Action.DELETE, _TO_CHANGE)
    found = await _known(parts, caller.workspace, name)
    async with changing(parts, caller) as tx:
        if not await resource_types.delete(tx, caller.workspace, name):
            source = "Tidemill" if found.origin == "catalogue" else f"the workspace '{ADMINS}'"
            raise Conflict(f"The resource type '{name}' comes from {source} and cannot be deleted here.")
        await audit.record(tx, caller, "resource_types.delete", "Delete", name)
    return text_answer(name)


@router.get(f"{_W}/type/get/{{name}}", response_class=Response, responses={200: returns(WireType)})
async def get_resource_type(name: str, parts: InParts, caller: Caller) -> Response:
    """A type as this workspace sees it."""
    permit.require(caller, Action.READ, Listing("resources"))
    return json_answer(_on_wire(await _known(parts, caller.workspace, name), caller.workspace))


@router.get(f"{_W}/type/exists/{{name}}", response_class=Response, responses={200: returns(bool)})
async def exists_resource_type(name: str, parts: InParts, caller: Caller) -> Response:
    """Whether this workspace sees a type of that name."""
    permit.require(caller, Action.READ, Listing("resources"))
    found = await resource_types.find(parts.database.single, caller.workspace, check_name("resource type", name))
    return json_answer(found is not None)


@router.get(f"{_W}/type/list", response_class=Response, responses={200: returns(list[WireType])})
async def list_resource_types(parts: InParts, caller: Caller) -> Response:
    """Every type that this workspace sees, in order of name."""
    permit.require(caller, Action.LIST, Listing("resources"))
    found = await resource_types.all_of(parts.database.single, caller.workspace)
    return json_answer([_on_wire(each, caller.workspace) for each in found.values()])


@router.get(f"{_W}/type/listnames", response_class=Response, responses={200: returns(list[str])})
async def list_resource_type_names(parts: InParts, caller: Caller) -> Response:
    """The names of all types that this workspace sees."""
    permit.require(caller, Action.LIST, Listing("resources"))
    return json_answer(list(await resource_types.all_of(parts.database.single, caller.workspace)))


@router.get(f"{_W}/type/resource_counts", response_class=Response, responses={200: returns(list[TypeCount])})
async def count_resources_by_type(parts: InParts, caller: Caller) -> Response:
    """How many resources of each type the caller can read; types without any are left out."""
    permit.require(caller, Action.LIST, Listing("resources"))
    async with parts.database.transaction(caller.workspace) as tx:
        found = await resources.counts(tx, caller)
    return json_answer([TypeCount(name, count) for name, count in found])


@router.post(
    f"{_W}/from_url",
    response_class=Response,
    responses={200: returns(Recognised)},
    openapi_extra=accepts(Pasted),
)
async def read_connection_url(caller: Caller, body: Annotated[Pasted, Depends(json_body(Pasted))]) -> Response:
    """The resource type and the value that a connection URL stands for, to fill a form with."""
    permit.require(caller, Action.LIST, Listing("resources"))
    found = recognise_url(body.url.strip())
    if found is None:
        known = sorted({scheme for each in catalogue().values() for scheme in each.url_schemes})
        raise BadRequest(
            f"This is no connection URL that is known: it must begin with one of {', '.join(known)}, and ://."
        )
    name, value = found
    return json_answer(Recognised(name, msgspec.Raw(msgspec.json.encode(value))))


@router.get(
    f"{_W}/file_resource_type_to_file_ext_map",
    response_class=Response,
    responses={200: returns(dict[str, FileForm])},
)
async def map_file_resource_types(parts: InParts, caller: Caller) -> Response:
    """How types whose resources are files are written: type -> extension, or that it is a set of files."""
    permit.require(caller, Action.LIST, Listing("resources"))
    found = await resource_types.all_of(parts.database.single, caller.workspace)
    return json_answer(
        {
            name: FileForm(each.format_extension, each.is_fileset)
            for name, each in found.items()
            if each.format_extension is not None or each.is_fileset
        }
    )


async def _known(parts: InParts, workspace: str, name: str) -> ResourceType:
    found = await resource_types.find(parts.database.single, workspace, check_name("resource type", name))
    if found is None:
        raise NotFound(f"There is no resource type '{name}'.")
    return found


def _checked_schema(raw: msgspec.Raw | UnsetType) -> bytes | None:
    """The schema, if one is given; null counts as none."""
    if isinstance(raw, UnsetType):
        return None
    text = bytes(raw)
    schema = jsontext.loads(text)
    if schema is None:
        return None
    if not isinstance(schema, dict):
        raise BadRequest('A schema must be a JSON object, such as {"type": "object", "properties": {}}.')
    check_schema(schema)
    return text


def _on_wire(found: ResourceType, workspace: str) -> WireType:
    return WireType(
        name=found.name,
        workspace_id=workspace if found.origin == "workspace" else ADMINS,
        json_schema=msgspec.Raw(found.schema),
        description=found.description,
        origin=found.origin,
        category=found.category or UNSET,
        display_name=found.display_name or UNSET,
        format_extension=found.format_extension or UNSET,
        is_fileset=found.is_fileset or UNSET,
        created_by=found.created_by or UNSET,
        edited_at=found.edited_at or UNSET,
    )
