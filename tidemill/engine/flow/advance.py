"""One level of a flow: its steps + its state + an event -> its new state + what is to be done.

Steps run in order. A step is over when its job is (or all children of a loop or of branches are); then it is decided
whether it is repeated, whether the level ends, and which step comes next. What needs no worker (`identity`, `mock`,
skipped steps) is recorded, and told as ended like any other job.
"""

from dataclasses import replace
from typing import Final

import msgspec

from tidemill.engine import retry
from tidemill.engine.flow.commands import (
    Change,
    Command,
    Ended,
    Enter,
    Event,
    Finish,
    KeepItems,
    Names,
    Record,
    Start,
    Started,
    Surroundings,
)
from tidemill.engine.flow.state import AT_ONCE, Children, FlowState, Level, Ref, ResultOf, StepState, result_of
from tidemill.model import jsontext
from tidemill.model.errors import ExpressionFailed
from tidemill.model.flow import (
    BranchAll,
    BranchOne,
    DeployedScript,
    Expression,
    ForLoop,
    Identity,
    InlineScript,
    Inputs,
    Static,
    Step,
    StepStatus,
    Stop,
    SubFlow,
    Transform,
    WhileLoop,
)

_FALSE: Final = frozenset({b"false", b"null", b"0", b'""', b"-0", b"0.0"})
_MAX_DELAY_S: Final = 10 * 366 * 86400


def advance(level: Level, state: FlowState, event: Event, around: Surroundings) -> Change:
    """What `event` makes of a level. An event that is not (any more) awaited changes nothing."""
    run = _Run(level, state, around)
    if not state.ended:
        match event:
            case Started():
                run.begin(event)
            case Ended():
                run.take(event)
    return Change(run.state, tuple(run.commands))


class _Run:
    """One call of `advance`: the state as it changes, and the commands so far."""

    def __init__(self, level: Level, state: FlowState, around: Surroundings) -> None:
        self.level = level
        self.state = state
        self.around = around
        self.commands: list[Command] = []
        self._items: list[msgspec.Raw] = []

    def begin(self, event: Started) -> None:
        """The first step, or the preprocessor before it."""
        if self.state.steps or self.state.preprocessor is not None:
            return
        try:
            if self.level.skip_if is not None and self._is_true(
                self.level.skip_if, self._names(before=0), "/skip_expr"
            ):
                self._finish(succeeded=True, result=None, stopped=True, skipped=True)
            elif event.preprocess and self.level.preprocessor is not None:
                self._launch_apart(self.level.preprocessor, "preprocessor", {})
            else:
                self._next()
        except ExpressionFailed as error:
            self._finish(succeeded=False, result=error_json("ExpressionFailed", str(error)))

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
        if not state.steps or self._step.id != event.step or self._now.status is not StepStatus.PROGRESS:
            return
        if self._now.children is not None:
            self._take_child(event, self._now.children)
        elif self._now.job == event.job:
            self._take_only(event)

    # where it stands

    @property
    def _step(self) -> Step:
        return self.level.steps[len(self.state.steps) - 1]

    @property
    def _now(self) -> StepState:
        return self.state.steps[-1]

    def _set(self, **changes: object) -> None:
        now = msgspec.structs.replace(self._now, **changes)
        self.state = msgspec.structs.replace(self.state, steps=(*self.state.steps[:-1], now))

    def _result(self, index: int) -> Ref | None:
        """Where the result of the step at `index` lies; a step that gives nothing passes on what came before it."""
        return result_of(self.level.id, self.level.steps[index], self.state.steps[index])

    def _previous(self, *, before: int) -> Ref | None:
        return self.state.before if before == 0 else self._result(before - 1)

    def _names(self, *, before: int, values: dict[str, bytes | Ref] | None = None) -> Names:
        """What an expression sees that is evaluated when `before` steps are over."""

        def results(name: str) -> Ref | None:
            for index in range(len(self.state.steps)):
                if self.level.steps[index].id == name:
                    return self._result(index)
            return None

        return Names(previous=self._previous(before=before), results=results, values=values or {})

    # the order of the steps

    def _next(self) -> None:
        """Begin the step after those that have begun; without one the level is over."""
        begun = len(self.state.steps)
        if begun == len(self.level.steps):
            self._finish(succeeded=True, result=self._previous(before=begun))
            return
        self.state = msgspec.structs.replace(self.state, steps=(*self.state.steps, StepState()))
        try:
            self._begin_step(self.level.steps[begun], self._names(before=begun))
        except ExpressionFailed as error:
            self._fail_without_job(error)

    def _begin_step(self, step: Step, names: Names) -> None:
        if step.skip_if is not None and self._holds(step.skip_if, names, step, "/skip_if"):
            self._set(skipped=True)
            self._record(names.previous)
        elif step.mock is not None:
            self._record(step.mock)
        else:
            delay_s = self._seconds(step.sleep_s, names, step, "/sleep")
            self._launch(step, names, delay_s=delay_s or 0.0)

    def _launch(self, step: Step, names: Names, *, delay_s: float) -> None:
        match step.kind:
            case Identity():
                self._record(names.previous)
            case InlineScript() | DeployedScript() | SubFlow():
                self._start(step, step.kind.inputs, names, delay_s=delay_s)
            case BranchOne():
                self._choose(step, step.kind, names, delay_s=delay_s)
            case ForLoop():
                self._keep_items(step, step.kind, names)
                cap = self._cap(step, step.kind, names)
                self._set(children=Children(total=len(self._items), cap=cap), job=None)
                self._fill(delay_s)
            case WhileLoop():
                self._set(children=Children(total=None), job=None)
                self._fill(delay_s)
            case BranchAll():
                total = len(step.kind.branches)
                self._set(children=Children(total=total, cap=AT_ONCE if step.kind.parallel else 1), job=None)
                self._fill(delay_s)

    def _start(self, step: Step, inputs: Inputs, names: Names, *, delay_s: float) -> None:
        start = Start(
            job=self.around.new_id(),
            step=step,
            args=self._args(step, inputs, names),
            delay_s=delay_s,
            timeout_s=_whole(self._seconds(step.timeout_s, names, step, "/timeout")),
        )
        self._set(job=start.job)
        self.commands.append(start)

    def _choose(self, step: Step, kind: BranchOne, names: Names, *, delay_s: float) -> None:
        chosen = len(kind.branches)
        for index, branch in enumerate(kind.branches):
            if self._holds(branch.condition, names, step, f"/value/branches/{index}/expr"):
                chosen = index
                break
        job = self.around.new_id()
        self._set(job=job, branch=chosen)
        self.commands.append(Enter(job=job, step=step, branch=chosen, before=names.previous, delay_s=delay_s))

    def _record(self, result: bytes | Ref | None, *, succeeded: bool = True) -> None:
        """The step is over without a worker; that it has ended is told as of any other job."""
        job = self.around.new_id()
        self._set(job=job, children=None)
        self.commands.append(Record(job=job, step=self._step, result=result, succeeded=succeeded))

    def _fail_without_job(self, error: ExpressionFailed) -> None:
        self._record(error_json("ExpressionFailed", str(error)), succeeded=False)

    # loops and branches

    def _keep_items(self, step: Step, kind: ForLoop, names: Names) -> None:
        """Evaluate and keep what a loop goes through."""
        items = self._value(kind.iterator, names, f"{step.place}/value/iterator")
        try:
            self._items = msgspec.json.decode(items, type=list[msgspec.Raw])
        except msgspec.DecodeError as error:
            raise ExpressionFailed(
                f"The iterator of step '{step.id}' must give a list; it gave {items[:60].decode(errors='replace')}."
            ) from error
        self.commands.append(KeepItems(step=step.id, items=items))

    def _item(self, step: Step, index: int) -> bytes | None:
        """What an iteration is for: an item, or its number where there are no items."""
        if isinstance(step.kind, ForLoop):
            return bytes(self._items[index]) if self._items else self.around.item(step.id, index)
        return str(index).encode() if isinstance(step.kind, WhileLoop) else None

    def _cap(self, step: Step, kind: ForLoop, names: Names) -> int:
        if not kind.parallel:
            return 1
        wanted = self._seconds(kind.parallelism, names, step, "/value/parallelism")
        return min(AT_ONCE, max(1, int(wanted))) if wanted else AT_ONCE

    def _fill(self, delay_s: float = 0.0) -> None:
        """Start as many children as may run; with none to start and none under way the step is over."""
        children = self._now.children
        assert children is not None
        step, before = self._step, self._previous(before=len(self.state.steps) - 1)
        while not _is_full(children):
            index, job = children.started, self.around.new_id()
            item = self._item(step, index)
            branch = index if isinstance(step.kind, BranchAll) else 0
            self.commands.append(
                Enter(job=job, step=step, branch=branch, index=index, item=item, before=before, delay_s=delay_s)
            )
            children = _with(children, started=index + 1, running=(*children.running, index))
            self._set(children=children, job=job)
        if not children.running:
            if children.first_failed is not None:
                self._maybe_repeat(canceled=False)
            else:
                self._succeeded()

    def _take_child(self, event: Ended, children: Children) -> None:
        if event.index is None or event.index not in children.running:
            return
        children = _with(children, running=tuple(each for each in children.running if each != event.index))
        if not event.succeeded:
            children = _with(children, failures=children.failures + 1)
            if not self._is_excused(event.index):
                is_first = children.first_failed is None or event.index < children.failed_index
                if is_first:
                    children = _with(children, first_failed=event.job, failed_index=event.index)
        self._set(children=children)
        try:
            if isinstance(self._step.kind, ForLoop | WhileLoop) and (event.stopped or self._breaks(event)):
                self._set(children=_with(children, stopped=True))
            self._fill()
        except ExpressionFailed as error:
            self._fail_without_job(error)

    def _is_excused(self, index: int) -> bool:
        match self._step.kind:
            case ForLoop() | WhileLoop():
                return self._step.kind.skip_failures
            case BranchAll():
                return self._step.kind.branches[index].skip_failure
            case _:
                return False

    def _breaks(self, event: Ended) -> bool:
        """Whether the loop's own condition, looked at after each iteration, ends it."""
        stop = self._step.stop
        if stop is None or not event.succeeded:
            return False
        return self._stops(stop, ResultOf(event.job), "/stop_after_if")

    # the end of a step

    def _take_only(self, event: Ended) -> None:
        if event.succeeded and event.stopped and isinstance(self._step.kind, BranchOne):
            self._set(status=StepStatus.SUCCESS)
            self._finish(succeeded=True, result=ResultOf(event.job), stopped=True, skipped=event.skipped)
        elif event.succeeded:
            self._succeeded()
        else:
            self._maybe_repeat(canceled=event.canceled)

    def _succeeded(self) -> None:
        self._set(status=StepStatus.SUCCESS)
        index = len(self.state.steps) - 1
        result = self._result(index)
        try:
            for stop, place in self._stops_after():
                if self._stops(stop, result, place):
                    self._stop_early(stop, result)
                    return
        except ExpressionFailed as error:
            self._set(status=StepStatus.FAILURE)
            self._give_up(error_json("ExpressionFailed", str(error)))
            return
        self._next()

    def _stops_after(self) -> list[tuple[Stop, str]]:
        """The conditions that may stop the level now: not the one that a loop looks at after each iteration."""
        step, now = self._step, self._now
        found = []
        if step.stop is not None and not isinstance(step.kind, ForLoop | WhileLoop):
            found.append((step.stop, "/stop_after_if"))
        if step.stop_after_all is not None and now.children is not None:
            found.append((step.stop_after_all, "/stop_after_all_iters_if"))
        return [] if now.skipped else found

    def _stops(self, stop: Stop, result: Ref | None, where: str) -> bool:
        values: dict[str, bytes | Ref] = {"result": b"null" if result is None else result}
        names = self._names(before=len(self.state.steps) - 1, values=values)
        return self._holds(stop.condition, names, self._step, where)

    def _stop_early(self, stop: Stop, result: Ref | None) -> None:
        if stop.error is None:
            self._finish(succeeded=True, result=result, stopped=True, skipped=stop.skipped)
        else:
            message = stop.error or f"The flow was stopped after step '{self._step.id}'."
            self._give_up(error_json("EarlyStopError", message))

    def _maybe_repeat(self, *, canceled: bool) -> None:
        """The step has failed: once more, where its policy says so."""
        step, now = self._step, self._now
        names = self._names(before=len(self.state.steps) - 1)
        try:
            delay_s = None if canceled else self._delay_s(step, now, names)
            if delay_s is None:
                self._failed()
                return
            failed = now.job if now.children is None else now.children.first_failed
            assert failed is not None
            self._set(failed=(*now.failed, failed), children=None, branch=None)
            self._launch(step, names, delay_s=delay_s)
        except ExpressionFailed as error:
            self._fail_without_job(error)

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
        return delay_s if self._holds(step.retry.condition, self._with_error(names), step, "/retry/retry_if") else None

    def _with_error(self, names: Names) -> Names:
        failed = self._now.job if self._now.children is None else self._now.children.first_failed
        if failed is None:
            return names
        return replace(names, values={**names.values, "result": ResultOf(failed), "error": ResultOf(failed)})

    def _failed(self) -> None:
        """The step has failed for good."""
        self._set(status=StepStatus.FAILURE)
        if self._step.continue_on_error:
            self._next()
        else:
            self._give_up(self._result(len(self.state.steps) - 1))

    # the end of the level

    def _give_up(self, error: bytes | Ref | None) -> None:
        """The level fails with `error`, after its failure step where it has one."""
        if self.level.failure is None:
            self._finish(succeeded=False, result=error)
            return
        values: dict[str, bytes | Ref] = {"error": b"null" if error is None else error}
        if self.state.steps:
            values["failed_step"] = jsontext.dumps(self._step.id)
        try:
            self._launch_apart(self.level.failure, "failure", values)
        except ExpressionFailed:
            self._finish(succeeded=False, result=error)

    def _launch_apart(self, step: Step, name: str, values: dict[str, bytes | Ref]) -> None:
        """Start the preprocessor or the failure step."""
        job = self.around.new_id()
        names = self._names(before=len(self.state.steps), values=values)
        self.state = msgspec.structs.replace(self.state, **{name: StepState(job=job)})
        inputs = step.kind.inputs if isinstance(step.kind, InlineScript | DeployedScript | SubFlow) else {}
        if isinstance(step.kind, InlineScript | DeployedScript | SubFlow):
            self.commands.append(Start(job=job, step=step, args=self._args(step, inputs, names)))
        else:
            self.commands.append(Record(job=job, step=step, result=values.get("error")))

    def _after_failure_step(self, event: Ended) -> None:
        assert self.state.failure is not None
        status = StepStatus.SUCCESS if event.succeeded else StepStatus.FAILURE
        ended = msgspec.structs.replace(self.state.failure, status=status)
        self.state = msgspec.structs.replace(self.state, failure=ended)
        self._finish(succeeded=False, result=ResultOf(event.job))

    def _after_preprocessor(self, event: Ended) -> None:
        assert self.state.preprocessor is not None
        status = StepStatus.SUCCESS if event.succeeded else StepStatus.FAILURE
        ended = msgspec.structs.replace(self.state.preprocessor, status=status)
        self.state = msgspec.structs.replace(self.state, preprocessor=ended)
        if event.succeeded:
            self._next()
        else:
            self._give_up(ResultOf(event.job))

    def _finish(
        self, *, succeeded: bool, result: bytes | Ref | None, stopped: bool = False, skipped: bool = False
    ) -> None:
        self.state = msgspec.structs.replace(self.state, ended=True, stopped=stopped, skipped=skipped)
        self.commands.append(Finish(succeeded=succeeded, result=result, stopped=stopped, skipped=skipped))

    # values

    def _args(self, step: Step, inputs: Inputs, names: Names) -> dict[str, bytes]:
        place = f"{step.place}/value/input_transforms"
        return {
            name: transform.value
            if isinstance(transform, Static)
            else self.around.argument(transform.text, names, place=f"{place}/{name}")
            for name, transform in inputs.items()
        }

    def _value(self, transform: Transform, names: Names, place: str) -> bytes:
        match transform:
            case Static():
                return transform.value
            case Expression():
                return self.around.evaluate(transform.text, names, place=place)

    def _holds(self, text: str, names: Names, step: Step, where: str) -> bool:
        return self._is_true(text, names, step.place + where)

    def _is_true(self, text: str, names: Names, place: str) -> bool:
        return self.around.evaluate(text, names, place=place).strip() not in _FALSE

    def _seconds(self, transform: Transform | None, names: Names, step: Step, where: str) -> float | None:
        """A number that a transform gives; None for none and for null."""
        if transform is None:
            return None
        raw = self._value(transform, names, step.place + where)
        value = jsontext.loads(raw)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MAX_DELAY_S:
            raise ExpressionFailed(
                f"{step.place}{where} of step '{step.id}' must give a number from 0 to {_MAX_DELAY_S}; "
                f"it gave {raw[:60].decode(errors='replace')}."
            )
        return float(value)


def error_json(name: str, message: str) -> bytes:
    """A failure in the shape that results have."""
    return jsontext.dumps({"error": {"name": name, "message": message}})


def _is_full(children: Children) -> bool:
    """Whether no child may start (now): enough run, all have, or no more shall."""
    is_over = children.stopped or children.first_failed is not None or children.started == children.total
    return is_over or len(children.running) >= children.cap


def _with(children: Children, **changes: object) -> Children:
    return msgspec.structs.replace(children, **changes)


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else max(1, int(seconds))
