"""Public links to objects: made in bulk as Windmill's clients ask for them, listed, taken back."""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Query
from msgspec import UNSET, UnsetType
from starlette.responses import Response

from tidemill.db import audit, identity, links
from tidemill.engine import permit
from tidemill.engine.permit import Action, Need, WorkspaceTarget
from tidemill.model.errors import BadRequest, NotFound
from tidemill.model.identity import Principal
from tidemill.model.object_address import Address, named
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.objects.links import MOST_AT_ONCE
from tidemill.server.parts import Caller, InParts, actor_of
from tidemill.server.wire import ERRORS, TEXT, accepts, json_answer, json_body, returns, text_answer

router = APIRouter(tags=["app"], responses=ERRORS, route_class=LazyRoute)

_W: Final = "/api/w/{workspace}"
DEFAULT_EXPIRY_S: Final = 43_200
SHORTEST_S: Final = 60
LONGEST_S: Final = 604_800


class S3Object(msgspec.Struct, omit_defaults=True):
    """A pointer to an object. `presigned` is the query that makes its public address."""

    s3: str
    storage: str | None = None
    filename: str | None = None
    presigned: str | None = None


class ToSign(msgspec.Struct):
    """Objects to share, for `expiry_secs` seconds: 12 hours unless said, from a minute to a week."""

    s3_objects: list[S3Object]
    expiry_secs: int | None = None


class LinkInfo(msgspec.Struct):
    """A link that holds. The link itself is shown only to whoever made it, once."""

    id: UUID
    s3: str
    storage: str
    made_by: str
    created_at: datetime
    expires_at: datetime
    job: UUID | UnsetType = UNSET


class ToRevoke(msgspec.Struct):
    """All links to an object."""

    s3: str
    storage: str | None = None


@router.post(
    f"{_W}/apps/sign_s3_objects",
    response_class=Response,
    responses={200: returns(list[S3Object])},
    openapi_extra=accepts(ToSign),
)
async def sign(parts: InParts, caller: Caller, body: Annotated[ToSign, Depends(json_body(ToSign))]) -> Response:
    """Make a public link to each object that the caller may read.

    Its address is `<server>/api/w/<workspace>/s3_proxy/<storage or _default_>/<key>?<presigned>`.
    """
    if len(body.s3_objects) > MOST_AT_ONCE:
        raise BadRequest(f"At most {MOST_AT_ONCE} objects are signed at once, not {len(body.s3_objects)}.")
    wanted = DEFAULT_EXPIRY_S if body.expiry_secs is None else body.expiry_secs
    expires_s = min(max(wanted, SHORTEST_S), LONGEST_S)
    addresses = [Address(named(each.storage or ""), each.s3) for each in body.s3_objects]
    queries = await parts.links.make(caller, addresses, expires_s=expires_s)
    signed = [
        S3Object(each.s3, each.storage, each.filename, query)
        for each, query in zip(body.s3_objects, queries, strict=True)
    ]
    return json_answer(signed)


@router.get(f"{_W}/object_links/list", response_class=Response, responses={200: returns(list[LinkInfo])})
async def list_links(
    workspace: str,
    parts: InParts,
    caller: Caller,
    file_key: Annotated[str | None, Query(description="Only links to this object.")] = None,
    storage: str = "",
    before: Annotated[UUID | None, Query(description="The id of the last one of the page before.")] = None,
    per_page: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """Links that hold, the newest first: the caller's own; admins see all."""
    permit.require(caller, Action.LIST, WorkspaceTarget("job_helpers", Need.MEMBER))
    at = None if file_key is None else Address(named(storage), file_key)
    found = await links.page(
        parts.database.single, workspace, actor=_whose(caller), at=at, before=before, limit=per_page
    )
    return json_answer([_shown(each) for each in found])


@router.delete(f"{_W}/object_links/revoke/{{id}}", response_class=Response, responses={200: TEXT})
async def revoke_link(
    workspace: str,
    parts: InParts,
    caller: Caller,
    id: UUID,  # noqa: A002
) -> Response:
    """Take a link back: it leads nowhere from now on."""
    async with parts.database.transaction(workspace, actor=actor_of(caller)) as tx:
        await identity.hold_attempt(tx, caller)
        revoked = await links.revoke(tx, workspace, actor=_whose(caller), link=id)
        if not revoked:
            raise NotFound(f"There is no link {id} that holds.")
        await audit.record(tx, caller, "object_links.revoke", "Delete", str(id), {})
    return text_answer(f"link {id} was taken back")


@router.post(
    f"{_W}/object_links/revoke_all",
    response_class=Response,
    responses={200: returns(list[UUID])},
    openapi_extra=accepts(ToRevoke),
)
async def revoke_links(
    workspace: str, parts: InParts, caller: Caller, body: Annotated[ToRevoke, Depends(json_body(ToRevoke))]
) -> Response:
    """Take back all links to an object: the caller's own; admins those of everybody. Their ids."""
    at = Address(named(body.storage or ""), body.s3)
    async with parts.database.transaction(workspace, actor=actor_of(caller)) as tx:
        await identity.hold_attempt(tx, caller)
        revoked = await links.revoke(tx, workspace, actor=_whose(caller), at=at)
        if revoked:
            ids = {"links": [str(each) for each in revoked]}
            await audit.record(tx, caller, "object_links.revoke_all", "Delete", str(at), ids)
    return json_answer(revoked)


def _whose(caller: Principal) -> str | None:
    """Whose links the caller may see and take back: None for everybody's."""
    return None if caller.is_admin else caller.actor


def _shown(link: links.Link) -> LinkInfo:
    at = link.address
    return LinkInfo(
        id=link.id,
        s3=at.key,
        storage=at.storage,
        made_by=link.actor,
        created_at=link.created_at,
        expires_at=link.expires_at,
        job=UNSET if link.job_id is None else link.job_id,
    )
