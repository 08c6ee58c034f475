"""What is fetched from elsewhere to be imported: who imports unpacks it, and it comes in by the routes of each kind."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Final, Protocol, cast

import msgspec
from fastapi import APIRouter, Depends
from starlette.responses import Response, StreamingResponse

from tidemill.db import audit
from tidemill.engine import permit
from tidemill.engine.egress import Egress
from tidemill.engine.permit import Action, Need, WorkspaceTarget
from tidemill.registry import Entry, lookup
from tidemill.server.changes import changing
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.parts import Caller, InParts
from tidemill.server.wire import ERRORS, accepts, json_body

router = APIRouter(tags=["imports"], responses=ERRORS, route_class=LazyRoute)

_TAR: Final = "application/x-tar"

SOURCES: Final = {"windmill": Entry("tidemill.stores.windmill:Windmill")}
"""Imported when used: its HTTP client takes a while."""


class Source(Protocol):
    """Something that workspaces are fetched from."""

    def __init__(self, egress: Egress) -> None:
        """It connects only where `egress` lets it."""

    def archive(self, address: str, *, workspace: str, token: str) -> AsyncGenerator[bytes]:
        """All of a workspace in one archive, in pieces; see `stores/windmill.py`."""
        ...


class FromWindmill(msgspec.Struct):
    """A workspace of a running Windmill, and a token that may read it; the token is kept nowhere."""

    url: str
    workspace: str
    token: str


@router.post(
    "/api/w/{workspace}/imports/windmill",
    response_class=Response,
    responses={200: {"description": "The archive.", "content": {_TAR: {"schema": {"type": "string"}}}}},
    openapi_extra=accepts(FromWindmill),
)
async def fetch_from_windmill(
    parts: InParts, caller: Caller, body: Annotated[FromWindmill, Depends(json_body(FromWindmill))]
) -> Response:
    """The archive of a workspace of a running Windmill, secrets in the clear. Nothing is changed here by it."""
    permit.require(caller, Action.MANAGE, WorkspaceTarget("workspaces", Need.ADMIN))
    source = cast("type[Source]", lookup(SOURCES, "source", "windmill"))(parts.options.egress)
    pieces = source.archive(body.url, workspace=body.workspace, token=body.token)
    first = await anext(pieces, b"")
    async with changing(parts, caller) as tx:
        await audit.record(tx, caller, "imports.windmill", "Execute", body.workspace, {"url": body.url[:200]})
    return StreamingResponse(_whole(first, pieces), media_type=_TAR)


async def _whole(first: bytes, pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    async with aclosing(pieces):
        yield first
        async for piece in pieces:
            yield piece
