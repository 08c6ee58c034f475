"""What a worker works with: made once by `wiring.py`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from uuid import UUID

from tidemill.db.pool import Database
from tidemill.db.queue import ClaimedJob
from tidemill.db.values import Values
from tidemill.db.workflows import GivenStep, RoundBegun, TaskBegun
from tidemill.evaluators.evaluators import Evaluators
from tidemill.languages.port import ReadScript
from tidemill.queries.port import Opened
from tidemill.queries.runners import Runners
from tidemill.sandbox.port import Limits, Network, Sandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """The settings of a worker; units are in the names."""

    name: str
    group: str
    tags: tuple[str, ...]
    slots: int
    host: str
    base_url: str
    api_port: int
    jobs_dir: Path
    environments_dir: Path
    cache_dir: Path
    limits: Limits
    network: Network
    build_env: Mapping[str, str] = field(default_factory=dict)
    timeout_s: int
    max_log_bytes: int
    max_result_bytes: int
    heartbeat_s: float
    self_kill_s: float
    stop_grace_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """Arguments with `$var:` and `$res:` replaced, as raw JSON, and the secrets that went into them."""

    args: bytes
    secrets: list[bytes]


class JobData(Protocol):
    """What a job may read of its workspace, under the rights of whom it runs as."""

    async def resolve(self, job: ClaimedJob, args: bytes) -> Resolved:
        """Arguments with their references replaced.

        Raises:
            InterpolationFailed: a reference leads nowhere, or to what the job may not read.
        """
        ...

    async def secrets_read(self, job: ClaimedJob, *, after: int) -> tuple[list[bytes], int]:
        """The secrets that the job has read through the API since `after`, and where to go on."""
        ...

    async def resource(self, job: ClaimedJob, path: str) -> tuple[Opened, list[bytes]]:
        """A resource with its references replaced, and the secrets that went into it.

        Raises:
            InterpolationFailed: it is not there, or the job may not read it.
        """
        ...

    async def touched(self, job: ClaimedJob, kind: str, address: str, *, is_write: bool) -> None:
        """Note in the access log what the job reads or writes.

        Raises:
            LeaseLost: the job was given to another attempt.
        """
        ...

    async def begin_round(self, job: ClaimedJob) -> RoundBegun:
        """A round of the workflow that the job runs begins."""
        ...

    async def begin_task(self, job: ClaimedJob, workflow: UUID, *, number: int) -> TaskBegun:
        """A task begins that the round `number` of a workflow has started."""
        ...

    async def keep_step(self, job: ClaimedJob, given: GivenStep) -> None:
        """Keep what a step of a workflow has given.

        Raises:
            LeaseLost: the job was given to another attempt.
            TooLarge, BadRequest: it cannot be kept.
        """
        ...

    async def local_sources(self, job: ClaimedJob) -> Mapping[str, str]:
        """What the job, or a flow around it, imports in the place of deployed scripts: path -> hash of a source."""
        ...

    def script_reader(self, job: ClaimedJob) -> ReadScript:
        """Gives the source of other scripts of the workspace to a job that imports them."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerParts:
    """The live objects of one worker."""

    options: WorkerOptions
    database: Database
    values: Values
    sandbox: Sandbox
    data: JobData
    queries: Runners
    evaluators: Evaluators
    job_secret: bytes
