"""Scripts as the wire has them. What has no value is absent: `wmill script push` takes null for a difference."""

from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from tidemill.db.scripts import Script, Version, hash_text
from tidemill.model.errors import BadRequest, Unsupported

KINDS: Final = ("script", "failure", "trigger", "command", "approval", "preprocessor")
MAX_CONTENT_BYTES: Final = 4 * 1024 * 1024
_MAX_SECONDS: Final = 10 * 366 * 86400


class Settings(msgspec.Struct, omit_defaults=True, kw_only=True):
    """The run-time settings of a version. Null, false, 0 and "" are the same as absent."""

    is_template: bool | None = None
    envs: list[str] | None = None
    concurrent_limit: int | None = None
    concurrency_time_window_s: int | None = None
    concurrency_key: str | None = None
    cache_ttl: int | float | None = None
    cache_ignore_s3_path: bool | None = None
    dedicated_worker: bool | None = None
    ws_error_handler_muted: bool | None = None
    priority: int | None = None
    restart_unless_cancelled: bool | None = None
    timeout: int | None = None
    delete_after_use: bool | None = None
    delete_after_secs: int | None = None
    visible_to_runner_only: bool | None = None
    auto_kind: str | None = None
    assets: list[dict[str, Any]] | None = None
    debounce_key: str | None = None
    debounce_delay_s: int | None = None
    debounce_args_to_accumulate: list[str] | None = None
    max_total_debouncing_time: int | None = None
    max_total_debounces_amount: int | None = None


class NewScript(Settings, kw_only=True):
    """A version to be deployed. `on_worker_loss` is our own: `restart` (the default) or `fail`."""

    path: str
    content: str
    language: str
    summary: str = ""
    description: str | None = None
    parent_hash: str | None = None
    auto_parent: bool | None = None
    schema: Raw = msgspec.field(default_factory=lambda: Raw(b"null"))
    lock: str | list[str] | None = None
    kind: str | None = None
    tag: str | None = None
    labels: list[str] | None = None
    on_worker_loss: str | None = None
    deployment_message: str | None = None
    no_main_func: bool | None = None
    has_preprocessor: bool | None = None
    # what we do not have: refused where it would change how the script runs
    codebase: str | None = None
    modules: dict[str, Raw] | None = None
    on_behalf_of_email: str | None = None
    on_behalf_of: str | None = None
    preserve_on_behalf_of: bool | None = None
    job_token_scopes: list[str] | None = None
    skip_draft_deletion: bool | None = None


_UNSUPPORTED: Final = ("codebase", "modules", "job_token_scopes", "envs", "restart_unless_cancelled")
_RANGES: Final = {
    "concurrent_limit": (0, 1_000_000),
    "concurrency_time_window_s": (0, _MAX_SECONDS),
    "cache_ttl": (0, _MAX_SECONDS),
    "priority": (0, 100),
    "timeout": (0, _MAX_SECONDS),
    "delete_after_secs": (0, _MAX_SECONDS),
    "debounce_delay_s": (0, _MAX_SECONDS),
    "max_total_debouncing_time": (0, _MAX_SECONDS),
    "max_total_debounces_amount": (0, 1_000_000),
}


class ScriptOut(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One version of a script."""

    workspace_id: str
    hash: str
    path: str
    summary: str
    description: str
    content: str
    language: str
    kind: str
    created_by: str
    created_at: datetime
    archived: bool
    deleted: bool
    is_template: bool
    starred: bool
    has_preprocessor: bool
    ws_error_handler_muted: bool
    extra_perms: Raw
    is_draft: bool | UnsetType = UNSET
    on_worker_loss: str | UnsetType = UNSET
    parent_hashes: list[str] | UnsetType = UNSET
    schema: Raw | UnsetType = UNSET
    lock: str | UnsetType = UNSET
    lock_error_logs: str | UnsetType = UNSET
    tag: str | UnsetType = UNSET
    labels: list[str] | UnsetType = UNSET
    no_main_func: bool | UnsetType = UNSET
    deployment_msg: str | UnsetType = UNSET
    envs: list[str] | UnsetType = UNSET
    concurrent_limit: int | UnsetType = UNSET
    concurrency_time_window_s: int | UnsetType = UNSET
    concurrency_key: str | UnsetType = UNSET
    cache_ttl: int | UnsetType = UNSET
    cache_ignore_s3_path: bool | UnsetType = UNSET
    dedicated_worker: bool | UnsetType = UNSET
    priority: int | UnsetType = UNSET
    restart_unless_cancelled: bool | UnsetType = UNSET
    timeout: int | UnsetType = UNSET
    delete_after_use: bool | UnsetType = UNSET
    delete_after_secs: int | UnsetType = UNSET
    visible_to_runner_only: bool | UnsetType = UNSET
    auto_kind: str | UnsetType = UNSET
    on_behalf_of_email: str | UnsetType = UNSET
    on_behalf_of: str | UnsetType = UNSET
    assets: list[Any] | UnsetType = UNSET
    debounce_key: str | UnsetType = UNSET
    debounce_delay_s: int | UnsetType = UNSET
    debounce_args_to_accumulate: list[str] | UnsetType = UNSET
    max_total_debouncing_time: int | UnsetType = UNSET
    max_total_debounces_amount: int | UnsetType = UNSET


class HistoryLine(msgspec.Struct, omit_defaults=True):
    """One version in the history of a path."""

    script_hash: str
    created_at: datetime
    created_by: str
    deployment_msg: str | UnsetType = UNSET


def check_supported(new: NewScript) -> None:
    """Refuse what we would otherwise have to ignore, and numbers out of range.

    Raises:
        Unsupported, BadRequest: the message names the member.
    """
    for name in _UNSUPPORTED:
        if getattr(new, name):
            raise Unsupported(f"Scripts with '{name}' are not supported: leave it out.")
    for name, (least, most) in _RANGES.items():
        value = getattr(new, name)
        if value is not None and not (least <= value <= most and value == int(value)):
            raise BadRequest(f"{name} must be a whole number from {least} to {most}.")
    if new.kind not in {None, *KINDS}:
        raise BadRequest(f"kind must be one of {', '.join(KINDS)}.")
    if new.on_worker_loss not in {None, "restart", "fail"}:
        raise BadRequest("on_worker_loss must be 'restart' or 'fail'.")
    if len(new.content.encode("utf-8", "surrogatepass")) > MAX_CONTENT_BYTES:
        raise BadRequest(f"A script has at most {MAX_CONTENT_BYTES} bytes of source.")


def settings_of(new: NewScript) -> dict[str, Any]:
    """The run-time settings that are set."""
    settings = {name: getattr(new, name) for name in Settings.__struct_fields__ if getattr(new, name)}
    if "cache_ttl" in settings:
        settings["cache_ttl"] = int(settings["cache_ttl"])
    return settings


def script_out(script: Script, *, is_row: bool = False) -> ScriptOut:
    """`script` on the wire; as a row of a list without its schema and lock."""
    settings = dict(script.settings)
    return ScriptOut(
        workspace_id=script.workspace_id,
        hash=hash_text(script.hash),
        path=script.path,
        summary=script.summary,
        description=script.description,
        content=script.content,
        language=script.language,
        kind=script.kind,
        created_by=script.created_by,
        created_at=script.created_at,
        archived=script.archived,
        deleted=script.deleted,
        starred=False,
        is_draft=UNSET if is_row else False,
        is_template=bool(settings.pop("is_template", False)),
        has_preprocessor=script.has_preprocessor,
        ws_error_handler_muted=bool(settings.pop("ws_error_handler_muted", False)),
        extra_perms=Raw(script.extra_perms),
        on_worker_loss=script.on_worker_loss if script.on_worker_loss != "restart" else UNSET,
        parent_hashes=[hash_text(each) for each in script.parent_hashes] or UNSET,
        schema=UNSET if script.schema is None or is_row else Raw(script.schema),
        lock=UNSET if script.lock is None or is_row else script.lock,
        lock_error_logs=lock_error(script) or UNSET,
        tag=script.tag or UNSET,
        labels=list(script.labels) or UNSET,
        no_main_func=script.no_main_func or UNSET,
        deployment_msg=script.deployment_message or UNSET,
        **{name: value for name, value in settings.items() if name in ScriptOut.__struct_fields__},
    )


class _Error(msgspec.Struct):
    message: str = ""


class _Failure(msgspec.Struct):
    error: _Error


def lock_error(script: Script) -> str:
    """Why the lock of a version could not be resolved; "" where it could, or is still being resolved."""
    if script.lock is not None or script.lock_failure is None:
        return script.lock_error or ""
    try:
        return msgspec.json.decode(script.lock_failure, type=_Failure).error.message
    except msgspec.DecodeError:
        return "The job that resolves the dependencies has failed."


def history_line(version: Version, *, with_message: bool = True) -> HistoryLine:
    """`version` on the wire."""
    message = version.deployment_message if with_message else None
    return HistoryLine(hash_text(version.hash), version.created_at, version.created_by, message or UNSET)
