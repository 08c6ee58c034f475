"""What a flow is: OpenFlow, read into steps. `model/flow_reading.py` reads it; here is only what it says."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

FAILURE_ID: Final = "failure"
PREPROCESSOR_ID: Final = "preprocessor"
"""The ids of the two steps that stand outside of the order."""


@dataclass(frozen=True, slots=True)
class Static:
    """A value that is passed on as it is: JSON text."""

    value: bytes


@dataclass(frozen=True, slots=True)
class Expression:
    """A value that a JavaScript expression gives."""

    text: str


Transform = Static | Expression
Inputs = Mapping[str, Transform]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A concurrency limit: `count` starts within `window_s`, shared by all under `key`."""

    count: int
    window_s: int | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Debounce:
    """Calls wait for `delay_s`, and a newer one under `key` takes the place of the one that waits.

    `gathered`: the arguments that are put together of all of them; at most for `most_s` seconds, and `most` times.
    """

    delay_s: int
    key: str | None = None
    gathered: tuple[str, ...] = ()
    most_s: int | None = None
    most: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InlineScript:
    """Source that stands in the flow itself."""

    language: str
    content: str
    inputs: Inputs = field(default_factory=dict)
    lock: str | None = None
    path: str | None = None
    tag: str | None = None
    limit: Limit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedScript:
    """A script by its path: its newest version, or the one with this `hash` (16 hexadecimal digits)."""

    path: str
    inputs: Inputs = field(default_factory=dict)
    hash: str | None = None
    tag: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubFlow:
    """Another flow by its path."""

    path: str
    inputs: Inputs = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Identity:
    """Passes on what the step before gave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForLoop:
    """The steps once for each item. `parallelism`: how many at once at most, where they run `parallel`."""

    iterator: Transform
    steps: tuple["Step", ...]
    skip_failures: bool = False
    parallel: bool = False
    parallelism: Transform | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WhileLoop:
    """The steps again and again, until one of them or the loop itself stops."""

    steps: tuple["Step", ...]
    skip_failures: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """Steps of a branch: `condition` where one is chosen, `skip_failure` where all run."""

    steps: tuple["Step", ...]
    summary: str = ""
    condition: str = ""
    skip_failure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchOne:
    """The first branch whose condition holds, else `default`."""

    branches: tuple[Branch, ...]
    default: tuple["Step", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchAll:
    """Every branch."""

    branches: tuple[Branch, ...]
    parallel: bool = False


Kind = InlineScript | DeployedScript | SubFlow | Identity | ForLoop | WhileLoop | BranchOne | BranchAll
Loop = ForLoop | WhileLoop


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """When to stop early. `error`: with a failure of this message ("": one of ours); None: with success."""

    condition: str
    skipped: bool = False
    error: str | None = None
    with_result: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How a failed step is repeated: a policy as `engine/retry.py` reads it, and when that applies."""

    policy: Mapping[str, object]
    condition: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspend:
    """After this step the flow waits for `required` approvals, 0: it does not. `timeout_s` None: for ever.

    Attributes:
        form: the JSON schema of what is sent with an approval; null where there is none.
        needs_account: only members who are signed in may approve; `groups`: only those of one of these.
        no_self_approval: not whoever the flow runs as.
        goes_on_anyway: the next step runs also when it was disapproved, or nobody answered in time.
    """

    required: int = 1
    timeout_s: Transform | None = None
    form: bytes = b"null"
    needs_account: bool = False
    groups: Transform | None = None
    no_self_approval: bool = False
    hides_cancel: bool = False
    goes_on_anyway: bool = False
    is_minimal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One module of a flow.

    Attributes:
        place: where it stands, as a JSON pointer into the flow's value.
        sleep_s: how long to wait after it, before the next step.
        mock: what it gives instead of being run.
    """

    id: str
    kind: Kind
    place: str = ""
    summary: str = ""
    stop: Stop | None = None
    stop_after_all: Stop | None = None
    skip_if: str | None = None
    sleep_s: Transform | None = None
    timeout_s: Transform | None = None
    cache_ttl_s: int | None = None
    mock: bytes | None = None
    suspend: Suspend | None = None
    retry: Retry | None = None
    priority: int | None = None
    delete_after_use: bool = False
    continue_on_error: bool = False
    debounce: Debounce | None = None
    has_token_scopes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """The value of an OpenFlow. `environment` holds JSON text by name.

    `keeps_step_tags`: steps with tags run on these, also where the flow has a tag of its own.
    `delete_after_s`: what it and all below it held is erased so long after its end.
    """

    steps: tuple[Step, ...]
    failure: Step | None = None
    preprocessor: Step | None = None
    same_worker: bool = False
    keeps_step_tags: bool = False
    limit: Limit | None = None
    debounce: Debounce | None = None
    skip_if: str | None = None
    cache_ttl_s: int | None = None
    delete_after_s: int | None = None
    environment: Mapping[str, bytes] = field(default_factory=dict)
    priority: int | None = None
    early_return: str | None = None


class StepStatus(StrEnum):
    """Where a step stands, as the wire names it."""

    PRIOR = "WaitingForPriorSteps"
    EVENTS = "WaitingForEvents"
    EXECUTOR = "WaitingForExecutor"
    PROGRESS = "InProgress"
    SUCCESS = "Success"
    FAILURE = "Failure"


def inner_steps(step: Step) -> tuple[tuple[Step, ...], ...]:
    """The steps inside of a step: one tuple for a loop, one for each branch, the default of `BranchOne` last."""
    match step.kind:
        case ForLoop() | WhileLoop():
            return (step.kind.steps,)
        case BranchOne():
            return (*(branch.steps for branch in step.kind.branches), step.kind.default)
        case BranchAll():
            return tuple(branch.steps for branch in step.kind.branches)
        case _:
            return ()


def all_steps(flow: Flow) -> Iterator[Step]:
    """Every step at any depth, in the order of the text; failure and preprocessor steps last."""
    extra = [step for step in (flow.failure, flow.preprocessor) if step is not None]
    waiting = list(reversed([*flow.steps, *extra]))
    while waiting:
        step = waiting.pop()
        yield step
        waiting += [inner for steps in reversed(inner_steps(step)) for inner in reversed(steps)]
