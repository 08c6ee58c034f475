"""Rounds of workflows in code: what one is given before its script is started, and what it says afterwards."""

from dataclasses import dataclass, field, replace
from uuid import UUID

from tidemill.db.queue import ClaimedJob
from tidemill.db.workflows import GivenStep
from tidemill.engine import workflow
from tidemill.engine.workflow import StepDone, Suspension, Tasks, read_suspension
from tidemill.languages import may_be_workflow
from tidemill.model import jsontext
from tidemill.model.errors import BadRequest, InvalidJson, TooLarge
from tidemill.model.job import EndReason
from tidemill.model.script import DEFAULT_ENTRY
from tidemill.worker.context import WorkerParts
from tidemill.worker.flows.workflows import Suspended
from tidemill.worker.output import Output
from tidemill.worker.result import JobFailed
from tidemill.worker.settings import TaskOptions, settings_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One run of a workflow's script: for the workflow itself or, with `task`, for one of its tasks.

    `args` are those of the workflow, before references in them are replaced; `secrets` is what it has read of them.
    `log_ends`: where its log and its stream end, where that was asked for.
    """

    task: TaskOptions | None
    checkpoint: bytes
    args: bytes
    secrets: list[bytes] = field(repr=False, default_factory=list)
    log_ends: tuple[int, int] | None = None


def is_round(job: ClaimedJob) -> bool:
    """Whether the job runs a workflow, or a function of one."""
    settings = settings_of(job)
    if settings.task is not None:
        return settings.task.own
    if job.language is None or job.content is None or settings.entry != DEFAULT_ENTRY:
        return False
    return may_be_workflow(job.language, job.content)


async def begin_round(parts: WorkerParts, job: ClaimedJob) -> Round | None:
    """What the script is given; None while the workflow waits for something."""
    task = settings_of(job).task
    if task is not None:
        return await _of_task(parts, job, task)
    begun = await parts.data.begin_round(job)
    if begun.values is None:
        return None
    args = await parts.values.fetch(job.args, job.args_object) or b"{}"
    return Round(task=None, checkpoint=workflow.checkpoint(begun.values), args=args, log_ends=begun.log_ends)


async def _of_task(parts: WorkerParts, job: ClaimedJob, task: TaskOptions) -> Round:
    """A task sees what its workflow saw when it was started: the results of those started with it are not in there."""
    assert job.parent_job is not None
    begun = await parts.data.begin_task(job, job.parent_job, number=task.round)
    kept = begun.args
    args = await parts.values.fetch(None if kept.inline is None else kept.inline.raw, kept.digest) or b"{}"
    secrets: list[bytes] = []
    if begun.has_read:
        secrets, _ = await parts.data.secrets_read(_as_workflow(job, job.parent_job), after=0)
    checkpoint = workflow.checkpoint(begun.values or {}, executing=task.key)
    return Round(task=task, checkpoint=checkpoint, args=args, secrets=secrets)


def _as_workflow(job: ClaimedJob, workflow_id: UUID) -> ClaimedJob:
    return replace(job, id=workflow_id)


async def suspension_of(
    parts: WorkerParts, job: ClaimedJob, raw: bytes, output: Output, *, lock: str
) -> Suspended | None:
    """What the workflow waits for; None: for nothing, a step has given something, which is kept.

    Raises:
        JobFailed: that cannot be understood, or be kept.
        LeaseLost: the job was given to another attempt.
    """
    try:
        jsontext.check(raw, max_bytes=parts.values.max_bytes)
        told = read_suspension(raw)
        if isinstance(told, StepDone):
            await parts.data.keep_step(job, given(told))
            return None
        await output.learn_secrets()
        masked = read_suspension(output.mask(raw))
    except (BadRequest, InvalidJson, TooLarge) as error:
        raise JobFailed(EndReason.LIMIT, type(error).__name__, str(error)) from error
    assert not isinstance(masked, StepDone)
    return Suspended(told=masked, lock=lock, secret=_with_secrets(told, masked))


def given(done: StepDone) -> GivenStep:
    """What a step has given, as it is kept."""
    return GivenStep(
        key=done.key,
        value=workflow.failed_step(done.key, done.result) or bytes(done.result),
        started_at=done.started_at,
        duration_ms=done.duration_ms,
    )


def _with_secrets(told: Suspension, masked: Suspension) -> frozenset[str]:
    """The tasks that run something else, and would be given a secret; what runs here has its arguments anyway."""
    if not isinstance(told, Tasks) or not isinstance(masked, Tasks):
        return frozenset()
    pairs = zip(told.steps, masked.steps, strict=True)
    return frozenset(one.key for one, shown in pairs if not one.is_own and one.args != shown.args)
