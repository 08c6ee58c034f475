"""A level of a flow while something happens to it: the state so far, what is to be done, what expressions see."""

from dataclasses import replace
from typing import Final

import msgspec

from tidemill.engine.flow.commands import Command, Finish, Names, Record, Surroundings
from tidemill.engine.flow.state import FlowState, Gathered, Level, Ref, ResultOf, StepState, approval_of, result_of
from tidemill.model import jsontext
from tidemill.model.errors import ExpressionFailed
from tidemill.model.flow import Expression, Inputs, Static, Step, Stop, Transform

_FALSE: Final = frozenset({b"false", b"null", b"0", b'""', b"-0", b"0.0"})
_MAX_DELAY_S: Final = 10 * 366 * 86400


class Progress:
    """A level, its state as it changes, and the commands so far."""

    def __init__(self, level: Level, state: FlowState, around: Surroundings) -> None:
        self.level = level
        self.state = state
        self.around = around
        self.commands: list[Command] = []

    @property
    def step(self) -> Step:
        """The step that has begun last."""
        return self.level.steps[len(self.state.steps) - 1]

    @property
    def now(self) -> StepState:
        """Where that step stands."""
        return self.state.steps[-1]

    def set(self, **changes: object) -> None:
        """Change where it stands."""
        now = msgspec.structs.replace(self.now, **changes)
        self.state = msgspec.structs.replace(self.state, steps=(*self.state.steps[:-1], now))

    def result(self, index: int) -> Ref | None:
        """Where the result of the step at `index` lies; a step that gives nothing passes on what came before it."""
        return result_of(self.level.id, self.level.steps[index], self.state.steps[index])

    def previous(self, *, before: int) -> Ref | None:
        """Where the result of the step before the one at `before` lies; None: it is the input of the flow."""
        return self.state.before if before == 0 else self.result(before - 1)

    def names(self, *, before: int, values: dict[str, bytes | Ref] | None = None) -> Names:
        """What an expression sees that is evaluated when `before` steps are over."""

        def results(name: str) -> Ref | None:
            for index in range(len(self.state.steps)):
                if self.level.steps[index].id == name:
                    return self.result(index)
            return None

        return Names(
            previous=self.previous(before=before),
            results=results,
            values=values or {},
            approval=approval_of(self.level, self.state.steps[:before]),
            input=None if (made_by := self.state.preprocessed_by) is None else ResultOf(made_by),
        )

    def record(self, result: bytes | Ref | None, *, succeeded: bool = True) -> None:
        """The step is over without a worker; that it has ended is told as of any other job."""
        job = self.around.new_id()
        self.set(job=job, children=None)
        self.commands.append(Record(job=job, step=self.step, result=result, succeeded=succeeded))

    def fail_without_job(self, error: ExpressionFailed) -> None:
        """The step has failed before anything could be started for it."""
        self.record(failure_json(error), succeeded=False)

    def finish(
        self, *, succeeded: bool, result: bytes | Ref | None, stopped: bool = False, skipped: bool = False
    ) -> None:
        """The level is over."""
        self.state = msgspec.structs.replace(self.state, ended=True, stopped=stopped, skipped=skipped)
        self.commands.append(Finish(succeeded=succeeded, result=result, stopped=stopped, skipped=skipped))

    def stops(self, stop: Stop, result: Ref | None, where: str) -> bool:
        """Whether the condition of an early stop holds for `result`."""
        return self.holds(stop.condition, self.names_after(result), self.step, where)

    def names_after(self, result: Ref | None) -> Names:
        """What an expression sees that looks at the `result` of the step."""
        values: dict[str, bytes | Ref] = {"result": b"null" if result is None else result}
        if (children := self.now.children) is not None:
            values["all_iters"] = Gathered(self.level.id, self.step.id, children.started, self.now.kept)
        return self.names(before=len(self.state.steps) - 1, values=values)

    def args(self, step: Step, inputs: Inputs, names: Names) -> dict[str, bytes]:
        """The arguments of a step's job, as JSON texts."""
        params = {name: each.value for name, each in inputs.items() if isinstance(each, Static)}
        names = replace(names, params=params)
        return {
            name: each.value
            if isinstance(each, Static)
            else self.around.argument(each.text, names, place=place_in(step, f"/value/input_transforms/{name}"))
            for name, each in inputs.items()
        }

    def value(self, transform: Transform, names: Names, place: str) -> bytes:
        """The JSON text that a transform gives."""
        match transform:
            case Static():
                return transform.value
            case Expression():
                return self.around.evaluate(transform.text, names, place=place)

    def holds(self, text: str, names: Names, step: Step, where: str) -> bool:
        """Whether a condition of a step holds."""
        return self.is_true(text, names, place_in(step, where))

    def is_true(self, text: str, names: Names, place: str) -> bool:
        """Whether an expression gives what JavaScript takes for true."""
        return self.around.evaluate(text, names, place=place).strip() not in _FALSE

    def seconds(self, transform: Transform | None, names: Names, step: Step, where: str) -> float | None:
        """A number that a transform gives; None for none and for null."""
        if transform is None:
            return None
        raw = self.value(transform, names, place_in(step, where))
        value = jsontext.loads(raw)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MAX_DELAY_S:
            raise ExpressionFailed(
                f"{place_in(step, where)} must give a number from 0 to {_MAX_DELAY_S}; "
                f"it gave {raw[:60].decode(errors='replace')}."
            )
        return float(value)


def place_in(step: Step, where: str) -> str:
    """Where something stands in a step, for messages."""
    return f"{step.place}{where} of step '{step.id}'"


def failure_json(error: ExpressionFailed) -> bytes:
    """What could not be evaluated or read, in the shape that results have."""
    return error_json(type(error).__name__, str(error))


def error_json(name: str, message: str, **more: bytes) -> bytes:
    """A failure in the shape that results have. `more`: JSON texts beside its name and message."""
    error = {"name": jsontext.dumps(name), "message": jsontext.dumps(message), **more}
    return jsontext.build_object({"error": jsontext.build_object(error)})
