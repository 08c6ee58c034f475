"""What a job is started as: its program, its environment variables, what it sees of the host."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from tidemill.db.queue import ClaimedJob
from tidemill.engine.environment import FlowContext, JobContext, job_environment
from tidemill.languages.port import Environment, Launch
from tidemill.model.script import DEFAULT_ENTRY
from tidemill.sandbox.port import Mount, Program, PythonCall
from tidemill.worker.context import WorkerOptions
from tidemill.worker.result import ERROR
from tidemill.worker.settings import settings_of
from tidemill.worker.shared import shared_flow, shared_mounts

_SYSTEM: Final = {"HOME": "/tmp", "LANG": "C.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin", "TZ": "UTC"}  # noqa: S108

_HIDDEN: Final = ("WM_TOKEN",)


def make_program(
    options: WorkerOptions,
    job: ClaimedJob,
    environment: Environment | None,
    *,
    launch: Launch,
    variables: Mapping[str, str],
) -> Program:
    """The program of `job`: what `launch` says, or Python with the bootstrap where that names no command.

    `variables` are those of `job_variables`.
    """
    site_dirs = environment.site_dirs if environment is not None else ()
    python = None
    if environment is not None and not launch.argv:
        python = PythonCall(
            interpreter=environment.python,
            paths=tuple(str(path) for path in site_dirs),
            preload=launch.preload,
            # a parked interpreter would keep the directory of this flow
            identity="" if shared_flow(job) is not None else f"{job.workspace_id}/{job.permissioned_as}",
        )
    return Program(
        argv=launch.argv,
        work=options.jobs_dir / f"{job.id}-{job.attempt}",
        files=launch.files,
        results=(*launch.result_files, ERROR),
        env={**_SYSTEM, **variables, **_limits(options)},
        mounts=(*(Mount(path, path) for path in site_dirs), *shared_mounts(options, job)),
        limits=options.limits,
        network=options.network,
        python=python,
    )


def job_variables(options: WorkerOptions, job: ClaimedJob, *, token: str) -> dict[str, str]:
    """What `job` is told of itself, as environment variables."""
    entry = settings_of(job).entry
    # older clients ask for it: a function that they would start as a job of its own runs here
    override = {} if entry == DEFAULT_ENTRY else {"MAIN_OVERRIDE": entry}
    return {**job_environment(_context(options, job, token)), **override}


def contextual_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """Those of `job_variables` that may be put into the text of a script."""
    return {name: each for name, each in variables.items() if name not in _HIDDEN}


def _limits(options: WorkerOptions) -> dict[str, str]:
    """The limits of a job, for engines that keep to theirs by themselves."""
    return {
        "TIDEMILL_MEMORY_BYTES": str(options.limits.memory_bytes),
        "TIDEMILL_DISK_BYTES": str(options.limits.tmp_bytes),
        "TIDEMILL_MAX_RESULT_BYTES": str(options.max_result_bytes),
    }


def _context(options: WorkerOptions, job: ClaimedJob, token: str) -> JobContext:
    return JobContext(
        workspace=job.workspace_id,
        token=token,
        email=job.email,
        username=job.permissioned_as.removeprefix("u/"),
        permissioned_as=job.permissioned_as,
        base_url=options.base_url,
        base_internal_url=f"http://localhost:{options.api_port}",
        job_id=job.id,
        attempt=job.attempt,
        scheduled_for=scheduled_for(job),
        script_path=job.script_path or "",
        script_hash="" if job.script_hash is None else f"{job.script_hash:016x}",
        schedule_path=job.schedule_path or "",
        root_job_id=job.root_job,
        flow=_flow(job),
        worker_group=options.group,
    )


def scheduled_for(job: ClaimedJob) -> datetime:
    """The occurrence of the schedule that the job was started for or, where there is none, when it was due."""
    return settings_of(job).scheduled_for or job.run_at


def _flow(job: ClaimedJob) -> FlowContext | None:
    """Where in a flow the job stands."""
    settings = settings_of(job)
    if job.flow_step_id is None or job.parent_job is None or settings.task is not None:
        return None
    return FlowContext(
        job_id=job.parent_job,
        root_job_id=job.root_job or job.parent_job,
        path=settings.flow_path,
        step_id=job.flow_step_id,
    )
