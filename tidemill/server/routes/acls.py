"""Shares of single items, and of folders and groups: `acls` on the wire."""

from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends
from starlette.responses import Response

from tidemill.db import audit, folders, groups, members, shares
from tidemill.db.pool import Transaction
from tidemill.db.shares import Shared
from tidemill.engine import permit
from tidemill.engine.permit import Action, Item, ItemKind
from tidemill.model.errors import BadRequest
from tidemill.model.identity import Principal
from tidemill.model.path import parse_path
from tidemill.server.changes import changing
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.parts import Caller, InParts
from tidemill.server.wire import ERRORS, TEXT, accepts, json_answer, json_body, returns, text_answer

router = APIRouter(tags=["granular_acl"], responses=ERRORS, route_class=LazyRoute)

ITEMS: Final = {
    "script": (Shared.SCRIPT, ItemKind.SCRIPT),
    "flow": (Shared.FLOW, ItemKind.FLOW),
    "variable": (Shared.VARIABLE, ItemKind.VARIABLE),
    "resource": (Shared.RESOURCE, ItemKind.RESOURCE),
    "schedule": (Shared.SCHEDULE, ItemKind.SCHEDULE),
}
"""The wire's kinds of items, with what they are to us."""

FOLDER: Final = "folder"
GROUP: Final = "group_"


class Share(msgspec.Struct):
    """With whom (`u/<username>` or `g/<group>`), and whether it may write."""

    owner: str
    write: bool = False


class Unshare(msgspec.Struct):
    """With whom no more."""

    owner: str


@router.get(
    "/api/w/{workspace}/acls/get/{kind}/{path:path}",
    response_class=Response,
    responses={200: returns(dict[str, bool])},
)
async def get_shares(workspace: str, kind: str, path: str, parts: InParts, caller: Caller) -> Response:
    """Permission key -> whether it may write."""
    async with parts.database.transaction(workspace) as tx:
        _, found = await _permitted(tx, caller, kind, path=path, action=Action.READ)
    return json_answer(found)


@router.post(
    "/api/w/{workspace}/acls/add/{kind}/{path:path}",
    response_class=Response,
    responses={200: TEXT},
    openapi_extra=accepts(Share),
)
async def add_share(
    workspace: str,
    kind: str,
    path: str,
    parts: InParts,
    caller: Caller,
    body: Annotated[Share, Depends(json_body(Share))],
) -> Response:
    """Share with a member or a group, or change what it may do."""
    async with changing(parts, caller) as tx:
        shared, _ = await _permitted(tx, caller, kind, path=path, action=Action.SHARE)
        await members.require_keys(tx, workspace, [body.owner])
        await shares.add(tx, workspace, shared, path=path, owner=body.owner, may_write=body.write)
        parameters = {"kind": kind, "owner": body.owner, "write": body.write}
        await audit.record(tx, caller, _operation(kind), "Update", path, parameters)
    return text_answer(f"{path} is shared with {body.owner}")


@router.post(
    "/api/w/{workspace}/acls/remove/{kind}/{path:path}",
    response_class=Response,
    responses={200: TEXT},
    openapi_extra=accepts(Unshare),
)
async def remove_share(
    workspace: str,
    kind: str,
    path: str,
    parts: InParts,
    caller: Caller,
    body: Annotated[Unshare, Depends(json_body(Unshare))],
) -> Response:
    """Stop sharing."""
    async with changing(parts, caller) as tx:
        shared, _ = await _permitted(tx, caller, kind, path=path, action=Action.SHARE)
        await shares.remove(tx, workspace, shared, path=path, owner=body.owner)
        parameters = {"kind": kind, "owner": body.owner, "removed": True}
        await audit.record(tx, caller, _operation(kind), "Update", path, parameters)
    return text_answer(f"{path} is not shared with {body.owner}")


async def _permitted(
    tx: Transaction, caller: Principal, kind: str, *, path: str, action: Action
) -> tuple[Shared, Mapping[str, bool]]:
    """What is shared, and with whom it is now; if the caller may do this to it."""
    if kind == FOLDER:
        return Shared.FOLDER, await _of_folder(tx, caller, path, action=action)
    if kind == GROUP:
        return Shared.GROUP, await _of_group(tx, caller, path, action=action)
    if kind not in ITEMS:
        raise BadRequest(f"{kind[:40]!r} cannot be shared: it must be one of {', '.join([*ITEMS, FOLDER, GROUP])}.")
    shared, item_kind = ITEMS[kind]
    item = Item(item_kind, parse_path(path))
    found = await shares.of_item(tx, caller.workspace, shared, path=path)
    if found is None:
        raise permit.not_found(item)
    permit.require(caller, action, Item(item_kind, item.path, found))
    return shared, found


async def _of_folder(tx: Transaction, caller: Principal, name: str, *, action: Action) -> Mapping[str, bool]:
    folder = await folders.find(tx, caller.workspace, name)
    if folder is None:
        raise permit.not_found(permit.Folder(name))
    permit.require(caller, action, permit.Folder(name))
    return folder.extra_perms


async def _of_group(tx: Transaction, caller: Principal, name: str, *, action: Action) -> Mapping[str, bool]:
    group = await groups.find(tx, caller.workspace, name)
    if group is None:
        raise permit.not_found(permit.Group(name))
    permit.require(caller, action, permit.Group(name, group.extra_perms))
    if action is not Action.READ:
        groups.require_changeable(name)
    return group.extra_perms


def _operation(kind: str) -> str:
    """The name in the audit log, which Windmill's clients must know."""
    return {FOLDER: "folder.update", GROUP: "group.edit"}.get(kind, f"{kind}s.update")
