"""Answers to what flows ask: which step one is for, whether it is let in, and that the flow hears of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import Final
from uuid import UUID

import anyio.to_thread
import msgspec

from tidemill.db import approvals, audit, flow_runs, jobs, queue
from tidemill.db.approvals import Ancestor, NewAnswer, Waiting
from tidemill.db.pool import Actor, Json, Statements, Transaction
from tidemill.engine import permit
from tidemill.engine.flow.approval import Rules, rules_of, static_groups
from tidemill.engine.permit import Action
from tidemill.engine.workflow import Asks, answers_to, is_bound, link_step
from tidemill.model.errors import BadRequest, Conflict, Denied, ExpressionFailed, NotFound
from tidemill.model.flow import Flow, Identity, Step, StepStatus, Suspend, all_steps
from tidemill.model.flow_reading import read_flow
from tidemill.model.job import WHOLE_FLOWS
from tidemill.server.approver import Approver
from tidemill.server.jobs_seen import not_there
from tidemill.server.parts import Parts

_OVER: Final = "The flow has ended: it waits for no answers any more."
_DECIDED: Final = "This was decided already."


@dataclass(frozen=True, slots=True)
class Addressed:
    """What an answer is for: a step of a level or, with `step` None, the next one of the flow `level` that asks.

    `bound`: the one approval of a workflow that it is for; the workflow may not have come to it yet.
    """

    level: UUID
    source: UUID
    starter: str
    step: Step | None = None
    bound: str | None = None

    @property
    def step_id(self) -> str | None:
        """What the answer is kept under."""
        return self.bound if self.step is None else self.step.id


@dataclass(frozen=True, slots=True)
class Asking:
    """What waits for an answer, the step that asks, and who may answer.

    `description`: what a workflow says about it, JSON; flows say that in the result of the step.
    """

    waiting: Waiting
    step: Step
    suspend: Suspend
    rules: Rules
    description: bytes = b"null"


async def answer_by_link(parts: Parts, approver: Approver, *, approved: bool, payload: bytes) -> None:
    """Note the answer of whoever has a link.

    Raises:
        Denied: it is not for who has the link alone.
        BadRequest, Conflict, NotFound: nothing asks for it, or not any more; or the link was used before.
    """
    link = approver.link
    assert link is not None
    async with parts.database.transaction(approver.workspace, actor=_actor(approver)) as tx:
        found = await _addressed(tx, approver.workspace, link.job, link.resume_id)
        await _hold(tx, approver.workspace, found.level)
        found = await _addressed(tx, approver.workspace, link.job, link.resume_id)
        asking = await _let_in(tx, approver, found)
        answer = _new(approver, found, link.resume_id, job=link.job, approved=approved, payload=payload)
        if not await approvals.add(tx, approver.workspace, answer):
            raise Conflict("This link was used before: each is good for one answer.")
        await _tell(tx, approver, [each.waiting.level_id for each in asking], answer)


async def answer_as_member(parts: Parts, approver: Approver, job_id: UUID, *, approved: bool, payload: bytes) -> None:
    """Note the answer of a member without a link, to what has waited longest of what it has not answered yet.

    Raises:
        NotFound: nothing waits there, or nothing that the member may know of.
        Denied: the member may not answer. Conflict: it has done so.
    """
    person = approver.person
    assert person is not None
    async with parts.database.transaction(approver.workspace, actor=_actor(approver)) as tx:
        for waiting in await approvals.waiting(tx, approver.workspace, job_id):
            await _hold(tx, approver.workspace, waiting.level_id)
        asking = await asked(tx, approver.workspace, job_id)
        if not asking:
            raise _nothing_waits(job_id)
        open_to = [each for each in asking if not await refusal(tx, approver, each)]
        if not open_to:
            raise Denied(await refusal(tx, approver, asking[0]))
        number = (1 << 48) | int.from_bytes(sha256(person.email.encode()).digest()[:5])
        for each in open_to:
            found = Addressed(each.waiting.level_id, each.waiting.source_id, each.rules.starter, each.step)
            job = each.waiting.step_job
            answer = _new(approver, found, number, job=job, approved=approved, payload=payload)
            if await approvals.add(tx, approver.workspace, answer):
                await _tell(tx, approver, [each.waiting.level_id], answer)
                return
        raise Conflict("You have answered this already.")


async def asked(statements: Statements, workspace: str, job_id: UUID) -> list[Asking]:
    """What waits for answers in a flow, or after the step whose job it is; what asked first comes first."""
    found = []
    for waiting in await approvals.waiting(statements, workspace, job_id):
        if waiting.asks is not None:
            line = await approvals.lineage(statements, workspace, waiting.source_id)
            found += [_of_workflow(waiting, each.email) for each in line[:1]]
            continue
        step = (await _definition(statements, waiting.source_id)).get(waiting.step)
        seen = await jobs.seen(statements, workspace, waiting.source_id)
        if step is not None and step.suspend is not None and seen is not None:
            line = await approvals.lineage(statements, workspace, waiting.source_id)
            rules = rules_of(step.suspend, groups=waiting.groups, starter=line[0].email)
            found.append(Asking(waiting, step, step.suspend, rules))
    return found


def _of_workflow(waiting: Waiting, starter: str) -> Asking:
    """The approval that a workflow in code waits for, as a step of a flow would ask for it."""
    asks = msgspec.json.decode(waiting.asks or b"{}", type=Asks)
    suspend = Suspend(form=bytes(asks.form), no_self_approval=not asks.self_approval, is_minimal=asks.skin == "minimal")
    step = Step(id=answers_to(waiting.step), summary=waiting.step, kind=Identity(), suspend=suspend)
    return Asking(waiting, step, suspend, asks.rules(starter=starter), bytes(asks.description))


async def refusal(statements: Statements, approver: Approver, asking: Asking) -> str:
    """Why somebody may not answer, as a sentence; "" when they may.

    Without a link that is for those whose groups are asked, else for those who may cancel the flow.
    """
    reason = asking.rules.refusal(email=approver.email, groups=approver.groups)
    if reason or approver.link is not None or asking.rules.groups:
        return reason
    seen = await jobs.seen(statements, approver.workspace, asking.waiting.source_id)
    if approver.person is None or seen is None:
        return "Only who was given a link may answer this."
    decision = permit.decide(approver.person, Action.CANCEL, jobs.target_of(seen))
    return "" if decision.allowed else "Only who was given a link, and who may cancel the flow, may answer this."


async def _addressed(statements: Statements, workspace: str, job_id: UUID, number: int) -> Addressed:
    """What a link is for."""
    line = await approvals.lineage(statements, workspace, job_id)
    if not line:
        raise not_there(job_id)
    for each in line[:2]:  # a workflow, or one of its tasks
        if each.is_open and each.flow_state is not None and each.flow_state.rounds is not None:
            return Addressed(each.id, each.id, each.email, bound=link_step(number) if is_bound(number) else None)
    if line[0].kind in WHOLE_FLOWS and line[0].is_open:
        return Addressed(line[0].id, line[0].id, line[0].email)
    for child, parent in pairwise(line):
        state = parent.flow_state
        if child.flow_step_id is None or state is None:
            break
        step = (await _definition(statements, state.place.source)).get(child.flow_step_id)
        if step is not None and step.suspend is not None and step.suspend.required:
            _require_open(parent, step)
            return Addressed(parent.id, state.place.source, parent.email, step)
    raise BadRequest(f"No step that job {job_id} belongs to asks for approvals: give the step 'suspend'.")


def _require_open(level: Ancestor, step: Step) -> None:
    """Return where the step is under way, or the level waits after it."""
    state = level.flow_state
    if not level.is_open or state is None or state.ended:
        raise Conflict(_OVER)
    last = state.steps[-1] if state.steps else None
    if last is None or last.status not in {StepStatus.PROGRESS, StepStatus.EVENTS}:
        raise Conflict(_DECIDED)


async def _hold(tx: Transaction, workspace: str, level: UUID) -> None:
    if not await approvals.hold(tx, workspace, level):
        raise Conflict("The flow has not begun yet: answer once it has.")


async def _let_in(tx: Transaction, approver: Approver, found: Addressed) -> list[Asking]:
    """What waits for the answer just now, where it is let in."""
    waiting = [
        each
        for each in await asked(tx, approver.workspace, found.level)
        if found.step_id is None or (each.waiting.level_id, each.step.id) == (found.level, found.step_id)
    ]
    refused = [await refusal(tx, approver, each) for each in waiting]
    if waiting and all(refused):
        raise Denied(refused[0])
    if not waiting and found.step is not None:
        _require_early(approver, found.step, starter=found.starter)
    return waiting


def _require_early(approver: Approver, step: Step, *, starter: str) -> None:
    """Whether an answer is let in while the step still runs."""
    assert step.suspend is not None
    try:
        groups = static_groups(step.suspend)
    except ExpressionFailed as error:
        raise Conflict(f"{error} Answer then.") from error
    if reason := rules_of(step.suspend, groups=groups, starter=starter).refusal(
        email=approver.email, groups=approver.groups
    ):
        raise Denied(reason)


async def _tell(tx: Transaction, approver: Approver, levels: Sequence[UUID], answer: NewAnswer) -> None:
    """Let the levels look at the answer, and keep a record of it."""
    for level in levels:
        if (tag := await approvals.wake(tx, level)) is not None:
            await queue.wake(tx, queue.QUEUE_CHANNEL, tag)
    details = {"job": str(answer.job_id), "resume_id": answer.resume_id, "step": answer.step}
    operation = "flows.approve" if answer.approved else "flows.disapprove"
    await audit.record(tx, approver.principal, operation, "Update", str(answer.level), details)


def _new(
    approver: Approver, found: Addressed, resume_id: int, *, job: UUID, approved: bool, payload: bytes
) -> NewAnswer:
    return NewAnswer(
        job_id=job,
        resume_id=resume_id,
        level=found.level,
        step=found.step_id,
        approved=approved,
        payload=Json(payload),
        approver=approver.name,
        email=approver.email or None,
        groups=sorted(approver.groups),
    )


async def _definition(statements: Statements, source: UUID) -> dict[str, Step]:
    """The steps of a flow by their ids."""
    raw = await flow_runs.definition(statements, source)
    if raw is None:
        raise NotFound("What the flow runs was erased.")
    flow: Flow = await anyio.to_thread.run_sync(read_flow, raw)
    return {step.id: step for step in all_steps(flow)}


def _actor(approver: Approver) -> Actor:
    return Actor(approver.principal.actor, approver.email)


def _nothing_waits(job_id: UUID) -> NotFound:
    return NotFound(f"Nothing waits for an answer at job {job_id}.")
