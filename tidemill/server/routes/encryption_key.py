"""The key of a workspace, by which `wmill sync` keeps secrets in files: for admins, who may read all secrets anyway."""

import base64
import binascii
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends
from starlette.responses import Response

from tidemill.db import audit, rotation
from tidemill.engine import permit
from tidemill.engine.permit import Action, Need, WorkspaceTarget
from tidemill.model.errors import BadRequest, Unsupported
from tidemill.model.rootkey import KEY_BYTES
from tidemill.server.changes import changing
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.parts import Caller, InParts
from tidemill.server.wire import ERRORS, TEXT, accepts, json_answer, json_body, returns, text_answer

router = APIRouter(tags=["workspace"], responses=ERRORS, route_class=LazyRoute)

GRACE_S = rotation.GRACE_S
_TARGET: Final = WorkspaceTarget("workspaces", Need.ADMIN)
_AT: Final = "/api/w/{workspace}/workspaces/encryption_key"


class Key(msgspec.Struct):
    """32 bytes in base64."""

    key: str


class NewKey(msgspec.Struct):
    """The key of another workspace, as it was pulled there."""

    new_key: str
    skip_reencrypt: bool | None = None


@router.get(_AT, response_class=Response, responses={200: returns(Key)})
async def get_key(parts: InParts, caller: Caller) -> Response:
    """The key that secrets are exported with; that it was read is on record."""
    permit.require(caller, Action.READ, _TARGET)
    permit.require_scope(caller, "variables", "read")
    async with changing(parts, caller) as tx:
        key = await parts.keyring.current_key(tx, caller.workspace)
        await audit.record(tx, caller, "workspaces.read_encryption_key", "Execute", caller.workspace)
    return json_answer(Key(base64.b64encode(key).decode()))


@router.post(_AT, response_class=Response, responses={200: TEXT}, openapi_extra=accepts(NewKey))
async def set_key(parts: InParts, caller: Caller, body: Annotated[NewKey, Depends(json_body(NewKey))]) -> Response:
    """Seal all secrets with another key; files of secrets from a workspace that has it can then be pushed here."""
    permit.require(caller, Action.WRITE, _TARGET)
    permit.require_scope(caller, "variables", "write")
    if body.skip_reencrypt:
        raise Unsupported("Secrets that are here are always sealed with the new key: leave skip_reencrypt out.")
    key = _key(body.new_key)
    async with changing(parts, caller) as tx:
        await audit.record(tx, caller, "workspaces.set_encryption_key", "Update", caller.workspace)
    await rotation.rotate_workspace_key(
        parts.database, parts.keyring.root, workspace=caller.workspace, new_key=key, grace_s=GRACE_S
    )
    return text_answer("the key was changed")


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise BadRequest(f"A key has {KEY_BYTES} bytes, in base64, as `wmill sync pull --include-key` writes it.")
    return key
