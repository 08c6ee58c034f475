"""Flows as the wire has them. The value of an OpenFlow is passed on as it was sent."""

from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType

from tidemill.db import jobs
from tidemill.db.flows import FlowVersion, VersionLine
from tidemill.model.errors import BadRequest

MAX_VALUE_BYTES: Final = 8 * 1024 * 1024
_MAX_SECONDS: Final = 10 * 366 * 86400


class FlowSettings(msgspec.Struct, omit_defaults=True, kw_only=True):
    """The settings of a version beside its value. Null, false, 0 and "" are the same as absent."""

    ws_error_handler_muted: bool | None = None
    priority: int | None = None
    dedicated_worker: bool | None = None
    timeout: int | float | None = None
    visible_to_runner_only: bool | None = None


class NewFlow(FlowSettings, kw_only=True):
    """A version to be deployed."""

    value: Raw
    summary: str = ""
    path: str = ""
    description: str | None = None
    schema: Raw = msgspec.field(default_factory=lambda: Raw(b"null"))
    tag: str | None = None
    labels: list[str] | None = None
    deployment_message: str | None = None
    on_behalf_of_email: str | None = None
    on_behalf_of: str | None = None
    preserve_on_behalf_of: bool | None = None
    draft_only: bool | None = None
    skip_draft_deletion: bool | None = None


class LastRun(msgspec.Struct, kw_only=True):
    """The newest run of a flow, and how it stands, as a list of jobs has it."""

    id: str
    type: Literal["CompletedJob", "QueuedJob"]
    created_at: datetime
    canceled: bool = False
    running: bool | UnsetType = UNSET
    scheduled_for: datetime | UnsetType = UNSET
    success: bool | UnsetType = UNSET
    is_skipped: bool | UnsetType = UNSET


class FlowRow(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A flow in a list."""

    workspace_id: str
    path: str
    summary: str
    description: str
    value: Raw | UnsetType = UNSET
    edited_by: str
    edited_at: datetime
    archived: bool
    extra_perms: Raw
    version_id: int
    starred: bool = False
    ws_error_handler_muted: bool | UnsetType = UNSET
    tag: str | UnsetType = UNSET
    labels: list[str] | UnsetType = UNSET
    deployment_msg: str | UnsetType = UNSET
    priority: int | UnsetType = UNSET
    dedicated_worker: bool | UnsetType = UNSET
    timeout: int | UnsetType = UNSET
    visible_to_runner_only: bool | UnsetType = UNSET
    on_behalf_of_email: str | UnsetType = UNSET
    on_behalf_of: str | UnsetType = UNSET


class FlowOut(FlowRow, omit_defaults=True, kw_only=True):
    """One version of a flow. `is_draft`: never; the published clients require it."""

    value: Raw
    schema: Raw | UnsetType = UNSET
    is_draft: bool


class FlowHistoryLine(msgspec.Struct, omit_defaults=True):
    """One version in the history of a path."""

    id: int
    created_at: datetime
    created_by: str
    deployment_msg: str | UnsetType = UNSET


def check_supported(new: NewFlow) -> None:
    """Refuse numbers out of range.

    Raises:
        BadRequest: the message names the member.
    """
    for name, most in {"priority": 100, "timeout": _MAX_SECONDS}.items():
        value = getattr(new, name)
        if value is not None and not (0 <= value <= most and value == int(value)):
            raise BadRequest(f"{name} must be a whole number from 0 to {most}.")
    if len(bytes(new.value)) > MAX_VALUE_BYTES:
        raise BadRequest(f"The value of a flow has at most {MAX_VALUE_BYTES} bytes.")


def settings_of(new: NewFlow) -> dict[str, Any]:
    """The settings that are set."""
    settings = {name: getattr(new, name) for name in FlowSettings.__struct_fields__ if getattr(new, name)}
    if "timeout" in settings:
        settings["timeout"] = int(settings["timeout"])
    return settings


def flow_out(flow: FlowVersion) -> FlowOut:
    """`flow` on the wire."""
    schema = UNSET if flow.schema is None else Raw(flow.schema)
    return FlowOut(value=Raw(flow.value), schema=schema, is_draft=False, **_fields(flow))


def flow_row(flow: FlowVersion, *, with_value: bool) -> FlowRow:
    """`flow` as a row of a list."""
    return FlowRow(value=Raw(flow.value) if with_value else UNSET, **_fields(flow))


def _fields(flow: FlowVersion) -> dict[str, Any]:
    settings = {name: value for name, value in flow.settings.items() if name in FlowRow.__struct_fields__}
    return settings | {
        "workspace_id": flow.workspace_id,
        "path": flow.path,
        "summary": flow.summary,
        "description": flow.description,
        "edited_by": flow.created_by,
        "edited_at": flow.created_at,
        "archived": flow.archived,
        "extra_perms": Raw(flow.extra_perms),
        "version_id": flow.id,
        "tag": flow.tag or UNSET,
        "labels": list(flow.labels) or UNSET,
        "deployment_msg": flow.deployment_message or UNSET,
    }


def last_run_out(run: jobs.LastRun) -> LastRun:
    """`run` on the wire."""
    shown = LastRun(id=str(run.id), type="CompletedJob" if run.status else "QueuedJob", created_at=run.created_at)
    if run.status is None:
        shown.running = run.state != "queued" or run.started_at is not None
        shown.scheduled_for = UNSET if run.run_at is None else run.run_at
    else:
        shown.success = run.status in {"success", "skipped"}
        shown.canceled, shown.is_skipped = run.status == "canceled", run.status == "skipped"
    return shown


def flow_history_line(version: VersionLine) -> FlowHistoryLine:
    """`version` on the wire."""
    return FlowHistoryLine(version.id, version.created_at, version.created_by, version.deployment_message or UNSET)
