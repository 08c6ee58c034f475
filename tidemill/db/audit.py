"""The audit log: who did what, when. A record is written in the transaction of the change that it tells of."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import msgspec

from tidemill.db.pool import Json, Transaction
from tidemill.db.queries import queries
from tidemill.model.identity import Principal

_SQL: Final = queries("audit")

Kind = Literal["Create", "Update", "Delete", "Execute"]


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that was done. `workspace_id` is "" for the instance as a whole; `parameters` is a JSON object."""

    id: int
    at: datetime
    workspace_id: str
    email: str
    username: str
    operation: str
    action_kind: Kind
    resource: str | None
    parameters: msgspec.Raw | None
    job_id: UUID | None
    impersonated_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which records are wanted; None is no restriction.

    `own` is the e-mail of a caller who sees only its own. Of `operations`, `variables.*` stands for all of variables.
    """

    own: str | None = None
    username: str | None = None
    operations: list[str] | None = None
    not_operations: list[str] | None = None
    kind: Kind | None = None
    resource: str | None = None
    resource_prefix: str | None = None
    before: datetime | None = None
    after: datetime | None = None
    before_id: int | None = None
    after_id: int | None = None


async def record(
    tx: Transaction,
    caller: Principal,
    operation: str,
    kind: Kind,
    resource: str | None,
    parameters: dict[str, Any] | None = None,
    *,
    workspace: str | None = None,
) -> None:
    """Note that `caller` did `operation` (named as in Windmill, `variables.create`) to `resource` (a path or name).

    `parameters` are details for the reader: never a secret. The record belongs to the workspace that the caller acts
    in, or to `workspace` where that is given; `tx` must be able to see it ("" only by `Database.system`).
    """
    credential = caller.credential
    await tx.execute(
        _SQL["record"],
        workspace=caller.workspace if workspace is None else workspace,
        email=caller.email,
        username=caller.username or caller.email,
        operation=operation,
        kind=kind,
        resource=resource,
        parameters=None if parameters is None else Json(msgspec.json.encode(parameters)),
        job=credential.job_id,
        impersonated_by=credential.impersonated_by,
    )


async def record_all(
    tx: Transaction,
    caller: Principal,
    operation: str,
    kind: Kind,
    resources: Sequence[str],
    parameters: dict[str, Any] | None = None,
) -> None:
    """As `record`, once for each of `resources`, in one statement."""
    if not resources:
        return
    credential = caller.credential
    await tx.execute(
        _SQL["record_all"],
        workspace=caller.workspace,
        email=caller.email,
        username=caller.username or caller.email,
        operation=operation,
        kind=kind,
        resources=list(resources),
        parameters=None if parameters is None else Json(msgspec.json.encode(parameters)),
        job=credential.job_id,
        impersonated_by=credential.impersonated_by,
    )


async def page(tx: Transaction, workspace: str | None, wanted: Filter, *, limit: int, skip: int = 0) -> list[Record]:
    """Records of `workspace` (None: of all and of the instance; `tx` must then be a system one), newest first.

    Go on with `before_id` of the last one; `skip` is for the few pages that somebody turns by hand.
    """
    return await tx.fetch_all(
        _SQL["page"],
        Record,
        workspace=workspace,
        own=wanted.own,
        username=wanted.username,
        operations=wanted.operations,
        not_operations=wanted.not_operations,
        kind=wanted.kind,
        resource=wanted.resource,
        resource_prefix=wanted.resource_prefix,
        before=wanted.before,
        after=wanted.after,
        before_id=wanted.before_id,
        after_id=wanted.after_id,
        limit=limit,
        skip=skip,
    )


async def by_id(tx: Transaction, workspace: str, record_id: int, *, own: str | None) -> Record | None:
    """The record, if it is of `workspace` and (where `own` is given) of that e-mail."""
    return await tx.fetch_optional(_SQL["by_id"], Record, workspace=workspace, id=record_id, own=own)
