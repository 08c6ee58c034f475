"""Workflows in code: what each has come to, by the keys of its steps, and what it waits for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from tidemill.db.keys import WORKFLOW_STEP, Keyring
from tidemill.db.pool import Database, Json, Statements
from tidemill.db.queries import queries
from tidemill.db.values import Kept, Values
from tidemill.engine import workflow
from tidemill.engine.flow.state import FlowState, Place, Rounds, new_state
from tidemill.engine.sealing import Place as SealedPlace
from tidemill.engine.workflow import Asks
from tidemill.model.errors import LeaseLost, TooLarge

_SQL: Final = queries("workflows")
_NULL: Final = b"null"
_ASKS: Final = msgspec.json.Decoder(Asks)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """A step that a workflow has come to; without a key there is none."""

    key: str | None
    kind: str | None
    sealed: bytes | None
    value: bytes | None
    child: UUID | None
    status: str | None
    result: bytes | None
    result_object: str | None
    done: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _StepOfRound(_Step):
    log_units: int
    stream_units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _StepOfTask(_Step):
    args: bytes | None
    args_object: str | None
    has_read: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundBegun:
    """What a round of a workflow goes on from.

    `values`: what the workflow has come to, JSON by key; None while something of it is waited for. `log_ends`: where
    its log and its result stream end, in UTF-16 units.
    """

    values: Mapping[str, bytes] | None
    log_ends: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskBegun:
    """What a task of a workflow is given: what that had come to, its arguments, and whether it has read secrets."""

    values: Mapping[str, bytes] | None
    args: Kept
    has_read: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """What a workflow waits for: so many tasks, for so many seconds, or an answer to `approval`, for `left_s`."""

    tasks: int
    sleep_s: float | None
    approval: str | None
    asks: bytes | None
    left_s: float | None

    @property
    def asked(self) -> Asks:
        """What the approval asks."""
        return Asks() if self.asks is None else _ASKS.decode(self.asks)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineRow:
    """One step of a workflow: when it began and how long it took; `child` is the job of a task, `until` of a sleep."""

    key: str
    kind: str
    child: UUID | None
    started_at: datetime
    scheduled_for: datetime
    task_started_at: datetime | None
    duration_ms: int | None
    status: str | None
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenStep:
    """What a step has given: JSON, with when it began and how long it took."""

    key: str
    value: bytes
    started_at: datetime | None = None
    duration_ms: int | None = None


def state_of(job: UUID) -> FlowState:
    """The state of a workflow in its first round."""
    return msgspec.structs.replace(new_state(Place(source=job)), rounds=Rounds())


async def begin_round(
    statements: Statements, keyring: Keyring, stored: Values, workspace: str, job: UUID
) -> RoundBegun:
    """A round begins: see that there is a state of the workflow."""
    state = Json(msgspec.json.encode(state_of(job)))
    rows = await statements.fetch_all(
        _SQL["begin_round"], _StepOfRound, job_id=job, workspace_id=workspace, state=state
    )
    return RoundBegun(
        values=await _values(statements, keyring, stored, workspace, job, rows),
        log_ends=(rows[0].log_units, rows[0].stream_units),
    )


async def begin_task(
    statements: Statements, keyring: Keyring, stored: Values, workspace: str, job: UUID, *, number: int
) -> TaskBegun:
    """A task of the workflow `job` begins, that its round `number` started: it sees no other tasks of that round."""
    rows = await statements.fetch_all(_SQL["begin_task"], _StepOfTask, job_id=job, workspace_id=workspace, round=number)
    first = rows[0]
    return TaskBegun(
        values=await _values(statements, keyring, stored, workspace, job, rows),
        args=Kept(inline=None if first.args is None else Json(first.args), digest=first.args_object),
        has_read=first.has_read,
    )


async def has_begun(statements: Statements, workspace: str, job: UUID) -> bool:
    """Whether the job is a workflow whose first round has begun."""
    return await statements.fetch_optional(_SQL["has_begun"], workspace_id=workspace, job_id=job) is not None


async def _values(
    statements: Statements, keyring: Keyring, stored: Values, workspace: str, job: UUID, rows: Sequence[_Step]
) -> Mapping[str, bytes] | None:
    steps = {row.key: row for row in rows if row.key is not None}
    if not all(row.done for row in steps.values()):
        return None
    return {key: await _value(statements, keyring, stored, workspace, job, key, row) for key, row in steps.items()}


async def _value(
    statements: Statements, keyring: Keyring, stored: Values, workspace: str, job: UUID, key: str, row: _Step
) -> bytes:
    if row.sealed is not None:
        return await keyring.open(statements, row.sealed, place=_place(workspace, job, key))
    if row.kind != "task":
        return row.value or _NULL
    result = await stored.fetch(row.result, row.result_object) or _NULL
    if row.status in {"success", "skipped"}:
        return result
    return workflow.failed_task(key, result, job=str(row.child))


async def waits(statements: Statements, job: UUID) -> Waits:
    """What a workflow waits for."""
    return await statements.fetch_one(_SQL["waits"], Waits, job_id=job)


async def keep_step(
    database: Database, keyring: Keyring, workspace: str, job: UUID, attempt: int, given: GivenStep
) -> None:
    """Keep what a step of a workflow that runs has given; of one that was kept before, nothing changes.

    Raises:
        LeaseLost: the attempt does not run any more.
        TooLarge: the value is, or there are too many of them.
        BadRequest: it cannot have this name.
    """
    workflow.check_key(given.key)
    if len(given.value) > workflow.MOST_STEP_BYTES:
        raise TooLarge(
            f"Step '{given.key}' gave {len(given.value)} bytes; a step gives at most {workflow.MOST_STEP_BYTES}: "
            "make it a task."
        )
    async with database.transaction(workspace) as tx:
        sealed, key_id = await keyring.seal(tx, given.value, place=_place(workspace, job, given.key))
        kept = await tx.fetch_one(
            _SQL["keep_step"],
            job_id=job,
            workspace_id=workspace,
            attempt=attempt,
            most=workflow.MOST_STEPS,
            key=given.key,
            sealed=sealed,
            key_id=key_id,
            started_at=given.started_at,
            duration_ms=given.duration_ms,
        )
        if not kept["runs"]:
            raise LeaseLost(f"Attempt {attempt} of job {job} does not run any more.")
        if not kept["is_left"]:
            raise TooLarge(f"A workflow has at most {workflow.MOST_STEPS} steps.")


async def timeline(statements: Statements, workspace: str, job: UUID, *, limit: int) -> list[TimelineRow]:
    """What a workflow has come to, in the order of its start."""
    return await statements.fetch_all(_SQL["timeline"], TimelineRow, workspace_id=workspace, job_id=job, limit=limit)


def _place(workspace: str, job: UUID, key: str) -> SealedPlace:
    return SealedPlace(workspace, WORKFLOW_STEP, f"{job} {key}", 1)
