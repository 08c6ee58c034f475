"""What one plan has come to: all that is to happen together, as it is collected."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import UUID

import msgspec

from tidemill.db.flow_runs import Advance, Asked, End, Held, Items, Placed, Run, Settled, WorkflowStep
from tidemill.db.queue import ClaimedJob
from tidemill.db.values import Kept
from tidemill.engine.flow.approval import Answer
from tidemill.engine.flow.commands import Event
from tidemill.worker.flows.known import Known, Memo
from tidemill.worker.flows.values import PlanValues
from tidemill.worker.flows.views import View, Views


@dataclass(frozen=True, slots=True)
class ToKeep:
    """The result of a flow that is to be kept under a key (in hexadecimal digits) for `ttl_s` seconds."""

    workspace: str
    key: str
    result: Kept
    ttl_s: int


class Collected:
    """`views` are the levels at hand; `take` says how many new jobs the worker takes at once."""

    def __init__(
        self,
        views: Mapping[UUID, View],
        known: Known,
        memo: Memo,
        *,
        tags: frozenset[str],
        take: int,
        inline_bytes: int,
    ) -> None:
        self.views = Views(views)
        self._known = known
        self._memo = memo
        self._tags = tags
        self._take = take
        self._values = PlanValues(known, memo, self.views, inline_bytes=inline_bytes)
        self._events: deque[tuple[UUID, Event]] = deque()
        self._held: list[Held] = []
        self._ends: list[End] = []
        self._jobs: list[Placed] = []
        self._items: dict[tuple[UUID, str], Items] = {}
        self._changed: dict[UUID, int | None] = {}
        self._parked: dict[UUID, float | None] = {}
        self._asks: dict[UUID, Asked] = {}
        self._settled: list[Settled] = []
        self._counted: dict[UUID, tuple[Answer, ...]] = {}
        self.results: dict[UUID, Kept] = {}
        self.to_keep: list[ToKeep] = []
        self.shared_over: list[UUID] = []
        self._steps: list[WorkflowStep] = []
        self._made_bytes = 0
        self._resumed: dict[UUID, ClaimedJob] = {}

    def hold(self, job: ClaimedJob) -> None:
        """The worker holds the job of a level itself, and gives it up with this plan."""
        self._held.append(Held(job.id, job.attempt))
        self._parked[job.id] = None

    def tell(self, level: UUID, event: Event) -> None:
        """Something happened to a level."""
        self._events.append((level, event))

    @property
    def taken(self) -> list[Placed]:
        """The new jobs that the worker takes at once."""
        ended = {end.id for end in self._ends}
        return [placed for placed in self._jobs if placed.place == "running" and placed.job.id not in ended]

    def wanted(self) -> Advance:
        """What has to happen together."""
        runs = [
            Run(
                id=level,
                workspace_id=self.views[level].workspace_id,
                expected=version,
                state=self.views[level].state,
            )
            for level, version in self._changed.items()
        ]
        ended = {end.id for end in self._ends}
        new = {placed.job.id for placed in self._jobs}
        jobs = [self._parked_at_once(placed) for placed in self._jobs]
        return Advance(
            held=self._held,
            runs=runs,
            ends=[replace(end, fresh=True) if end.id in new else end for end in self._ends],
            jobs=[replace(placed, place="none") if placed.job.id in ended else placed for placed in jobs],
            items=list(self._items.values()),
            parked=[(level, wait_s) for level, wait_s in self._parked.items() if level not in ended | new],
            resumed=[job for level, job in self._resumed.items() if level not in ended and level not in self._parked],
            asks=[ask for level, ask in self._asks.items() if level not in ended],
            settled=self._settled,
            steps=self._steps,
        )

    def _parked_at_once(self, placed: Placed) -> Placed:
        """A level that waits for answers until then, from when it comes into being."""
        wait_s = self._parked.get(placed.job.id)
        if wait_s is None or placed.place != "waiting":
            return placed
        return replace(placed, job=replace(placed.job, delay_s=wait_s), place="parked")

    def committed(self) -> dict[UUID, View]:
        """The levels that change, as they are once all of it has happened."""
        versions = {level: 1 if before is None else before + 1 for level, before in self._changed.items()}
        moved = {level: msgspec.structs.replace(self.views[level], version=each) for level, each in versions.items()}
        return self.views.changed | moved

    def _place(self, placed: Placed, *, here: bool) -> None:
        """`here`: the worker takes it whatever its tag, and whether it has room or not."""
        job = placed.job
        is_free = job.delay_s <= 0 and job.concurrency_key is None
        if is_free and (here or (job.tag in self._tags and self._take > 0)):
            self._take -= 1
            placed = replace(placed, place="running")
        self._jobs.append(placed)

    def _end(self, end: End, child_of: tuple[UUID, str, int] | None) -> None:
        self._ends.append(end)
        self.results[end.id] = end.result
        self._values.add_result(end.id, end.result, child_of=child_of)

    @staticmethod
    def _child_of(parent: UUID | None, step: str | None, index: int | None) -> tuple[UUID, str, int] | None:
        if parent is None or step is None or index is None:
            return None
        return parent, step, index
