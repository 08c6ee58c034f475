"""Groups of a workspace."""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends
from starlette.responses import Response

from tidemill.db import audit, groups
from tidemill.db.pool import Transaction
from tidemill.engine import permit
from tidemill.engine.permit import Action, Listing
from tidemill.model.identity import Principal
from tidemill.server.changes import changing
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.paging import InPage
from tidemill.server.parts import Caller, InParts
from tidemill.server.wire import ERRORS, TEXT, accepts, json_answer, json_body, returns, text_answer

router = APIRouter(tags=["group"], responses=ERRORS, route_class=LazyRoute)


class GroupInfo(msgspec.Struct):
    """A group. `extra_perms` names those who may change it (true) besides admins."""

    name: str
    summary: str
    members: tuple[str, ...]
    extra_perms: Mapping[str, bool]


class NewGroup(msgspec.Struct):
    """A group to make."""

    name: str
    summary: str | None = None


class GroupChange(msgspec.Struct):
    """What is to be set."""

    summary: str | None = None


class GroupMember(msgspec.Struct):
    """A member of the workspace."""

    username: str


@router.get("/api/w/{workspace}/groups/list", response_class=Response, responses={200: returns(list[GroupInfo])})
async def list_groups(workspace: str, parts: InParts, caller: Caller, page: InPage) -> Response:
    """All groups, `all` first, then by name."""
    permit.require(caller, Action.LIST, Listing("groups"))
    async with parts.database.transaction(workspace) as tx:
        found = await groups.all_of(tx, workspace)
    return json_answer([_info(group) for group in found[page.skip : page.skip + page.limit]])


@router.get("/api/w/{workspace}/groups/listnames", response_class=Response, responses={200: returns(list[str])})
async def list_group_names(workspace: str, parts: InParts, caller: Caller, only_member_of: bool = False) -> Response:
    """The names of all groups, or of those that the caller is in."""
    permit.require(caller, Action.LIST, Listing("groups"))
    if only_member_of:
        return json_answer(sorted(caller.groups))
    async with parts.database.transaction(workspace) as tx:
        return json_answer([group.name for group in await groups.all_of(tx, workspace)])


@router.get("/api/w/{workspace}/groups/get/{name}", response_class=Response, responses={200: returns(GroupInfo)})
async def get_group(workspace: str, name: str, parts: InParts, caller: Caller) -> Response:
    """One group with its members."""
    async with parts.database.transaction(workspace) as tx:
        return json_answer(_info(await _permitted(tx, caller, name, Action.READ)))


@router.post(
    "/api/w/{workspace}/groups/create",
    response_class=Response,
    status_code=201,
    responses={201: TEXT},
    openapi_extra=accepts(NewGroup),
)
async def create_group(
    workspace: str, parts: InParts, caller: Caller, body: Annotated[NewGroup, Depends(json_body(NewGroup))]
) -> Response:
    """Make a group; its maker may change it."""
    permit.require(caller, Action.CREATE, permit.Group(body.name))
    managers = [f"u/{caller.username}"] if caller.username else []
    async with changing(parts, caller) as tx:
        await groups.create(tx, workspace, body.name, summary=body.summary or "", managers=managers)
        await audit.record(tx, caller, "group.create", "Create", body.name)
    return text_answer(body.name, status=201)


@router.post(
    "/api/w/{workspace}/groups/update/{name}",
    response_class=Response,
    responses={200: TEXT},
    openapi_extra=accepts(GroupChange),
)
async def update_group(
    workspace: str,
    name: str,
    parts: InParts,
    caller: Caller,
    body: Annotated[GroupChange, Depends(json_body(GroupChange))],
) -> Response:
    """Change a group's summary."""
    async with changing(parts, caller) as tx:
        group = await _permitted(tx, caller, name, Action.WRITE)
        await groups.update(tx, workspace, name, summary=group.summary if body.summary is None else body.summary)
        await audit.record(tx, caller, "group.edit", "Update", name)
    return text_answer(f"group {name} was updated")


@router.delete("/api/w/{workspace}/groups/delete/{name}", response_class=Response, responses={200: TEXT})
async def delete_group(workspace: str, name: str, parts: InParts, caller: Caller) -> Response:
    """Delete a group, and its rights in folders and shares with it."""
    async with changing(parts, caller) as tx:
        await _permitted(tx, caller, name, Action.DELETE)
        await groups.delete(tx, workspace, name)
        await audit.record(tx, caller, "group.delete", "Delete", name)
    return text_answer(f"group {name} was deleted")


@router.post(
    "/api/w/{workspace}/groups/adduser/{name}",
    response_class=Response,
    responses={200: TEXT},
    openapi_extra=accepts(GroupMember),
)
async def add_user_to_group(
    workspace: str,
    name: str,
    parts: InParts,
    caller: Caller,
    body: Annotated[GroupMember, Depends(json_body(GroupMember))],
) -> Response:
    """Put a member into a group."""
    async with changing(parts, caller) as tx:
        await _permitted(tx, caller, name, Action.WRITE)
        await groups.add_member(tx, workspace, name, username=body.username)
        await audit.record(tx, caller, "group.adduser", "Update", name, {"username": body.username})
    return text_answer(f"{body.username} is in {name}")


@router.post(
    "/api/w/{workspace}/groups/removeuser/{name}",
    response_class=Response,
    responses={200: TEXT},
    openapi_extra=accepts(GroupMember),
)
async def remove_user_from_group(
    workspace: str,
    name: str,
    parts: InParts,
    caller: Caller,
    body: Annotated[GroupMember, Depends(json_body(GroupMember))],
) -> Response:
    """Take a member out of a group."""
    async with changing(parts, caller) as tx:
        await _permitted(tx, caller, name, Action.WRITE)
        await groups.remove_member(tx, workspace, name, username=body.username)
        await audit.record(tx, caller, "group.removeuser", "Update", name, {"username": body.username})
    return text_answer(f"{body.username} is not in {name} any more")


async def _permitted(tx: Transaction, caller: Principal, name: str, action: Action) -> groups.Group:
    """The group, if the caller may do this to it."""
    group = await groups.find(tx, caller.workspace, name)
    if group is None:
        raise permit.not_found(permit.Group(name))
    permit.require(caller, action, permit.Group(name, group.extra_perms))
    if action is not Action.READ:
        groups.require_changeable(name)
    return group


def _info(group: groups.Group) -> GroupInfo:
    return GroupInfo(group.name, group.summary, group.members, group.extra_perms)
