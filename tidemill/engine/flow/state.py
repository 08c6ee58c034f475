"""How far a flow is: one small value for each level of it. A loop's iterations and a branch are levels of their own."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from tidemill.model.flow import Flow, Step, StepStatus, inner_steps

AT_ONCE: Final = 200
"""Children of one step that are under way at once, at most: the state that names them stays small."""


@dataclass(frozen=True, slots=True)
class ResultOf:
    """The result of a job."""

    job: UUID


@dataclass(frozen=True, slots=True)
class Gathered:
    """The results of a step's children below the level `flow`, in order: a list of `count`.

    `earlier`: the first of them lie below other levels, each up to the index that stands with it.
    """

    flow: UUID
    step: str
    count: int
    earlier: tuple[tuple[UUID, int], ...] = ()


Ref = ResultOf | Gathered
"""Where a result lies. It is read only when an expression needs it."""


class Verdict(StrEnum):
    """How waiting for approvals ended."""

    APPROVED = "approved"
    DISAPPROVED = "disapproved"
    TIMED_OUT = "timed_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """How waiting for approvals after `step` has ended. `level`: the one that counted the answers."""

    level: UUID
    step: str
    verdict: Verdict


class Children(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How far the children of a loop or of parallel branches are.

    Attributes:
        total: how many there will be; None for a loop that ends when it is told.
        running: the indices of those under way.
        failures: how many failed; `first_failed` is the job of the one with the least index, `failed_index`.
        stopped: no more shall start; broken: since the loop's own condition says so.
    """

    total: int | None
    cap: int = 1
    started: int = 0
    running: tuple[int, ...] = ()
    failures: int = 0
    first_failed: UUID | None = None
    failed_index: int = 0
    stopped: bool = False
    broken: bool = False


class StepState(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One step that has begun.

    Attributes:
        job: its job, or that of its child that was started last.
        kept: where its first children lie, if that is below levels of flows that were started before this one: each
            up to the index that stands with it.
        branch: the index of the chosen branch; the default comes behind the others.
        failed: the jobs of earlier tries.
        required: how many approvals the level waits for, after the step has ended; `verdict`: how that ended.
        answered: the level that counted the answers, if that is one of a flow that was started before this one.
    """

    status: StepStatus = StepStatus.PROGRESS
    job: UUID | None = None
    kept: tuple[tuple[UUID, int], ...] = ()
    branch: int | None = None
    children: Children | None = None
    failed: tuple[UUID, ...] = ()
    skipped: bool = False
    required: int = 0
    verdict: Verdict | None = None
    answered: UUID | None = None


class Again(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Where a level goes on that is started again.

    Attributes:
        ids: the steps that it does not run again, as `done` says that they ended.
        child: from which of its children on the next step runs again; `kept` as in `StepState`.
        branch: which branch the next step chooses.
        inner: where the first child of the next step goes on.
        version: of the flow that is run, which answers to what it asked were given for; None: the newest.
        answered_below: whether there are answers to what was asked inside of steps that are not run again.
    """

    ids: tuple[str, ...] = ()
    done: tuple[StepState, ...] = ()
    child: int = 0
    kept: tuple[tuple[UUID, int], ...] = ()
    branch: int | None = None
    inner: "Again | None" = None
    version: int | None = None
    answered_below: bool = False

    @property
    def is_answered(self) -> bool:
        """Whether answers to what a step asked are taken over."""
        is_own = self.answered_below or any(each.verdict is not None for each in self.done)
        return is_own or (self.inner is not None and self.inner.is_answered)


class Place(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Which part of a definition a level runs: all of it, or the steps inside of `step` (in its branch `branch`).

    `source` is the job whose definition and arguments it has.
    """

    source: UUID
    step: str | None = None
    branch: int = 0


class Rounds(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How far a workflow in code is: how many rounds have ended, and how many tasks it waits for."""

    ended: int = 0
    pending: int = 0


class FlowState(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One level of a flow. `steps` are those that have begun, in order; the last may be under way.

    Attributes:
        before: the result that its first step sees as the previous one: of a job, or of a step's children.
        ended: it is over, and nothing changes it; `stopped`: by an early stop, as a `skipped` run.
        keep_under: the key (in hexadecimal digits) that its result is kept under, for `keep_s` seconds; "" for none.
        rounds: it is a workflow in code, and has no steps that a definition names.
    """

    place: Place
    steps: tuple[StepState, ...] = ()
    failure: StepState | None = None
    preprocessor: StepState | None = None
    before_job: UUID | None = None
    before_flow: UUID | None = None
    before_step: str = ""
    before_count: int = 0
    before_earlier: tuple[tuple[UUID, int], ...] = ()
    ended: bool = False
    stopped: bool = False
    skipped: bool = False
    keep_under: str = ""
    keep_s: int = 0
    rounds: Rounds | None = None

    @property
    def preprocessed_by(self) -> UUID | None:
        """The job whose result is the input of the flow, where a preprocessor has made that; None: it is as sent."""
        done = self.preprocessor
        return None if done is None or done.status is not StepStatus.SUCCESS else done.job

    @property
    def before(self) -> Ref | None:
        """Where `previous_result` of the first step lies; None: it is the input of the flow."""
        if self.before_flow is not None:
            return Gathered(self.before_flow, self.before_step, self.before_count, self.before_earlier)
        return None if self.before_job is None else ResultOf(self.before_job)


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """The steps that a level runs. Only the top of a definition has a failure step, a preprocessor, and `skip_if`."""

    id: UUID
    steps: tuple[Step, ...]
    failure: Step | None = None
    preprocessor: Step | None = None
    skip_if: str | None = None


def level_of(flow: Flow, place: Place, job: UUID, by_id: dict[str, Step]) -> Level:
    """The steps of `flow` at `place`, run by the job `job`. `by_id` holds all steps of the flow."""
    if place.step is None:
        return Level(
            id=job, steps=flow.steps, failure=flow.failure, preprocessor=flow.preprocessor, skip_if=flow.skip_if
        )
    return Level(id=job, steps=inner_steps(by_id[place.step])[place.branch])


def result_of(level: UUID, step: Step, state: StepState) -> Ref | None:
    """Where the result of a step that has ended lies; None where it has none."""
    children = state.children
    if children is not None and state.status is not StepStatus.FAILURE:
        return Gathered(level, step.id, children.started, state.kept)
    if children is not None and children.first_failed is not None:
        return ResultOf(children.first_failed)
    return None if state.job is None else ResultOf(state.job)


def approval_of(level: Level, steps: tuple[StepState, ...]) -> Approval | None:
    """How waiting has ended after the last of the first steps of a level, `steps`, that asked for approvals."""
    for index in reversed(range(len(steps))):
        verdict = steps[index].verdict
        if verdict is not None:
            return Approval(level=steps[index].answered or level.id, step=level.steps[index].id, verdict=verdict)
    return None


def new_state(place: Place, before: Ref | None = None) -> FlowState:
    """The state of a level that has not begun."""
    match before:
        case ResultOf():
            return FlowState(place=place, before_job=before.job)
        case Gathered():
            return FlowState(
                place=place,
                before_flow=before.flow,
                before_step=before.step,
                before_count=before.count,
                before_earlier=before.earlier,
            )
        case None:
            return FlowState(place=place)
