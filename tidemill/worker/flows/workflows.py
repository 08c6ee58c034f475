"""Plans that know workflows in code: what a round of one waits for, and when it goes on.

A workflow is a level that no definition tells the steps of. Its state says how many of the tasks that its last round
started have not ended; with the last of them it is due again.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final, cast
from uuid import UUID

import msgspec

from tidemill.db.flow_runs import Asked, Placed, Settled, WorkflowStep
from tidemill.db.intake import NewJob
from tidemill.db.pool import Json
from tidemill.db.queue import ClaimedJob
from tidemill.db.workflows import Waits
from tidemill.engine.concurrency import concurrency_key
from tidemill.engine.flow.approval import Answer, tally, verdict_of
from tidemill.engine.flow.commands import Ended, Event, Finish, Start
from tidemill.engine.flow.progress import error_json
from tidemill.engine.flow.state import Rounds, Verdict
from tidemill.engine.workflow import Approval, Asks, Sleep, TaskCall, Tasks, answered, answers_to, asks_of, starts_now
from tidemill.model import jsontext
from tidemill.model.errors import ExpressionFailed
from tidemill.model.flow import DeployedScript, Identity, Step, SubFlow
from tidemill.model.ids import new_id
from tidemill.worker.flows.known import WantAnswers, answer_of
from tidemill.worker.flows.plan import Plan
from tidemill.worker.flows.steps import job_of_step, level_job
from tidemill.worker.flows.views import View

_SCRIPT: Final = "script"
_IN_THE_CLEAR: Final = (
    "The arguments of task '{}' hold a secret, which would be kept in the clear: pass '$var:<path>' or '$res:<path>' "
    "in its place."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspended:
    """How a round of a workflow ended that has not ended the workflow.

    Attributes:
        told: what it waits for; what the job has read of secrets is masked in it.
        lock: the versions of packages that it ran with.
        secret: the keys of those tasks that would be given a secret in the clear.
    """

    told: Tasks | Approval | Sleep
    lock: str | None = None
    secret: frozenset[str] = frozenset()


class WorkflowPlan(Plan):
    """A `Plan` in which levels may be workflows. `rounds` are those that this worker has held, and that wait."""

    rounds: Mapping[UUID, ClaimedJob] = MappingProxyType({})

    def suspend(self, job: ClaimedJob, suspended: Suspended) -> None:
        """A round of a workflow that the worker holds has ended."""
        self.hold(job)
        view = self._moved(self.views[job.id])
        match suspended.told:
            case Tasks():
                self._start_tasks(view, job, suspended, starts_now(suspended.told.steps))
            case Sleep(key=key, seconds=seconds):
                self._steps.append(self._step(view, key, "sleep", wait_s=seconds))
                self._parked[view.id] = seconds
            case Approval():
                self._ask_for(view, suspended.told)

    def go_on(self, job: ClaimedJob, waits: Waits, answers: Sequence[Answer]) -> None:
        """A workflow that the worker holds may be due, or have been woken before its time."""
        self.hold(job)
        view = self._moved(self.views[job.id])
        if waits.approval is not None:
            self._judge_approval(view, waits.approval, waits.asked, answers, left_s=waits.left_s)
        elif waits.tasks:
            self._set(view, pending=waits.tasks)
        else:
            self._parked[view.id] = waits.sleep_s or 0.0

    def _advance(self, view: View, event: Event) -> None:
        rounds = view.state.rounds
        if rounds is None:
            super()._advance(view, event)
        elif isinstance(event, Ended):
            view = self._moved(view)
            left = max(0, rounds.pending - 1)
            self._set(view, pending=left)
            if left == 0:
                self._resume(view)

    def _resume(self, view: View) -> None:
        """The next round of a workflow is due: the worker takes it at once if it has room, and has held it before."""
        job = self.rounds.get(view.id)
        if job is None or self._take <= 0 or job.tag not in self._tags:
            self._parked[view.id] = 0.0
            return
        self._take -= 1
        self._resumed[view.id] = job

    def _moved(self, view: View) -> View:
        """The level, which is as it was seen, or else nothing happens."""
        self._changed.setdefault(view.id, view.version)
        return view

    def _set(self, view: View, *, pending: int, ended: int | None = None) -> View:
        before = view.state.rounds or Rounds()
        rounds = Rounds(ended=before.ended if ended is None else ended, pending=pending)
        moved = msgspec.structs.replace(view, state=msgspec.structs.replace(view.state, rounds=rounds))
        self.views[view.id] = moved
        return moved

    def _start_tasks(self, view: View, job: ClaimedJob, suspended: Suspended, calls: Sequence[TaskCall]) -> None:
        number = 1 + (view.state.rounds or Rounds()).ended
        view = self._set(view, pending=len(calls), ended=number)
        for call in calls:
            start = _start_of(call)
            self._steps.append(self._step(view, call.key, "task", child=start.job, round=number))
            if call.key in suspended.secret:
                self._fail_start(view, start, ExpressionFailed(_IN_THE_CLEAR.format(call.key)))
                continue
            try:
                self._start_task(view, job, start, call, number, lock=suspended.lock)
            except ExpressionFailed as error:
                self._fail_start(view, start, error)

    def _start_task(
        self, view: View, job: ClaimedJob, start: Start, call: TaskCall, number: int, *, lock: str | None
    ) -> None:
        if isinstance(start.step.kind, SubFlow):
            self._start_flow(view, start, start.step.kind)
            return
        if call.is_own:
            placed = self._own(view, job, start, call, lock=lock)
        else:
            placed = job_of_step(view, start, self._memo, keep=self._values.kept_object)
        options = msgspec.json.decode(placed.job.options.raw, type=dict[str, object])
        options.pop("flow_path", None)
        options["task"] = {"key": call.key, "round": number, "own": call.is_own}
        new = replace(placed.job, options=Json(msgspec.json.encode(options)), **_limited(view, call, placed.job))
        self._place(replace(placed, job=new), here="shared" in options)

    def _own(self, view: View, job: ClaimedJob, start: Start, call: TaskCall, *, lock: str | None) -> Placed:
        """The job that runs a function of the workflow itself: the same source, up to that function."""
        args = self._values.kept(bytes(call.args))
        is_deployed = job.kind == _SCRIPT
        inherited = msgspec.json.decode(job.options, type=dict[str, object])
        new = replace(
            level_job(view, start.job, start.step, kind=job.kind, index=None, args=args),
            tag=call.tag or job.tag,
            script_path=job.script_path,
            script_hash=job.script_hash,
            language=job.language,
            content=None if is_deployed else job.content,
            lock=None if is_deployed else lock,
            timeout_s=start.timeout_s or job.timeout_s,
            cache_ttl_s=start.step.cache_ttl_s,
            on_worker_loss=job.on_worker_loss,
            options=Json(msgspec.json.encode(inherited)),
        )
        return Placed(new, "queued", source=(job.content or "", lock))

    def _ask_for(self, view: View, approval: Approval) -> None:
        asks = asks_of(approval)
        self._steps.append(self._step(view, approval.key, "approval"))
        self._asks[view.id] = Asked(
            level_id=view.id,
            workspace_id=view.workspace_id,
            source_id=view.id,
            step=approval.key,
            step_job=view.id,
            required=1,
            groups=None,
            timeout_s=approval.timeout,
            asks=msgspec.json.encode(asks).decode(),
        )
        wanted = WantAnswers(view.id, answers_to(approval.key), view.id)
        answers = cast("tuple[Answer, ...]", answer_of(self._memo, wanted))
        self._judge_approval(view, approval.key, asks, answers, left_s=approval.timeout)

    def _judge_approval(
        self, view: View, key: str, asks: Asks, answers: Sequence[Answer], *, left_s: float | None
    ) -> None:
        is_late = left_s is not None and left_s <= 0
        event, counted = tally(answers, asks.rules(starter=view.starter), step=key, is_late=is_late)
        verdict = verdict_of(event, required=1)
        self._parked[view.id] = left_s if verdict is None else 0.0
        if verdict is None:
            return
        self._asks.pop(view.id, None)
        self._settled.append(Settled(view.id, key, tuple(each.id for each in counted)))
        if verdict is Verdict.TIMED_OUT:
            error = error_json("ApprovalTimeout", f"Nobody answered the approval '{key}' in time.")
            self._finish_with(view, Finish(succeeded=False, result=error), self._values.kept(error))
            return
        approved = verdict is Verdict.APPROVED
        deciding = next(each for each in counted if each.approved is approved)
        value = answered(approved=approved, approver=deciding.approver, payload=deciding.payload).decode()
        self._steps = [each for each in self._steps if (each.job_id, each.key) != (view.id, key)]
        self._steps.append(self._step(view, key, "approval", value=value))

    @staticmethod
    def _step(view: View, key: str, kind: str, **more: object) -> WorkflowStep:
        return WorkflowStep(job_id=view.id, key=key, workspace_id=view.workspace_id, kind=kind, **more)  # type: ignore[arg-type]


def _start_of(call: TaskCall) -> Start:
    kind: Identity | DeployedScript | SubFlow = Identity()
    if call.dispatch_type == "flow":
        kind = SubFlow(path=call.script)
    elif not call.is_own:
        kind = DeployedScript(path=call.script, tag=call.tag)
    step = Step(
        id=call.key,
        kind=kind,
        cache_ttl_s=int(call.cache_ttl) if call.cache_ttl else None,
        priority=call.priority,
    )
    timeout_s = max(1, int(call.timeout)) if call.timeout else None
    return Start(job=_new_id(), step=step, args=jsontext.object_fields(bytes(call.args)), timeout_s=timeout_s)


def _limited(view: View, call: TaskCall, job: NewJob) -> dict[str, Any]:
    """The concurrency limit of a task, where it has one of its own."""
    if not call.concurrent_limit:
        return {}
    path = f"{job.script_path or view.id}/{call.name}" if call.is_own else job.script_path or call.script
    arguments = jsontext.loads(bytes(call.args))
    return {
        "concurrency_key": concurrency_key(
            call.concurrency_key,
            workspace=view.workspace_id,
            path=path,
            arguments=arguments if isinstance(arguments, dict) else {},
        ),
        "concurrency_limit": call.concurrent_limit,
        "concurrency_window_s": int(call.concurrency_time_window_s) if call.concurrency_time_window_s else None,
    }


def _new_id() -> UUID:
    return new_id(time.time_ns() // 1_000_000)
