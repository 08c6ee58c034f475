"""What an expression of a flow sees: the names of `engine/flow`, filled with the values of one plan."""

import json
import random
import re
import time
from collections.abc import Callable
from typing import Final
from uuid import UUID

from tidemill.db.pool import Json
from tidemill.db.values import Kept
from tidemill.engine.expressions.evaluation import evaluate, failure
from tidemill.engine.expressions.javascript import Given, Limits, Touched
from tidemill.engine.expressions.need import Large, Need, NeedKind, Needs
from tidemill.engine.expressions.paths import parse_path
from tidemill.engine.flow.approval import value_of
from tidemill.engine.flow.commands import Names
from tidemill.engine.flow.state import Ref, ResultOf, approval_of, result_of
from tidemill.evaluators.messages import question_of
from tidemill.model import jsontext
from tidemill.model.errors import ExpressionFailed
from tidemill.model.flow import StepStatus, WhileLoop
from tidemill.model.ids import new_id
from tidemill.worker.flows.values import PlanValues
from tidemill.worker.flows.views import View

_ITERATION: Final = b'{"iter":'
_REFERENCE: Final = re.compile(rb'"\$(?:var|res):[^"\\]+"')
_CALL: Final = re.compile(r"""\s*(variable|resource)\(\s*(["'`])(?P<path>[^"'`\\$]+)\2\s*\)\s*;?\s*""")


class Around:
    """`engine.flow.commands.Surroundings` for one level of a plan. `view_at` gives the levels of the plan."""

    def __init__(self, view: View, values: PlanValues, view_at: Callable[[UUID], View | None]) -> None:
        self._view = view
        self._values = values
        self._view_at = view_at

    def evaluate(self, text: str, names: Names, *, place: str) -> bytes:
        """See `Surroundings.evaluate`."""
        have: dict[Need, bytes | Large | None] = {}
        while isinstance(answer := evaluate(text, have, run=self._run, place=place), Needs):
            try:
                for need in answer.wanted:
                    have |= self._known(need, names, entire=answer.entire)
            except ExpressionFailed as error:
                raise failure(text, error, place=place) from error
        return answer

    def argument(self, text: str, names: Names, *, place: str) -> bytes:
        """See `Surroundings.argument`: a variable or resource alone is put in when the job starts, and masked."""
        if (call := _CALL.fullmatch(text)) is not None:
            return jsontext.dumps(f"${call[1][:3]}:{call['path']}")
        if (constants := self._constants_alone(text)) is not None:
            return constants
        return self.evaluate(text, names, place=place)

    def item(self, step: str, index: int) -> bytes:
        """See `Surroundings.item`."""
        return self._values.item(self._view.id, step, index)

    def new_id(self) -> UUID:
        """See `Surroundings.new_id`."""
        return new_id(time.time_ns() // 1_000_000)

    def random(self) -> float:
        """See `Surroundings.random`."""
        return random.random()  # noqa: S311  # spreads delays

    def _run(self, expression: str, given: Given, *, names: list[str], limits: Limits) -> bytes | Touched:
        owner = f"{self._view.workspace_id}/{self._view.permissioned_as}"
        return self._values.evaluated(owner, question_of(expression, given, names=names, limits=limits))

    def _known(self, need: Need, names: Names, *, entire: bool) -> dict[Need, bytes | Large | None]:
        """What `need` asks for, or more: all of it, unless it is large."""
        match need.kind:
            case NeedKind.RESULT:
                ref = self._result(need.name, names)
                return {need.whole: None} if ref is None else self._values.reach(ref, need, entire=entire)
            case NeedKind.VARIABLE:
                return {need: self._values.reference(f"$var:{need.name}")}
            case NeedKind.RESOURCE:
                return {need: self._values.reference(f"$res:{need.name}")}
            case NeedKind.ROOT:
                return self._root(need, names, entire=entire)

    def _root(self, need: Need, names: Names, *, entire: bool) -> dict[Need, bytes | Large | None]:
        if need.name == "previous_result" and names.previous is not None:
            return self._values.reach(names.previous, need, entire=entire)
        if need.name in {"flow_input", "previous_result"}:
            return self._input(need, names, entire=entire)
        if need.name == "flow_env":
            return self._constants(need, entire=entire)
        value = names.values.get(need.name)
        if need.name in {"result", "all_iters"} and isinstance(value, Ref):
            return self._values.reach(value, need, entire=entire)
        return {need.whole: self._whole(need.name, names)}

    def _whole(self, name: str, names: Names) -> bytes | None:
        match name:
            case "results":
                return self._all_results(names)
            case "params":
                return jsontext.build_object(names.params)
            case "error":
                return self._error(names)
            case "resume" | "resumes" | "approvers":
                return self._approval(name, names)
            case _:
                value = names.values.get(name)
                return value if value is None or isinstance(value, bytes) else self._values.text(value)

    def _constants_alone(self, text: str) -> bytes | None:
        """The constants of the flow, or one of them, as they are written: where `text` names nothing else."""
        need = parse_path(text)
        if need is None or (need.kind, need.name) != (NeedKind.ROOT, "flow_env") or len(need.path) > 1:
            return None
        constants = self._view.definition.flow.environment
        return constants.get(str(need.path[0])) if need.path else jsontext.build_object(constants)

    def _constants(self, need: Need, *, entire: bool) -> dict[Need, bytes | Large | None]:
        """The constants of the flow; references only where they are touched, since not all may be looked into."""
        constants = self._view.definition.flow.environment
        if not any(map(_REFERENCE.fullmatch, constants.values())):
            return {need.whole: jsontext.build_object(constants)}
        if need.path:
            name = str(need.path[0])
            return {Need(need.kind, need.name, (need.path[0],)): self._constant(constants.get(name))}
        if not entire:
            return {need: Large(is_array=False)}
        return {
            need: jsontext.build_object({name: self._constant(each) or b"null" for name, each in constants.items()})
        }

    def _constant(self, value: bytes | None) -> bytes | None:
        if value is None or _REFERENCE.fullmatch(value) is None:
            return value
        return self._values.reference(value[1:-1].decode())

    def _input(self, need: Need, names: Names, *, entire: bool) -> dict[Need, bytes | Large | None]:
        """The arguments of the flow; in a loop with `iter`, what the innermost one is at."""
        source = self._view_at(self._view.state.place.source)
        if source is None:
            raise ExpressionFailed("The input of the flow was erased.")
        given, around = self._given(source, names.input), self._iteration()
        if names.iteration is not None:
            around = Kept(inline=Json(b"%s%s}" % (_ITERATION, names.iteration)))
        if need.path:
            kept = around if around is not None and need.path[0] == "iter" else given
            return {need: self._values.part(kept, need, entire=entire)}
        if given.digest is None and (around is None or around.digest is None):
            return {need: self._whole_input(given, around)}
        return {need: self._whole_input(given, around) if entire else Large(is_array=False)}

    def _whole_input(self, given: Kept, around: Kept | None) -> bytes:
        args = self._values.kept_text(given)
        if around is None:
            return args
        return jsontext.build_object({**jsontext.object_fields(args), **self._iter_of(around)})

    def _given(self, source: View, made: Ref | None) -> Kept:
        """What the flow was started with, or what its preprocessor made of that."""
        if made is None and (made_by := source.state.preprocessed_by) is not None:
            made = ResultOf(made_by)
        if made is None:
            return source.args
        kept = self._values.kept(made)
        root = self._values.part(kept, Need(NeedKind.ROOT, "flow_input"), entire=False)
        if root is None or (root.is_array if isinstance(root, Large) else not root.lstrip().startswith(b"{")):
            raise ExpressionFailed("The preprocessor must give an object: the input of the flow by its names.")
        return kept

    def iteration(self) -> bytes | None:
        """Where the innermost loop around the level is, JSON; None where there is none."""
        found = self._iteration()
        return None if found is None else self._iter_of(found)["iter"]

    def _iter_of(self, args: Kept) -> dict[str, bytes]:
        return jsontext.object_fields(self._values.kept_text(args))

    def _iteration(self) -> Kept | None:
        """The arguments of the innermost iteration around the level."""
        view: View | None = self._view
        source = self._view.state.place.source
        while view is not None and view.id != source:
            if view.index is not None and self._is_iteration(view.args):
                return view.args
            view = None if view.parent is None else self._view_at(view.parent)
        return None

    def _is_iteration(self, args: Kept) -> bool:
        """A branch has none, and those of an iteration may be large."""
        return args.digest is not None or self._values.kept_text(args).startswith(_ITERATION)

    def _result(self, step: str, names: Names) -> Ref | None:
        """Where the result of a step lies: of this level, or of one around it in the same flow."""
        if (found := names.results(step)) is not None:
            return found
        view: View | None = self._view
        while view is not None:
            for number, each in enumerate(view.level.steps):
                if each.id == step:
                    return self._result_in(view, number) or self._result_before(view, number)
            view = self._above(view)
        return None

    def _result_in(self, view: View, number: int) -> Ref | None:
        """Where the result of a step of a level around this one lies; None where it has not ended."""
        is_around = view.id == self._view.id or number >= len(view.state.steps)
        if is_around or view.state.steps[number].status is StepStatus.PROGRESS:
            return None
        return result_of(view.id, view.level.steps[number], view.state.steps[number])

    def _result_before(self, view: View, number: int) -> Ref | None:
        """Where the result of a step of a `while` loop lies that has not ended in this iteration: in the one before."""
        around = self._above(view)
        if around is None or view.step is None or not view.index:
            return None
        if not isinstance(view.definition.steps[view.step].kind, WhileLoop):
            return None
        index = view.index - 1
        kept = around.state.steps[-1].kept
        loop = next((level for level, end in kept if index < end), around.id)
        before = self._values.iteration(loop, view.step, index)
        if before.version != view.script_hash:
            raise ExpressionFailed(
                f"Iteration {index} of '{view.step}' ran another version of the flow: start the loop as a whole."
            )
        steps = before.state.steps
        return result_of(before.id, view.level.steps[number], steps[number]) if number < len(steps) else None

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


def iteration_args(index: int, item: bytes) -> bytes:
    """What the job of an iteration has as its arguments."""
    return b'%s{"index":%s,"value":%s}}' % (_ITERATION, json.dumps(index).encode(), item)
