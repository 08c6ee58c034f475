"""Schedules as the wire has them: bodies in, and what of them is kept and shown."""

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from tidemill.db.schedules import NO_ARGS, NO_RETRY, Content, Schedule, Settings
from tidemill.engine import retry
from tidemill.engine.cron import parse_cron, parse_zone
from tidemill.model import jsontext
from tidemill.model.errors import BadRequest, Unsupported
from tidemill.model.path import check_name, parse_path
from tidemill.model.schedule import Handler, Target, parse_target
from tidemill.server.changes import checked_labels

_MOST_CATCH_UP_S: Final = 31 * 86_400
_MOST_CHARS: Final = 10_000
_NULL: Final = b"null"
_HANDLERS: Final = tuple(each.value for each in Handler)
_NAMING: Final = (*_HANDLERS, "dynamic_skip")

Times = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
CatchUp = Annotated[int, msgspec.Meta(ge=0, le=_MOST_CATCH_UP_S)]
RawOrNot = msgspec.Raw | UnsetType


class Settled(msgspec.Struct, kw_only=True):
    """What a schedule says beside when and what it runs. What is not given stays as it is, or has its default."""

    args: RawOrNot = UNSET
    summary: str | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    tag: str | UnsetType | None = UNSET
    retry: RawOrNot = UNSET
    no_flow_overlap: bool | UnsetType | None = UNSET
    dynamic_skip: str | UnsetType | None = UNSET
    catch_up_s: CatchUp | UnsetType | None = UNSET
    cron_version: str | UnsetType | None = UNSET
    ws_error_handler_muted: bool | UnsetType | None = UNSET
    on_failure: str | UnsetType | None = UNSET
    on_failure_times: Times | UnsetType | None = UNSET
    on_failure_exact: bool | UnsetType | None = UNSET
    on_failure_extra_args: RawOrNot = UNSET
    on_recovery: str | UnsetType | None = UNSET
    on_recovery_times: Times | UnsetType | None = UNSET
    on_recovery_extra_args: RawOrNot = UNSET
    on_success: str | UnsetType | None = UNSET
    on_success_extra_args: RawOrNot = UNSET


class NewSchedule(Settled, kw_only=True):
    """A schedule to create."""

    path: str
    schedule: str
    timezone: str = "UTC"
    script_path: str
    is_flow: bool = False
    enabled: bool = True
    paused_until: datetime | None = None
    labels: list[str] | None = None
    permissioned_as: str | None = None
    preserve_permissioned_as: bool | None = None


class ScheduleChange(Settled, kw_only=True):
    """What to change; what is not given stays."""

    schedule: str | None = None
    timezone: str | None = None
    script_path: str | None = None
    is_flow: bool | None = None
    enabled: bool | None = None
    paused_until: datetime | UnsetType | None = UNSET
    labels: list[str] | None = None
    permissioned_as: str | None = None
    preserve_permissioned_as: bool | None = None


class WireSchedule(msgspec.Struct, kw_only=True):
    """A schedule. `failures`: how many runs in a row failed, and `successes` have come since."""

    workspace_id: str
    path: str
    version: int
    schedule: str
    timezone: str
    script_path: str
    is_flow: bool
    enabled: bool
    paused_until: datetime | None
    args: msgspec.Raw
    summary: str | None
    description: str | None
    tag: str | None
    retry: msgspec.Raw
    no_flow_overlap: bool
    dynamic_skip: str | None
    catch_up_s: int
    cron_version: str
    ws_error_handler_muted: bool
    on_failure: str | None
    on_failure_times: int
    on_failure_exact: bool
    on_failure_extra_args: msgspec.Raw
    on_recovery: str | None
    on_recovery_times: int
    on_recovery_extra_args: msgspec.Raw
    on_success: str | None
    on_success_extra_args: msgspec.Raw
    labels: list[str]
    extra_perms: msgspec.Raw
    permissioned_as: str
    email: str
    edited_by: str
    edited_at: datetime
    error: str | None
    failures: int
    successes: int


class OneSchedule(WireSchedule, kw_only=True):
    """A schedule by itself. `is_draft`: never; the published clients require it."""

    is_draft: bool = False


class WireRun(msgspec.Struct):
    """The end of one run."""

    id: UUID
    success: bool
    duration_ms: int


class ScheduleWithJobs(WireSchedule, kw_only=True):
    """A schedule with its last runs, newest first."""

    jobs: list[WireRun]


def new_settings(body: Settled, before: Settings | None = None) -> Settings:
    """The settings that a body asks for, over those that were `before`.

    Raises:
        BadRequest, InvalidPath, InvalidName: one of them is not what it should be; the message names it.
        Unsupported: it asks for the old syntax of cron.
    """
    kept = {} if before is None else msgspec.structs.asdict(before)
    defaults = msgspec.structs.asdict(Settings())
    for name in Settled.__struct_fields__:
        given = getattr(body, name)
        if given is not UNSET:
            is_none = given is None or (given == "" and name in _NAMING)  # as `wmill schedule new` writes it
            kept[name] = defaults[name] if is_none else given
    for name in ("args", *(f"{each}_extra_args" for each in _HANDLERS)):
        kept[name] = _arguments(name, kept.get(name, NO_ARGS))
    kept["retry"] = _retry(kept.get("retry", NO_RETRY))
    settings = Settings(**kept)
    _check(settings)
    return settings


def checked_content(content: Content) -> Content:
    """`content`, if its times can be read, and what it says can be done.

    Raises:
        BadRequest: pattern or time zone cannot be read.
    """
    parse_cron(content.cron)
    parse_zone(content.timezone)
    return content


def checked_labels_of(labels: list[str] | None, before: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The labels that a body asks for."""
    return before if labels is None else checked_labels(labels)


def target_of(path: str, *, is_flow: bool) -> Target:
    """What a schedule runs.

    Raises:
        InvalidPath: it is no path.
    """
    return Target("flow" if is_flow else "script", parse_path(path).text)


def on_wire(workspace: str, one: Schedule) -> WireSchedule:
    """A stored schedule in a list."""
    return WireSchedule(**fields_of(workspace, one))


def fields_of(workspace: str, one: Schedule) -> dict[str, Any]:
    """The fields of a stored schedule by their names on the wire."""
    settings = msgspec.structs.asdict(one.more)
    for name in ("summary", "description"):
        settings[name] = settings[name] or None
    return {
        **settings,
        "cron_version": settings["cron_version"] or "v2",
        "workspace_id": workspace,
        "path": one.path,
        "version": one.version,
        "schedule": one.cron,
        "timezone": one.timezone,
        "script_path": one.target_path,
        "is_flow": one.target_kind == "flow",
        "enabled": one.enabled,
        "paused_until": one.paused_until,
        "labels": list(one.labels),
        "extra_perms": msgspec.Raw(one.extra_perms),
        "permissioned_as": one.permissioned_as,
        "email": one.email,
        "edited_by": one.edited_by.removeprefix("u/"),
        "edited_at": one.edited_at,
        "error": one.error,
        "failures": one.failures,
        "successes": one.successes,
    }


def _arguments(name: str, raw: msgspec.Raw) -> msgspec.Raw:
    text = bytes(raw).strip()
    if text == _NULL:
        return NO_ARGS
    if not text.startswith(b"{"):
        raise BadRequest(f"{name} must be a JSON object of arguments by their names.")
    return msgspec.Raw(text)


def _retry(raw: msgspec.Raw) -> msgspec.Raw:
    return msgspec.Raw(bytes(raw)) if retry.parse(jsontext.loads(bytes(raw))) is not None else NO_RETRY


def _check(settings: Settings) -> None:
    targets = {name: parse_target(named) for name in _NAMING if (named := getattr(settings, name)) is not None}
    if (asked := targets.get("dynamic_skip")) is not None and asked.kind != "script":
        raise BadRequest("dynamic_skip must be the path of a script: a flow cannot be asked.")
    if settings.tag is not None:
        check_name("tag", settings.tag)
    if settings.cron_version not in {None, "v2"}:
        raise Unsupported("cron_version must be 'v2': days of the week are 0 to 7 with 0 and 7 for Sunday.")
    if max(len(settings.summary), len(settings.description)) > _MOST_CHARS:
        raise BadRequest(f"summary and description have at most {_MOST_CHARS} characters.")
