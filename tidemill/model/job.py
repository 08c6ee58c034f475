"""What a job is: its kinds, its states with the table of allowed transitions, and the times that bound it."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

HEARTBEAT_S: Final = 5
"""How often a worker confirms what it runs."""

SELF_KILL_S: Final = 20
"""After so long without a confirmed heartbeat a job's supervisor kills it, counted from when the last confirmed one
(or the claim) was *sent*: the database stamped it later than that, so the job is dead before its lease is over."""

LEASE_S: Final = 30
"""After so long without a heartbeat, by the database's clock, a job is taken away from its worker."""

REAP_S: Final = 5
"""How often somebody looks for leases that are over; a lost job is found within `LEASE_S + REAP_S`."""

STOP_GRACE_S: Final = 25
"""How long a worker that is told to stop lets its jobs go on before it gives them back."""

KILL_S: Final = 5
"""Within so long nothing is left of the process tree of a job that was canceled or ran out of time."""

POISON_LOSSES: Final = 3
"""So many lost workers within `POISON_WINDOW_S` put a job into quarantine."""

POISON_WINDOW_S: Final = 72 * 3600

STANDARD_TAGS: Final = (
    "python3",
    "bash",
    "duckdb",
    "postgresql",
    "mysql",
    "mssql",
    "oracledb",
    "snowflake",
    "bigquery",
    "clickhouse",
    "mongodb",
    "redis",
    "upstash",
    "dependency",
    "flow",
    "noop",
    "other",
)
"""The tags that a worker serves where nothing else was said."""


class JobKind(StrEnum):
    """What a job runs, as the wire names it."""

    SCRIPT = "script"
    PREVIEW = "preview"
    FLOW = "flow"
    FLOW_PREVIEW = "flowpreview"
    SINGLE_STEP_FLOW = "singlestepflow"
    """A flow that is repeated as a whole where it fails: it is the one step of this."""
    FLOW_NODE = "flownode"
    """A level inside of a flow: an iteration of a loop, or a branch."""
    FLOW_SCRIPT = "flowscript"
    """A script that stands in a flow itself."""
    IDENTITY = "identity"
    NOOP = "noop"
    DEPENDENCIES = "dependencies"
    FLOW_DEPENDENCIES = "flowdependencies"
    """Locks the scripts that stand in a flow."""


WHOLE_FLOWS: Final = frozenset({JobKind.FLOW, JobKind.FLOW_PREVIEW, JobKind.SINGLE_STEP_FLOW})
"""The kinds of jobs that run a flow from its start."""

FLOW_KINDS: Final = WHOLE_FLOWS | {JobKind.FLOW_NODE}
"""The kinds of jobs that are flows, or levels of them: no sandbox runs them."""


class JobState(StrEnum):
    """Where a job stands. It is in the queue in the first three, completed for good in the others."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    """A flow that has begun, and has nothing to do before one of its steps ends: no worker holds it."""
    SUCCESS = "success"
    FAILURE = "failure"
    CANCELED = "canceled"
    SKIPPED = "skipped"

    @property
    def is_completed(self) -> bool:
        """Whether it will never change again."""
        return not TRANSITIONS[self]


TRANSITIONS: Final[Mapping[JobState, frozenset[JobState]]] = MappingProxyType({
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELED, JobState.SKIPPED}),
    JobState.RUNNING: frozenset({
        JobState.QUEUED, JobState.WAITING, JobState.SUCCESS, JobState.FAILURE, JobState.CANCELED, JobState.SKIPPED
    }),
    JobState.WAITING: frozenset({
        JobState.QUEUED, JobState.SUCCESS, JobState.FAILURE, JobState.CANCELED, JobState.SKIPPED
    }),
    JobState.SUCCESS: frozenset(),
    JobState.FAILURE: frozenset(),
    JobState.CANCELED: frozenset(),
    JobState.SKIPPED: frozenset(),
})  # fmt: skip
"""State -> the states that may follow."""


class OnWorkerLoss(StrEnum):
    """What becomes of a job whose worker is lost: it is run again, or it failed, so that it never starts twice."""

    RESTART = "restart"
    FAIL = "fail"


class EndReason(StrEnum):
    """Why an attempt, or the job with it, came to its end."""

    FINISHED = "finished"
    """The script returned, or chose to be skipped."""
    ERROR = "error"
    """The script raised, or exited with another status than 0."""
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    LIMIT = "limit"
    """Another limit of the sandbox: processes, files, size of the result."""
    UNPREPARED = "unprepared"
    """It could not be started: an argument, a dependency or the environment was missing."""
    CANCELED = "canceled"
    STOPPED = "stopped"
    """Its worker was told to stop. It does not count as a loss."""
    WORKER_LOST = "worker_lost"
    QUARANTINED = "quarantined"
    """It was lost with its worker too often."""
    INTERNAL = "internal"
    """The worker itself failed; its log tells more."""
