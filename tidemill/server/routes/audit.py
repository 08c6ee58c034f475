"""Reading the audit log: everybody their own records, admins those of their workspace, superadmins all."""

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response

from tidemill.db import audit
from tidemill.engine import permit
from tidemill.engine.permit import Action, Need, WorkspaceTarget
from tidemill.model.errors import Denied, NotFound
from tidemill.model.identity import Principal
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.paging import MAX_PER_PAGE, page_of
from tidemill.server.parts import Caller, InParts
from tidemill.server.wire import ERRORS, json_answer, returns

router = APIRouter(tags=["audit"], responses=ERRORS, route_class=LazyRoute)

WireKind = Literal["Created", "Updated", "Delete", "Execute", "Create", "Update"]
LARGEST_ID: Final = 2**63 - 1
_TO_WIRE: Final[dict[audit.Kind, WireKind]] = {
    "Create": "Created",
    "Update": "Updated",
    "Delete": "Delete",
    "Execute": "Execute",
}
_FROM_WIRE: Final[dict[str, audit.Kind]] = {
    "Created": "Create",
    "Create": "Create",
    "Updated": "Update",
    "Update": "Update",
    "Delete": "Delete",
    "Execute": "Execute",
}


class AuditLog(msgspec.Struct, omit_defaults=True):
    """One thing that was done. `email`, `job_id` and `impersonated_by` are more than Windmill tells."""

    workspace_id: str
    id: int
    timestamp: datetime
    username: str
    operation: str
    action_kind: WireKind
    email: str = ""
    resource: str | None = None
    parameters: msgspec.Raw | None = None
    job_id: UUID | None = None
    impersonated_by: str | None = None


@router.get("/api/w/{workspace}/audit/list", response_class=Response, responses={200: returns(list[AuditLog])})
async def list_audit_logs(
    *,
    workspace: str,
    parts: InParts,
    caller: Caller,
    page: Annotated[int, Query(ge=0, le=100_000)] = 1,
    per_page: Annotated[int, Query(ge=1, le=MAX_PER_PAGE)] = 30,
    before: datetime | None = None,
    after: datetime | None = None,
    before_id: Annotated[int | None, Query(ge=1, le=LARGEST_ID)] = None,
    username: str | None = None,
    operation: str | None = None,
    operations: Annotated[str | None, Query(description="Several, separated by commas.")] = None,
    exclude_operations: Annotated[str | None, Query(description="Separated by commas.")] = None,
    resource: str | None = None,
    action_kind: WireKind | None = None,
    all_workspaces: bool = False,
) -> Response:
    """Records, newest first. To read on, give the `id` of the last one as `before_id`."""
    permit.require(caller, Action.LIST, WorkspaceTarget("audit", Need.MEMBER))
    wanted = audit.Filter(
        own=_own(caller),
        username=username,
        operations=_split(operations) or ([operation] if operation else None),
        not_operations=_split(exclude_operations),
        kind=None if action_kind is None else _FROM_WIRE[action_kind],
        resource=resource,
        before=before,
        after=after,
        before_id=before_id,
    )
    place = page_of(page, per_page)
    if all_workspaces:
        _require_instance(caller)
        async with parts.database.system() as tx:
            found = await audit.page(tx, None, wanted, limit=place.limit, skip=place.skip)
    else:
        async with parts.database.transaction(workspace) as tx:
            found = await audit.page(tx, workspace, wanted, limit=place.limit, skip=place.skip)
    return json_answer([_log(record) for record in found])


@router.get("/api/w/{workspace}/audit/get/{id}", response_class=Response, responses={200: returns(AuditLog)})
async def get_audit_log(workspace: str, id: int, parts: InParts, caller: Caller) -> Response:  # noqa: A002
    """One record."""
    permit.require(caller, Action.READ, WorkspaceTarget("audit", Need.MEMBER))
    found = None
    if 0 < id <= LARGEST_ID:
        async with parts.database.transaction(workspace) as tx:
            found = await audit.by_id(tx, workspace, id, own=_own(caller))
    if found is None:
        raise NotFound(f"There is no audit record {id}.")
    return json_answer(_log(found))


def _own(caller: Principal) -> str | None:
    """Whose records alone the caller may see; None for all of the workspace."""
    return None if caller.is_admin else caller.email


def _require_instance(caller: Principal) -> None:
    if not caller.superadmin or caller.is_job or caller.credential.workspace is not None:
        raise Denied("Only superadmins may read the audit log of all workspaces.")


def _split(text: str | None) -> list[str] | None:
    return None if not text else [part.strip() for part in text.split(",") if part.strip()]


def _log(record: audit.Record) -> AuditLog:
    return AuditLog(
        workspace_id=record.workspace_id,
        id=record.id,
        timestamp=record.at,
        username=record.username,
        operation=record.operation,
        action_kind=_TO_WIRE[record.action_kind],
        email=record.email,
        resource=record.resource,
        parameters=record.parameters,
        job_id=record.job_id,
        impersonated_by=record.impersonated_by,
    )
