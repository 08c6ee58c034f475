"""Jobs as the API reads them: one whole, pages of them, how one stands. The queue itself is `db/queue.py`."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from tidemill.db.logs import hold_completed
from tidemill.db.pool import Database, Json, Statements, Transaction
from tidemill.db.queries import queries
from tidemill.engine.permit import JobTarget, Readable
from tidemill.model.errors import InvalidPath
from tidemill.model.identity import Principal
from tidemill.model.path import Path, parse_path

_SQL: Final = queries("jobs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What every view of a job has. `state` is set while it is in the queue, `status` once it has ended.

    `options` is a JSON object of the settings that it was enqueued with.
    """

    id: UUID
    workspace_id: str
    kind: str
    script_hash: int | None
    script_path: str | None
    language: str | None
    created_by: str
    permissioned_as: str
    email: str
    created_at: datetime
    tag: str
    parent_job: UUID | None
    root_job: UUID | None
    flow_step_id: str | None
    schedule_path: str | None
    timeout_s: int | None
    options: bytes
    labels: tuple[str, ...]
    visible_to_owner: bool
    state: str | None
    run_at: datetime | None
    priority: int
    started_at: datetime | None
    heartbeat_at: datetime | None
    worker: str | None
    attempt: int
    retries: int
    progress: int | None
    memory_peak_bytes: int | None
    canceled_by: str | None
    cancel_reason: str | None
    status: str | None
    completed_at: datetime | None
    duration_ms: int | None
    end_reason: str | None

    @property
    def settings(self) -> dict[str, Any]:
        """`options`, read."""
        settings: dict[str, Any] = msgspec.json.decode(self.options)
        return settings


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeJob(Job):
    """One job with all that belongs to it but its log. Values are inline, or named by their digest.

    `has_run`: it is a flow or a workflow in code, and has begun.
    """

    content: str | None
    lock: str | None
    args: bytes | None
    args_object: str | None
    cache_ttl_s: int | None
    retry: bytes | None
    on_worker_loss: str
    result: bytes | None
    result_object: str | None
    has_run: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedJob(Job):
    """One row of a list. Large values are left out: `args_are_large`, `result_is_large`."""

    args: bytes | None
    result: bytes | None
    args_are_large: bool | None
    result_is_large: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a job stands and how it ended."""

    id: UUID
    workspace_id: str
    script_path: str | None
    created_by: str
    permissioned_as: str
    parent_job: UUID | None
    root_job: UUID | None
    visible_to_owner: bool
    state: str | None
    started_at: datetime | None
    status: str | None
    result: bytes | None
    result_object: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A start of a job that ended and was followed by another. `error` is what it raised, as JSON text."""

    attempt: int
    worker: str | None
    started_at: datetime | None
    ended_at: datetime
    end_reason: str
    error: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What decides who may see a job."""

    id: UUID
    created_by: str
    permissioned_as: str
    script_path: str | None
    visible_to_owner: bool
    parent_job: UUID | None
    root_job: UUID | None
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRun:
    """The newest run of a path, with what decides who may see it, and how it stands."""

    id: UUID
    script_path: str
    created_by: str
    permissioned_as: str
    parent_job: UUID | None
    root_job: UUID | None
    visible_to_owner: bool
    created_at: datetime
    state: str | None
    run_at: datetime | None
    started_at: datetime | None
    status: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a job stands and how far its log and its result stream reach, in UTF-16 units."""

    state: str | None
    status: str | None
    progress: int | None
    memory_peak_bytes: int | None
    log_end: int
    stream_end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which jobs a list shows; None is no restriction. `args` and `result` are JSON that the value must contain."""

    ids: list[UUID] | None = None
    kinds: list[str] | None = None
    path_exact: str | None = None
    path_start: str | None = None
    schedule_path: str | None = None
    script_hash: int | None = None
    created_by: str | None = None
    created_before: datetime | None = None
    created_after: datetime | None = None
    started_before: datetime | None = None
    started_after: datetime | None = None
    completed_before: datetime | None = None
    completed_after: datetime | None = None
    parent_job: UUID | None = None
    has_parent: bool | None = None
    is_flow_step: bool | None = None
    is_scheduled: bool | None = None
    is_due: bool | None = None
    running: bool | None = None
    suspended: bool | None = None
    statuses: list[str] | None = None
    tag: str | None = None
    label: str | None = None
    worker: str | None = None
    concurrency_key: str | None = None
    args: Json | None = None
    result: Json | None = None
    descending: bool = True


def target_of(job: Job | Outcome | Seen | LastRun) -> JobTarget:
    """The job, as `engine/permit.py` decides upon it."""
    return JobTarget(
        id=job.id,
        created_by=job.created_by,
        permissioned_as=job.permissioned_as,
        path=_path_of(job.script_path),
        visible_to_owner=job.visible_to_owner,
        lineage=frozenset(each for each in (job.parent_job, job.root_job) if each is not None),
    )


def _path_of(text: str | None) -> Path | None:
    """A preview may have been given any name for a path."""
    try:
        return None if text is None else parse_path(text)
    except InvalidPath:
        return None


async def by_id(statements: Statements, workspace: str, job_id: UUID) -> WholeJob | None:
    """The job, whole."""
    return await statements.fetch_optional(_SQL["by_id"], WholeJob, workspace_id=workspace, id=job_id)


async def outcome(statements: Statements, workspace: str, job_id: UUID) -> Outcome | None:
    """How the job stands and how it ended."""
    return await statements.fetch_optional(_SQL["outcome"], Outcome, workspace_id=workspace, id=job_id)


async def seen(statements: Statements, workspace: str, job_id: UUID) -> Seen | None:
    """What decides who may see the job."""
    return await statements.fetch_optional(_SQL["target"], Seen, workspace_id=workspace, id=job_id)


async def all_seen(statements: Statements, workspace: str, ids: list[UUID]) -> list[Seen]:
    """As `seen`, for those of `ids` that are there."""
    return await statements.fetch_all(_SQL["targets"], Seen, workspace_id=workspace, ids=ids)


async def attempts(statements: Statements, workspace: str, job_id: UUID) -> list[Attempt]:
    """The attempts of the job that ended before its last, the first one first."""
    return await statements.fetch_all(_SQL["attempts"], Attempt, workspace_id=workspace, id=job_id)


async def workspace_of(database: Database, job_id: UUID) -> str | None:
    """The workspace that a job belongs to."""
    found = await database.single.fetch_value(_SQL["workspace_of"], id=job_id)
    return None if found is None else str(found)


async def page(
    tx: Transaction,
    principal: Principal,
    wanted: Filter,
    *,
    part: str,
    readable: Readable,
    after: UUID | None,
    limit: int,
    listed_bytes: int,
) -> list[ListedJob]:
    """Up to `limit` jobs behind `after`, by age: all (`part` ""), those in the `queue`, or those `completed`.

    Each row still has to be decided upon. Values of more than `listed_bytes` are left out.
    """
    return await tx.fetch_all(
        _SQL[f"page_of_{part}" if part else "page"],
        ListedJob,
        workspace_id=principal.workspace,
        everything=readable.everything,
        owner_keys=list(readable.owner_keys),
        permission_keys=list(readable.permission_keys),
        name=principal.username or principal.email,
        own_job=principal.credential.job_id,
        after_id=after,
        limit=limit,
        listed_bytes=listed_bytes,
        **{each.name: getattr(wanted, each.name) for each in fields(wanted)},
    )


async def last_runs(
    statements: Statements, principal: Principal, paths: Sequence[str], *, kind: str, readable: Readable
) -> list[LastRun]:
    """The newest job of `kind` of each of `paths`, where there is one. Each row still has to be decided upon."""
    return await statements.fetch_all(
        _SQL["last_runs"],
        LastRun,
        workspace_id=principal.workspace,
        paths=list(paths),
        kind=kind,
        everything=readable.everything,
        owner_keys=list(readable.owner_keys),
        permission_keys=list(readable.permission_keys),
        name=principal.username or principal.email,
        own_job=principal.credential.job_id,
    )


async def standing(statements: Statements, workspace: str, job_id: UUID) -> Standing | None:
    """How the job stands now."""
    return await statements.fetch_optional(_SQL["standing"], Standing, workspace_id=workspace, id=job_id)


async def count(statements: Statements, workspace: str, *, queued: bool) -> int:
    """How many jobs have not ended (`queued`), or have."""
    return int(
        await statements.fetch_value(_SQL["count_queued" if queued else "count_completed"], workspace_id=workspace)
    )


async def count_suspended(statements: Statements, workspace: str) -> int:
    """How many flows wait for answers."""
    return int(await statements.fetch_value(_SQL["count_suspended"], workspace_id=workspace))


async def count_recent(
    statements: Statements, workspace: str, *, seconds: float | None, success: bool | None, tags: list[str] | None
) -> int:
    """How many jobs ended in the last `seconds`."""
    return int(
        await statements.fetch_value(
            _SQL["count_recent"], workspace_id=workspace, seconds=seconds, success=success, tags=tags
        )
    )


async def waiting(statements: Statements, workspace: str, *, at_most: int) -> int:
    """How many jobs wait, counted up to `at_most`."""
    return int(await statements.fetch_value(_SQL["waiting"], workspace_id=workspace, at_most=at_most))


async def position(statements: Statements, workspace: str, moment: datetime) -> int:
    """How many jobs that are due before `moment` still wait."""
    return int(await statements.fetch_value(_SQL["position"], workspace_id=workspace, moment=moment))


async def due_at(statements: Statements, workspace: str, job_id: UUID) -> datetime | None:
    """When a job in the queue is due."""
    found: datetime | None = await statements.fetch_value(_SQL["due_at"], workspace_id=workspace, id=job_id)
    return found


async def run_now(tx: Transaction, workspace: str, job_id: UUID) -> str | None:
    """Make a waiting job due now; its tag, or None where it does not wait."""
    tag: str | None = await tx.fetch_value(_SQL["run_now"], workspace_id=workspace, id=job_id)
    return tag


async def concurrency_key(statements: Statements, workspace: str, job_id: UUID) -> str | None:
    """The key under which a job in the queue shares a concurrency limit."""
    key: str | None = await statements.fetch_value(_SQL["concurrency_key"], workspace_id=workspace, id=job_id)
    return key


async def concurrency_groups(statements: Statements) -> list[tuple[str, int]]:
    """The keys of concurrency limits that have jobs, over all workspaces, with how many of them run."""
    rows = await statements.fetch_all(_SQL["concurrency_groups"])
    return [(row["concurrency_key"], row["total_running"]) for row in rows]


async def is_draining(statements: Statements, workspace: str, job_id: UUID) -> bool:
    """Whether the worker that runs the job was told to stop."""
    return bool(await statements.fetch_value(_SQL["is_draining"], workspace_id=workspace, id=job_id))


async def set_progress(tx: Transaction, workspace: str, job_id: UUID, *, percent: int) -> bool:
    """How far a running job is; False: it does not run."""
    row = await tx.fetch_optional(_SQL["set_progress"], workspace_id=workspace, id=job_id, percent=percent)
    return row is not None


async def erase(tx: Transaction, workspace: str, job_id: UUID) -> bool:
    """Erase what a completed job held; False: it has not ended."""
    await hold_completed(tx, [job_id])
    return await tx.fetch_optional(_SQL["erase"], workspace_id=workspace, id=job_id) is not None


async def to_erase(statements: Statements, *, limit: int, waited_s: float) -> list[tuple[UUID, str]]:
    """About `limit` jobs that are over (and their workspaces), of which nothing shall be left.

    `waited_s`: so long whoever waits for a job of its own may take to get the result.
    """
    rows = await statements.fetch_all(_SQL["to_erase"], limit=limit, waited_s=waited_s)
    return [(row["id"], row["workspace_id"]) for row in rows]


async def remove(tx: Transaction, workspace: str, ids: list[UUID]) -> int:
    """Remove completed jobs with all that belongs to them; how many were removed."""
    await hold_completed(tx, ids)
    return await tx.execute(_SQL["remove"], workspace_id=workspace, ids=ids)


async def user_state(statements: Statements, workspace: str, flow: UUID, *, key: str) -> bytes | None:
    """What the flow `flow` (the id of its root job) keeps under `key`, as JSON text."""
    value: bytes | None = await statements.fetch_value(
        _SQL["user_state"], workspace_id=workspace, root_job=flow, key=key
    )
    return value


async def user_states(statements: Statements, workspace: str, flow: UUID) -> dict[str, bytes]:
    """All that the flow keeps: JSON text by key."""
    rows = await statements.fetch_all(_SQL["user_states"], workspace_id=workspace, root_job=flow)
    return {row["key"]: row["value"] for row in rows}


async def set_user_state(tx: Transaction, workspace: str, flow: UUID, *, key: str, value: Json) -> None:
    """Keep a value under a key of a flow."""
    await tx.execute(_SQL["set_user_state"], workspace_id=workspace, root_job=flow, key=key, value=value)


async def now_ms(statements: Statements) -> int:
    """The database's clock, in milliseconds since 1970."""
    return int(await statements.fetch_value(_SQL["clock"]))
