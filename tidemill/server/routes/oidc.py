"""Identity tokens: what jobs prove to others who they are with, and what these verify them by."""

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.responses import Response

from tidemill.db import approvals, audit, jobs
from tidemill.engine.id_token import LONGEST_S
from tidemill.model.errors import BadRequest
from tidemill.model.identity import Principal
from tidemill.server.changes import changing
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.parts import Caller, InParts, Parts
from tidemill.server.wire import ERRORS, TEXT, json_answer, raw_answer, returns, text_answer

router = APIRouter(tags=["oidc"], responses=ERRORS, route_class=LazyRoute)

_MOST_AUDIENCE: Final = 500
_HOUR_S: Final = 3600.0
_DEPLOYED: Final = frozenset({"script", "flow"})
"""Kinds of jobs whose path is that of something deployed: a preview may have been given any."""
_UNCACHED: Final = {"Cache-Control": "no-cache"}


@router.get(
    "/api/oidc/.well-known/openid-configuration",
    response_class=Response,
    responses={200: returns(dict[str, Any])},
)
async def openid_configuration(parts: InParts) -> Response:
    """What verifiers of identity tokens read first: who issues them, and where its keys are."""
    return json_answer(parts.issuer.configuration(), headers=_UNCACHED)


@router.get("/api/oidc/jwks", response_class=Response, responses={200: returns(dict[str, Any])})
async def public_keys(parts: InParts) -> Response:
    """The public keys that identity tokens are verified by; none before the first token was asked for."""
    return raw_answer(await parts.issuer.keys(), headers=_UNCACHED)


@router.post("/api/w/{workspace}/oidc/token/{audience:path}", response_class=Response, responses={200: TEXT})
async def make_token(
    audience: str,
    parts: InParts,
    caller: Caller,
    expires_in: Annotated[float, Query(ge=1, le=LONGEST_S, description="Seconds that it is good for.")] = _HOUR_S,
) -> Response:
    """A token that proves to `audience` who calls: a job with the path of its script and flow, or a person."""
    if len(audience) > _MOST_AUDIENCE or "\0" in audience:
        raise BadRequest(f"An audience has at most {_MOST_AUDIENCE} characters, and none of them is NUL.")
    path, flow_path = await _paths(parts, caller)
    async with changing(parts, caller) as tx:
        await audit.record(tx, caller, "oidc.token", "Create", audience, {"expires_in": expires_in})
    subject = "::".join((caller.email, path, flow_path, caller.workspace))
    claims = {
        "email": caller.email,
        "username": caller.username,
        "groups": sorted(caller.groups),
        "workspace": caller.workspace,
        "path": path,
        "flow_path": flow_path,
        "job_id": str(caller.credential.job_id or ""),
    }
    return text_answer(await parts.issuer.token(subject, audience, lasts_s=expires_in, claims=claims))


async def _paths(parts: Parts, caller: Principal) -> tuple[str, str]:
    """The path of the script that a job runs, and of the flow of which it is a step; "" for none.

    What a run names as its parent does not count: whoever starts it may name any job that they see.
    """
    job = await _deployed(parts, caller, caller.credential.job_id)
    if job is None:
        return "", ""
    levels = await approvals.lineage(parts.database.single, caller.workspace, job.id)
    root = job if levels[-1].id == job.id else await _deployed(parts, caller, levels[-1].id)
    flow_path = root.script_path if root is not None and root.kind == "flow" else None
    return "" if job.kind == "flow" else job.script_path or "", flow_path or ""


async def _deployed(parts: Parts, caller: Principal, job_id: UUID | None) -> jobs.Seen | None:
    if job_id is None:
        return None
    found = await jobs.seen(parts.database.single, caller.workspace, job_id)
    return found if found is not None and found.kind in _DEPLOYED else None
