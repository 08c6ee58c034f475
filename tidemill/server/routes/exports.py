"""A workspace as files: the archive that `wmill sync` pulls, and compares with before it pushes."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import closing
from typing import IO, Annotated, Any, Final

import anyio.to_thread
import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from tidemill.engine import permit
from tidemill.engine.permit import Action, Need, WorkspaceTarget
from tidemill.model.errors import BadRequest
from tidemill.server.exports.archive_file import ARCHIVES
from tidemill.server.exports.exported import Wanted, export
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.parts import Caller, InParts, Readmission
from tidemill.server.wire import ERRORS, json_answer, returns

router = APIRouter(tags=["workspace"], responses=ERRORS, route_class=LazyRoute)

_IN_MEMORY_BYTES: Final = 4 * 1024 * 1024
_PIECE_BYTES: Final = 256 * 1024
_BINARY: Final[dict[str, Any]] = {"schema": {"type": "string", "format": "binary"}}


class OfOne(msgspec.Struct):
    """An item, by what it is and where."""

    item_kind: str
    path: str


@router.get(
    "/api/w/{workspace}/workspaces/tarball",
    response_class=Response,
    responses={
        200: {"description": "The archive.", "content": {each.media_type: _BINARY for each in ARCHIVES.values()}}
    },
)
async def get_tarball(
    parts: InParts,
    readmit: Readmission,
    *,
    archive_type: Annotated[str, Query(description="zip or tar.")] = "tar",
    plain_secret: Annotated[bool, Query(description="Secrets in the clear.")] = False,
    skip_secrets: bool = False,
    skip_variables: bool = False,
    skip_resources: bool = False,
    skip_resource_types: bool = False,
    include_schedules: bool = False,
    include_users: bool = False,
    include_groups: bool = False,
    include_settings: bool = False,
    include_key: Annotated[bool, Query(description="The key that exported secrets are encrypted with.")] = False,
    default_ts: Annotated[str, Query(description="Which TypeScript has the ending .ts: bun or deno.")] = "bun",
) -> Response:
    """Scripts, flows, folders and what else is asked for, as the caller may read it, all as it was at one moment.

    The same workspace gives the same bytes. What cannot be a file is named in `left-out.txt`.
    """
    archive = ARCHIVES.get(archive_type)
    if archive is None:
        raise BadRequest(f"Invalid Archive Type {archive_type[:20]!r}: it must be one of {', '.join(ARCHIVES)}.")
    wanted = Wanted(
        variables=not skip_variables,
        secrets=not skip_secrets,
        plain_secrets=plain_secret,
        resources=not skip_resources,
        resource_types=not skip_resource_types,
        schedules=include_schedules,
        users=include_users,
        groups=include_groups,
        settings=include_settings,
        key=include_key,
        default_ts=default_ts,
    )
    # Written whole before it is sent: whoever reads slowly must not keep a transaction open, and errors come in words.
    file = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115  # closed when it was sent
    try:
        async with parts.exports:
            caller = await readmit()  # who has waited may not be let in any more
            with closing(archive(file)) as written:
                await export(parts, caller, wanted, written)
        length = file.tell()
        file.seek(0)
    except BaseException:
        file.close()
        raise
    name = f"{caller.workspace}.{archive_type}"
    headers = {"Content-Length": str(length), "Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_pieces(file), media_type=archive.media_type, headers=headers)


@router.get(
    "/api/w/{workspace}/workspaces/list_ws_specific", response_class=Response, responses={200: returns(list[OfOne])}
)
async def list_of_one_workspace(caller: Caller) -> Response:
    """Items that are marked to differ between workspaces: none is, here `wmill.yaml` alone says which do."""
    permit.require(caller, Action.READ, WorkspaceTarget("workspaces", Need.MEMBER))
    return json_answer(list[OfOne]())


async def _pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        while piece := await anyio.to_thread.run_sync(file.read, _PIECE_BYTES):
            yield piece
