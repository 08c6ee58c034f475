"""Jobs as the wire has them: `CompletedJob` and `QueuedJob`. What has no value is absent, not null."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal, TypeVar

import msgspec
from msgspec import UNSET, Raw, UnsetType

from tidemill.db import approvals, flow_runs, jobs, workflows
from tidemill.db.approvals import Approver
from tidemill.db.jobs import Job, ListedJob, WholeJob
from tidemill.db.scripts import hash_text
from tidemill.engine.flow.state import FlowState
from tidemill.model.flow import StepStatus
from tidemill.model.job import FLOW_KINDS
from tidemill.server.flow_status import MOST_CHILDREN, flow_status, not_begun, raw_flow
from tidemill.server.lazy_route import Later
from tidemill.server.parts import Parts
from tidemill.server.wire import schema_of
from tidemill.server.workflow_status import workflow_status

T = TypeVar("T")

TOO_BIG: Final = "WINDMILL_TOO_BIG"
LISTED_BYTES: Final = 8192
"""Larger values are replaced in lists, and only there: by "WINDMILL_TOO_BIG", as clients expect."""

_ARGS_TOO_BIG: Final = Raw(msgspec.json.encode({"reason": TOO_BIG}))
_RESULT_TOO_BIG: Final = Raw(msgspec.json.encode(TOO_BIG))
_NULL: Final = Raw(b"null")


class JobOut(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What both forms have. `on_worker_loss`, `attempt`, `retries`, `end_reason` and `root_job` are our own."""

    id: str
    workspace_id: str
    job_kind: str
    created_by: str
    created_at: datetime
    permissioned_as: str
    email: str
    tag: str
    canceled: bool
    is_flow_step: bool
    visible_to_owner: bool
    parent_job: str | UnsetType = UNSET
    root_job: str | UnsetType = UNSET
    script_path: str | UnsetType = UNSET
    script_hash: str | UnsetType = UNSET
    language: str | UnsetType = UNSET
    args: Raw | UnsetType = UNSET
    logs: str | UnsetType = UNSET
    raw_code: str | UnsetType = UNSET
    canceled_by: str | UnsetType = UNSET
    canceled_reason: str | UnsetType = UNSET
    schedule_path: str | UnsetType = UNSET
    mem_peak: int | UnsetType = UNSET
    priority: int | UnsetType = UNSET
    progress: int | UnsetType = UNSET
    labels: list[str] | UnsetType = UNSET
    worker: str | UnsetType = UNSET
    timeout: int | UnsetType = UNSET
    attempt: int | UnsetType = UNSET
    retries: int | UnsetType = UNSET
    is_retry: bool | UnsetType = UNSET
    flow_status: Raw | UnsetType = UNSET
    raw_flow: Raw | UnsetType = UNSET
    workflow_as_code_status: Raw | UnsetType = UNSET


class CompletedJob(JobOut, omit_defaults=True, kw_only=True):
    """A job that has ended."""

    type: Literal["CompletedJob"] | UnsetType = UNSET
    started_at: datetime
    completed_at: datetime
    duration_ms: int
    success: bool
    is_skipped: bool
    result: Raw | UnsetType = UNSET
    deleted: bool | UnsetType = UNSET
    end_reason: str | UnsetType = UNSET


class QueuedJob(JobOut, omit_defaults=True, kw_only=True):
    """A job that waits or runs."""

    type: Literal["QueuedJob"] | UnsetType = UNSET
    running: bool
    scheduled_for: datetime | UnsetType = UNSET
    started_at: datetime | UnsetType = UNSET
    last_ping: datetime | UnsetType = UNSET
    suspend: int | UnsetType = UNSET


AnyJob = CompletedJob | QueuedJob


def any_job(*, listed: bool = False) -> dict[str, Any]:
    """One entry of a route's `responses` for a job of either form, or a list of them."""

    def schema() -> dict[str, Any]:
        one = {"anyOf": [schema_of(CompletedJob), schema_of(QueuedJob)]}
        return {"type": "array", "items": one} if listed else one

    return {"description": "Successful Response", "content": {"application/json": {"schema": Later(schema)}}}


async def whole(
    parts: Parts, job: WholeJob, *, logs: str | None = None, with_code: bool = True, with_large: bool = True
) -> AnyJob:
    """One job with its values, wherever they are kept; without `with_large` those in the object store are replaced.

    Raises:
        ContentDamaged, Unavailable: a value in the object store cannot be had.
    """
    if with_large or job.args_object is None:
        args = _raw(await parts.values.fetch(job.args, job.args_object))
    else:
        args = _ARGS_TOO_BIG
    if with_large or job.result_object is None:
        result = Raw(await parts.values.fetch(job.result, job.result_object) or b"null")
    else:
        result = _RESULT_TOO_BIG
    shown = _shown(job, args=args, result=result)
    shown.type = "CompletedJob" if isinstance(shown, CompletedJob) else "QueuedJob"
    if logs is not None:
        shown.logs = logs
    if job.kind in FLOW_KINDS:
        await _add_flow(parts, job, shown, with_code=with_code)
        return shown
    if job.has_run:
        await _add_steps(parts, job, shown)
    if with_code and job.content is not None:
        shown.raw_code = job.content
    return shown


async def _add_steps(parts: Parts, job: WholeJob, shown: AnyJob) -> None:
    """What a workflow in code has come to."""
    single = parts.database.single
    steps = await workflows.timeline(single, job.workspace_id, job.id, limit=MOST_CHILDREN)
    shown.workflow_as_code_status = Raw(workflow_status(steps))
    if isinstance(shown, QueuedJob) and any(each.kind == "approval" and each.duration_ms is None for each in steps):
        shown.suspend = 1


async def _add_flow(parts: Parts, job: WholeJob, shown: AnyJob, *, with_code: bool) -> None:
    """How far a flow is, and what it runs."""
    run = await flow_runs.run(parts.database.single, job.workspace_id, job.id)
    if run is None:
        value = await flow_runs.definition(parts.database.single, job.id)
        state = not_begun(job.id)
    else:
        value = None if run.value is None else run.value.encode()
        state = run.flow_state
    if value is None:
        return
    children = await flow_runs.children(parts.database.single, job.workspace_id, job.id, limit=MOST_CHILDREN)
    approvers = await _approvers(parts, job, state)
    kept = await jobs.user_states(parts.database.single, job.workspace_id, job.id)
    status = flow_status(job.id, value, state, children=children, approvers=approvers, user_states=kept)
    shown.flow_status = Raw(status)
    if isinstance(shown, QueuedJob) and state.steps and state.steps[-1].status is StepStatus.EVENTS:
        shown.suspend = state.steps[-1].required
    if with_code:
        shown.raw_flow = Raw(raw_flow(value, state.place))


async def _approvers(parts: Parts, job: WholeJob, state: FlowState) -> Sequence[Approver]:
    """Who has approved what its steps asked for; nothing is looked up where none did."""
    levels = {each.answered or job.id for each in state.steps if each.verdict is not None}
    return await approvals.approvers(parts.database.single, job.workspace_id, levels) if levels else ()


def listed(job: ListedJob, *, with_type: bool) -> AnyJob:
    """One row of a list, where large values are replaced."""
    args = _ARGS_TOO_BIG if job.args_are_large else _raw(job.args)
    result = _RESULT_TOO_BIG if job.result_is_large else _raw(job.result)
    shown = _shown(job, args=args, result=_NULL if isinstance(result, UnsetType) else result)
    if with_type:
        shown.type = "CompletedJob" if isinstance(shown, CompletedJob) else "QueuedJob"
    return shown


def _shown(job: Job, *, args: Raw | UnsetType, result: Raw) -> AnyJob:
    shared = _shared(job, args)
    if job.status is None:
        return QueuedJob(
            **shared,
            running=job.state in {"running", "waiting"} or job.started_at is not None,
            scheduled_for=_set(job.run_at),
            started_at=_set(job.started_at),
            last_ping=_set(job.heartbeat_at),
        )
    completed_at = job.completed_at or job.created_at
    return CompletedJob(
        **shared,
        started_at=job.started_at or completed_at,
        completed_at=completed_at,
        duration_ms=job.duration_ms or 0,
        success=job.status in {"success", "skipped"},
        is_skipped=job.status == "skipped",
        result=result,
        deleted=True if job.settings.get("deleted") else UNSET,
        end_reason=_set(job.end_reason),
    )


def _shared(job: Job, args: Raw | UnsetType) -> dict[str, Any]:
    return {
        "id": str(job.id),
        "workspace_id": job.workspace_id,
        "job_kind": job.kind,
        "created_by": job.created_by,
        "created_at": job.created_at,
        "permissioned_as": job.permissioned_as,
        "email": job.email,
        "tag": job.tag,
        "canceled": job.canceled_by is not None and job.status in {None, "canceled"},
        "is_flow_step": job.flow_step_id is not None,
        "visible_to_owner": job.visible_to_owner,
        "parent_job": UNSET if job.parent_job is None else str(job.parent_job),
        "root_job": UNSET if job.root_job is None else str(job.root_job),
        "script_path": _set(job.script_path),
        "script_hash": UNSET if job.script_hash is None else hash_text(job.script_hash),
        "language": _set(job.language),
        "args": args,
        "canceled_by": _set(job.canceled_by),
        "canceled_reason": _set(job.cancel_reason),
        "schedule_path": _set(job.schedule_path),
        "mem_peak": _kilobytes(job.memory_peak_bytes),
        "priority": job.priority or job.settings.get("priority") or UNSET,
        "progress": _set(job.progress),
        "labels": list(job.labels) or UNSET,
        "worker": _set(job.worker),
        "timeout": _set(job.timeout_s),
        "attempt": job.attempt or UNSET,
        "retries": job.retries or UNSET,
        "is_retry": True if job.retries else UNSET,
    }


def _kilobytes(size_bytes: int | None) -> int | UnsetType:
    """The wire counts memory in units of 1024 bytes."""
    return UNSET if size_bytes is None else size_bytes // 1024


def _raw(value: bytes | None) -> Raw | UnsetType:
    return UNSET if value is None else Raw(value)


def _set(value: T | None) -> T | UnsetType:
    return UNSET if value is None else value
