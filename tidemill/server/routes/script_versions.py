"""Changing scripts: deploying versions, archiving, erasing, and what a deployment says about itself."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Path
from msgspec import UNSET, UnsetType
from starlette.responses import Response

from tidemill.db import audit, scripts
from tidemill.db.scripts import Script, hash_text
from tidemill.engine import permit
from tidemill.engine.permit import Action, Item, ItemKind
from tidemill.model.errors import NotFound
from tidemill.model.identity import Principal
from tidemill.model.path import parse_path
from tidemill.server.changes import changing
from tidemill.server.deploy import deploy
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.paging import MOST_PER_PAGE, PageNumber, PerPage
from tidemill.server.parts import Caller, InParts, Parts
from tidemill.server.script_wire import (
    HistoryLine,
    NewScript,
    ScriptOut,
    history_line,
    lock_error,
    script_out,
)
from tidemill.server.scripts_seen import latest_version, version_by_hash
from tidemill.server.wire import ERRORS, TEXT, accepts, json_answer, json_body, returns, text_answer

router = APIRouter(tags=["script"], responses=ERRORS, route_class=LazyRoute)

InHash = Annotated[str, Path(alias="hash")]


class Message(msgspec.Struct):
    """What a deployment says about itself."""

    deployment_msg: str = ""


class Muted(msgspec.Struct):
    """Whether failures are kept from the error handler of the workspace."""

    muted: bool = False


class Deployment(msgspec.Struct, omit_defaults=True):
    """Whether a version is ready: its lock, or why there is none, or the job that resolves it."""

    lock: str | UnsetType = UNSET
    lock_error_logs: str | UnsetType = UNSET
    job_id: str | UnsetType = UNSET


@router.post(
    "/api/w/{workspace}/scripts/create",
    status_code=201,
    response_class=Response,
    responses={201: {**TEXT, "description": "The hash of the version."}},
    openapi_extra=accepts(NewScript),
)
async def create_script(
    parts: InParts,
    caller: Caller,
    body: Annotated[NewScript, Depends(json_body(NewScript))],
    *,
    skip_if_noop: bool = False,
) -> Response:
    """Deploy a new script or, with `parent_hash` or `auto_parent`, a new version of one."""
    deployed = await deploy(parts, caller, body, skip_if_noop=skip_if_noop)
    return text_answer(hash_text(deployed.number), status=201)


@router.post(
    "/api/w/{workspace}/scripts/update/{path:path}",
    response_class=Response,
    responses={200: {**TEXT, "description": "The hash of the version."}},
    openapi_extra=accepts(NewScript),
)
async def update_script(
    parts: InParts,
    caller: Caller,
    path: str,
    body: Annotated[NewScript, Depends(json_body(NewScript))],
    *,
    skip_if_noop: bool = False,
) -> Response:
    """Deploy a new version of the script at the path; another `path` in the body moves it."""
    deployed = await deploy(parts, caller, body, at=path, skip_if_noop=skip_if_noop)
    return text_answer(hash_text(deployed.number))


@router.post("/api/w/{workspace}/scripts/archive/p/{path:path}", response_class=Response, responses={200: TEXT})
async def archive_by_path(parts: InParts, caller: Caller, path: str) -> Response:
    """Take a script out of use; its versions can still be run by hash."""
    script = await _head(parts, caller, path, action=Action.WRITE)
    async with changing(parts, caller) as tx:
        await scripts.archive(tx, caller.workspace, script.path)
        await audit.record(tx, caller, "scripts.archive", "Delete", script.path)
    return text_answer(script.path)


@router.post(
    "/api/w/{workspace}/scripts/archive/h/{hash}", response_class=Response, responses={200: returns(ScriptOut)}
)
async def archive_by_hash(parts: InParts, caller: Caller, number: InHash) -> Response:
    """Take one version out of use."""
    script = await version_by_hash(parts, caller, number, action=Action.WRITE)
    async with changing(parts, caller) as tx:
        await scripts.archive_version(tx, caller.workspace, script.hash)
        await audit.record(tx, caller, "scripts.archive", "Delete", script.path, {"hash": hash_text(script.hash)})
        changed = await scripts.version(tx, caller.workspace, script.hash)
    return json_answer(script_out(changed or script))


@router.post("/api/w/{workspace}/scripts/delete/h/{hash}", response_class=Response, responses={200: returns(ScriptOut)})
async def erase_version(parts: InParts, caller: Caller, number: InHash) -> Response:
    """Erase what a version held; its hash stays."""
    script = await version_by_hash(parts, caller, number, action=Action.DELETE)
    async with changing(parts, caller) as tx:
        await scripts.erase(tx, caller.workspace, script.hash)
        await audit.record(tx, caller, "scripts.delete", "Delete", script.path, {"hash": hash_text(script.hash)})
        changed = await scripts.version(tx, caller.workspace, script.hash)
    return json_answer(script_out(changed or script))


@router.post("/api/w/{workspace}/scripts/delete/p/{path:path}", response_class=Response, responses={200: returns(str)})
async def delete_by_path(parts: InParts, caller: Caller, path: str) -> Response:
    """Remove all versions of a script for good."""
    script = await latest_version(parts, caller, path, action=Action.DELETE)
    async with changing(parts, caller) as tx:
        await scripts.remove(tx, caller.workspace, script.path)
        await audit.record(tx, caller, "scripts.delete", "Delete", script.path)
    return json_answer(script.path)


@router.get(
    "/api/w/{workspace}/scripts/history/p/{path:path}",
    response_class=Response,
    responses={200: returns(list[HistoryLine])},
)
async def get_history(
    parts: InParts, caller: Caller, path: str, page: PageNumber = 1, per_page: PerPage = MOST_PER_PAGE
) -> Response:
    """The versions of a script, the newest first."""
    script = await latest_version(parts, caller, path)
    limit = min(per_page, MOST_PER_PAGE)
    skip = (max(page, 1) - 1) * limit
    async with parts.database.transaction(caller.workspace) as tx:
        lines = await scripts.versions(tx, caller.workspace, script.path, limit=limit, skip=skip)
    return json_answer([history_line(line) for line in lines])


@router.get(
    "/api/w/{workspace}/scripts/get_latest_version/{path:path}",
    response_class=Response,
    responses={200: returns(HistoryLine)},
)
async def get_latest_version(parts: InParts, caller: Caller, path: str) -> Response:
    """The newest version of a script, without its content."""
    script = await latest_version(parts, caller, path)
    found = scripts.Version(script.hash, script.deployment_message, script.created_at, script.created_by)
    return json_answer(history_line(found))


@router.post(
    "/api/w/{workspace}/scripts/history_update/h/{hash}/p/{path:path}",
    response_class=Response,
    responses={200: TEXT},
    openapi_extra=accepts(Message),
)
async def update_history(
    parts: InParts,
    caller: Caller,
    number: InHash,
    path: str,
    body: Annotated[Message, Depends(json_body(Message))],
) -> Response:
    """Change what a deployment says about itself."""
    script = await version_by_hash(parts, caller, number, action=Action.WRITE)
    async with changing(parts, caller) as tx:
        if not await scripts.set_message(
            tx, caller.workspace, script.hash, path=parse_path(path).text, message=body.deployment_msg
        ):
            raise NotFound(f"There is no version {hash_text(script.hash)} at '{path[:255]}'.")
        await audit.record(
            tx, caller, "scripts.history_update", "Update", script.path, {"hash": hash_text(script.hash)}
        )
    return text_answer(hash_text(script.hash))


@router.post(
    "/api/w/{workspace}/scripts/toggle_workspace_error_handler/p/{path:path}",
    response_class=Response,
    responses={200: TEXT},
    openapi_extra=accepts(Muted),
)
async def toggle_error_handler(
    parts: InParts, caller: Caller, path: str, body: Annotated[Muted, Depends(json_body(Muted))]
) -> Response:
    """Keep failures of the script from the error handler of the workspace, or not."""
    script = await _head(parts, caller, path, action=Action.WRITE)
    async with changing(parts, caller) as tx:
        await scripts.set_muted(tx, caller.workspace, script.path, muted=body.muted)
        await audit.record(tx, caller, "scripts.update", "Update", script.path, {"muted": body.muted})
    return text_answer(script.path)


@router.get(
    "/api/w/{workspace}/scripts/deployment_status/h/{hash}",
    response_class=Response,
    responses={200: returns(Deployment)},
)
async def get_deployment_status(parts: InParts, caller: Caller, number: InHash) -> Response:
    """Whether the dependencies of a version are resolved."""
    script = await version_by_hash(parts, caller, number)
    error = lock_error(script)
    return json_answer(
        Deployment(
            lock=UNSET if script.lock is None else script.lock,
            lock_error_logs=error or UNSET,
            job_id=str(script.lock_job) if script.lock_job is not None and script.lock is None else UNSET,
        )
    )


async def _head(parts: Parts, caller: Principal, text: str, *, action: Action) -> Script:
    script = await latest_version(parts, caller, text, action=action)
    if script.archived:
        raise permit.not_found(Item(ItemKind.SCRIPT, parse_path(text)))
    return script
