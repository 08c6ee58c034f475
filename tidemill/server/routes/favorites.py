"""Items that somebody marked with a star: for themselves alone."""

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from fastapi import APIRouter, Depends
from starlette.responses import Response

from tidemill.db import favorites, flows, resources, scripts
from tidemill.db.pool import Transaction
from tidemill.engine import permit
from tidemill.engine.permit import Action, Item, ItemKind, Need, WorkspaceTarget
from tidemill.model.errors import Conflict, Unsupported
from tidemill.model.identity import Principal
from tidemill.model.path import parse_path
from tidemill.server.changes import changing
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.parts import Caller, InParts
from tidemill.server.wire import ERRORS, TEXT, accepts, json_answer, json_body, returns, text_answer

router = APIRouter(tags=["favorite"], responses=ERRORS, route_class=LazyRoute)

MOST: Final = 500
_KINDS: Final = {kind.value: kind for kind in (ItemKind.SCRIPT, ItemKind.FLOW, ItemKind.RESOURCE)}
_W: Final = "/api/w/{workspace}/favorites"


class Starred(msgspec.Struct):
    """An item: a script, a flow or a resource."""

    path: str
    favorite_kind: str


class ListedFavorite(msgspec.Struct):
    """An item that was marked. `about`: the language of a script, the type of a resource, or `flow`."""

    favorite_kind: Literal["script", "flow", "resource"]
    path: str
    summary: str
    about: str
    starred_at: datetime


InBody = Annotated[Starred, Depends(json_body(Starred))]


@router.post(f"{_W}/star", response_class=Response, responses={200: TEXT}, openapi_extra=accepts(Starred))
async def star(parts: InParts, caller: Caller, body: InBody) -> Response:
    """Mark an item that the caller may read."""
    item = _item(body)
    async with changing(parts, caller) as tx:
        permit.require(caller, Action.READ, await _found(tx, caller, item))
        if await favorites.count(tx, caller) >= MOST:
            raise Conflict(f"You have {MOST} favourites in this workspace: take the star from some first.")
        await favorites.star(tx, caller, item)
    return text_answer(item.path.text)


@router.post(f"{_W}/unstar", response_class=Response, responses={200: TEXT}, openapi_extra=accepts(Starred))
async def unstar(parts: InParts, caller: Caller, body: InBody) -> Response:
    """Take the mark away; the item need not be there any more."""
    permit.require(caller, Action.WRITE, WorkspaceTarget("favorites", Need.MEMBER))
    item = _item(body)
    async with changing(parts, caller) as tx:
        await favorites.unstar(tx, caller, item)
    return text_answer(item.path.text)


@router.get(f"{_W}/list", response_class=Response, responses={200: returns(list[ListedFavorite])})
async def list_favorites(parts: InParts, caller: Caller) -> Response:
    """What the caller has marked and may read, by kind and path. Our own."""
    permit.require(caller, Action.LIST, WorkspaceTarget("favorites", Need.MEMBER))
    found = await favorites.all_of(parts.database.single, caller)
    return json_answer(
        [
            ListedFavorite(each.kind, each.path, each.summary, each.about, each.starred_at)  # type: ignore[arg-type]  # checked by the table
            for each in found
            if permit.decide(caller, Action.READ, each.item).allowed
        ]
    )


def _item(body: Starred) -> Item:
    kind = _KINDS.get(body.favorite_kind)
    if kind is None:
        raise Unsupported(f"A {body.favorite_kind[:20]!r} cannot be a favourite here: {', '.join(_KINDS)} can.")
    return Item(kind, parse_path(body.path))


async def _found(tx: Transaction, caller: Principal, item: Item) -> Item:
    """The item with its shares; raises NotFound."""
    path = item.path.text
    if item.kind is ItemKind.SCRIPT:
        script = await scripts.seen_head(tx, caller.workspace, path)
        shares = None if script is None else script.shares
    elif item.kind is ItemKind.FLOW:
        flow = await flows.head(tx, caller.workspace, path)
        shares = None if flow is None or flow.archived else flow.shares
    else:
        resource = await resources.find(tx, caller.workspace, path)
        shares = None if resource is None else resource.item.extra_perms
    if shares is None:
        raise permit.not_found(item)
    return Item(item.kind, item.path, shares)
