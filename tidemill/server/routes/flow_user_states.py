"""What a flow keeps for its steps under keys of their own choice, for as long as the flow's job is there."""

from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tidemill.db import jobs
from tidemill.db.pool import Json
from tidemill.engine.permit import Action
from tidemill.model.errors import BadRequest, NotFound, TooLarge
from tidemill.model.identity import Principal
from tidemill.model.job import FLOW_KINDS
from tidemill.server.changes import changing
from tidemill.server.jobs_seen import require_job
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.parts import Caller, InParts, Parts
from tidemill.server.wire import ERRORS, TEXT, raw_answer, read_json, text_answer

router = APIRouter(tags=["job"], responses=ERRORS, route_class=LazyRoute)

_MAX_KEY_CHARS: Final = 255
_ANY: Final[dict[str, Any]] = {"content": {"application/json": {"schema": {}}}}


@router.get(
    "/api/w/{workspace}/jobs/flow/user_states/{id}/{key:path}",
    response_class=Response,
    responses={200: {"description": "The value; null where there is none.", **_ANY}},
)
async def get_user_state(parts: InParts, caller: Caller, id: str, key: str) -> Response:  # noqa: A002
    """What the flow keeps under the key."""
    flow = await _flow(parts, caller, id, action=Action.READ)
    value = await jobs.user_state(parts.database.single, caller.workspace, flow.id, key=_checked(key))
    return raw_answer(value or b"null")


@router.post(
    "/api/w/{workspace}/jobs/flow/user_states/{id}/{key:path}",
    response_class=Response,
    responses={200: TEXT},
    openapi_extra={"requestBody": {"required": True, **_ANY}},
)
async def set_user_state(parts: InParts, caller: Caller, request: Request, id: str, key: str) -> Response:  # noqa: A002
    """Keep any JSON value under the key."""
    flow = await _flow(parts, caller, id, action=Action.CANCEL)
    raw = await read_json(request, max_bytes=parts.values.max_bytes)
    if len(raw) > parts.options.inline_value_bytes:
        raise TooLarge(f"A user state has at most {parts.options.inline_value_bytes} bytes; this one has {len(raw)}.")
    async with changing(parts, caller) as tx:
        await jobs.set_user_state(tx, caller.workspace, flow.id, key=_checked(key), value=Json(raw))
    return text_answer("ok")


async def _flow(parts: Parts, caller: Principal, text: str, *, action: Action) -> jobs.Seen:
    seen = await require_job(parts, caller, text, action=action)
    if seen.kind not in FLOW_KINDS:
        raise NotFound(f"Job {seen.id} is not a flow: only flows have user states.")
    return seen


def _checked(key: str) -> str:
    if not 0 < len(key) <= _MAX_KEY_CHARS or "\x00" in key:
        raise BadRequest(f"A key has 1 to {_MAX_KEY_CHARS} characters, and no NUL.")
    return key
