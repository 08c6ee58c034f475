"""Access keys of members for S3 clients, and the S3 credentials that every token has."""

from datetime import datetime
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from tidemill.db import access_keys, audit
from tidemill.db.access_keys import AccessKey, NewKey
from tidemill.engine import scopes
from tidemill.model.errors import BadRequest, Denied, NotFound
from tidemill.model.identity import Principal
from tidemill.server.expiry import expiry_of
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.moments import in_utc
from tidemill.server.paging import InPage
from tidemill.server.parts import Caller, InParts, Parts, actor_of
from tidemill.server.s3.access import own_credentials
from tidemill.server.wire import ERRORS, TEXT, accepts, json_answer, json_body, returns, text_answer

MAX_LABEL_CHARS: Final = 100
REGION: Final = "us-east-1"
"""Clients want one; any is taken."""

router = APIRouter(tags=["helpers"], responses=ERRORS, route_class=LazyRoute)


class S3Access(msgspec.Struct):
    """What an S3 client is set up with. `port_endpoint`: the endpoint on a port of its own, None where it is off."""

    endpoint: str
    port_endpoint: str | None
    access_key: str
    secret_key: str
    region: str
    bucket: str


class NewAccessKey(msgspec.Struct):
    """Of what a key is made. Without `scopes` it may do what its owner may; `expiration` None is never."""

    label: str = ""
    scopes: list[str] | None = None
    read_only: bool = False
    expiration: datetime | None = None


class ListedKey(msgspec.Struct):
    """An access key without its secret."""

    access_key: str
    owner: str
    email: str
    label: str
    scopes: tuple[str, ...] | None
    read_only: bool
    created_at: datetime
    expiration: datetime | None
    last_used_at: datetime | None


@router.post("/api/w/{workspace}/s3_credentials", response_class=Response, responses={200: returns(S3Access)})
async def s3_credentials(workspace: str, request: Request, parts: InParts, caller: Caller) -> Response:
    """What S3 clients are set up with to act as the token that asks: good as long as the token is."""
    made = own_credentials(request, parts, caller)
    return json_answer(_access(parts, workspace, made.access_key, made.secret_key))


@router.post(
    "/api/w/{workspace}/access_keys/create",
    response_class=Response,
    status_code=201,
    responses={201: returns(S3Access)},
    openapi_extra=accepts(NewAccessKey),
)
async def create_access_key(
    request: Request,
    workspace: str,
    parts: InParts,
    caller: Caller,
    body: Annotated[NewAccessKey, Depends(json_body(NewAccessKey))],
) -> Response:
    """Make an access key of one's own; the answer is the only time that its secret is shown.

    It may never do more, or last longer, than the token that it is made with.
    """
    if caller.role is None:
        raise BadRequest("Access keys are of members: join the workspace first.")
    if len(body.label) > MAX_LABEL_CHARS:
        raise BadRequest(f"A label has at most {MAX_LABEL_CHARS} characters.")
    new = NewKey(
        email=caller.email,
        label=body.label,
        scopes=_scopes(caller, body.scopes),
        read_only=body.read_only or caller.credential.read_only,
        expires_at=await expiry_of(parts, request, in_utc(body.expiration)),
    )
    if caller.credential.impersonated_by is not None:
        raise Denied("Whoever acts as somebody else makes no keys, which would outlive that.")
    async with parts.database.transaction(workspace, actor=actor_of(caller)) as tx:
        key_id, secret = await access_keys.create(tx, parts.keyring, workspace, new=new)
        told = {"label": new.label, "scopes": new.scopes, "read_only": new.read_only}
        await audit.record(tx, caller, "access_keys.create", "Create", key_id, told)
    return json_answer(_access(parts, workspace, key_id, secret), status=201)


@router.get("/api/w/{workspace}/access_keys/list", response_class=Response, responses={200: returns(list[ListedKey])})
async def list_access_keys(
    workspace: str, parts: InParts, caller: Caller, page: InPage, all_members: bool = False
) -> Response:
    """One's own access keys, newest first; for admins with `all_members` those of everybody."""
    email = None if all_members and caller.is_admin else caller.email
    found = await access_keys.page(parts.database.single, workspace, email=email, limit=page.limit, skip=page.skip)
    return json_answer([_listed(key) for key in found])


@router.delete("/api/w/{workspace}/access_keys/delete/{access_key}", response_class=Response, responses={200: TEXT})
async def delete_access_key(workspace: str, access_key: str, parts: InParts, caller: Caller) -> Response:
    """Revoke an access key at once: one's own, or as an admin anybody's."""
    email = None if caller.is_admin else caller.email
    async with parts.database.transaction(workspace, actor=actor_of(caller)) as tx:
        if not await access_keys.delete(tx, workspace, access_key, email=email):
            raise NotFound(f"You have no access key '{access_key[:40]}'.")
        await audit.record(tx, caller, "access_keys.delete", "Delete", access_key)
    return text_answer(f"access key {access_key} was deleted")


def _scopes(caller: Principal, wanted: list[str] | None) -> list[str] | None:
    """As wanted; a token with scopes gives its own where nothing is wanted, and nothing beyond them otherwise."""
    held = caller.credential.scopes
    if wanted is None:
        return None if held is None else [str(scope) for scope in held]
    parsed = scopes.parse_wanted(wanted)
    if held is not None and (beyond := [str(scope) for scope in parsed if scope not in held]):
        raise Denied(f"This token's scopes do not cover {', '.join(beyond)[:200]}.")
    return [str(scope) for scope in parsed]


def _access(parts: Parts, workspace: str, access_key: str, secret_key: str) -> S3Access:
    return S3Access(
        endpoint=f"{parts.options.base_url}/api/w/{workspace}/s3_proxy",
        port_endpoint=parts.s3_url or None,
        access_key=access_key,
        secret_key=secret_key,
        region=REGION,
        bucket="_default_",
    )


def _listed(key: AccessKey) -> ListedKey:
    return ListedKey(
        access_key=key.id,
        owner=key.owner,
        email=key.email,
        label=key.label,
        scopes=key.scopes,
        read_only=key.read_only,
        created_at=key.created_at,
        expiration=key.expires_at,
        last_used_at=key.last_used_at,
    )
