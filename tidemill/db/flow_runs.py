"""Flows that run: how far their levels are, and the one statement that brings them forward."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg

from tidemill.db.intake import NewJob, row_of
from tidemill.db.pool import Json, Statements
from tidemill.db.queries import queries
from tidemill.db.queue import ClaimedJob
from tidemill.db.values import Kept
from tidemill.engine.flow.state import FlowState, Gathered
from tidemill.model.errors import StateChanged

_SQL: Final = queries("flow_runs")
_STATE: Final = msgspec.json.Decoder(FlowState)
_CLAIMED: Final = "running"
_LEAST_ROWS: Final = 100
_MOST_ROWS: Final = 5_000
_MOST_CHARS: Final = 20_000_000
"""Of results at once: so many, or those of `_LEAST_ROWS` jobs."""
_STATE_CHANGED: Final = "TM001"
"""The SQLSTATE by which `apply_state_write` fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelRow:
    """What is known of a level's job, and how far it is; `version` and `state` are None before it has begun."""

    id: UUID
    workspace_id: str
    kind: str
    script_hash: int | None
    script_path: str | None
    created_by: str
    permissioned_as: str
    email: str
    tag: str
    parent_job: UUID | None
    root_job: UUID | None
    flow_step_id: str | None
    flow_index: int | None
    schedule_path: str | None
    args: bytes | None
    args_object: str | None
    options: bytes
    visible_to_owner: bool
    priority: int
    queue_state: str | None
    version: int | None
    state: bytes | None

    @property
    def flow_state(self) -> FlowState | None:
        """`state`, read."""
        return None if self.state is None else _STATE.decode(self.state)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedChild:
    """A child of a level that has ended. `state`: how far it was, where it is a level itself.

    `reason`: why it was canceled, "" where it was not.
    """

    id: UUID
    flow_step_id: str
    flow_index: int | None
    status: str
    reason: str
    state: bytes | None

    @property
    def flow_state(self) -> FlowState | None:
        """`state`, read."""
        return None if self.state is None else _STATE.decode(self.state)


@dataclass(frozen=True, slots=True, kw_only=True)
class Iteration:
    """How far an iteration of a loop came, which is a level; `version` of the flow."""

    id: UUID
    version: int | None
    state: FlowState


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A new state of a level, on top of the version that was seen; None: there was none."""

    id: UUID
    workspace_id: str
    expected: int | None
    state: FlowState


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """A job that ends. `fresh`: it comes into being with its end, and never was in the queue."""

    id: UUID
    workspace_id: str
    status: str
    result: Kept
    end_reason: str | None = None
    memory_peak_bytes: int | None = None
    fresh: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """What the loop `step` of a level goes through."""

    job_id: UUID
    workspace_id: str
    step: str
    items: Kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A level waits for answers after `step`, from now on and for `timeout_s` (None: for ever).

    `source_id`: the job whose definition it runs; `groups`: whose members may answer, None: anybody. `asks`: what a
    workflow asks, which no definition tells.
    """

    level_id: UUID
    workspace_id: str
    source_id: UUID
    step: str
    step_job: UUID
    required: int
    groups: tuple[str, ...] | None
    timeout_s: float | None
    asks: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowStep:
    """A workflow has come to a task (`child`, in the round `round`), a sleep (`wait_s`), or an approval.

    `value`: how an approval ended, once it has.
    """

    job_id: UUID
    key: str
    workspace_id: str
    kind: str
    child: UUID | None = None
    round: int | None = None
    wait_s: float | None = None
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """A level waits for answers after `step` no longer; these counted."""

    level_id: UUID
    step: str
    answers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """A job that the worker holds: a step that ends, or a flow that was looked at. `seen` as in `queue.Ended`."""

    id: UUID
    attempt: int
    seen: int | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """A new job and its place in the queue: `queued`, `running` (taken by the worker itself), `waiting`, or `none`.

    `parked` is a level that has begun, and looks for itself when its delay is over.
    `source`: content and lock of the deployed version that it runs, for who takes it at once.
    """

    job: NewJob
    place: str
    source: tuple[str, str | None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """What happens together. `parked`: flows that wait, each for so many seconds or (None) until it is told.

    `resumed`: workflows that waited, as the worker held them before, and are taken by it again.
    """

    held: Sequence[Held] = ()
    runs: Sequence[Run] = ()
    ends: Sequence[End] = ()
    jobs: Sequence[Placed] = ()
    items: Sequence[Items] = ()
    parked: Sequence[tuple[UUID, float | None]] = ()
    resumed: Sequence[ClaimedJob] = ()
    asks: Sequence[Asked] = ()
    settled: Sequence[Settled] = ()
    steps: Sequence[WorkflowStep] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Advanced:
    """What became of an `Advance`.

    Attributes:
        done: all of it happened; otherwise nothing did.
        is_current: every level was still as it had been seen.
        unseen: steps that had read more secrets than was `seen`.
        changed: a script was not what was seen any more.
        claimed: the jobs that the worker has taken.
    """

    done: bool
    is_current: bool
    unseen: frozenset[UUID]
    changed: bool
    claimed: list[ClaimedJob] = field(default_factory=list)


async def advance(statements: Statements, wanted: Advance, *, worker: str) -> Advanced:
    """Bring flows forward: all of `wanted` in one statement, or nothing of it.

    Raises:
        StateChanged: a step has written a state that somebody else has changed since; nothing happened.
    """
    with _changed_states():
        rows = await _advance(statements, wanted, worker=worker)
    first = rows[0]
    placed = {placed.job.id: placed for placed in wanted.jobs if placed.place == _CLAIMED}
    resumed = {job.id: job for job in wanted.resumed}
    return Advanced(
        done=first["done"],
        is_current=first["is_current"],
        unseen=frozenset(first["unseen"]),
        changed=first["changed"],
        claimed=[_claimed(row, placed, resumed) for row in rows if row["id"] is not None],
    )


_OF_CLAIM: Final = ("run_at", "started_at", "attempt", "retries", "may_run")


def _claimed(row: Mapping[str, Any], placed: Mapping[UUID, Placed], resumed: Mapping[UUID, ClaimedJob]) -> ClaimedJob:
    if (job := resumed.get(row["id"])) is not None:
        return replace(job, **{name: row[name] for name in _OF_CLAIM})
    return claimed_as(placed[row["id"]], run_at=row["run_at"], may_run=row["may_run"])


@contextmanager
def _changed_states() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        if error.diag.sqlstate == _STATE_CHANGED:
            raise StateChanged(error.diag.message_primary or "") from error
        raise


async def _advance(statements: Statements, wanted: Advance, *, worker: str) -> list[dict[str, Any]]:
    return await statements.fetch_all(
        _SQL["advance"],
        worker=worker,
        held=_json(wanted.held),
        runs=_json(_run_row(run) for run in wanted.runs),
        ends=_json(_end_row(end) for end in wanted.ends),
        jobs=_json({**row_of(placed.job), "place": placed.place} for placed in wanted.jobs),
        items=_json(_items_row(each) for each in wanted.items),
        parked=_json(
            [
                *({"id": job, "wait_s": wait_s} for job, wait_s in wanted.parked),
                *({"id": job.id, "wait_s": 0, "email": job.email} for job in wanted.resumed),
            ]
        ),
        asks=_json(wanted.asks),
        settled=_json(wanted.settled),
        steps=_json(wanted.steps),
    )


async def levels(statements: Statements, job_id: UUID) -> list[LevelRow]:
    """The level that the job `job_id` runs, and those around it, the innermost first."""
    return await statements.fetch_all(_SQL["levels"], LevelRow, id=job_id)


async def definition(statements: Statements, job_id: UUID) -> bytes | None:
    """The OpenFlow value that a job runs, as JSON text; None where it was erased."""
    value: str | None = await statements.fetch_value(_SQL["definition"], id=job_id)
    return None if value is None else value.encode()


async def results(statements: Statements, ids: Sequence[UUID]) -> dict[UUID, Kept]:
    """Where the results of those of `ids` are that are completed."""
    rows = await statements.fetch_all(_SQL["results"], ids=list(ids))
    return {row["id"]: _kept(row["result"], row["result_object"]) for row in rows}


async def gathered(statements: Statements, flow: UUID, *, step: str, count: int) -> dict[int, Kept]:
    """Where the results of the children of a step are, by index below `count`: of each that of the last try."""
    rows = await statements.fetch_all(_SQL["gathered"], flow=flow, step=step, count=count)
    return {row["flow_index"]: _kept(row["result"], row["result_object"]) for row in rows}


async def gathered_of(statements: Statements, ref: Gathered) -> dict[int, Kept]:
    """Where the results of a step's children are, by index, each part of them below the level where it lies."""
    found: dict[int, Kept] = {}
    first = 0
    for level, end in (*ref.earlier, (ref.flow, ref.count)):
        part = await gathered(statements, level, step=ref.step, count=min(end, ref.count))
        found |= {index: kept for index, kept in part.items() if index >= first}
        first = end
    return found


async def items(statements: Statements, flow: UUID, *, step: str) -> Kept:
    """What a loop of a level goes through."""
    row = await statements.fetch_one(_SQL["items"], flow=flow, step=step)
    return _kept(row["items"], row["items_object"])


async def iteration(statements: Statements, flow: UUID, *, step: str, index: int) -> Iteration | None:
    """The last try of an iteration of a loop of a level; None where it was removed."""
    row = await statements.fetch_optional(_SQL["iteration"], flow=flow, step=step, index=index)
    return None if row is None else Iteration(id=row["id"], version=row["version"], state=_STATE.decode(row["state"]))


async def unsuccessful(
    statements: Statements, workspace: str, flow: UUID, *, step: str, first: int, end: int
) -> int | None:
    """The first child of a step from `first` to below `end` whose last try has not succeeded; None where all have."""
    found: int | None = await statements.fetch_value(
        _SQL["unsuccessful"], workspace_id=workspace, flow=flow, step=step, first=first, end=end
    )
    return found


async def ended_children(
    statements: Statements, flow: UUID, *, steps: Sequence[str], jobs: Sequence[UUID], indices: Sequence[int]
) -> list[EndedChild]:
    """Those children of a level that have ended, of `jobs` and of the last tries at `indices`, the oldest first."""
    return await statements.fetch_all(
        _SQL["ended_children"], EndedChild, flow=flow, steps=list(steps), jobs=list(jobs), indices=list(indices)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """How far a level is; `value` is the OpenFlow value that it runs a part of, None where that was erased."""

    state: bytes
    value: str | None

    @property
    def flow_state(self) -> FlowState:
        """`state`, read."""
        return _STATE.decode(self.state)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildRow:
    """A job that a level started for one of its steps; without a status it has not ended.

    `is_queued`: no worker has taken it yet.
    """

    id: UUID
    flow_step_id: str
    flow_index: int | None
    status: str | None
    duration_ms: int | None
    is_queued: bool


async def run(statements: Statements, workspace: str, job_id: UUID) -> RunRow | None:
    """How far the level is that the job runs; None: it has not begun, or is none."""
    return await statements.fetch_optional(_SQL["run"], RunRow, workspace_id=workspace, id=job_id)


async def children(statements: Statements, workspace: str, job_id: UUID, *, limit: int) -> list[ChildRow]:
    """Up to `limit` of the jobs that a level started, those of one step by their index."""
    return await statements.fetch_all(_SQL["children"], ChildRow, workspace_id=workspace, id=job_id, limit=limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingRow:
    """How far a level is: its `version` grows with each change, None: it has not begun; `status`: how it ended."""

    id: UUID
    version: int | None
    status: str | None


async def standings(statements: Statements, workspace: str, ids: Sequence[UUID]) -> list[StandingRow]:
    """How far those of `ids` are that there are, in no order."""
    return await statements.fetch_all(_SQL["standings"], StandingRow, workspace_id=workspace, ids=list(ids))


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeRow:
    """A job below a flow (`depth` 0: the flow itself), how it stands, and the ids of the steps that lead to it.

    Attributes:
        place: the jobs that lead to it, and itself; rows are in the order of their places.
        sibling_index: from 1, among the `sibling_count` jobs that its parent started for the same step.
    """

    id: UUID
    flow_step_id: str | None
    kind: str
    script_path: str | None
    depth: int
    path: tuple[str, ...]
    place: tuple[UUID, ...]
    sibling_index: int
    sibling_count: int
    state: str | None
    status: str | None
    started_at: datetime | None
    duration_ms: int | None
    result_prefix: str | None
    result_chars: int | None


async def tree(statements: Statements, workspace: str, job_id: UUID, *, most_chars: int = 0) -> AsyncIterator[TreeRow]:
    """A flow and all jobs below it, each before those that it started, in the order of their start.

    Of each result up to `most_chars` characters; None where there is none, or it is in the object store.
    """
    limit = max(_LEAST_ROWS, min(_MOST_ROWS, _MOST_CHARS // max(1, most_chars)))
    after: list[UUID] | None = None
    while True:
        rows = await statements.fetch_all(
            _SQL["tree"], TreeRow, workspace_id=workspace, id=job_id, after=after, limit=limit, most_chars=most_chars
        )
        for row in rows:
            yield row
        if len(rows) < limit:
            return
        after = list(rows[-1].place)


def _json(rows: Iterable[object]) -> Json:
    return Json(msgspec.json.encode(list(rows)))


def _run_row(run: Run) -> dict[str, object]:
    state = msgspec.json.encode(run.state).decode()
    return {"id": run.id, "workspace_id": run.workspace_id, "expected": run.expected, "state": state}


def _end_row(end: End) -> dict[str, object]:
    return {
        "id": end.id,
        "workspace_id": end.workspace_id,
        "status": end.status,
        "result": _text(end.result),
        "result_object": end.result.digest,
        "end_reason": end.end_reason,
        "peak": end.memory_peak_bytes,
        "fresh": end.fresh,
    }


def _items_row(each: Items) -> dict[str, object]:
    return {
        "job_id": each.job_id,
        "workspace_id": each.workspace_id,
        "step": each.step,
        "items": _text(each.items),
        "items_object": each.items.digest,
    }


def _text(kept: Kept) -> str | None:
    return None if kept.inline is None else kept.inline.raw.decode()


def _kept(inline: bytes | None, digest: str | None) -> Kept:
    return Kept(inline=None if inline is None else Json(inline), digest=digest)


def claimed_as(placed: Placed, *, run_at: datetime, may_run: bool) -> ClaimedJob:
    """A job that is claimed as it comes into being."""
    job = placed.job
    content, lock = (job.content, job.lock) if placed.source is None else placed.source
    return ClaimedJob(
        id=job.id,
        workspace_id=job.workspace_id,
        attempt=1,
        retries=0,
        run_at=run_at,
        started_at=run_at,
        tag=job.tag,
        priority=job.priority,
        kind=job.kind,
        script_hash=job.script_hash,
        script_path=job.script_path,
        language=job.language,
        content=content,
        lock=lock,
        args=None if job.args.inline is None else job.args.inline.raw,
        args_object=job.args.digest,
        created_by=job.created_by,
        permissioned_as=job.permissioned_as,
        email=job.email,
        parent_job=job.parent_job,
        root_job=job.root_job,
        flow_step_id=job.flow_step_id,
        flow_index=job.flow_index,
        schedule_path=job.schedule_path,
        timeout_s=job.timeout_s,
        cache_ttl_s=job.cache_ttl_s,
        retry=None if job.retry is None else job.retry.raw,
        on_worker_loss=job.on_worker_loss,
        options=job.options.raw,
        concurrency_key=None,
        may_run=may_run,
    )
