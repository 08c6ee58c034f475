"""Reading the audit log: everybody their own records, admins those of their workspace, superadmins all."""

import csv
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from datetime import datetime
from io import StringIO
from typing import Annotated, Final, Literal
from urllib.parse import quote
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Query
from starlette.responses import Response, StreamingResponse

from tidemill.db import audit
from tidemill.engine import permit
from tidemill.engine.permit import Action, Need, WorkspaceTarget
from tidemill.model.errors import Denied, NotFound
from tidemill.model.identity import Principal
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.paging import MAX_PER_PAGE, page_of
from tidemill.server.parts import Caller, InParts, Parts
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


Form = Literal["csv", "jsonl"]
_TYPES: Final[dict[Form, str]] = {"csv": "text/csv", "jsonl": "application/x-ndjson"}
_FILE: Final = {
    "description": "The file.",
    "content": {media_type: {"schema": {"type": "string"}} for media_type in _TYPES.values()},
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


def _filter(
    *,
    caller: Caller,
    before: datetime | None = None,
    after: datetime | None = None,
    before_id: Annotated[int | None, Query(ge=1, le=LARGEST_ID)] = None,
    after_id: Annotated[int | None, Query(ge=0, le=LARGEST_ID)] = None,
    username: str | None = None,
    operation: Annotated[str | None, Query(description="`variables.*` is all of variables.")] = None,
    operations: Annotated[str | None, Query(description="Several, separated by commas.")] = None,
    exclude_operations: Annotated[str | None, Query(description="Separated by commas.")] = None,
    resource: str | None = None,
    resource_prefix: Annotated[str | None, Query(description="What `resource` begins with.")] = None,
    action_kind: WireKind | None = None,
) -> audit.Filter:
    return audit.Filter(
        own=_own(caller),
        username=username,
        operations=_split(operations) or ([operation] if operation else None),
        not_operations=_split(exclude_operations),
        kind=None if action_kind is None else _FROM_WIRE[action_kind],
        resource=resource,
        resource_prefix=resource_prefix or None,
        before=before,
        after=after,
        before_id=before_id,
        after_id=after_id,
    )


Wanted = Annotated[audit.Filter, Depends(_filter)]
AllWorkspaces = Annotated[bool, Query(description="Of the whole instance; for superadmins.")]


@router.get("/api/w/{workspace}/audit/list", response_class=Response, responses={200: returns(list[AuditLog])})
async def list_audit_logs(
    *,
    workspace: str,
    parts: InParts,
    caller: Caller,
    wanted: Wanted,
    page: Annotated[int, Query(ge=0, le=100_000)] = 1,
    per_page: Annotated[int, Query(ge=1, le=MAX_PER_PAGE)] = 30,
    all_workspaces: AllWorkspaces = False,
) -> Response:
    """Records, newest first. To read on, give the `id` of the last one as `before_id`."""
    scope = _scope(caller, workspace, all_workspaces=all_workspaces)
    place = page_of(page, per_page)
    found = await _read(parts, scope, wanted, limit=place.limit, skip=place.skip)
    return json_answer([_log(record) for record in found])


@router.get("/api/w/{workspace}/audit/export", response_class=Response, responses={200: _FILE})
async def export_audit_logs(
    *,
    workspace: str,
    parts: InParts,
    caller: Caller,
    wanted: Wanted,
    format: Form = "csv",  # noqa: A002
    all_workspaces: AllWorkspaces = False,
) -> Response:
    """All records that fit, newest first, as a file; `parameters` are JSON. What fails later on breaks it off."""
    scope = _scope(caller, workspace, all_workspaces=all_workspaces)
    first = await _read(parts, scope, wanted, limit=MAX_PER_PAGE)

    async def pieces() -> AsyncGenerator[bytes]:
        records = first
        yield _HEADS[format]
        while records:
            yield b"".join(_AS_LINE[format](_log(record)) for record in records)
            full = len(records) == MAX_PER_PAGE
            on = replace(wanted, before_id=records[-1].id)
            records = await _read(parts, scope, on, limit=MAX_PER_PAGE) if full else []

    name = quote(f"audit-{scope or 'instance'}.{format}", safe="")
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
    return StreamingResponse(pieces(), headers=headers, media_type=_TYPES[format])


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


def _scope(caller: Principal, workspace: str, *, all_workspaces: bool) -> str | None:
    """The workspace whose records are read, or None for those of all and of the instance; if the caller may."""
    permit.require(caller, Action.LIST, WorkspaceTarget("audit", Need.MEMBER))
    if not all_workspaces:
        return workspace
    if not caller.superadmin or caller.is_job or caller.credential.workspace is not None:
        raise Denied("Only superadmins may read the audit log of all workspaces.")
    return None


async def _read(
    parts: Parts, scope: str | None, wanted: audit.Filter, *, limit: int, skip: int = 0
) -> list[audit.Record]:
    if scope is None:
        async with parts.database.system() as tx:
            return await audit.page(tx, None, wanted, limit=limit, skip=skip)
    async with parts.database.transaction(scope) as tx:
        return await audit.page(tx, scope, wanted, limit=limit, skip=skip)


def _as_row(log: AuditLog) -> bytes:
    text = StringIO()
    values = [getattr(log, name) for name in _COLUMNS]
    csv.writer(text).writerow([_cell(value) for value in values])
    return text.getvalue().encode()


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return value.isoformat()
        case msgspec.Raw():
            return bytes(value).decode()
        case _:
            return str(value)


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


_COLUMNS: Final = AuditLog.__struct_fields__
_HEADS: Final[dict[Form, bytes]] = {"csv": ",".join(_COLUMNS).encode() + b"\r\n", "jsonl": b""}
_AS_LINE: Final[dict[Form, Callable[[AuditLog], bytes]]] = {
    "csv": _as_row,
    "jsonl": lambda log: msgspec.json.encode(log) + b"\n",
}
