"""Who touched which object or database: written in batches, so that reading a small one costs no statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from tidemill.db.pool import Statements, Transaction
from tidemill.db.queries import queries

_SQL: Final = queries("object_access")

Access = Literal["read", "write", "delete"]
Kind = Literal["object", "database", "resource"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """What was touched. `size_bytes` is what was asked for or written, None where it is not known."""

    at: datetime
    workspace: str
    job_id: UUID | None
    actor: str
    address: str
    access: Access
    size_bytes: int | None
    kind: str = "object"


@dataclass(frozen=True, slots=True)
class Record:
    """An access that was noted."""

    id: int
    at: datetime
    job_id: UUID | None
    kind: Kind
    actor: str
    address: str
    access: Access
    size_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which accesses are wanted; None is no restriction. `prefix` is what the address starts with.

    With a job, those to databases and resources are wanted, too.
    """

    address: str | None = None
    prefix: str | None = None
    job_id: UUID | None = None
    actor: str | None = None
    access: Access | None = None
    since: datetime | None = None


async def record(statements: Statements, touched: Sequence[Touched]) -> None:
    """Note all of these; those of workspaces that are gone by now are left out."""
    await statements.execute(
        _SQL.record,
        times=[each.at for each in touched],
        workspaces=[each.workspace for each in touched],
        jobs=[each.job_id for each in touched],
        actors=[each.actor for each in touched],
        kinds=[each.kind for each in touched],
        addresses=[each.address for each in touched],
        accesses=[each.access for each in touched],
        sizes=[each.size_bytes for each in touched],
    )


async def page(tx: Transaction, workspace: str, wanted: Filter, *, before: int | None, limit: int) -> list[Record]:
    """Up to `limit` accesses before the record `before` (None: from the newest), newest first."""
    of_job = {} if wanted.job_id is None else {"job": wanted.job_id}
    return await tx.fetch_all(
        _SQL.page_of_job if of_job else _SQL.page,
        Record,
        workspace=workspace,
        before=before,
        limit=limit,
        address=wanted.address,
        lowest=wanted.prefix,
        actor=wanted.actor,
        access=wanted.access,
        since=wanted.since,
        **of_job,
    )
