"""Who touched which stored thing. What a job has read is known from here before the job has it: workers mask by it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from tidemill.db.pool import Statements, Transaction
from tidemill.db.queries import queries
from tidemill.model.identity import Principal

SQL: Final = queries("storage_access")


@dataclass(frozen=True, slots=True)
class Touched:
    """A stored thing: its kind (`variable`, `resource`, ...), its address (a path), its version if it has one."""

    kind: str
    address: str
    version: int | None = None


@dataclass(frozen=True, slots=True)
class ReadByJob:
    """A version that a job has read; `last_id` is the newest record of it."""

    kind: str
    path: str
    version: int
    last_id: int


async def record(
    tx: Transaction, caller: Principal, touched: Sequence[Touched], access: Literal["read", "write"]
) -> None:
    """Note that `caller` read or wrote these things; commit before a job gets what it read."""
    if not touched:
        return
    await tx.execute(
        SQL.record,
        workspace=caller.workspace,
        job=caller.credential.job_id,
        actor=caller.actor,
        access=access,
        kinds=[each.kind for each in touched],
        addresses=[each.address for each in touched],
        versions=[each.version for each in touched],
    )


async def read_by_job(statements: Statements, job_id: UUID, workspace: str, *, after: int) -> list[ReadByJob]:
    """Which versions of variables and resources the job has read since the record `after`, in order of record."""
    return await statements.fetch_all(SQL.read_by_job, ReadByJob, job=job_id, workspace=workspace, after=after)
