"""The values of one plan: of what has ended before, and of what ends with it."""

import hashlib
from typing import Final, cast
from uuid import UUID

import msgspec

from tidemill.db.pool import Json
from tidemill.db.values import Kept
from tidemill.engine.expressions.javascript import Touched
from tidemill.engine.flow.approval import Answer
from tidemill.engine.flow.state import Gathered, Ref, ResultOf
from tidemill.evaluators.messages import Evaluation, Question
from tidemill.worker.flows.known import (
    Known,
    Memo,
    WantAnswers,
    WantBytes,
    Wanted,
    WantEvaluation,
    WantGathered,
    WantItems,
    WantKept,
    WantReference,
    WantResults,
    answer_of,
)

_NULL: Final = b"null"


class PlanValues:
    """Finds values; raises `Wanted` for one that has to be loaded first. `inline_bytes`: as `Values.inline_bytes`."""

    def __init__(self, known: Known, memo: Memo, *, inline_bytes: int) -> None:
        self._known = known
        self._memo = memo
        self._inline_bytes = inline_bytes
        self._results: dict[UUID, Kept] = {}
        self._levels: set[UUID] = set()
        self._children: dict[tuple[UUID, str], dict[int, UUID]] = {}
        self._items: dict[tuple[UUID, str], list[msgspec.Raw]] = {}
        self._answers: dict[tuple[UUID, str], tuple[Answer, ...]] = {}

    def add_result(self, job: UUID, result: Kept, *, child_of: tuple[UUID, str, int] | None = None) -> None:
        """A job ends with this plan. `child_of`: level, step and index of one of several children."""
        self._results[job] = result
        if child_of is not None:
            level, step, index = child_of
            self._children.setdefault((level, step), {})[index] = job

    def add_level(self, level: UUID) -> None:
        """A level comes into being with this plan: its id is another one at the next try."""
        self._levels.add(level)

    def add_items(self, level: UUID, step: str, items: list[msgspec.Raw]) -> None:
        """A loop begins with this plan."""
        self._items[level, step] = items

    def items(self, level: UUID, step: str) -> list[msgspec.Raw]:
        """What a loop goes through."""
        found = self._items.get((level, step))
        if found is None:
            raw = cast("bytes", answer_of(self._memo, WantItems(level, step)))
            found = self._items[level, step] = msgspec.json.decode(raw, type=list[msgspec.Raw])
        return found

    def add_answers(self, level: UUID, step: str, answers: tuple[Answer, ...]) -> None:
        """A step counts these with this plan."""
        self._answers[level, step] = answers

    def answers(self, level: UUID, step: str) -> tuple[Answer, ...]:
        """The answers that a step has counted."""
        ours = self._answers.get((level, step))
        return ours if ours is not None else cast("tuple[Answer, ...]", answer_of(self._memo, WantAnswers(level, step)))

    def reference(self, text: str) -> bytes:
        """The value of a variable or resource."""
        return cast("bytes", answer_of(self._memo, WantReference(text)))

    def evaluated(self, owner: str, question: Question) -> bytes | Touched:
        """What an evaluator of `owner` answers. One that takes long is waited for between two tries at the plan."""
        want = WantEvaluation(owner, question)
        if want in self._memo.answers:
            return cast("Evaluation", answer_of(self._memo, want)).told()
        answer = self._known.evaluators.at_once(owner, question)
        if answer is None:
            raise Wanted(want)
        return answer.told()

    def text(self, ref: Ref) -> bytes:
        """The JSON text of a result."""
        match ref:
            case ResultOf():
                return self.kept_text(self._result(ref.job))
            case Gathered():
                parts = self._gathered(ref)
                return b"[" + b",".join(map(self.kept_text, parts)) + b"]"

    def kept(self, result: bytes | Ref) -> Kept:
        """Where a result is, so that another row can name it."""
        match result:
            case ResultOf():
                return self._result(result.job)
            case Gathered():
                return self._keep(self.text(result))
            case _:
                return self._keep(result)

    def kept_text(self, kept: Kept) -> bytes:
        """The JSON text of a value, wherever it is."""
        if kept.inline is not None:
            return kept.inline.raw
        if kept.digest is None:
            return _NULL
        return cast("bytes", answer_of(self._memo, WantBytes(kept.digest)))

    def _keep(self, raw: bytes) -> Kept:
        if len(raw) <= self._inline_bytes:
            return Kept(inline=Json(raw))
        return cast("Kept", answer_of(self._memo, WantKept(hashlib.sha256(raw).digest(), raw)))

    def _result(self, job: UUID) -> Kept:
        found = self._results.get(job) or self._known.result(job)
        if found is None:
            loaded = cast("dict[UUID, Kept]", answer_of(self._memo, WantResults((job,))))
            found = loaded.get(job, Kept())
        return found

    def _gathered(self, ref: Gathered) -> list[Kept]:
        """The results of a step's children; those that end with this plan are not in the database yet."""
        ours = self._children.get((ref.flow, ref.step), {})
        if all(index in ours for index in range(ref.count)):
            return [self._results[ours[index]] for index in range(ref.count)]
        stored = _kept_part(ref) if ref.flow in self._levels else ref
        loaded: dict[int, Kept] = {}
        if stored is not None:
            loaded = cast("dict[int, Kept]", answer_of(self._memo, WantGathered(stored)))
        return [
            self._results[ours[index]] if index in ours else loaded.get(index, Kept()) for index in range(ref.count)
        ]


def _kept_part(ref: Gathered) -> Gathered | None:
    """What lies below earlier levels; None: nothing does."""
    if not ref.earlier:
        return None
    *others, (level, end) = ref.earlier
    return Gathered(level, ref.step, min(end, ref.count), tuple(others))
