"""The environment variables of a job, and the paths that follow from what it runs: its state and its objects."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from tidemill.model.errors import BadRequest

_MANUAL: Final = "manual"
_BY_HAND: Final = "user"
_NO_STEP: Final = "nostep"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowContext:
    """Where in a flow a job stands. `path` is "" for a preview, `step_id` "" where the step has none."""

    job_id: UUID
    root_job_id: UUID
    path: str = ""
    step_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobContext:
    """What a job is told of itself.

    Attributes:
        username: of the identity that the job runs as.
        base_url: where users reach the server, without a slash at the end.
        base_internal_url: where the job reaches it, without `/api`.
        script_path: "" for a preview without one; ends in `/` for one that was never saved.
        script_hash: 16 hex digits; "" for previews.
        schedule_path: of the schedule that started it or its flow; "" when started otherwise.
        scheduled_for: when it was due.
        root_job_id: the topmost job that it belongs to; None when it is that itself.
        flow: None outside of flows.
        end_user_email: who uses the app that started it; "" elsewhere.
        custom: what admins set for all jobs of the workspace; never takes the place of a variable of ours.
    """

    workspace: str
    token: str
    email: str
    username: str
    permissioned_as: str
    base_url: str
    base_internal_url: str
    job_id: UUID
    attempt: int
    scheduled_for: datetime
    script_path: str = ""
    script_hash: str = ""
    schedule_path: str = ""
    root_job_id: UUID | None = None
    worker_group: str = ""
    flow: FlowContext | None = None
    end_user_email: str = ""
    custom: Mapping[str, str] = field(default_factory=dict)


def due_text(at: datetime) -> str:
    """When a job was due, as it is told."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def job_environment(context: JobContext) -> dict[str, str]:
    """All variables that a job is started with. Unset ones are "", but those of flows are missing outside of flows.

    Raises:
        BadRequest: a custom variable has a name or value that no process can have.
    """
    state = state_path(context)
    environment = dict(_checked(context.custom))
    environment.update(
        {
            "BASE_INTERNAL_URL": context.base_internal_url,
            "BASE_URL": context.base_internal_url,
            "WM_BASE_URL": context.base_url,
            "WM_TOKEN": context.token,
            "WM_WORKSPACE": context.workspace,
            "WM_EMAIL": context.email,
            "WM_USERNAME": context.username,
            "WM_PERMISSIONED_AS": context.permissioned_as,
            "WM_END_USER_EMAIL": context.end_user_email,
            "WM_JOB_ID": str(context.job_id),
            "WM_JOB_ATTEMPT": str(context.attempt),
            "WM_JOB_PATH": context.script_path,
            "WM_ROOT_JOB_ID": str(context.root_job_id or context.job_id),
            "WM_RUNNABLE_ID": context.script_hash,
            "WM_SCHEDULE_PATH": context.schedule_path,
            "WM_SCHEDULED_FOR": due_text(context.scheduled_for),
            "WM_STATE_PATH": state,
            "WM_STATE_PATH_NEW": state,
            "WM_OBJECT_PATH": object_path(context),
            "WM_WORKER_GROUP": context.worker_group,
        }
    )
    for name in _FLOW_NAMES:
        environment.pop(name, None)
    if context.flow is not None:
        environment.update(
            {
                "WM_FLOW_JOB_ID": str(context.flow.job_id),
                "WM_ROOT_FLOW_JOB_ID": str(context.flow.root_job_id),
                "WM_FLOW_PATH": context.flow.path,
                "WM_FLOW_STEP_ID": context.flow.step_id,
            }
        )
    return environment


_FLOW_NAMES: Final = ("WM_FLOW_JOB_ID", "WM_ROOT_FLOW_JOB_ID", "WM_FLOW_PATH", "WM_FLOW_STEP_ID")
"""Clients ask whether these are there to learn whether they run in a flow."""


def state_path(context: JobContext) -> str:
    """The path of the resource that holds the job's state.

    Runs by hand share one state; runs by schedule have one for each user that schedules run as.
    """
    trigger = context.username if context.schedule_path else _BY_HAND
    if context.flow is not None and context.flow.path:
        return f"{context.flow.path}/{context.flow.step_id or _NO_STEP}_{trigger}"
    if context.script_path.endswith("/"):
        return f"{context.script_path}state/{trigger}"
    if context.script_path:
        return f"{context.script_path}/{trigger}"
    return f"u/{context.username}/tmp_state"  # noqa: S108  # a path of ours, not a file


def object_path(context: JobContext) -> str:
    """A key prefix for objects that no other run has: what runs, what started it, the step, and when."""
    runs = (context.flow.path if context.flow is not None else "") or context.script_path
    step = [context.flow.step_id] if context.flow is not None and context.flow.step_id else []
    moment_ms = int(context.scheduled_for.timestamp() * 1000)
    parts = [_flat(runs), _flat(context.schedule_path) or _MANUAL, *step, f"{moment_ms}_{context.job_id}"]
    return "/".join(part for part in parts if part)


def _flat(path: str) -> str:
    return path.replace("/", "_")


def _checked(custom: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in custom.items():
        if name == "" or "=" in name or "\0" in name or "\0" in value:
            raise BadRequest(f"The environment variable {name[:80]!r} cannot be set: names have no '=', nothing a NUL.")
    return custom
