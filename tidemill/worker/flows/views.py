"""Levels of flows as a worker sees them: the job that each is, its part of the definition, and how far it is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import msgspec

from tidemill.db.flow_runs import LevelRow
from tidemill.db.pool import Json
from tidemill.db.values import Kept
from tidemill.engine.flow.state import Again, FlowState, Level, Place, StepState, level_of, new_state
from tidemill.model.flow import Flow, Step, all_steps

FLOW_TAG: Final = "flow"


class LevelOptions(msgspec.Struct):
    """What the options of a level's job say about how it begins, and who started it on behalf of somebody else."""

    started_by: str | None = None
    args_of: str | None = None
    preprocess: bool = False
    again: Again | None = None


def options_of(options: bytes, *, again: Again) -> Json:
    """The options of a job that goes on from there when it begins."""
    found = msgspec.json.decode(options, type=dict[str, msgspec.Raw])
    return Json(msgspec.json.encode({**found, "again": again}))


@dataclass(frozen=True, slots=True)
class Definition:
    """A flow as it was read, with all of its steps by their ids."""

    flow: Flow
    steps: dict[str, Step] = field(repr=False)


NO_STEPS: Final = Definition(Flow(steps=()), {})
"""What a workflow in code has in place of a definition."""


def definition_of(flow: Flow) -> Definition:
    """The flow with its steps by their ids."""
    return Definition(flow, {step.id: step for step in all_steps(flow)})


class View(msgspec.Struct, frozen=True, kw_only=True):
    """One level.

    Attributes:
        job: what its job is: below it, jobs act for the same person, with the same root, path and so on.
        version: the version of its state that was read; None where it has none yet.
        step, index: which step of the level around it, and which of that one's children; None at the top.
        is_in_queue: whether its job has not ended.
    """

    id: UUID
    workspace_id: str
    kind: str
    script_hash: int | None
    script_path: str | None
    created_by: str
    permissioned_as: str
    email: str
    tag: str
    priority: int
    parent: UUID | None
    root: UUID | None
    step: str | None
    index: int | None
    schedule_path: str | None
    visible_to_owner: bool
    args: Kept
    options: bytes
    definition: Definition
    state: FlowState
    version: int | None
    is_in_queue: bool

    @property
    def starter(self) -> str:
        """The account of who started it."""
        options = msgspec.json.decode(self.options, type=LevelOptions)
        return options.started_by or options.args_of or self.email

    @property
    def taken_over(self) -> tuple[StepState, ...]:
        """The steps that it does not run, where it is started again, as they ended."""
        again = msgspec.json.decode(self.options, type=LevelOptions).again
        return () if again is None else again.done

    @property
    def level(self) -> Level:
        """The steps that it runs."""
        return level_of(self.definition.flow, self.state.place, self.id, self.definition.steps)


class Views:
    """The levels that a plan knows: those that were at hand when it began, which stay as they are, and its changes."""

    def __init__(self, seen: Mapping[UUID, View]) -> None:
        self._seen = seen
        self.changed: dict[UUID, View] = {}

    def get(self, level: UUID) -> View | None:
        """The level as it is by now; None where it is not known."""
        return self.changed.get(level) or self._seen.get(level)

    def values(self) -> Iterable[View]:
        """All of them."""
        return {**self._seen, **self.changed}.values()

    def __getitem__(self, level: UUID) -> View:
        return self.changed.get(level) or self._seen[level]

    def __setitem__(self, level: UUID, view: View) -> None:
        self.changed[level] = view


def view_of(row: LevelRow, definition: Definition) -> View:
    """The level of a row; one that has not begun is a whole flow."""
    return View(
        id=row.id,
        workspace_id=row.workspace_id,
        kind=row.kind,
        script_hash=row.script_hash,
        script_path=row.script_path,
        created_by=row.created_by,
        permissioned_as=row.permissioned_as,
        email=row.email,
        tag=row.tag,
        priority=row.priority,
        parent=row.parent_job if row.flow_step_id is not None else None,
        root=row.root_job,
        step=row.flow_step_id,
        index=row.flow_index,
        schedule_path=row.schedule_path,
        visible_to_owner=row.visible_to_owner,
        args=Kept(inline=None if row.args is None else Json(row.args), digest=row.args_object),
        options=row.options,
        definition=definition,
        state=row.flow_state or new_state(Place(source=row.id)),
        version=row.version,
        is_in_queue=row.queue_state is not None,
    )
