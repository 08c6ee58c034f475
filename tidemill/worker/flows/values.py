"""The values of one plan: of what has ended before, and of what ends with it."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, cast
from uuid import UUID

import msgspec

from tidemill.db.flow_runs import Iteration
from tidemill.db.pool import Json
from tidemill.db.values import Kept
from tidemill.engine.expressions.javascript import Touched
from tidemill.engine.expressions.need import Large, Need, NeedKind
from tidemill.engine.expressions.paths import index_of, pick
from tidemill.engine.flow.approval import Answer
from tidemill.engine.flow.state import Gathered, Ref, ResultOf
from tidemill.evaluators.messages import Evaluation, Question
from tidemill.model import jsontext
from tidemill.model.errors import ExpressionFailed, ResultGone
from tidemill.worker.flows.known import (
    Known,
    Loop,
    Memo,
    WantAnswers,
    WantBytes,
    Wanted,
    WantEvaluation,
    WantGathered,
    WantItems,
    WantIteration,
    WantKept,
    WantPart,
    WantReference,
    WantResults,
    WantTexts,
    answer_of,
)
from tidemill.worker.flows.views import Views

_NULL: Final = b"null"
_ITEMS: Final = msgspec.json.Decoder(list[msgspec.Raw])


def items_of(raw: bytes) -> list[msgspec.Raw]:
    """The items of a list, each as it is written."""
    return _ITEMS.decode(raw)


class PlanValues:
    """Finds values; raises `Wanted` for one that has to be loaded first. `inline_bytes`: as `Values.inline_bytes`."""

    def __init__(self, known: Known, memo: Memo, views: Views, *, inline_bytes: int) -> None:
        """`views`: the levels of the plan, as they are at each moment."""
        self._known = known
        self._views = views
        self._memo = memo
        self._inline_bytes = inline_bytes
        self._results: dict[UUID, Kept] = {}
        self._levels: set[UUID] = set()
        self._children: dict[tuple[UUID, str], dict[int, UUID]] = {}
        self._items: dict[tuple[UUID, str], list[msgspec.Raw]] = {}
        self._answers: dict[tuple[UUID, str], tuple[Answer, ...]] = {}
        self._together: dict[tuple[UUID, str], tuple[Gathered, Kept]] = {}

    def add_result(self, job: UUID, result: Kept, *, child_of: tuple[UUID, str, int] | None = None) -> None:
        """A job ends with this plan. `child_of`: level, step and index of one of several children."""
        self._results[job] = result
        if child_of is not None:
            level, step, index = child_of
            self._children.setdefault((level, step), {})[index] = job
            self._together.pop((level, step), None)

    def add_level(self, level: UUID) -> None:
        """A level comes into being with this plan: its id is another one at the next try."""
        self._levels.add(level)

    def add_items(self, level: UUID, step: str, items: list[msgspec.Raw]) -> None:
        """A loop begins with this plan."""
        self._items[level, step] = items

    def item(self, level: UUID, step: str, index: int) -> bytes:
        """One of what a loop goes through."""
        loop = Loop(level, step, tries=len(self._views[level].state.steps[-1].failed))
        found = self._items.get((level, step)) or self._known.items(loop)
        if found is None:
            kept = cast("Kept", answer_of(self._memo, WantItems(level, step)))
            if kept.digest is not None:
                need = Need(NeedKind.ROOT, f"the items of '{step}'", (index,))
                return cast("bytes | None", self.part(kept, need, entire=True)) or _NULL
            found = items_of(self.kept_text(kept))
            self._known.remember_items(loop, found)
        return bytes(found[index])

    def iteration(self, level: UUID, step: str, index: int) -> Iteration:
        """How an iteration of a loop of a level went.

        Raises:
            ResultGone: it belonged to an earlier run, which was removed.
        """
        job = self._children.get((level, step), {}).get(index)
        ours = None if job is None else self._views.get(job)
        if ours is not None:
            return Iteration(id=ours.id, version=ours.script_hash, state=ours.state)
        found = cast("Iteration | None", answer_of(self._memo, WantIteration(level, step, index)))
        if found is None:
            raise _gone(f"iteration {index} of step '{step}'", step)
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
        """What an evaluator of `owner` answers. One that takes long is waited for between two tries at the plan, and
        what was answered before it is not asked again."""
        want = WantEvaluation(owner, question)
        if want in self._memo.answers:
            return cast("Evaluation", answer_of(self._memo, want)).told()
        answer = self._known.evaluators.at_once(owner, question)
        if answer is None:
            raise Wanted(want)
        self._memo.answers[want] = answer
        return answer.told()

    def text(self, ref: Ref) -> bytes:
        """The JSON text of a result."""
        match ref:
            case ResultOf():
                return self.kept_text(self._result(ref.job))
            case Gathered():
                return self._joined(self._gathered(ref), step=ref.step)

    def reach(self, ref: Ref, need: Need, *, entire: bool) -> dict[Need, bytes | Large | None]:
        """What is known of `need`, whose value lies at `ref`: a part of it where it is large, all of it where not."""
        match ref:
            case ResultOf():
                return self.reach_kept(self._result(ref.job), need, entire=entire)
            case Gathered():
                return self._reach_gathered(ref, need, entire=entire)

    def reach_kept(self, kept: Kept, need: Need, *, entire: bool) -> dict[Need, bytes | Large | None]:
        """As `reach`, of a value that is kept there."""
        if kept.digest is None:
            return {need.whole: self.kept_text(kept)}
        return {need: self.part(kept, need, entire=entire)}

    def part(self, kept: Kept, need: Need, *, at: int = 0, entire: bool) -> bytes | Large | None:
        """What the keys of `need.path` from `at` on lead to; without `entire`, `Large` for a large container."""
        if kept.digest is None or WantBytes(kept.digest) in self._memo.answers:
            return pick(self.kept_text(kept), need, behind=at)
        return cast("bytes | Large | None", answer_of(self._memo, WantPart(kept.digest, need, at, entire)))

    def _reach_gathered(self, ref: Gathered, need: Need, *, entire: bool) -> dict[Need, bytes | Large | None]:
        parts = self._gathered(ref)
        if all(part.digest is None for part in parts):
            return {need.whole: self._joined(parts, step=ref.step)}
        if not need.path:
            return {need: self._joined(parts, step=ref.step) if entire else Large(is_array=True)}
        first = need.path[0]
        if first == "length":
            return {need: pick(str(len(parts)).encode(), need, behind=1)}
        index = index_of(first)
        if index is not None and index < len(parts):
            return {need: self.part(parts[index], need, at=1, entire=entire)}
        return {need: pick(None, need, behind=1)}

    def kept(self, result: bytes | Ref) -> Kept:
        """Where a result is, so that another row can name it."""
        match result:
            case ResultOf():
                return self._result(result.job)
            case Gathered():
                return self._kept_together(result)
            case _:
                return self._keep(result)

    def kept_object(self, fields: Mapping[str, bytes]) -> Kept:
        """As `kept`, of the object that `jsontext.build_object` makes of `fields`: a large one is not put together."""
        pieces, digest = jsontext.object_pieces(fields), hashlib.sha256()
        if sum(map(len, pieces)) <= self._inline_bytes:
            return Kept(inline=Json(b"".join(pieces)))
        for piece in pieces:
            digest.update(piece)
        return cast("Kept", answer_of(self._memo, WantKept(digest.digest(), fields)))

    def kept_text(self, kept: Kept) -> bytes:
        """The JSON text of a value, wherever it is."""
        if kept.inline is not None:
            return kept.inline.raw
        if kept.digest is None:
            return _NULL
        return cast("bytes", answer_of(self._memo, WantBytes(kept.digest)))

    def bring(self, jobs: Iterable[UUID]) -> None:
        """See that it is known where the results of these are, by one look for all of them."""
        missing = tuple(job for job in jobs if job not in self._results and self._known.result(job) is None)
        if missing:
            self._results |= cast("dict[UUID, Kept]", answer_of(self._memo, WantResults(missing)))

    def _joined(self, parts: Sequence[Kept], *, step: str) -> bytes:
        """A list of values that lie at different places."""
        large = (part.digest for part in parts if part.digest is not None)
        missing = tuple(dict.fromkeys(digest for digest in large if WantBytes(digest) not in self._memo.answers))
        if missing:
            answer_of(self._memo, WantTexts(missing))
        texts = [self.kept_text(part) for part in parts]
        size = sum(map(len, texts)) + len(texts) + 1
        if size > self._known.max_bytes:
            raise ExpressionFailed(
                f"The results of '{step}' have {size} bytes together, more than the {self._known.max_bytes} allowed "
                "(TIDEMILL_MAX_VALUE_BYTES): take those parts that are needed, one by one."
            )
        return b"[" + b",".join(texts) + b"]"

    def _kept_together(self, ref: Gathered) -> Kept:
        """Put together once, however many levels begin with it."""
        found = self._together.get((ref.flow, ref.step))
        if found is None or found[0] != ref:
            found = self._together[ref.flow, ref.step] = ref, self._keep(self.text(ref))
        return found[1]

    def _keep(self, raw: bytes) -> Kept:
        return Kept(inline=Json(raw)) if len(raw) <= self._inline_bytes else self.as_object(raw)

    def as_object(self, raw: bytes) -> Kept:
        """A value in the object store, however small it is."""
        return cast("Kept", answer_of(self._memo, WantKept(hashlib.sha256(raw).digest(), raw)))

    def _result(self, job: UUID) -> Kept:
        found = self._results.get(job) or self._known.result(job)
        if found is None:
            loaded = cast("dict[UUID, Kept]", answer_of(self._memo, WantResults((job,))))
            if job not in loaded:
                raise self._gone(job)
            found = self._results[job] = loaded[job]
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
        kept = min(ref.earlier[-1][1] if ref.earlier else 0, ref.count)
        gone = next((index for index in range(kept) if index not in loaded and index not in ours), None)
        if gone is not None:
            raise _gone(f"iteration or branch {gone} of step '{ref.step}'", ref.step)
        return [
            self._results[ours[index]] if index in ours else loaded.get(index, Kept()) for index in range(ref.count)
        ]

    def _gone(self, job: UUID) -> ResultGone:
        """A result that was taken over from an earlier run, which was removed meanwhile."""
        for view in self._views.values():
            for step, state in zip(view.level.steps, view.state.steps or view.taken_over, strict=False):
                if state.job == job:
                    return _gone(f"step '{step.id}' (job {job})", step.id)
        return _gone(f"job {job}", None)


def _gone(whose: str, step: str | None) -> ResultGone:
    way = "as a whole" if step is None else f"from step '{step}' on, or as a whole"
    return ResultGone(
        f"The result of {whose} is gone: it belonged to the run that this one goes on from, and that run was removed. "
        f"Start the flow anew {way}."
    )


def _kept_part(ref: Gathered) -> Gathered | None:
    """What lies below earlier levels; None: nothing does."""
    if not ref.earlier:
        return None
    *others, (level, end) = ref.earlier
    return Gathered(level, ref.step, min(end, ref.count), tuple(others))
