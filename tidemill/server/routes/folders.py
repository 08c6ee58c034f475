"""Folders of a workspace: the rights on what is under `f/<name>`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends
from starlette.responses import Response

from tidemill.db import audit, folders, members
from tidemill.db.pool import Transaction
from tidemill.engine import permit
from tidemill.engine.permit import Action, Listing
from tidemill.model.errors import BadRequest, Denied
from tidemill.model.identity import FolderRight, Principal
from tidemill.server.changes import changing
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.paging import InPage
from tidemill.server.parts import Caller, InParts
from tidemill.server.wire import ERRORS, TEXT, accepts, json_answer, json_body, returns, text_answer

router = APIRouter(tags=["folder"], responses=ERRORS, route_class=LazyRoute)


class FolderInfo(msgspec.Struct):
    """A folder. `owners` are `u/<username>` or `g/<group>`; `extra_perms` says of others whether they may write."""

    name: str
    display_name: str
    summary: str
    owners: tuple[str, ...]
    extra_perms: Mapping[str, bool]
    labels: tuple[str, ...]
    created_by: str
    edited_at: datetime


class FolderChange(msgspec.Struct):
    """What is to be set of a folder."""

    summary: str | None = None
    display_name: str | None = None
    owners: list[str] | None = None
    extra_perms: dict[str, bool] | None = None
    labels: list[str] | None = None
    default_permissioned_as: list[Any] | None = None


class NewFolder(FolderChange, kw_only=True):
    """A folder to make; its maker owns it unless an admin names the owners."""

    name: str


class Owner(msgspec.Struct):
    """`u/<username>` or `g/<group>`."""

    owner: str


class FolderOwner(Owner):
    """The same; `write` false, where given, makes it a mere reader."""

    write: bool | None = None


class FolderUsage(msgspec.Struct):
    """How much is in a folder."""

    scripts: int
    flows: int
    apps: int
    resources: int
    variables: int
    schedules: int


@router.get("/api/w/{workspace}/folders/list", response_class=Response, responses={200: returns(list[FolderInfo])})
async def list_folders(workspace: str, parts: InParts, caller: Caller, page: InPage) -> Response:
    """The folders that the caller may read, by name."""
    permit.require(caller, Action.LIST, Listing("folders"))
    async with parts.database.transaction(workspace) as tx:
        found = _visible(caller, await folders.all_of(tx, workspace))
    return json_answer([_info(folder) for folder in found[page.skip : page.skip + page.limit]])


@router.get("/api/w/{workspace}/folders/listnames", response_class=Response, responses={200: returns(list[str])})
async def list_folder_names(
    workspace: str, parts: InParts, caller: Caller, page: InPage, only_member_of: bool = False
) -> Response:
    """The names of the folders that the caller may read; where `only_member_of`, by rights of its own, not as admin."""
    permit.require(caller, Action.LIST, Listing("folders"))
    async with parts.database.transaction(workspace) as tx:
        found = _visible(caller, await folders.all_of(tx, workspace))
    names = [folder.name for folder in found if not only_member_of or folder.name in caller.folders]
    return json_answer(names[page.skip : page.skip + page.limit])


@router.get("/api/w/{workspace}/folders/get/{name}", response_class=Response, responses={200: returns(FolderInfo)})
async def get_folder(workspace: str, name: str, parts: InParts, caller: Caller) -> Response:
    """One folder."""
    async with parts.database.transaction(workspace) as tx:
        return json_answer(_info(await _permitted(tx, caller, name, Action.READ)))


@router.get("/api/w/{workspace}/folders/exists/{name}", response_class=Response, responses={200: returns(bool)})
async def folder_exists(workspace: str, name: str, parts: InParts, caller: Caller) -> Response:
    """Whether there is such a folder that the caller may read."""
    permit.require(caller, Action.LIST, Listing("folders"))
    async with parts.database.transaction(workspace) as tx:
        found = await folders.find(tx, workspace, name)
    return json_answer(found is not None and bool(_visible(caller, [found])))


@router.get(
    "/api/w/{workspace}/folders/getusage/{name}", response_class=Response, responses={200: returns(FolderUsage)}
)
async def get_folder_usage(workspace: str, name: str, parts: InParts, caller: Caller) -> Response:
    """How many items are in a folder."""
    async with parts.database.transaction(workspace) as tx:
        await _permitted(tx, caller, name, Action.READ)
        used = await folders.usage(tx, workspace, name)
    usage = FolderUsage(used.scripts, used.flows, 0, used.resources, used.variables, used.schedules)
    return json_answer(usage)


@router.get("/api/w/{workspace}/folders/is_owner/{name}", response_class=Response, responses={200: returns(bool)})
async def is_owner_of_folder(workspace: str, name: str, parts: InParts, caller: Caller) -> Response:
    """Whether the caller owns a folder that it may read."""
    async with parts.database.transaction(workspace) as tx:
        await _permitted(tx, caller, name, Action.READ)
    return json_answer(caller.is_admin or caller.folders.get(name) is FolderRight.OWNER)


@router.post(
    "/api/w/{workspace}/folders/create",
    response_class=Response,
    status_code=201,
    responses={201: TEXT},
    openapi_extra=accepts(NewFolder),
)
async def create_folder(
    workspace: str, parts: InParts, caller: Caller, body: Annotated[NewFolder, Depends(json_body(NewFolder))]
) -> Response:
    """Make a folder."""
    permit.require(caller, Action.CREATE, permit.Folder(body.name))
    new = _change(body)
    own = f"u/{caller.username}"
    if caller.username and own not in (new.owners or ()) and not (caller.is_admin and new.owners):
        new = _change(body, owners=[own, *(new.owners or ())])
    if caller.is_job and set(new.keys) - {own}:
        raise Denied("The token of a job may not change who has which right: it makes folders for its user alone.")
    async with changing(parts, caller) as tx:
        await members.require_keys(tx, workspace, new.keys)
        if caller.is_job or not caller.is_admin:
            await folders.require_empty(tx, workspace, body.name)
        await folders.create(tx, workspace, body.name, new=new, created_by=caller.actor)
        parameters = {"owners": new.owners, "extra_perms": new.extra_perms}
        await audit.record(tx, caller, "folder.create", "Create", body.name, parameters)
    return text_answer(body.name, status=201)


@router.post(
    "/api/w/{workspace}/folders/update/{name}",
    response_class=Response,
    responses={200: TEXT},
    openapi_extra=accepts(FolderChange),
)
async def update_folder(
    workspace: str,
    name: str,
    parts: InParts,
    caller: Caller,
    body: Annotated[FolderChange, Depends(json_body(FolderChange))],
) -> Response:
    """Change a folder; what is given replaces what was there."""
    change = _change(body)
    async with changing(parts, caller) as tx:
        await _permitted(tx, caller, name, Action.WRITE)
        if change.keys:
            permit.require(caller, Action.SHARE, permit.Folder(name))
        await members.require_keys(tx, workspace, change.keys)
        await folders.update(tx, workspace, name, change=change)
        parameters = {"owners": change.owners, "extra_perms": change.extra_perms}
        await audit.record(tx, caller, "folder.update", "Update", name, parameters)
    return text_answer(f"folder {name} was updated")


@router.delete("/api/w/{workspace}/folders/delete/{name}", response_class=Response, responses={200: TEXT})
async def delete_folder(workspace: str, name: str, parts: InParts, caller: Caller) -> Response:
    """Delete a folder. What is in it stays, for admins only."""
    async with changing(parts, caller) as tx:
        await _permitted(tx, caller, name, Action.DELETE)
        await folders.delete(tx, workspace, name)
        await audit.record(tx, caller, "folder.delete", "Delete", name)
    return text_answer(f"folder {name} was deleted")


@router.post(
    "/api/w/{workspace}/folders/addowner/{name}",
    response_class=Response,
    responses={200: TEXT},
    openapi_extra=accepts(Owner),
)
async def add_owner_to_folder(
    workspace: str, name: str, parts: InParts, caller: Caller, body: Annotated[Owner, Depends(json_body(Owner))]
) -> Response:
    """One more owner."""
    async with changing(parts, caller) as tx:
        await _permitted(tx, caller, name, Action.SHARE)
        await members.require_keys(tx, workspace, [body.owner])
        await folders.add_owner(tx, workspace, name, owner=body.owner)
        await audit.record(tx, caller, "folder.add_owner", "Update", name, {"owner": body.owner})
    return text_answer(f"{body.owner} owns {name}")


@router.post(
    "/api/w/{workspace}/folders/removeowner/{name}",
    response_class=Response,
    responses={200: TEXT},
    openapi_extra=accepts(FolderOwner),
)
async def remove_owner_of_folder(
    workspace: str,
    name: str,
    parts: InParts,
    caller: Caller,
    body: Annotated[FolderOwner, Depends(json_body(FolderOwner))],
) -> Response:
    """One owner less; it stays a writer (`write` true) or a reader (`write` false) where that is said."""
    async with changing(parts, caller) as tx:
        folder = await _permitted(tx, caller, name, Action.SHARE)
        await folders.remove_owner(tx, workspace, name, owner=body.owner)
        if body.write is not None:
            perms = {**folder.extra_perms, body.owner: body.write}
            await folders.update(tx, workspace, name, change=folders.FolderChange(extra_perms=perms))
        await audit.record(tx, caller, "folder.remove_owner", "Update", name, {"owner": body.owner})
    return text_answer(f"{body.owner} does not own {name} any more")


async def _permitted(tx: Transaction, caller: Principal, name: str, action: Action) -> folders.Folder:
    """The folder, if the caller may do this to it."""
    folder = await folders.find(tx, caller.workspace, name)
    if folder is None:
        raise permit.not_found(permit.Folder(name))
    permit.require(caller, action, permit.Folder(name))
    return folder


def _visible(caller: Principal, found: list[folders.Folder]) -> list[folders.Folder]:
    return [folder for folder in found if permit.decide(caller, Action.READ, permit.Folder(folder.name)).allowed]


def _change(body: FolderChange, *, owners: list[str] | None = None) -> folders.FolderChange:
    if body.default_permissioned_as:
        raise BadRequest("default_permissioned_as is not supported: jobs run with the rights of who starts them.")
    return folders.FolderChange(
        display_name=body.display_name,
        summary=body.summary,
        owners=body.owners if owners is None else owners,
        extra_perms=body.extra_perms,
        labels=body.labels,
    )


def _info(folder: folders.Folder) -> FolderInfo:
    return FolderInfo(
        name=folder.name,
        display_name=folder.display_name,
        summary=folder.summary,
        owners=folder.owners,
        extra_perms=folder.extra_perms,
        labels=folder.labels,
        created_by=folder.created_by,
        edited_at=folder.edited_at,
    )
