"""Sources that are not deployed, as `wmill` sends them before it tries or locks what imports them."""

from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from tidemill.db import local_sources
from tidemill.engine import permit
from tidemill.engine.permit import Action, Need, WorkspaceTarget
from tidemill.model.errors import BadRequest, TidemillError
from tidemill.model.path import parse_path
from tidemill.server.changes import changing
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.parts import Caller, InParts
from tidemill.server.script_wire import MAX_CONTENT_BYTES
from tidemill.server.wire import ERRORS, accepts, decode, json_answer, json_body, read_json, returns

router = APIRouter(tags=["script"], responses=ERRORS, route_class=LazyRoute)

_W: Final = "/api/w/{workspace}/scripts/raw_temp"
_PREVIEWS: Final = WorkspaceTarget("scripts", Need.DEVELOPER)
_MOST_PATHS: Final = 10_000


class LocalDependencies(msgspec.Struct):
    """Requirements of a workspace in a file: there are none here."""

    path: str


class LocalSources(msgspec.Struct):
    """Path -> SHA-256 of the source that somebody has there."""

    scripts: Annotated[dict[str, str], msgspec.Meta(max_length=_MOST_PATHS)]
    workspace_deps: list[LocalDependencies] | None = None


@router.post(
    f"{_W}/diff", response_class=Response, responses={200: returns(list[str])}, openapi_extra=accepts(LocalSources)
)
async def compare_with_deployed(
    parts: InParts, caller: Caller, body: Annotated[LocalSources, Depends(json_body(LocalSources))]
) -> Response:
    """The paths whose source is another one than what is deployed there, as far as the caller may read that."""
    permit.require(caller, Action.READ, _PREVIEWS)
    found = await local_sources.deployed(parts.database.single, caller.workspace, list(filter(_is_path, body.scripts)))
    seen = {each.path: each.hash for each in found if permit.decide(caller, Action.READ, each.item).allowed}
    others = [path for path, digest in body.scripts.items() if seen.get(path) != digest]
    return json_answer(others + [each.path for each in body.workspace_deps or ()])


@router.post(f"{_W}/store", response_class=Response, responses={200: returns(str)}, openapi_extra=accepts(str))
async def store_source(request: Request, parts: InParts, caller: Caller) -> Response:
    """Keep a source (sent as a JSON string) for a day, for jobs of the caller alone; its SHA-256."""
    permit.require(caller, Action.WRITE, _PREVIEWS)
    content = decode(await read_json(request), str)
    if "\0" in content or len(content.encode("utf-8", "surrogatepass")) > MAX_CONTENT_BYTES:
        raise BadRequest(f"A source has at most {MAX_CONTENT_BYTES} bytes, and none of them is NUL.")
    async with changing(parts, caller) as tx:
        return json_answer(await local_sources.store(tx, caller, content))


def _is_path(text: str) -> bool:
    try:
        parse_path(text)
    except TidemillError:
        return False
    return True
