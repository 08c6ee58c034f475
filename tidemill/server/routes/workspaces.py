"""Workspaces: making, listing, archiving and deleting them, and their general settings."""

from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Depends
from starlette.responses import Response

from tidemill.db import audit, members, workspaces
from tidemill.engine import permit
from tidemill.engine.permit import Action, InstanceTarget, Need, WorkspaceTarget
from tidemill.model.errors import BadRequest
from tidemill.model.identity import Principal, Role
from tidemill.server.changes import changing
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.paging import InPage
from tidemill.server.parts import Caller, InParts, Parts, actor_of
from tidemill.server.wire import ERRORS, TEXT, accepts, json_answer, json_body, returns, text_answer
from tidemill.server.workspace_settings import settings_seen

router = APIRouter(tags=["workspace"], responses=ERRORS, route_class=LazyRoute)

_PAGES: Final = (
    "runs",
    "schedules",
    "resources",
    "variables",
    "assets",
    "triggers",
    "audit_logs",
    "groups",
    "folders",
    "workers",
)


class NewWorkspace(msgspec.Struct):
    """`username` is what its maker is called in it."""

    id: str
    name: str
    username: str | None = None
    color: str | None = None


class WorkspaceId(msgspec.Struct):
    """Which workspace."""

    id: str


class WorkspaceUsername(msgspec.Struct):
    """Which name in which workspace."""

    id: str
    username: str


class NewName(msgspec.Struct):
    """1 to 100 characters."""

    new_name: str


class NewColor(msgspec.Struct):
    """`#rrggbb`, or nothing for none."""

    color: str | None = None


class WorkspaceInfo(msgspec.Struct, omit_defaults=True):
    """A workspace. `deleted` where it is archived."""

    id: str
    name: str
    owner: str
    color: str = ""
    deleted: bool = False


class UserWorkspace(msgspec.Struct):
    """A workspace as its member sees it."""

    id: str
    name: str
    username: str
    color: str
    is_dev_workspace: bool
    disabled: bool
    role: str
    capabilities: dict[str, Any]
    created_by: str


class UserWorkspaces(msgspec.Struct):
    """Where the caller is a member."""

    email: str
    workspaces: list[UserWorkspace]


@router.post(
    "/api/workspaces/create",
    response_class=Response,
    status_code=201,
    responses={201: TEXT},
    openapi_extra=accepts(NewWorkspace),
)
async def create_workspace(
    parts: InParts, caller: Caller, body: Annotated[NewWorkspace, Depends(json_body(NewWorkspace))]
) -> Response:
    """Make a workspace, with the caller its admin."""
    permit.require(caller, Action.MANAGE, InstanceTarget("workspaces", domain="workspaces"))
    async with parts.database.system(actor=actor_of(caller)) as tx:
        await workspaces.create(
            tx,
            body.id,
            name=_title(body.name or body.id),
            owner_email=caller.email,
            username=body.username or members.username_from(caller.email),
            color=_color(body.color),
            make_key=parts.make_workspace_key,
        )
        await audit.record(tx, caller, "workspaces.create", "Create", body.id, {"name": body.name}, workspace=body.id)
    return text_answer(body.id, status=201)


@router.post(
    "/api/workspaces/exists",
    response_class=Response,
    responses={200: returns(bool)},
    openapi_extra=accepts(WorkspaceId),
)
async def workspace_exists(
    parts: InParts, caller: Caller, body: Annotated[WorkspaceId, Depends(json_body(WorkspaceId))]
) -> Response:
    """Whether there is such a workspace, as far as the caller may know."""
    permit.require(caller, Action.READ, InstanceTarget("workspaces", domain="workspaces", superadmin=False))
    return json_answer(await _is_seen(parts, caller, body.id))


@router.post(
    "/api/workspaces/exists_username",
    response_class=Response,
    responses={200: returns(bool)},
    openapi_extra=accepts(WorkspaceUsername),
)
async def username_exists(
    parts: InParts, caller: Caller, body: Annotated[WorkspaceUsername, Depends(json_body(WorkspaceUsername))]
) -> Response:
    """Whether a workspace has a member of that name; False for workspaces that the caller may not know of."""
    permit.require(caller, Action.READ, InstanceTarget("workspaces", domain="workspaces", superadmin=False))
    if not await _is_seen(parts, caller, body.id):
        return json_answer(value=False)
    async with parts.database.transaction(body.id) as tx:
        return json_answer(await members.find(tx, body.id, body.username) is not None)


@router.get("/api/workspaces/list", response_class=Response, responses={200: returns(list[WorkspaceInfo])})
async def list_workspaces(parts: InParts, caller: Caller) -> Response:
    """The workspaces that the caller is a member of."""
    permit.require(caller, Action.LIST, InstanceTarget("workspaces", domain="workspaces", superadmin=False))
    found = await _memberships(parts, caller)
    infos = [WorkspaceInfo(each.workspace_id, each.name, each.owner_email, _color_of(each)) for each in found]
    return json_answer(infos)


@router.get(
    "/api/workspaces/list_as_superadmin", response_class=Response, responses={200: returns(list[WorkspaceInfo])}
)
async def list_workspaces_as_superadmin(parts: InParts, caller: Caller, page: InPage) -> Response:
    """All workspaces, archived ones too."""
    permit.require(caller, Action.LIST, InstanceTarget("workspaces", domain="workspaces"))
    found = await workspaces.page(parts.database.single, limit=page.limit, skip=page.skip)
    infos = [
        WorkspaceInfo(each.id, each.name, each.owner_email, each.color, deleted=each.archived_at is not None)
        for each in found
    ]
    return json_answer(infos)


@router.get("/api/workspaces/users", response_class=Response, responses={200: returns(UserWorkspaces)})
async def list_user_workspaces(parts: InParts, caller: Caller) -> Response:
    """The workspaces that the caller is a member of, with its name and role in each."""
    permit.require(caller, Action.LIST, InstanceTarget("workspaces", domain="workspaces", superadmin=False))
    found = [
        UserWorkspace(
            id=each.workspace_id,
            name=each.name,
            username=each.username,
            color=_color_of(each),
            is_dev_workspace=False,
            disabled=each.disabled,
            role=each.role.value,
            capabilities=_capabilities(each.role),
            created_by=each.owner_email,
        )
        for each in await _memberships(parts, caller)
    ]
    return json_answer(UserWorkspaces(caller.email, found))


@router.delete("/api/workspaces/delete/{workspace_id}", response_class=Response, responses={200: TEXT})
async def delete_workspace(workspace_id: str, parts: InParts, caller: Caller) -> Response:
    """Delete a workspace with all that is in it, for good. A later one with its id starts empty."""
    permit.require(caller, Action.MANAGE, InstanceTarget("workspaces", domain="workspaces"))
    async with parts.database.system(actor=actor_of(caller)) as tx:
        await workspaces.erase(tx, workspace_id)
        await audit.record(tx, caller, "workspaces.delete", "Delete", workspace_id)
        await parts.objects.erase(workspace_id)
    return text_answer(f"workspace {workspace_id} was deleted")


@router.post("/api/workspaces/unarchive/{workspace_id}", response_class=Response, responses={200: TEXT})
async def unarchive_workspace(workspace_id: str, parts: InParts, caller: Caller) -> Response:
    """Bring an archived workspace back."""
    permit.require(caller, Action.MANAGE, InstanceTarget("workspaces", domain="workspaces"))
    async with parts.database.system(actor=actor_of(caller)) as tx:
        await workspaces.unarchive(tx, workspace_id)
        await audit.record(tx, caller, "workspaces.unarchive", "Update", workspace_id)
    return text_answer(f"workspace {workspace_id} is back")


@router.post("/api/w/{workspace}/workspaces/archive", response_class=Response, responses={200: TEXT})
async def archive_workspace(workspace: str, parts: InParts, caller: Caller) -> Response:
    """Hide a workspace: its tokens and jobs stop working until a superadmin brings it back."""
    permit.require(caller, Action.MANAGE, WorkspaceTarget("workspaces", Need.ADMIN))
    async with changing(parts, caller) as tx:
        await workspaces.archive(tx, workspace)
        await audit.record(tx, caller, "workspaces.archive", "Update", workspace)
    return text_answer(f"workspace {workspace} was archived")


@router.get("/api/w/{workspace}/workspaces/get_workspace_name", response_class=Response, responses={200: TEXT})
async def get_workspace_name(workspace: str, parts: InParts, caller: Caller) -> Response:
    """The title of a workspace."""
    permit.require(caller, Action.READ, WorkspaceTarget("workspaces", Need.MEMBER))
    return text_answer((await workspaces.get(parts.database.single, workspace)).name)


@router.get(
    "/api/w/{workspace}/workspaces/get_settings", response_class=Response, responses={200: returns(dict[str, Any])}
)
async def get_settings(workspace: str, parts: InParts, caller: Caller) -> Response:
    """The settings that were made, and the workspace's id; who is no admin gets what everybody sees anyway."""
    permit.require(caller, Action.READ, WorkspaceTarget("workspaces", Need.MEMBER))
    return json_answer(await settings_seen(parts.database.single, caller))


@router.post(
    "/api/w/{workspace}/workspaces/change_workspace_name",
    response_class=Response,
    responses={200: TEXT},
    openapi_extra=accepts(NewName),
)
async def change_workspace_name(
    workspace: str, parts: InParts, caller: Caller, body: Annotated[NewName, Depends(json_body(NewName))]
) -> Response:
    """Give a workspace another title; its id stays."""
    permit.require(caller, Action.WRITE, WorkspaceTarget("workspaces", Need.ADMIN))
    async with changing(parts, caller) as tx:
        await workspaces.rename(tx, workspace, _title(body.new_name))
        await audit.record(tx, caller, "workspaces.update", "Update", workspace, {"name": body.new_name})
    return text_answer("name was changed")


@router.post(
    "/api/w/{workspace}/workspaces/change_workspace_color",
    response_class=Response,
    responses={200: TEXT},
    openapi_extra=accepts(NewColor),
)
async def change_workspace_color(
    workspace: str, parts: InParts, caller: Caller, body: Annotated[NewColor, Depends(json_body(NewColor))]
) -> Response:
    """Give a workspace another colour."""
    permit.require(caller, Action.WRITE, WorkspaceTarget("workspaces", Need.ADMIN))
    color = _color(body.color)
    async with changing(parts, caller) as tx:
        await workspaces.set_setting(tx, workspace, "color", color)
        await audit.record(tx, caller, "workspaces.update", "Update", workspace, {"color": color})
    return text_answer("color was changed")


async def _memberships(parts: Parts, caller: Principal) -> list[members.Membership]:
    """Where the caller is an active member, archived workspaces left out."""
    found = await members.of_account(parts.database.single, caller.email)
    return [each for each in found if each.archived_at is None and not each.disabled]


async def _is_seen(parts: Parts, caller: Principal, workspace: str) -> bool:
    if caller.superadmin:
        return await workspaces.find(parts.database.single, workspace) is not None
    return any(each.workspace_id == workspace for each in await _memberships(parts, caller))


def _color_of(membership: members.Membership) -> str:
    return workspaces.color_of(membership.settings)


def _title(name: str) -> str:
    if not 1 <= len(name) <= 100:
        raise BadRequest("The name of a workspace has 1 to 100 characters.")
    return name


def _color(color: str | None) -> str | None:
    digits = (color or "").removeprefix("#")
    if not color:
        return None
    if not color.startswith("#") or len(digits) not in {3, 6} or not all(c in "0123456789abcdefABCDEF" for c in digits):
        raise BadRequest(f"{color[:20]!r} is not a colour such as '#1f6feb'.")
    return color


def _capabilities(role: Role) -> dict[str, Any]:
    """What Windmill's clients read of a role."""
    develops = role is not Role.OPERATOR
    amount = "full" if develops else "none"
    return {
        "code": develops,
        "flows": amount,
        "apps": amount,
        "manage_schedules": develops,
        "manage_triggers": develops,
        "visibility": dict.fromkeys(_PAGES, True),
    }
