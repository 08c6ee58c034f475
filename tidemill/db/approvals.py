"""Flows that wait for answers: what they ask, and what was answered."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from tidemill.db.pool import Json, Statements, Transaction
from tidemill.db.queries import queries
from tidemill.engine.flow.approval import Answer
from tidemill.engine.flow.state import FlowState

_SQL: Final = queries("approvals")
_STATE: Final = msgspec.json.Decoder(FlowState)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """For how many seconds a level waits for answers (None: for ever), and of whose groups (None: of anybody's)."""

    left_s: float | None
    groups: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ancestor:
    """A job on the way up from one that answers are for. `is_open`: it has not ended; `email`: of who started it."""

    id: UUID
    kind: str
    flow_step_id: str | None
    email: str
    state: bytes | None
    is_open: bool

    @property
    def flow_state(self) -> FlowState | None:
        """`state`, read."""
        return None if self.state is None else _STATE.decode(self.state)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A level that waits for answers after `step`. `source_id`: the job whose definition it runs a part of.

    `asks`: what a workflow asks, which no definition tells.
    """

    level_id: UUID
    source_id: UUID
    step: str
    step_job: UUID
    required: int
    groups: tuple[str, ...] | None
    asked_at: datetime
    expires_at: datetime | None
    asks: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAnswer:
    """An answer for a step of a level, or (`step` None) for the next one of the flow `level` that asks."""

    job_id: UUID
    resume_id: int
    level: UUID
    step: str | None
    approved: bool
    payload: Json
    approver: str
    email: str | None
    groups: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Who has answered, by the number of the link."""

    resume_id: int
    approver: str
    approved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Approver:
    """Who approved what a step asked for."""

    level: UUID
    step: str
    resume_id: int
    approver: str


async def answers_for(statements: Statements, level: UUID, *, step: str, source: UUID | None) -> tuple[Answer, ...]:
    """The answers that a step has counted or, with `source`, that it may: for it, or for any step of that flow."""
    if source is None:
        rows = await statements.fetch_all(_SQL["counted_answers"], level=level, step=step)
    else:
        rows = await statements.fetch_all(_SQL["open_answers"], level=level, step=step, source=source)
    return tuple(_answer(row) for row in rows)


async def deadline(statements: Statements, level: UUID) -> Deadline | None:
    """How long a level waits, and for whom; None: it does not."""
    return await statements.fetch_optional(_SQL["deadline"], Deadline, level=level)


async def lineage(statements: Statements, workspace: str, job_id: UUID) -> list[Ancestor]:
    """The job and those above it, the innermost first; empty where there is no such job."""
    return await statements.fetch_all(_SQL["lineage"], Ancestor, workspace_id=workspace, id=job_id)


async def hold(tx: Transaction, workspace: str, level: UUID) -> bool:
    """Let nobody bring a level forward without having seen what this transaction adds; False: it is none."""
    return await tx.fetch_optional(_SQL["hold"], workspace_id=workspace, id=level) is not None


async def waiting(statements: Statements, workspace: str, job_id: UUID) -> list[Waiting]:
    """What waits for answers in a flow or level, or after the step whose job it is; what asked first comes first."""
    return await statements.fetch_all(_SQL["waiting"], Waiting, workspace_id=workspace, id=job_id)


async def add(tx: Transaction, workspace: str, new: NewAnswer) -> bool:
    """Note an answer; False: its link was used before."""
    row = await tx.fetch_optional(
        _SQL["add"],
        workspace_id=workspace,
        job_id=new.job_id,
        resume_id=new.resume_id,
        level=new.level,
        step=new.step,
        approved=new.approved,
        payload=new.payload,
        approver=new.approver,
        email=new.email,
        groups=new.groups,
    )
    return row is not None


async def wake(tx: Transaction, level: UUID) -> str | None:
    """Make a level look at its answers; the tag that it is queued under, None where it does not wait."""
    tag: str | None = await tx.fetch_value(_SQL["wake"], level=level)
    return tag


async def answers(statements: Statements, workspace: str, level: UUID, *, step: str) -> list[Given]:
    """Who has answered so far for a step."""
    return await statements.fetch_all(_SQL["answers"], Given, workspace_id=workspace, level=level, step=step)


async def approvers(statements: Statements, workspace: str, levels: Collection[UUID]) -> list[Approver]:
    """Who approved what the steps of some levels asked for."""
    return await statements.fetch_all(_SQL["approvers"], Approver, workspace_id=workspace, levels=list(levels))


async def answered_below(
    statements: Statements,
    workspace: str,
    *,
    jobs: Collection[UUID] = (),
    levels: Collection[UUID] = (),
    steps: Collection[str] = (),
    most: int | None = None,
) -> bool:
    """Whether answers were counted by `jobs`, or by what `levels` started for `steps` (`most`: below that index)."""
    found: bool = await statements.fetch_value(
        _SQL["answered_below"],
        workspace_id=workspace,
        jobs=list(jobs),
        levels=list(levels),
        steps=list(steps),
        most=most,
    )
    return found


def _answer(row: dict[str, object]) -> Answer:
    payload = row.pop("payload")
    groups = row.pop("groups")
    assert isinstance(groups, list)
    return Answer(**row, payload=payload or b"null", groups=frozenset(groups))  # type: ignore[arg-type]
