"""Leases: one holder of a path at a time. Whoever may write a resource at the path may hold its lease."""

from datetime import datetime
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends
from starlette.responses import Response

from tidemill.db import audit, leases, resources
from tidemill.db.leases import Lease
from tidemill.db.pool import Transaction
from tidemill.engine import permit
from tidemill.engine.permit import Action, Item, ItemKind
from tidemill.model.identity import Principal
from tidemill.model.path import parse_path
from tidemill.server.changes import changing
from tidemill.server.errors import CODE_HEADER
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.parts import Caller, InParts
from tidemill.server.wire import ERRORS, accepts, json_answer, json_body, returns

router = APIRouter(tags=["leases"], responses=ERRORS, route_class=LazyRoute)

_W: Final = "/api/w/{workspace}/leases"
_DAY_S: Final = 86_400

Seconds = Annotated[float, msgspec.Meta(gt=0, le=_DAY_S)]
Fence = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Acquisition(msgspec.Struct):
    """Who wants the lease, as a text for people who look, and for how long."""

    holder: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    ttl_s: Seconds = 30.0


class Renewal(msgspec.Struct):
    """The number of the lease that is held, and for how long from now."""

    fence: Fence
    ttl_s: Seconds = 30.0


class Release(msgspec.Struct):
    """The number of the lease that is held."""

    fence: Fence


class WireLease(msgspec.Struct):
    """A lease. `fence` is greater than that of every holder before; `is_held`: its time was not over."""

    path: str
    holder: str
    fence: int
    expires_at: datetime
    is_held: bool


@router.post(
    f"{_W}/acquire/{{path:path}}",
    response_class=Response,
    responses={200: returns(WireLease), 409: returns(WireLease, "Another has it: who, and until when.")},
    openapi_extra=accepts(Acquisition),
)
async def acquire_lease(
    path: str, parts: InParts, caller: Caller, body: Annotated[Acquisition, Depends(json_body(Acquisition))]
) -> Response:
    """Take the lease on a path if nobody holds it."""
    async with changing(parts, caller) as tx:
        text = await _allowed(tx, caller, path, Action.WRITE)
        lease, is_ours = await leases.acquire(tx, caller.workspace, text, holder=body.holder, ttl_s=body.ttl_s)
        if is_ours:
            await audit.record(tx, caller, "leases.acquire", "Update", text, {"fence": lease.fence})
    if is_ours:
        return json_answer(_on_wire(lease))
    return json_answer(_on_wire(lease), status=409, headers={CODE_HEADER: "lease_held"})


@router.post(
    f"{_W}/renew/{{path:path}}",
    response_class=Response,
    responses={200: returns(WireLease)},
    openapi_extra=accepts(Renewal),
)
async def renew_lease(
    path: str, parts: InParts, caller: Caller, body: Annotated[Renewal, Depends(json_body(Renewal))]
) -> Response:
    """Hold the lease for longer; fails where it is lost."""
    async with changing(parts, caller) as tx:
        text = await _allowed(tx, caller, path, Action.WRITE)
        lease = await leases.renew(tx, caller.workspace, text, fence=body.fence, ttl_s=body.ttl_s)
    return json_answer(_on_wire(lease))


@router.post(
    f"{_W}/release/{{path:path}}",
    response_class=Response,
    responses={200: returns(WireLease)},
    openapi_extra=accepts(Release),
)
async def release_lease(
    path: str, parts: InParts, caller: Caller, body: Annotated[Release, Depends(json_body(Release))]
) -> Response:
    """Give the lease back; fails where it is lost. Its number is never given again."""
    async with changing(parts, caller) as tx:
        text = await _allowed(tx, caller, path, Action.WRITE)
        lease = await leases.release(tx, caller.workspace, text, fence=body.fence)
    return json_answer(_on_wire(lease))


@router.get(f"{_W}/get/{{path:path}}", response_class=Response, responses={200: returns(WireLease)})
async def get_lease(path: str, parts: InParts, caller: Caller) -> Response:
    """The lease on a path as it stands or was last held."""
    async with parts.database.transaction(caller.workspace) as tx:
        text = await _allowed(tx, caller, path, Action.READ)
        lease = await leases.find(tx, caller.workspace, text)
    return json_answer(_on_wire(lease))


async def _allowed(tx: Transaction, caller: Principal, path: str, action: Action) -> str:
    """The path, if the caller may do `action` to a resource there, whether there is one or not."""
    item = Item(ItemKind.RESOURCE, parse_path(path))
    there = await resources.find(tx, caller.workspace, item.path.text)
    permit.require(caller, action, there.item if there is not None else item)
    return item.path.text


def _on_wire(lease: Lease) -> WireLease:
    return WireLease(lease.path, lease.holder, lease.fence, lease.expires_at, lease.is_held)
