"""Starting a flow again from one of its steps: what came before is taken from the run that was."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import anyio.to_thread
import msgspec

from tidemill.db import approvals, flow_runs, flows, jobs
from tidemill.db.flows import FlowVersion
from tidemill.db.jobs import WholeJob
from tidemill.db.pool import Statements
from tidemill.engine import permit
from tidemill.engine.flow.job_settings import FLOW_TAG, job_settings
from tidemill.engine.flow.state import Again, Level, StepState, level_of
from tidemill.engine.permit import Action, Item, ItemKind, Need, WorkspaceTarget
from tidemill.model.errors import BadRequest, Conflict
from tidemill.model.flow import BranchAll, BranchOne, ForLoop, Step, StepStatus, SubFlow, WhileLoop, all_steps
from tidemill.model.flow_reading import read_flow
from tidemill.model.identity import Principal
from tidemill.model.job import JobKind
from tidemill.model.path import parse_path
from tidemill.server.enqueue import Runnable
from tidemill.server.flows_seen import flow_version
from tidemill.server.jobs_seen import not_there
from tidemill.server.parts import Parts
from tidemill.server.run_flows import of_flow


class At(msgspec.Struct, kw_only=True):
    """A step to start from: of a loop or of branches that all run also from which iteration or branch on."""

    step_id: str
    branch_or_iteration_n: int | None = None


async def restartable(parts: Parts, caller: Principal, job_id: UUID) -> WholeJob:
    """A flow that has ended, and can be started again.

    Raises:
        NotFound, Denied: there is none, or the caller may not know of it.
        BadRequest, Conflict: it is no flow, has not ended, or was erased.
    """
    job = await jobs.by_id(parts.database.single, caller.workspace, job_id)
    if job is None:
        raise not_there(job_id)
    permit.require(caller, Action.READ, jobs.target_of(job))
    if job.kind not in {JobKind.FLOW, JobKind.FLOW_PREVIEW}:
        raise BadRequest(f"Job {job_id} is of the kind {job.kind!r}: only whole flows are started again from a step.")
    if job.status is None:
        raise Conflict(f"Flow {job_id} has not ended yet: cancel it first.")
    if job.settings.get("deleted"):
        raise BadRequest(f"What flow {job_id} held was erased: it cannot be started again.")
    return job


async def started_again(
    parts: Parts, caller: Principal, job: WholeJob, path: Sequence[At], *, version: int | None
) -> Runnable:
    """What a flow runs that goes on at `path`: the newest version, or `version`.

    At a step that asks for approvals, and behind one, it is the version of the run: whoever answered has seen that one.

    Raises:
        NotFound, Denied: the flow is gone, or the caller may not run it.
        BadRequest: there is no such step, iteration or branch. Conflict: the run did not get so far, or answers were
            given for another version.
    """
    again = await again_of(parts.database.single, caller.workspace, job.id, path)
    if job.kind == JobKind.FLOW and (
        again.is_answered or await _asks(parts.database.single, caller.workspace, job.id, path)
    ):
        if version not in {None, job.script_hash}:
            raise Conflict(
                "At or behind a step that asks for approvals the flow runs the version that was asked for, "
                f"{job.script_hash}: leave out flow_version, or start from an earlier step."
            )
        version = job.script_hash
    runnable = await runnable_flow(parts, caller, job, version)
    return replace(runnable, options={**runnable.options, "again": again})


async def _asks(statements: Statements, workspace: str, job_id: UUID, path: Sequence[At]) -> bool:
    """Whether a step on the way asks for approvals."""
    run = await flow_runs.run(statements, workspace, job_id)
    if run is None or run.value is None:
        return False
    flow = await anyio.to_thread.run_sync(read_flow, run.value.encode())
    named = {at.step_id for at in path}
    return any(step.suspend is not None and step.suspend.required > 0 for step in all_steps(flow) if step.id in named)


async def input_of(parts: Parts, flow: WholeJob) -> bytes:
    """What the steps of a flow had as its input: what its preprocessor made of the event, where it began with that."""
    run = await flow_runs.run(parts.database.single, flow.workspace_id, flow.id)
    made_by = None if run is None else run.flow_state.preprocessed_by
    if made_by is not None:
        outcome = await jobs.outcome(parts.database.single, flow.workspace_id, made_by)
        if outcome is None:
            raise Conflict(f"What the preprocessor of flow {flow.id} gave was removed: start the flow as a whole.")
        return await parts.values.fetch(outcome.result, outcome.result_object) or b"{}"
    return await parts.values.fetch(flow.args, flow.args_object) or b"{}"


async def runnable_flow(parts: Parts, caller: Principal, job: WholeJob, version: int | None) -> Runnable:
    """What the job of a whole flow runs: the version `version`, None: the newest; or the source of a preview.

    Raises:
        NotFound, Denied: it is gone, or the caller may not run it.
    """
    if job.kind == JobKind.FLOW and job.script_path is not None:
        return of_flow(await _version(parts, caller, job.script_path, version))
    permit.require(caller, Action.PREVIEW, WorkspaceTarget("jobs", Need.DEVELOPER))
    content = job.content or ""
    flow = await anyio.to_thread.run_sync(read_flow, content.encode())
    return Runnable(
        kind=JobKind.FLOW_PREVIEW,
        language=None,
        path=job.script_path,
        content=content,
        tag=job.tag or FLOW_TAG,
        settings=job_settings(flow),
    )


async def _version(parts: Parts, caller: Principal, path: str, version: int | None) -> FlowVersion:
    item = Item(ItemKind.FLOW, parse_path(path))
    if version is not None:
        found = await flow_version(parts, caller, version, action=Action.RUN)
        if found.path != path:
            raise BadRequest(f"Version {version} is one of {found.path!r}, and not of {path!r}.")
    else:
        head = await flows.head(parts.database.single, caller.workspace, path)
        if head is None or head.archived:
            raise permit.not_found(item)
        found = head
    permit.require(caller, Action.RUN, Item(ItemKind.FLOW, parse_path(found.path), found.shares))
    permit.require_scope(caller, "jobs", "run", path=found.path, kind="flows")
    return found


async def again_of(statements: Statements, workspace: str, job_id: UUID, path: Sequence[At]) -> Again:
    """Where the level of a job goes on when it is started again at `path`: a step, then steps inside of it.

    Raises:
        BadRequest: there is no such step, iteration or branch. Conflict: the run did not get so far.
    """
    at, inner = path[0], path[1:]
    run = await flow_runs.run(statements, workspace, job_id)
    if run is None or run.value is None:
        raise Conflict(f"Job {job_id} never began: start the flow as a whole.")
    flow = await anyio.to_thread.run_sync(read_flow, run.value.encode())
    state = run.flow_state
    level = level_of(flow, state.place, job_id, {step.id: step for step in all_steps(flow)})
    index = _index(level, at.step_id)
    done = state.steps[:index]
    last = len(state.steps) - 1
    if len(done) < index or not all(
        _got_past(step, each, is_last=number == last)
        for number, (step, each) in enumerate(zip(level.steps, done, strict=False))
    ):
        raise Conflict(f"The run did not get as far as '{at.step_id}': start from an earlier step.")
    for each in level.steps[:index]:
        if each.delete_after_use:
            raise Conflict(f"What step '{each.id}' gave was erased: start from it, or from an earlier step.")
    step, old = level.steps[index], state.steps[index] if index < len(state.steps) else None
    again = Again(
        ids=tuple(each.id for each in level.steps[:index]),
        done=tuple(_kept(each, job_id) for each in done),
        answered_below=index > 0 and await _answered_below(statements, workspace, job_id, level.steps[:index], done),
    )
    if at.branch_or_iteration_n is None and not inner:
        return again
    if old is None:
        raise Conflict(f"The run did not begin '{at.step_id}': start from it as a whole.")
    return await _inside(statements, workspace, job_id, step, old, at=at, inner=inner, again=again)


async def _answered_below(
    statements: Statements, workspace: str, level: UUID, steps: Sequence[Step], done: Sequence[StepState]
) -> bool:
    """Whether something was answered inside of `steps`, which are `done`."""
    return await approvals.answered_below(
        statements,
        workspace,
        jobs=[each.job for each in done if each.job is not None],
        levels={level, *(holder for each in done for holder, _ in each.kept)},
        steps=[each.id for each in steps],
    )


async def _inside(
    statements: Statements,
    workspace: str,
    level: UUID,
    step: Step,
    old: StepState,
    *,
    at: At,
    inner: Sequence[At],
    again: Again,
) -> Again:
    """`again` with the part of the step that is kept, and where its first child goes on."""
    number = at.branch_or_iteration_n or 0
    child: UUID | None = None
    match step.kind:
        case BranchOne() | SubFlow() if number:
            raise BadRequest(f"'{step.id}' runs one branch or flow, once: there is no {number} to begin at.")
        case ForLoop() | WhileLoop() | BranchAll():
            begun = 0 if old.children is None else old.children.started
            if not 0 <= number <= begun - (1 if inner else 0):
                raise BadRequest(
                    f"'{step.id}' has begun {begun} iterations or branches: there is no {number} to begin at."
                )
            parts = _parts(old, level, number)
            await _require_ended(statements, workspace, parts, step=step.id)
            answered = await approvals.answered_below(
                statements, workspace, levels=[holder for holder, _ in parts], steps=[step.id], most=number
            )
            again = msgspec.structs.replace(
                again, child=number, kept=parts, answered_below=again.answered_below or answered
            )
            if inner:
                holder = next((at_level for at_level, end in old.kept if number < end), level)
                found = await flow_runs.iteration(statements, holder, step=step.id, index=number)
                child = None if found is None else found.id
        case BranchOne():
            again = msgspec.structs.replace(again, branch=old.branch)
            child = old.job
        case SubFlow():
            child = old.job
        case _:
            raise BadRequest(f"'{step.id}' has no iterations, branches or steps inside: name it alone.")
    if not inner:
        return again
    if child is None:
        raise Conflict(f"The run did not begin '{step.id}': start from it as a whole.")
    below = await again_of(statements, workspace, child, inner)
    if isinstance(step.kind, SubFlow) and (below.is_answered or await _asks(statements, workspace, child, inner)):
        ran = await jobs.by_id(statements, workspace, child)
        below = msgspec.structs.replace(below, version=None if ran is None else ran.script_hash)
    return msgspec.structs.replace(again, inner=below)


def _got_past(step: Step, state: StepState, *, is_last: bool) -> bool:
    """Whether a run may have gone on behind `step`; `is_last`: it did not begin another."""
    if state.status is StepStatus.FAILURE:
        return not is_last
    asks = step.suspend is not None and step.suspend.required > 0 and not state.skipped
    return state.status is StepStatus.SUCCESS and (state.verdict is not None or not asks)


def _kept(state: StepState, level: UUID) -> StepState:
    """A step that has ended below `level`, as another level has it."""
    kept = () if state.children is None else _parts(state, level, state.children.started)
    answered = None if state.verdict is None else state.answered or level
    return msgspec.structs.replace(state, kept=kept, failed=(), answered=answered)


def _parts(state: StepState, level: UUID, count: int) -> tuple[tuple[UUID, int], ...]:
    """Where the first `count` children of a step lie."""
    parts = [(each, min(end, count)) for each, end in (*state.kept, (level, count))]
    return tuple(part for number, part in enumerate(parts) if part[1] > (parts[number - 1][1] if number else 0))


async def _require_ended(
    statements: Statements, workspace: str, parts: Sequence[tuple[UUID, int]], *, step: str
) -> None:
    first = 0
    for level, end in parts:
        index = await flow_runs.unsuccessful(statements, workspace, level, step=step, first=first, end=end)
        if index is not None:
            raise Conflict(f"Iteration or branch {index} of '{step}' did not succeed: begin there, or before it.")
        first = end


def _index(level: Level, step_id: str) -> int:
    ids = [step.id for step in level.steps]
    if step_id not in ids:
        raise BadRequest(f"There is no step {step_id[:80]!r} here; there are: {', '.join(ids)[:500]}.")
    return ids.index(step_id)
