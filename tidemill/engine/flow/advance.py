"""One level of a flow: its steps + its state + an event -> its new state + what is to be done.

Steps run in order. A step is over when its job is (or all children of a loop or of branches are); then it is decided
whether it is repeated, whether the level ends, and which step comes next. What needs no worker (`identity`, `mock`,
skipped steps) is recorded, and told as ended like any other job.
"""

from dataclasses import replace
from uuid import UUID

import msgspec

from tidemill.engine import retry
from tidemill.engine.flow import approval, children
from tidemill.engine.flow.commands import (
    Answered,
    Ask,
    Change,
    Ended,
    Enter,
    Event,
    Names,
    Record,
    Settle,
    Start,
    Started,
    Surroundings,
)
from tidemill.engine.flow.progress import Progress, error_json, failure_json, place_in
from tidemill.engine.flow.state import Again, Children, FlowState, Level, Ref, ResultOf, StepState, Verdict
from tidemill.model import jsontext
from tidemill.model.errors import ExpressionFailed
from tidemill.model.flow import (
    BranchAll,
    BranchOne,
    DeployedScript,
    ForLoop,
    Identity,
    InlineScript,
    Inputs,
    Step,
    StepStatus,
    Stop,
    SubFlow,
    Suspend,
    WhileLoop,
)


def advance(level: Level, state: FlowState, event: Event, around: Surroundings) -> Change:
    """What `event` makes of a level. An event that is not (any more) awaited changes nothing."""
    run = _Run(level, state, around)
    if not state.ended:
        match event:
            case Started():
                run.begin(event)
            case Ended():
                run.take(event)
            case Answered():
                run.judge(event)
    return Change(run.state, tuple(run.commands))


class _Run(Progress):
    """The order of the steps. `_again` is what the next step goes on from, where it is not begun from its beginning."""

    _again = Again()

    def begin(self, event: Started) -> None:
        """The first step, or the preprocessor before it."""
        if self.state.steps or self.state.preprocessor is not None:
            return
        if event.again is not None:
            self._begin_again(event.again)
            return
        try:
            if self.level.skip_if is not None and self.is_true(self.level.skip_if, self.names(before=0), "/skip_expr"):
                self.finish(succeeded=True, result=None, stopped=True, skipped=True)
            elif event.preprocess and self.level.preprocessor is not None:
                self._launch_apart(self.level.preprocessor, "preprocessor", {})
            else:
                self._next()
        except ExpressionFailed as error:
            self.finish(succeeded=False, result=failure_json(error))

    def _begin_again(self, again: Again) -> None:
        """Go on behind the steps that were done when the flow ran before."""
        found = tuple(step.id for step in self.level.steps[: len(again.ids)])
        if found != again.ids:
            message = f"The flow has changed: it began with {', '.join(again.ids)}, now with {', '.join(found)}."
            self.finish(succeeded=False, result=error_json("FlowChanged", message))
            return
        self.state = msgspec.structs.replace(self.state, steps=again.done)
        self._again = again
        self._next()

    def take(self, event: Ended) -> None:
        """The end of a child."""
        state = self.state
        if state.failure is not None and self.level.failure is not None and event.step == self.level.failure.id:
            if state.failure.job == event.job and state.failure.status is StepStatus.PROGRESS:
                self._after_failure_step(event)
            return
        if state.preprocessor is not None and not state.steps and event.job == state.preprocessor.job:
            self._after_preprocessor(event)
            return
        if not state.steps or self.step.id != event.step or self.now.status is not StepStatus.PROGRESS:
            return
        if self.now.children is not None:
            self._take_child(event, self.now.children)
        elif self.now.job == event.job:
            self._take_only(event)

    def _next(self) -> None:
        """Begin the step after those that have begun; without one the level is over."""
        begun = len(self.state.steps)
        if begun == len(self.level.steps):
            self.finish(succeeded=True, result=self.previous(before=begun))
            return
        names = self.names(before=begun)
        self.state = msgspec.structs.replace(self.state, steps=(*self.state.steps, StepState()))
        try:
            self._begin_step(self.level.steps[begun], names, delay_s=0.0 if self._again.ids else self._slept_s(begun))
        except ExpressionFailed as error:
            self.fail_without_job(error)

    def _slept_s(self, begun: int) -> float:
        """For how long the step at `begun` waits: as those before it say, back to the last one that took its time."""
        total = 0.0
        for index in reversed(range(begun)):
            step, state = self.level.steps[index], self.state.steps[index]
            if not state.skipped and step.sleep_s is not None:
                total += self.seconds(step.sleep_s, self.names(before=index + 1), step, "/sleep") or 0.0
            if not (state.skipped or step.mock is not None or isinstance(step.kind, Identity)):
                break
        return total

    def _begin_step(self, step: Step, names: Names, *, delay_s: float) -> None:
        if step.skip_if is not None and self.holds(step.skip_if, names, step, "/skip_if"):
            self.set(skipped=True)
            self.record(names.previous)
        elif step.mock is not None:
            self.record(step.mock)
        else:
            self._launch(step, names, delay_s=delay_s)

    def _launch(self, step: Step, names: Names, *, delay_s: float) -> None:
        again, self._again = self._again, Again()
        match step.kind:
            case Identity():
                self.record(names.previous)
            case InlineScript() | DeployedScript() | SubFlow():
                self._start(step, step.kind.inputs, names, delay_s=delay_s, again=again.inner)
            case BranchOne():
                self._choose(step, step.kind, names, delay_s=delay_s, again=again)
            case ForLoop() | WhileLoop() | BranchAll():
                self._go_on(children.begin(self, step, step.kind, names, again=again), delay_s, again=again.inner)

    def _go_on(self, items: list[msgspec.Raw], delay_s: float = 0.0, *, again: Again | None = None) -> None:
        """Start children of the step; with none to start and none under way it is over."""
        now = children.fill(self, items, delay_s, again=again)
        if not now.running:
            if now.first_failed is not None:
                self._maybe_repeat(canceled=False)
            else:
                self._succeeded()

    def _start(self, step: Step, inputs: Inputs, names: Names, *, delay_s: float, again: Again | None) -> None:
        start = Start(
            job=self.around.new_id(),
            step=step,
            args=self.args(step, inputs, names),
            delay_s=delay_s,
            timeout_s=_whole(self.seconds(step.timeout_s, names, step, "/timeout")),
            again=again,
        )
        self.set(job=start.job)
        self.commands.append(start)

    def _choose(self, step: Step, kind: BranchOne, names: Names, *, delay_s: float, again: Again) -> None:
        chosen = len(kind.branches) if again.branch is None else again.branch
        for index, branch in enumerate(kind.branches if again.branch is None else ()):
            if self.holds(branch.condition, names, step, f"/value/branches/{index}/expr"):
                chosen = index
                break
        job = self.around.new_id()
        self.set(job=job, branch=chosen)
        enter = Enter(job=job, step=step, branch=chosen, before=names.previous, delay_s=delay_s, again=again.inner)
        self.commands.append(enter)

    def _take_child(self, event: Ended, awaited: Children) -> None:
        try:
            is_awaited = children.take(self, event, awaited)
        except ExpressionFailed as error:
            children.fail(self, error)
            is_awaited = True
        try:
            if is_awaited:
                self._go_on([])
        except ExpressionFailed as error:
            self.fail_without_job(error)

    def _take_only(self, event: Ended) -> None:
        ends_early = event.stopped or event.skipped
        if event.succeeded and ends_early and isinstance(self.step.kind, BranchOne):
            self.set(status=StepStatus.SUCCESS)
            self.finish(succeeded=True, result=ResultOf(event.job), stopped=event.stopped, skipped=event.skipped)
        elif event.overtaken and not self.step.continue_on_error:
            self.set(status=StepStatus.FAILURE)
            self.finish(succeeded=True, result=ResultOf(event.job), skipped=True)
        elif event.succeeded:
            self._succeeded()
        else:
            self._maybe_repeat(canceled=event.canceled)

    def _succeeded(self) -> None:
        self.set(status=StepStatus.SUCCESS)
        index = len(self.state.steps) - 1
        result = self.result(index)
        try:
            if (broken := self._broken_with_error()) is not None:
                self._stop_early(broken, result, "/stop_after_if")
                return
            for stop, place in self._stops_after():
                if self.stops(stop, result, place):
                    self._stop_early(stop, result, place)
                    return
        except ExpressionFailed as error:
            self.set(status=StepStatus.FAILURE)
            self._give_up(failure_json(error))
            return
        if self.step.suspend is not None and self.step.suspend.required and not self.now.skipped:
            self._ask(self.step, self.step.suspend)
        else:
            self._next()

    def _ask(self, step: Step, suspend: Suspend) -> None:
        """Wait for approvals before the next step."""
        names = self.names(before=len(self.state.steps))
        try:
            timeout_s = self.seconds(suspend.timeout_s, names, step, "/suspend/timeout")
            groups = approval.groups_of(self, suspend, names)
        except ExpressionFailed as error:
            self.set(status=StepStatus.FAILURE)
            self._give_up(failure_json(error))
            return
        self.set(status=StepStatus.EVENTS, required=suspend.required)
        job = self.now.job or self.level.id
        self.commands.append(Ask(step=step, job=job, timeout_s=timeout_s, groups=groups))

    def judge(self, event: Answered) -> None:
        """Answers have come, or the time for them is over."""
        if not self.state.steps or self.step.id != event.step or self.now.status is not StepStatus.EVENTS:
            return
        verdict = approval.verdict_of(event, required=self.now.required)
        if verdict is None:
            return
        self.set(status=StepStatus.SUCCESS, verdict=verdict)
        self.commands.append(Settle(step=self.step))
        if verdict is Verdict.APPROVED or (self.step.suspend is not None and self.step.suspend.goes_on_anyway):
            self._next()
        else:
            self.set(status=StepStatus.FAILURE)
            self._give_up(approval.error_of(verdict, step=self.step.id, by=event.refused_by))

    def _broken_with_error(self) -> Stop | None:
        """The loop's own condition, where that has ended it as a failure."""
        stop, children = self.step.stop, self.now.children
        is_broken = children is not None and children.broken
        return stop if is_broken and stop is not None and stop.error is not None else None

    def _stops_after(self) -> list[tuple[Stop, str]]:
        """The conditions that may stop the level now: not the one that a loop looks at after each iteration."""
        step, now = self.step, self.now
        found = []
        if step.stop is not None and not isinstance(step.kind, ForLoop | WhileLoop):
            found.append((step.stop, "/stop_after_if"))
        if step.stop_after_all is not None and now.children is not None:
            found.append((step.stop_after_all, "/stop_after_all_iters_if"))
        return [] if now.skipped else found

    def _stop_early(self, stop: Stop, result: Ref | None, where: str) -> None:
        if stop.error is None:
            self.finish(succeeded=True, result=result, stopped=True, skipped=stop.skipped)
            return
        message = stop.error or f"The flow was stopped after step '{self.step.id}'."
        told = {}
        if stop.with_result:
            place = place_in(self.step, where)
            told["result"] = self.around.evaluate("result", self.names_after(result), place=place)
        self._give_up(error_json("EarlyStopError", message, **told))

    def _maybe_repeat(self, *, canceled: bool) -> None:
        """The step has failed: once more, where its policy says so."""
        step, now = self.step, self.now
        names = self.names(before=len(self.state.steps) - 1)
        try:
            delay_s = None if canceled else self._delay_s(step, now, names)
        except ExpressionFailed as error:
            self.set(status=StepStatus.FAILURE)
            self._give_up(failure_json(error))
            return
        if delay_s is None:
            self._failed()
            return
        failed = now.job if now.children is None else now.children.first_failed
        assert failed is not None
        self.set(failed=(*now.failed, failed), job=None, children=None, branch=None)
        try:
            self._begin_step(step, names, delay_s=delay_s)
        except ExpressionFailed as error:
            self.fail_without_job(error)

    def _delay_s(self, step: Step, now: StepState, names: Names) -> float | None:
        """How long to wait before the step is repeated; None: it is not."""
        if step.retry is None:
            return None
        policy = retry.parse(dict(step.retry.policy))
        if policy is None:
            return None
        delay_s = retry.delay_s(policy, len(now.failed), random=self.around.random())
        if delay_s is None or step.retry.condition is None:
            return delay_s
        return delay_s if self.holds(step.retry.condition, self._with_error(names), step, "/retry/retry_if") else None

    def _with_error(self, names: Names) -> Names:
        failed = self.now.job if self.now.children is None else self.now.children.first_failed
        if failed is None:
            return names
        return replace(names, values={**names.values, "result": ResultOf(failed), "error": ResultOf(failed)})

    def _failed(self) -> None:
        """The step has failed for good."""
        self.set(status=StepStatus.FAILURE)
        if self.step.continue_on_error:
            self._next()
        else:
            self._give_up(self.result(len(self.state.steps) - 1))

    def _give_up(self, error: bytes | Ref | None) -> None:
        """The level fails with `error`, after its failure step where it has one."""
        if self.level.failure is None:
            self.finish(succeeded=False, result=error)
            return
        values: dict[str, bytes | Ref] = {"error": b"null" if error is None else error}
        if self.state.steps:
            values["failed_step"] = jsontext.dumps(self.step.id)
        self._launch_apart(self.level.failure, "failure", values)

    def _launch_apart(self, step: Step, name: str, values: dict[str, bytes | Ref]) -> None:
        """Start the preprocessor or the failure step; one whose input cannot be evaluated has failed."""
        job = self.around.new_id()
        names = self.names(before=len(self.state.steps), values=values)
        self.state = msgspec.structs.replace(self.state, **{name: StepState(job=job)})
        try:
            self.commands.append(self._apart(step, job, names))
        except ExpressionFailed as error:
            self.commands.append(Record(job=job, step=step, result=failure_json(error), succeeded=False))

    def _apart(self, step: Step, job: UUID, names: Names) -> Start | Record:
        if step.mock is not None:
            return Record(job=job, step=step, result=step.mock)
        if not isinstance(step.kind, InlineScript | DeployedScript | SubFlow):
            return Record(job=job, step=step, result=names.values.get("error"))
        args = self.args(step, step.kind.inputs, names)
        if step is self.level.preprocessor:
            sent = self.around.evaluate("flow_input", names, place=place_in(step, ""))
            args = {**jsontext.object_fields(sent), **args}
        timeout_s = _whole(self.seconds(step.timeout_s, names, step, "/timeout"))
        return Start(job=job, step=step, args=args, timeout_s=timeout_s)

    def _after_failure_step(self, event: Ended) -> None:
        assert self.state.failure is not None
        status = StepStatus.SUCCESS if event.succeeded else StepStatus.FAILURE
        ended = msgspec.structs.replace(self.state.failure, status=status)
        self.state = msgspec.structs.replace(self.state, failure=ended)
        self.finish(succeeded=False, result=ResultOf(event.job))

    def _after_preprocessor(self, event: Ended) -> None:
        assert self.state.preprocessor is not None
        status = StepStatus.SUCCESS if event.succeeded else StepStatus.FAILURE
        ended = msgspec.structs.replace(self.state.preprocessor, status=status)
        self.state = msgspec.structs.replace(self.state, preprocessor=ended)
        if event.succeeded:
            self._next()
        else:
            self._give_up(ResultOf(event.job))


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else max(1, int(seconds))
