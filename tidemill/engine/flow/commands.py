"""What can happen to a level of a flow, and what is to be done about it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from tidemill.engine.flow.state import Again, Approval, FlowState, Ref
from tidemill.model.flow import Step


@dataclass(frozen=True, slots=True)
class Started:
    """It begins. `preprocess`: what started it wants its preprocessor to run; `again`: it goes on from there."""

    preprocess: bool = False
    again: Again | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A child has ended. `stopped`: by an early stop, so that what is around it may stop, too.

    `overtaken`: it has not run, since a newer one of its kind has taken its place.
    """

    step: str
    job: UUID
    index: int | None = None
    succeeded: bool = True
    canceled: bool = False
    stopped: bool = False
    skipped: bool = False
    overtaken: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What there is of answers to what the level asks for after `step`. `is_late`: the time for them is over."""

    step: str
    approvals: int
    refused_by: str | None = None
    is_late: bool = False


Event = Started | Ended | Answered


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Start the job of a step: a script, or another flow. `args` are JSON texts by name."""

    job: UUID
    step: Step
    args: Mapping[str, bytes]
    delay_s: float = 0.0
    timeout_s: int | None = None
    again: Again | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Enter:
    """Begin a level inside of a step: an iteration (`item` is its value) or a branch."""

    job: UUID
    step: Step
    branch: int = 0
    index: int | None = None
    item: bytes | None = None
    before: Ref | None = None
    delay_s: float = 0.0
    again: Again | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Note a job of a step that needs no worker, then tell that it has ended.

    `result`: JSON text, or where it lies; None: the flow's input.
    """

    job: UUID
    step: Step
    result: bytes | Ref | None
    succeeded: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepItems:
    """Keep the items that a loop goes through: the JSON text of a list."""

    step: str
    items: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Wait for answers after a step, whose job is `job`.

    `timeout_s`: for so long; None: for ever. `groups`: from their members; None: from anybody.
    """

    step: Step
    job: UUID
    timeout_s: float | None = None
    groups: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settle:
    """Wait no longer for answers after a step: those that are there belong to it from now on."""

    step: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """The level is over. `result` as in `Record`."""

    succeeded: bool
    result: bytes | Ref | None
    stopped: bool = False
    skipped: bool = False


Command = Start | Enter | Record | KeepItems | Ask | Settle | Finish


@dataclass(frozen=True, slots=True)
class Change:
    """The state after an event, and what is to be done together with keeping it."""

    state: FlowState
    commands: tuple[Command, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What an expression sees at one point, beside what is around the level.

    Attributes:
        previous: where the previous result lies; None: it is the input of the flow.
        results: where the result of a step of this level lies; None where it has none.
        values: further names: JSON texts, or where they lie.
        params: those arguments of the step that stand in it as JSON texts, for the expressions of the others.
        approval: what was answered after the last step before that asked for approvals.
        input: where the input of the flow lies that its preprocessor has made; None: it is as it was sent.
        iteration: `flow_input.iter`, where that is of another loop than those around the level: JSON text.
    """

    previous: Ref | None
    results: Callable[[str], Ref | None]
    values: Mapping[str, bytes | Ref] = field(default_factory=dict)
    params: Mapping[str, bytes] = field(default_factory=dict)
    approval: Approval | None = None
    input: Ref | None = None
    iteration: bytes | None = None


class Surroundings(Protocol):
    """What a level is given of the world. Values that are not at hand end the call by an exception of the caller's."""

    def evaluate(self, text: str, names: Names, *, place: str) -> bytes:
        """The JSON text that an expression gives.

        Raises:
            ExpressionFailed: it cannot be evaluated; the message names `place`.
        """
        ...

    def argument(self, text: str, names: Names, *, place: str) -> bytes:
        """As `evaluate`, for an argument of a job: it may hold references that are replaced when the job starts."""
        ...

    def item(self, step: str, index: int) -> bytes:
        """One of the items that the loop `step` of this level goes through, as `KeepItems` kept them."""
        ...

    def new_id(self) -> UUID:
        """An id for a job."""
        ...

    def random(self) -> float:
        """A number from 0 to below 1."""
        ...
