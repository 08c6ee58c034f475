"""How far a workflow in code is, as the wire has it: `workflow_as_code_status`."""

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, UnsetType

from tidemill.db.workflows import TimelineRow


class StepOut(msgspec.Struct):
    """One step: a task with its job, or what ran in the workflow itself; a sleep lasts `until` then."""

    name: str
    kind: str
    scheduled_for: str
    started_at: str | UnsetType = UNSET
    duration_ms: int | UnsetType = UNSET
    success: bool | UnsetType = UNSET
    until: str | UnsetType = UNSET


def workflow_status(steps: Sequence[TimelineRow]) -> bytes:
    """JSON by the id of a task's job, or `_step/` and the key of what has none."""
    names = [f"_step/{each.key}" if each.child is None else str(each.child) for each in steps]
    return msgspec.json.encode(dict(zip(names, map(_told, steps), strict=True)))


def _told(step: TimelineRow) -> StepOut:
    started_at = step.started_at if step.child is None else step.task_started_at
    return StepOut(
        name=step.key,
        kind=step.kind,
        scheduled_for=step.scheduled_for.isoformat(),
        started_at=UNSET if started_at is None else started_at.isoformat(),
        duration_ms=UNSET if step.duration_ms is None else step.duration_ms,
        success=UNSET if step.status is None else step.status in {"success", "skipped"},
        until=UNSET if step.until is None else step.until.isoformat(),
    )
