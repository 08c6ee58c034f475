"""What an expression of a flow sees: the names of `engine/flow`, filled with the values of one plan."""

import json
import random
import re
import time
from collections.abc import Callable
from typing import Final
from uuid import UUID

import msgspec

from tidemill.engine.expressions.evaluation import evaluate, failure
from tidemill.engine.expressions.javascript import Given, Limits, Touched
from tidemill.engine.expressions.need import Need, NeedKind, Needs
from tidemill.engine.flow.approval import value_of
from tidemill.engine.flow.commands import Names
from tidemill.engine.flow.state import Ref, ResultOf, approval_of, result_of
from tidemill.evaluators.messages import question_of
from tidemill.model import jsontext
from tidemill.model.errors import ExpressionFailed
from tidemill.model.flow import StepStatus
from tidemill.model.ids import new_id
from tidemill.worker.flows.values import PlanValues
from tidemill.worker.flows.views import View

_CALL: Final = re.compile(r"""\s*(variable|resource)\(\s*(["'`])(?P<path>[^"'`\\$]+)\2\s*\)\s*;?\s*""")
_ITEMS: Final = msgspec.json.Decoder(list[msgspec.Raw])


class Around:
    """`engine.flow.commands.Surroundings` for one level of a plan. `view_at` gives the levels of the plan."""

    def __init__(self, view: View, values: PlanValues, view_at: Callable[[UUID], View | None]) -> None:
        self._view = view
        self._values = values
        self._view_at = view_at

    def evaluate(self, text: str, names: Names, *, place: str) -> bytes:
        """See `Surroundings.evaluate`."""
        have: dict[Need, bytes | None] = {}
        while isinstance(answer := evaluate(text, have, run=self._run, place=place), Needs):
            try:
                have |= {need.whole: self._value(need, names) for need in answer.wanted}
            except ExpressionFailed as error:
                raise failure(text, error, place=place) from error
        return answer

    def argument(self, text: str, names: Names, *, place: str) -> bytes:
        """See `Surroundings.argument`: a variable or resource alone is put in when the job starts, and masked."""
        if (call := _CALL.fullmatch(text)) is not None:
            return jsontext.dumps(f"${call[1][:3]}:{call['path']}")
        return self.evaluate(text, names, place=place)

    def item(self, step: str, index: int) -> bytes:
        """See `Surroundings.item`."""
        return bytes(self._values.items(self._view.id, step)[index])

    def new_id(self) -> UUID:
        """See `Surroundings.new_id`."""
        return new_id(time.time_ns() // 1_000_000)

    def random(self) -> float:
        """See `Surroundings.random`."""
        return random.random()  # noqa: S311  # spreads delays

    def _run(self, expression: str, given: Given, *, names: list[str], limits: Limits) -> bytes | Touched:
        owner = f"{self._view.workspace_id}/{self._view.permissioned_as}"
        return self._values.evaluated(owner, question_of(expression, given, names=names, limits=limits))

    def _value(self, need: Need, names: Names) -> bytes | None:
        match need.kind:
            case NeedKind.RESULT:
                ref = self._result(need.name, names)
                return None if ref is None else self._values.text(ref)
            case NeedKind.VARIABLE:
                return self._values.reference(f"$var:{need.name}")
            case NeedKind.RESOURCE:
                return self._values.reference(f"$res:{need.name}")
            case NeedKind.ROOT:
                return self._root(need.name, names)

    def _root(self, name: str, names: Names) -> bytes | None:
        match name:
            case "flow_input":
                return self._input(names)
            case "previous_result":
                return self._input(names) if names.previous is None else self._values.text(names.previous)
            case "results":
                return self._all_results(names)
            case "flow_env":
                return jsontext.build_object(self._view.definition.flow.environment)
            case "params":
                return jsontext.build_object(names.params)
            case "error":
                return self._error(names)
            case "resume" | "resumes" | "approvers":
                return self._approval(name, names)
            case _:
                value = names.values.get(name)
                return value if value is None or isinstance(value, bytes) else self._values.text(value)

    def _input(self, names: Names) -> bytes:
        """The arguments of the flow; in a loop with `iter`, what the innermost one is at."""
        source = self._view_at(self._view.state.place.source)
        if source is None:
            raise ExpressionFailed("The input of the flow was erased.")
        args = self._given(source, names.input)
        iteration = self.iteration()
        if iteration is None:
            return args
        return jsontext.build_object({**jsontext.object_fields(args), "iter": iteration})

    def _given(self, source: View, made: Ref | None) -> bytes:
        """What the flow was started with, or what its preprocessor made of that."""
        if made is None and (made_by := source.state.preprocessed_by) is not None:
            made = ResultOf(made_by)
        if made is None:
            return self._values.kept_text(source.args)
        text = self._values.text(made)
        if not text.lstrip().startswith(b"{"):
            raise ExpressionFailed("The preprocessor must give an object: the input of the flow by its names.")
        return text

    def iteration(self) -> bytes | None:
        """Where the innermost loop around the level is, JSON; None where there is none."""
        view: View | None = self._view
        source = self._view.state.place.source
        while view is not None and view.id != source:
            given = self._values.kept_text(view.args)
            if view.index is not None and (found := jsontext.object_fields(given).get("iter")) is not None:
                return found
            view = None if view.parent is None else self._view_at(view.parent)
        return None

    def _result(self, step: str, names: Names) -> Ref | None:
        """Where the result of a step lies: of this level, or of one around it in the same flow."""
        if (found := names.results(step)) is not None:
            return found
        above = self._above(self._view)
        while above is not None:
            for number, state in enumerate(above.state.steps):
                if above.level.steps[number].id == step:
                    is_around = state.status is StepStatus.PROGRESS
                    return None if is_around else result_of(above.id, above.level.steps[number], state)
            above = self._above(above)
        return None

    def _above(self, view: View) -> View | None:
        """The level around one in the same flow."""
        if view.id == view.state.place.source or view.parent is None:
            return None
        return self._view_at(view.parent)

    def _all_results(self, names: Names) -> bytes:
        found = {step: ref for step in self._view.definition.steps if (ref := self._result(step, names)) is not None}
        self._values.bring(ref.job for ref in found.values() if isinstance(ref, ResultOf))
        return jsontext.build_object({step: self._values.text(ref) for step, ref in found.items()})

    def _approval(self, name: str, names: Names) -> bytes | None:
        """What was answered after the last step before that asked for approvals, in this level or around it."""
        approval, view = names.approval, self._view
        while approval is None:
            above = self._above(view)
            if above is None:
                return None
            approval, view = approval_of(above.level, above.state.steps), above
        answers = self._values.answers(approval.level, approval.step)
        return value_of(name, approval.verdict, answers, step=approval.step)

    def _error(self, names: Names) -> bytes | None:
        """What went wrong, with the step where it did."""
        value = names.values.get("error")
        if value is None:
            return None
        raw = value if isinstance(value, bytes) else self._values.text(value)
        try:
            fields = jsontext.object_fields(raw)
            error = jsontext.object_fields(fields["error"])
        except (KeyError, ExpressionFailed, ValueError, TypeError):
            return raw
        failed = names.values.get("failed_step")
        if isinstance(failed, bytes):
            error["step_id"] = failed
        return jsontext.build_object(error)


def items_of(raw: bytes) -> list[msgspec.Raw]:
    """The items of a list, each as it is written."""
    return _ITEMS.decode(raw)


def iteration_args(index: int, item: bytes) -> bytes:
    """What the job of an iteration has as its arguments."""
    return b'{"iter":{"index":%s,"value":%s}}' % (json.dumps(index).encode(), item)
