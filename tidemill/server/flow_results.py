"""What the steps of a flow gave, by their ids."""

from collections.abc import Sequence
from uuid import UUID

import anyio.to_thread

from tidemill.db import approvals, flow_runs, jobs
from tidemill.db.approvals import Ancestor
from tidemill.db.values import Kept
from tidemill.engine import permit
from tidemill.engine.flow.state import Gathered, Ref, ResultOf, level_of, result_of
from tidemill.engine.permit import Action
from tidemill.model.errors import ResultGone
from tidemill.model.flow import StepStatus, all_steps
from tidemill.model.flow_reading import read_flow
from tidemill.model.identity import Principal
from tidemill.server.parts import Parts

_OVER = frozenset({StepStatus.SUCCESS, StepStatus.FAILURE, StepStatus.EVENTS})


async def step_result(
    parts: Parts,
    workspace: str,
    job_id: UUID,
    step_id: str,
    *,
    succeeded: bool = False,
    caller: Principal | None = None,
) -> bytes | None:
    """The JSON text that a step of a level gave, or one of a level around it; None while it has not ended.

    `succeeded`: None also where it has failed. `caller`: None also where it may not see that level: who may see a flow
    need not see the one that runs it.
    """
    wanted = _OVER - {StepStatus.FAILURE} if succeeded else _OVER
    levels = await approvals.lineage(parts.database.single, workspace, job_id)
    seen = {each.id for each in levels} if caller is None else await _seen(parts, caller, levels)
    for each in levels:
        if each.state is None or each.id not in seen:
            continue
        ref = await _ref(parts, workspace, each.id, step_id, wanted)
        if ref is not None:
            return await text_of(parts, ref)
    return None


async def _seen(parts: Parts, caller: Principal, levels: Sequence[Ancestor]) -> set[UUID]:
    found = await jobs.all_seen(parts.database.single, caller.workspace, [each.id for each in levels])
    return {each.id for each in found if permit.decide(caller, Action.READ, jobs.target_of(each)).allowed}


async def _ref(parts: Parts, workspace: str, level_id: UUID, step_id: str, wanted: frozenset[StepStatus]) -> Ref | None:
    run = await flow_runs.run(parts.database.single, workspace, level_id)
    if run is None or run.value is None:
        return None
    flow = await anyio.to_thread.run_sync(read_flow, run.value.encode())
    state = run.flow_state
    level = level_of(flow, state.place, level_id, {step.id: step for step in all_steps(flow)})
    for step, each in zip(level.steps, state.steps, strict=False):
        if step.id == step_id and each.status in wanted:
            return result_of(level.id, step, each)
    return None


async def text_of(parts: Parts, ref: Ref) -> bytes:
    """The JSON text of a result; null where it was erased.

    Raises:
        ResultGone: it belonged to an earlier run, which was removed.
    """
    single = parts.database.single
    match ref:
        case ResultOf():
            found = await flow_runs.results(single, [ref.job])
            if ref.job not in found:
                raise ResultGone(
                    f"The result of job {ref.job} is gone: it belonged to an earlier run, which was removed."
                )
            return await _text(parts, found[ref.job])
        case Gathered():
            parts_of_it = await flow_runs.gathered_of(single, ref)
            texts = [await _text(parts, parts_of_it.get(index, Kept())) for index in range(ref.count)]
            return b"[%s]" % b",".join(texts)


async def _text(parts: Parts, kept: Kept) -> bytes:
    return await parts.values.fetch(None if kept.inline is None else kept.inline.raw, kept.digest) or b"null"
