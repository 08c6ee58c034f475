"""Brings flows forward: when a step of theirs ends here, and when their own job is due.

What follows from one event is worked out in memory and sent as one statement, which happens whole or not at all. It
says which versions of which levels it was worked out from; where one of them has changed meanwhile, it is worked out
again.
"""

import asyncio
import enum
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import msgspec
import structlog

from tidemill.db import approvals, debouncing, flow_runs, queue, workflows
from tidemill.db.flow_runs import Advance, Advanced, EndedChild, Placed
from tidemill.db.intake import NewJob
from tidemill.db.queue import ClaimedJob, Ended
from tidemill.db.transaction import is_worth_a_retry
from tidemill.engine.cache_key import cache_key
from tidemill.engine.debouncing import REASON
from tidemill.engine.flow.approval import Answer as GivenAnswer
from tidemill.engine.flow.commands import Ended as ChildEnded
from tidemill.engine.flow.commands import Started
from tidemill.engine.flow.state import FlowState
from tidemill.engine.workflow import answers_to
from tidemill.model import jsontext
from tidemill.model.errors import StateChanged, Unavailable
from tidemill.model.failpoint import failpoint
from tidemill.model.flow import StepStatus
from tidemill.worker import shared
from tidemill.worker.context import WorkerParts
from tidemill.worker.flows.known import Known, Memo, Wanted
from tidemill.worker.flows.plan import Plan
from tidemill.worker.flows.views import NO_STEPS, LevelOptions, View, view_of
from tidemill.worker.flows.workflows import Suspended, WorkflowPlan

_RETRY_S: Final = 1.0
_REMEMBERED: Final = 2000
_QUEUED: Final = "queued"
_REMEMBERED_ROUNDS: Final = 256
_REMEMBERED_BYTES: Final = 64 * 1024

Tell = Callable[[WorkflowPlan], Awaitable[None]]
"""Tells a plan what has happened."""

log = structlog.get_logger(__name__)


class Refused(enum.Enum):
    """Why the end of a step was not taken."""

    UNSEEN = "unseen"
    """It has read more secrets than its result was masked for."""
    LOST = "lost"
    """The lease is lost, and what it sent is refused."""
    NO_FLOW = "no flow"
    """Its flow is over, or gone: it is a job like any other."""


Answer = list[ClaimedJob] | Refused | StateChanged
"""The jobs that the worker has taken with what it sent; else why nothing of that happened."""


@dataclass(slots=True)
class _Step:
    """A step that ended here, and who waits for that to be recorded."""

    job: ClaimedJob
    ended: Ended
    answer: "asyncio.Future[Answer]"


@dataclass(slots=True)
class _Family:
    """The levels of one flow with all that is around and below them."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    steps: list[_Step] = field(default_factory=list)
    views: dict[UUID, View] = field(default_factory=dict)
    over: set[UUID] = field(default_factory=set)
    """Those of `views` that are not in the queue: they are around others for one plan, and then forgotten."""


class Flows:
    """The flows of one worker. `room` says how many jobs it may take beyond those that it holds."""

    def __init__(
        self, parts: WorkerParts, room: Callable[[], int], ahead: Callable[[Sequence[Placed]], None] | None = None
    ) -> None:
        """`ahead` is told which jobs are about to be claimed."""
        self._ahead = ahead
        self._parts = parts
        self._room = room
        self._tags = frozenset(parts.options.tags)
        self._known = Known(parts)
        self._families: OrderedDict[UUID, _Family] = OrderedDict()
        self._rounds: OrderedDict[UUID, ClaimedJob] = OrderedDict()

    async def end(self, job: ClaimedJob, ended: Ended) -> Answer:
        """Record the end of a step together with what follows from it; the jobs that this worker has taken with that.

        Raises:
            Unavailable: the database or the object store is away for longer than we insist.
        """
        step = _Step(job, ended, asyncio.get_running_loop().create_future())
        family = self._family(job)
        family.steps.append(step)
        if len(family.steps) == 1:  # what ends until its turn comes goes with it
            async with family.lock:
                await self._end_all(family)
        return await step.answer

    async def look(self, job: ClaimedJob) -> Answer:
        """See what a flow has to do: it begins, or was told that something has happened. As `end`."""
        family = self._family(job)
        async with family.lock:
            family.views.clear()
            return await self._carried_out(family, job, lambda plan: self._look(plan, job), held=1)

    async def suspend(self, job: ClaimedJob, suspended: Suspended) -> Answer:
        """Let a workflow wait for what its last round asks for. As `end`."""

        async def tell(plan: WorkflowPlan) -> None:
            plan.suspend(job, suspended)

        family = self._family(job)
        async with family.lock:
            answer = await self._carried_out(family, job, tell, held=1)
        if isinstance(answer, list):
            self._remember(job)
        return answer

    def _remember(self, job: ClaimedJob) -> None:
        """A workflow waits that this worker has held: it need not be looked up when it goes on."""
        if len(job.content or "") + len(job.args or b"") <= _REMEMBERED_BYTES:
            self._rounds[job.id] = job
            if len(self._rounds) > _REMEMBERED_ROUNDS:
                self._rounds.popitem(last=False)

    def _family(self, job: ClaimedJob) -> _Family:
        root = job.root_job or job.id
        family = self._families.setdefault(root, _Family())
        self._families.move_to_end(root)
        if len(self._families) > _REMEMBERED:
            oldest, idle = next(iter(self._families.items()))
            if not idle.lock.locked() and not idle.steps:
                del self._families[oldest]
        return family

    async def _end_all(self, family: _Family) -> None:
        """Record all steps that have ended by now at once or, where that is refused, one by one."""
        steps, family.steps = family.steps, []
        batches = [steps] if len(steps) == 1 else [steps, *([step] for step in steps)]
        for batch in batches:
            waiting = [step for step in batch if not step.answer.done()]
            if not waiting:
                continue
            try:
                answer = await self._end_together(family, waiting)
            except BaseException as error:
                for step in steps:
                    if not step.answer.done():
                        step.answer.set_exception(error)
                        step.answer.exception()
                raise
            if not isinstance(answer, list) and len(waiting) > 1:
                continue
            for step in waiting:
                step.answer.set_result(answer)
                answer = [] if isinstance(answer, list) else answer

    async def _end_together(self, family: _Family, steps: list[_Step]) -> Answer:
        async def tell(plan: WorkflowPlan) -> None:
            for step in steps:
                plan.end_step(step.job, step.ended)

        first = steps[0].job
        return await self._carried_out(family, first, tell, held=len(steps), steps=[step.job for step in steps])

    async def _carried_out(
        self, family: _Family, job: ClaimedJob, tell: Tell, *, held: int, steps: list[ClaimedJob] | None = None
    ) -> Answer:
        """Work out a plan and carry it out, again and again until it is taken or refused for good."""
        while True:
            if not await self._are_at_hand(family, [each.parent_job for each in steps] if steps else [job.id]):
                return Refused.NO_FLOW
            plan = await self._worked_out(family, job, tell, held=held)
            try:
                answer = await self._sent(plan)
            except Unavailable as error:
                family.views.clear()
                if not is_worth_a_retry(error):
                    log.warning("database away while a flow was brought forward", error=str(error))
                    await asyncio.sleep(_RETRY_S)
                continue
            except StateChanged as error:
                return error
            if answer.done:
                self._keep(family, plan, answer.claimed)
                await self._wind_up(plan)
                return answer.claimed
            if answer.unseen:
                return Refused.UNSEEN
            if answer.changed:
                self._known.forget_scripts()
            elif answer.is_current:
                return Refused.LOST
            family.views.clear()

    async def _are_at_hand(self, family: _Family, levels: list[UUID | None]) -> bool:
        for level in levels:
            if level is None or not await self._bring_views(family, level):
                return False
        return True

    async def _sent(self, plan: Plan) -> Advanced:
        failpoint("advance.before_commit")
        if self._ahead is not None and (taken := plan.taken):
            self._ahead(taken)
        wanted, worker = plan.wanted(), self._parts.options.name
        waiting = [placed.job for placed in wanted.jobs if placed.job.debounce is not None and placed.place == _QUEUED]
        if waiting:
            answer = await self._sent_to_wait(wanted, waiting)
        else:
            answer = await flow_runs.advance(self._parts.database.single, wanted, worker=worker)
        failpoint("advance.after_commit")
        return answer

    async def _sent_to_wait(self, wanted: Advance, waiting: Sequence[NewJob]) -> Advanced:
        """As `flow_runs.advance`; the jobs `waiting` take the place of those like them that wait."""
        async with self._parts.database.system() as tx:
            await debouncing.hold_keys(tx, waiting)
            answer = await flow_runs.advance(tx, wanted, worker=self._parts.options.name)
            for job in waiting if answer.done else ():
                await debouncing.take_place(tx, job, by=job.created_by)
        return answer

    def _keep(self, family: _Family, plan: Plan, claimed: Sequence[ClaimedJob]) -> None:
        for taken in claimed:
            self._rounds.pop(taken.id, None)
        for level, view in plan.committed().items():
            if view.is_in_queue:
                family.views[level] = view
            else:
                family.over.add(level)
        for level in family.over:
            family.views.pop(level, None)
        family.over.clear()
        for job, result in plan.results.items():
            self._known.remember(job, result)

    async def _wind_up(self, plan: Plan) -> None:
        """Remove what flows that ended have shared, and keep their results: one that is not is worked out again."""
        for flow in plan.shared_over:
            await shared.remove(self._parts.options, flow)
        for each in plan.to_keep:
            try:
                await queue.keep_result(
                    self._parts.database.single,
                    each.workspace,
                    bytes.fromhex(each.key),
                    each.result,
                    ttl_s=each.ttl_s,
                )
            except Unavailable as error:
                log.warning("the result of a flow was not kept", error=str(error))

    async def _worked_out(self, family: _Family, job: ClaimedJob, tell: Tell, *, held: int) -> WorkflowPlan:
        memo = Memo()
        while True:
            plan = WorkflowPlan(
                family.views,
                self._known,
                memo,
                tags=self._tags,
                take=self._room() + held,
                inline_bytes=self._parts.values.inline_bytes,
            )
            plan.rounds = self._rounds
            try:
                await tell(plan)
                plan.run()
            except Wanted as wanted:
                await self._known.load(wanted.want, memo, job)
            else:
                return plan

    async def _bring_views(self, family: _Family, level: UUID) -> bool:
        """See that a level and those around it are at hand; False: it is over, or not there.

        What is at hand of those around it may be from before it began, and is read anew with it: a level that does not
        know of it yet would not listen to its end.
        """
        if level in family.views:
            return True
        rows = await flow_runs.levels(self._parts.database.single, level)
        if not rows or rows[0].queue_state is None:
            return False
        views: dict[UUID, View] = {}
        for row in reversed(rows):
            state = row.flow_state
            source = row.id if state is None else state.place.source
            known = views.get(source) or family.views.get(source)
            found = None if known is None else known.definition
            if state is not None and state.rounds is not None:
                found = NO_STEPS
            elif found is None:
                found = await self._known.definition(source, row.script_hash if row.kind == "flow" else None)
            if found is None:
                return False
            views[row.id] = view_of(row, found)
        family.views.update(views)
        family.over.update(level for level, view in views.items() if not view.is_in_queue)
        return True

    async def _look(self, plan: WorkflowPlan, job: ClaimedJob) -> None:
        """Tell the plan of a flow whose job is held what it may not have heard of."""
        if plan.views[job.id].state.rounds is not None:
            await self._look_at_workflow(plan, job)
            return
        plan.hold(job)
        view = plan.views[job.id]
        if not view.state.steps and view.state.preprocessor is None and view.state.failure is None:
            begins = msgspec.json.decode(view.options, type=LevelOptions)
            if job.cache_ttl_s and begins.again is None and await self._is_kept(plan, view, job):
                return
            plan.tell(job.id, Started(preprocess=begins.preprocess, again=begins.again))
            return
        if view.state.steps and view.state.steps[-1].status is StepStatus.EVENTS:
            await self._look_at_answers(plan, view)
            return
        for child in await self._ended_children(view):
            state = child.flow_state
            plan.tell(
                job.id,
                ChildEnded(
                    step=child.flow_step_id,
                    job=child.id,
                    index=child.flow_index,
                    succeeded=child.status in {"success", "skipped"},
                    # what a worker has not told itself was lost with it: the shared directory too
                    canceled=child.status == "canceled" or view.definition.flow.same_worker,
                    stopped=state is not None and state.stopped,
                    skipped=state is not None and state.skipped,
                    overtaken=child.reason.startswith(REASON),
                ),
            )

    async def _look_at_workflow(self, plan: WorkflowPlan, job: ClaimedJob) -> None:
        single = self._parts.database.single
        waits = await workflows.waits(single, job.id)
        answers: tuple[GivenAnswer, ...] = ()
        if waits.approval is not None:
            answers = await approvals.answers_for(single, job.id, step=answers_to(waits.approval), source=job.id)
        plan.go_on(job, waits, answers)

    async def _is_kept(self, plan: Plan, view: View, job: ClaimedJob) -> bool:
        """Let a flow end with the result that was kept for its arguments, or see that its result will be kept.

        Neither where it imports sources that are not deployed.
        """
        if await self._parts.data.local_sources(job):
            return False
        values, single = self._parts.values, self._parts.database.single
        raw = await values.fetch(job.args, job.args_object) or b"{}"
        resolved = await self._parts.data.resolve(job, raw)
        version = str(job.script_hash) if job.script_hash is not None else job.content or ""
        key = cache_key(
            workspace=job.workspace_id,
            version=f"flow {version}",
            permissioned_as=job.permissioned_as,
            arguments=jsontext.object_fields(resolved.args),
        )
        hit = await queue.cached_result(single, job.workspace_id, key)
        if hit is not None:
            plan.give(view, hit)
            return True
        plan.keep(view, key, ttl_s=job.cache_ttl_s or 0)
        return False

    async def _look_at_answers(self, plan: Plan, view: View) -> None:
        single, source = self._parts.database.single, view.state.place.source
        step = view.level.steps[len(view.state.steps) - 1].id
        deadline = await approvals.deadline(single, view.id)
        if deadline is not None:
            answers = await approvals.answers_for(single, view.id, step=step, source=source)
            plan.judge(view, answers, groups=deadline.groups, left_s=deadline.left_s)

    async def _ended_children(self, view: View) -> list[EndedChild]:
        """The children that the level waits for, and that have ended already."""
        jobs, indices = awaited(view.state)
        steps = [
            step.id for step in (*view.level.steps, view.level.failure, view.level.preprocessor) if step is not None
        ]
        return await flow_runs.ended_children(
            self._parts.database.single, view.id, steps=steps, jobs=jobs, indices=indices
        )


def awaited(state: FlowState) -> tuple[list[UUID], list[int]]:
    """The jobs, or else the indices of children, that a level waits for."""
    under_way = [state.failure, state.preprocessor, *state.steps[-1:]]
    jobs = [
        each.job
        for each in under_way
        if each is not None and each.status is StepStatus.PROGRESS and each.children is None and each.job is not None
    ]
    last = state.steps[-1] if state.steps else None
    indices = [] if last is None or last.children is None else list(last.children.running)
    return jobs, indices
