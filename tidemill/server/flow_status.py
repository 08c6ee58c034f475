"""How far a flow is, as the wire has it: `FlowStatus`, and the modules that its job runs."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from tidemill.db.approvals import Approver
from tidemill.db.flow_runs import ChildRow
from tidemill.engine.flow.state import FlowState, Level, Place, StepState, level_of, new_state
from tidemill.model import writtenjson
from tidemill.model.flow import BranchAll, BranchOne, ForLoop, Step, StepStatus, WhileLoop, all_steps
from tidemill.model.flow_reading import read_flow
from tidemill.model.writtenjson import JsonValue

MOST_CHILDREN: Final = 10_000
"""So many jobs of its steps are named in a status."""


def not_begun(job: UUID) -> FlowState:
    """The state of a flow whose job waits."""
    return new_state(Place(source=job))


def flow_status(
    job: UUID,
    value: bytes,
    state: FlowState,
    *,
    children: Sequence[ChildRow],
    approvers: Sequence[Approver],
    user_states: Mapping[str, bytes],
) -> bytes:
    """The JSON text of a `FlowStatus`; `value` is the OpenFlow value that the level `job` runs a part of."""
    flow = read_flow(value)
    level = level_of(flow, state.place, job, {step.id: step for step in all_steps(flow)})
    by_step: dict[str, list[ChildRow]] = {}
    for child in children:
        by_step.setdefault(child.flow_step_id, []).append(child)
    modules = [
        _module(step, state.steps[number] if number < len(state.steps) else None, by_step.get(step.id, []))
        for number, step in enumerate(level.steps)
    ]
    _add_approvals(modules, job, state, approvers)
    status: dict[str, Any] = {
        "step": _position(state),
        "modules": modules,
        "user_states": {key: msgspec.Raw(each) for key, each in user_states.items()},
        "failure_module": _apart(level.failure, state.failure, by_step),
        "retry": _retry(state),
    }
    status["failure_module"]["parent_module"] = _failed_step(level, state)
    if level.preprocessor is not None:
        status["preprocessor_module"] = _apart(level.preprocessor, state.preprocessor, by_step)
    return msgspec.json.encode(status)


def _add_approvals(modules: list[dict[str, Any]], level: UUID, state: FlowState, approvers: Sequence[Approver]) -> None:
    """Who approved, and what is waited for: the wire tells that of the step behind the one that asks."""
    for module, step in zip(modules, state.steps, strict=False):
        given = [
            {"resume_id": each.resume_id, "approver": each.approver}
            for each in approvers
            if each.step == module["id"] and each.level == (step.answered or level)
        ]
        if given:
            module["approvers"] = given
    if state.steps and state.steps[-1].status is StepStatus.EVENTS:
        asks = modules[len(state.steps) - 1]
        waits = modules[len(state.steps)] if len(state.steps) < len(modules) else asks
        asks["type"] = StepStatus.SUCCESS.value
        waits |= {"type": StepStatus.EVENTS.value, "count": state.steps[-1].required, "job": asks.get("job")}


def raw_flow(value: bytes, place: Place) -> bytes:
    """The OpenFlow value of a level: all of it, or the modules of an iteration or branch."""
    if place.step is None:
        return value
    flow = read_flow(value)
    step = next(each for each in all_steps(flow) if each.id == place.step)
    found: JsonValue = writtenjson.loads(value)
    for key in f"{step.place}/value{_inside(step, place.branch)}".split("/")[1:]:
        if isinstance(found, list):
            found = found[int(key)]
        elif isinstance(found, dict):
            found = found.get(key)
    return writtenjson.dumps({"modules": found or []})


def _inside(step: Step, branch: int) -> str:
    match step.kind:
        case ForLoop() | WhileLoop():
            return "/modules"
        case BranchOne() if branch == len(step.kind.branches):
            return "/default"
        case _:
            return f"/branches/{branch}/modules"


def _position(state: FlowState) -> int:
    """The index of the step that is under way; behind the last one when all have ended."""
    if not state.steps:
        return 0
    is_over = state.steps[-1].status in {StepStatus.SUCCESS, StepStatus.EVENTS}
    return len(state.steps) - 1 + is_over


def _module(step: Step, state: StepState | None, children: Sequence[ChildRow]) -> dict[str, Any]:
    """One step. Its children are told for loops and for branches that all run."""
    if state is None:
        return {"type": StepStatus.PRIOR.value, "id": step.id}
    is_under_way = state.status is StepStatus.PROGRESS and state.children is None
    is_queued = is_under_way and any(each.is_queued for each in children if each.id == state.job)
    told: dict[str, Any] = {"type": StepStatus.EXECUTOR.value if is_queued else state.status.value, "id": step.id}
    if state.job is not None:
        told["job"] = str(state.job)
    if state.failed:
        told["failed_retries"] = [str(job) for job in state.failed]
    if state.skipped:
        told["skipped"] = True
    if state.branch is not None and isinstance(step.kind, BranchOne):
        is_default = state.branch == len(step.kind.branches)
        told["branch_chosen"] = {"type": "default"} if is_default else {"type": "branch", "branch": state.branch}
    if state.children is not None:
        told |= _children(step, state, children)
    return told


def _children(step: Step, state: StepState, children: Sequence[ChildRow]) -> dict[str, Any]:
    assert state.children is not None
    last = {child.flow_index: child for child in children}
    shown = [last[index] for index in range(state.children.started) if index in last]
    told: dict[str, Any] = {
        "flow_jobs": [str(child.id) for child in shown],
        "flow_jobs_success": [
            None if child.status is None else child.status in {"success", "skipped"} for child in shown
        ],
        "flow_jobs_duration": {
            "started_at": [None for _ in shown],
            "duration_ms": [child.duration_ms for child in shown],
        },
    }
    index = max(0, state.children.started - 1)
    if isinstance(step.kind, BranchAll):
        told["branchall"] = {"branch": index, "len": len(step.kind.branches)}
    else:
        told["iterator"] = {"index": index}
        if state.children.total is not None:
            told["iterator"]["itered_len"] = state.children.total
        if isinstance(step.kind, ForLoop) and step.kind.parallel:
            told["parallel"] = True
    return told


def _apart(step: Step | None, state: StepState | None, by_step: dict[str, list[ChildRow]]) -> dict[str, Any]:
    """The failure step or the preprocessor; a flow without a failure step has one that never begins."""
    if step is None:
        return {"type": StepStatus.PRIOR.value, "id": "failure"}
    return _module(step, state, by_step.get(step.id, []))


def _failed_step(level: Level, state: FlowState) -> str | None:
    if state.failure is None or not state.steps:
        return None
    return level.steps[len(state.steps) - 1].id


def _retry(state: FlowState) -> dict[str, Any]:
    failed = state.steps[-1].failed if state.steps else ()
    return {"fail_count": len(failed), "failed_jobs": [str(job) for job in failed]}
