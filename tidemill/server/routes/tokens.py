"""Personal tokens. None reaches further, or lasts longer, than the credential that it was made with."""

from datetime import datetime
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from tidemill.db import accounts, audit, members, tokens, workspaces
from tidemill.db.pool import Statements
from tidemill.engine import permit, scopes
from tidemill.engine.permit import AccountTarget, Action
from tidemill.model.errors import BadRequest, NotFound
from tidemill.model.identity import Principal
from tidemill.server import auth
from tidemill.server.expiry import expiry_of
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.moments import in_utc
from tidemill.server.paging import InPage
from tidemill.server.parts import Caller, InParts, actor_of
from tidemill.server.wire import ERRORS, TEXT, accepts, json_answer, json_body, returns, text_answer

router = APIRouter(tags=["user"], responses=ERRORS, route_class=LazyRoute)

MAX_LABEL_CHARS: Final = 200
IMPERSONATION_S: Final = 3600.0
"""How long acting as somebody else lasts where nothing else was asked for."""


class NewToken(msgspec.Struct):
    """What the token is to be good for; without `scopes` for everything, without `expiration` for ever."""

    label: str | None = None
    expiration: datetime | None = None
    scopes: list[str] | None = None
    workspace_id: str | None = None
    read_only: bool = False


class NewImpersonation(msgspec.Struct):
    """Whom to act as; for an hour unless said otherwise."""

    impersonate_email: str
    label: str | None = None
    expiration: datetime | None = None
    workspace_id: str | None = None


class TruncatedToken(msgspec.Struct, omit_defaults=True):
    """A token without its secret part. `last_used_at` is when it was made, as long as it was not used."""

    token_prefix: str
    created_at: datetime
    last_used_at: datetime
    read_only: bool
    label: str = ""
    expiration: datetime | None = None
    scopes: tuple[str, ...] | None = None
    email: str = ""
    workspace_id: str | None = None


@router.post(
    "/api/users/tokens/create",
    response_class=Response,
    status_code=201,
    responses={201: TEXT},
    openapi_extra=accepts(NewToken, required=False),
)
async def create_token(
    request: Request, parts: InParts, caller: Caller, body: Annotated[NewToken, Depends(json_body(NewToken))]
) -> Response:
    """Make a token of one's own; the answer is the only time that it is shown."""
    permit.require(caller, Action.CREATE, AccountTarget(caller.email))
    wanted = None if body.scopes is None else [str(scope) for scope in scopes.parse_wanted(body.scopes)]
    await _require_workspace(parts.database.single, caller, body.workspace_id)
    text, token_hash, prefix = auth.new_token()
    token = tokens.NewToken(
        hash=token_hash,
        prefix=prefix,
        email=caller.email,
        label=_label(body.label),
        workspace=body.workspace_id,
        scopes=wanted,
        read_only=body.read_only,
        expires_at=await expiry_of(parts, request, in_utc(body.expiration)),
    )
    async with parts.database.system(actor=actor_of(caller)) as tx:
        await tokens.create(tx, token)
        parameters = {"label": token.label, "scopes": wanted, "workspace_id": body.workspace_id}
        await audit.record(tx, caller, "users.token.create", "Create", prefix, parameters)
    return text_answer(text, status=201)


@router.get("/api/users/tokens/list", response_class=Response, responses={200: returns(list[TruncatedToken])})
async def list_tokens(parts: InParts, caller: Caller, page: InPage, exclude_ephemeral: bool = False) -> Response:
    """One's own tokens, newest first; without browser sessions where `exclude_ephemeral`."""
    permit.require(caller, Action.LIST, AccountTarget(caller.email))
    found = await tokens.page(
        parts.database.single, caller.email, limit=page.limit, skip=page.skip, personal_only=exclude_ephemeral
    )
    return json_answer([_shown(token) for token in found])


@router.delete("/api/users/tokens/delete/{token_prefix}", response_class=Response, responses={200: TEXT})
async def delete_token(token_prefix: str, parts: InParts, caller: Caller) -> Response:
    """Revoke one of one's own tokens or sessions, at once."""
    permit.require(caller, Action.DELETE, AccountTarget(caller.email))
    async with parts.database.system(actor=actor_of(caller)) as tx:
        if not await tokens.delete(tx, caller.email, token_prefix):
            raise NotFound(f"You have no token that starts with '{token_prefix[:20]}'.")
        await audit.record(tx, caller, "users.token.delete", "Delete", token_prefix)
    return text_answer(f"token {token_prefix} was deleted")


@router.post(
    "/api/users/tokens/impersonate",
    response_class=Response,
    status_code=201,
    responses={201: TEXT},
    openapi_extra=accepts(NewImpersonation),
)
async def impersonate(
    request: Request,
    parts: InParts,
    caller: Caller,
    body: Annotated[NewImpersonation, Depends(json_body(NewImpersonation))],
) -> Response:
    """Make a token that acts as another account. All that is done with it is recorded with who is behind it.

    It ends at once when who made it is no superadmin any more.
    """
    email = body.impersonate_email.lower()
    permit.require(caller, Action.MANAGE, AccountTarget(email))
    account = await accounts.get(parts.database.single, email)
    await _require_workspace(
        parts.database.single, Principal(email=email, superadmin=account.superadmin), body.workspace_id
    )
    text, token_hash, prefix = auth.new_token()
    expires_at = await expiry_of(parts, request, in_utc(body.expiration))
    token = tokens.NewToken(
        hash=token_hash,
        prefix=prefix,
        email=email,
        label=_label(body.label) or f"impersonated by {caller.email}",
        workspace=body.workspace_id,
        impersonated_by=caller.email,
        expires_at=expires_at,
        lifetime_s=IMPERSONATION_S if expires_at is None else None,
    )
    async with parts.database.system(actor=actor_of(caller)) as tx:
        await tokens.create(tx, token)
        await audit.record(tx, caller, "users.impersonate", "Execute", email, {"token": prefix})
    return text_answer(text, status=201)


async def _require_workspace(statements: Statements, owner: Principal, workspace: str | None) -> None:
    """Make sure that whoever the token is for may be in the workspace that it is to be bound to, which is there."""
    if workspace is None:
        return
    if owner.superadmin:
        is_there = await workspaces.find(statements, workspace) is not None
    else:
        is_there = any(each.workspace_id == workspace for each in await members.of_account(statements, owner.email))
    if not is_there:
        raise NotFound(f"There is no workspace '{workspace}'.")


def _label(label: str | None) -> str:
    if label is not None and len(label) > MAX_LABEL_CHARS:
        raise BadRequest(f"A label has at most {MAX_LABEL_CHARS} characters.")
    return label or ""


def _shown(token: tokens.Token) -> TruncatedToken:
    return TruncatedToken(
        token_prefix=token.prefix,
        created_at=token.created_at,
        last_used_at=token.last_used_at or token.created_at,
        read_only=token.read_only,
        label=token.label,
        expiration=token.expires_at,
        scopes=token.scopes,
        email=token.email,
        workspace_id=token.workspace_id,
    )
