"""What each item of a workspace is in an archive: files of its own, as `wmill` names and reads them.

What has no value is absent rather than null, since `wmill` tells the two apart; and what it cannot keep as a file is
refused here, by a sentence, as it would otherwise be lost or keep the whole from being read.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec import Raw

from tidemill.db.flows import FlowVersion
from tidemill.db.folders import Folder
from tidemill.db.groups import Group
from tidemill.db.members import Member
from tidemill.db.resource_types import ResourceType
from tidemill.db.resources import Resource
from tidemill.db.schedules import Schedule, Settings
from tidemill.db.scripts import Script
from tidemill.db.variables import Variable

Files = list[tuple[str, bytes]]

_DOTTED: Final = "the command line takes all behind the first dot of its path for the ending of a file"
_EXTENSIONS: Final = {
    "python3": "py",
    "bun": "bun.ts",
    "deno": "deno.ts",
    "nativets": "fetch.ts",
    "bash": "sh",
    "powershell": "ps1",
    "go": "go",
    "postgresql": "pg.sql",
    "mysql": "my.sql",
    "bigquery": "bq.sql",
    "snowflake": "sf.sql",
    "mssql": "ms.sql",
    "oracledb": "odb.sql",
    "duckdb": "duckdb.sql",
    "graphql": "gql",
    "php": "php",
    "rust": "rs",
}
_LOOPS: Final = ("forloopflow", "whileloopflow")


class NoFile(Exception):
    """The command line cannot keep this item as a file; the message says why."""


def script_files(script: Script, default_ts: str) -> Files:
    """The source, and what is said about it."""
    if "." in script.path:
        raise NoFile(_DOTTED)
    settings = script.settings
    about = {
        "summary": script.summary,
        "description": script.description,
        "kind": script.kind,
        "schema": _raw(script.schema),
        "lock": script.lock,
        "tag": script.tag,
        "labels": list(script.labels),
        "has_preprocessor": script.has_preprocessor,
        "on_worker_loss": script.on_worker_loss if script.on_worker_loss != "restart" else None,
        **{name: value for name, value in settings.items() if name != "on_behalf_of"},
        "extra_perms": _shares(script.extra_perms),
    }
    source = f"{script.path}.{_extension(script.language, default_ts)}"
    return [(source, script.content.encode()), (f"{script.path}.script.json", _json(about))]


def flow_files(flow: FlowVersion) -> Files:
    """One file; the command line takes the sources of the steps out of it."""
    for problem in _problems(msgspec.json.decode(flow.value)):
        raise NoFile(problem)
    about = {
        "summary": flow.summary,
        "description": flow.description,
        "value": Raw(flow.value),
        "schema": _raw(flow.schema),
        "tag": flow.tag,
        "labels": list(flow.labels),
        **{name: value for name, value in flow.settings.items() if name != "on_behalf_of"},
        "extra_perms": _shares(flow.extra_perms),
    }
    return [(f"{flow.path}.flow.json", _json(about))]


def variable_files(variable: Variable, *, value: str) -> Files:
    """`value`: as it shall be in the file, in the clear or not."""
    about = {
        "value": value,
        "is_secret": variable.is_secret,
        "description": variable.description,
        "is_oauth": variable.is_oauth,
        "labels": list(variable.labels),
        "extra_perms": _shares(variable.extra_perms),
    }
    return [(f"{variable.path}.variable.json", _json(about, keep=("is_secret",)))]


def resource_files(resource: Resource, file_types: frozenset[str]) -> Files:
    """`file_types`: whose values the command line writes into files of their own."""
    value = resource.value.strip()
    if value == b"null":
        raise NoFile("its value is null, which the command line cannot send")
    if resource.resource_type in file_types and not value.startswith(b"{"):
        raise NoFile("its type is one of files, and its value is no object with their content")
    about = {
        "value": Raw(resource.value),
        "resource_type": resource.resource_type,
        "description": resource.description,
        "labels": list(resource.labels),
    }
    return [(f"{resource.path}.resource.json", _json(about))]


def schedule_files(schedule: Schedule) -> Files:
    """Whom it runs as is not in it: that is whoever pushes it, or whom it ran as where it is."""
    settings, defaults = msgspec.structs.asdict(schedule.more), msgspec.structs.asdict(Settings())
    about = {
        **{name: value for name, value in settings.items() if value != defaults[name]},
        "args": settings["args"],
        "schedule": schedule.cron,
        "timezone": schedule.timezone,
        "script_path": schedule.target_path,
        "is_flow": schedule.target_kind == "flow",
        "enabled": schedule.enabled,
        "paused_until": schedule.paused_until,
        "labels": list(schedule.labels),
    }
    return [(f"{schedule.path}.schedule.json", _json(about, keep=("is_flow", "enabled")))]


def type_files(found: ResourceType) -> Files:
    """A type that the workspace defines itself."""
    about = {
        "schema": Raw(found.schema),
        "description": found.description,
        "display_name": found.display_name or None,
        "format_extension": found.format_extension,
        "is_fileset": found.is_fileset,
    }
    return [(f"{found.name}.resource-type.json", _json(about))]


def folder_files(folder: Folder) -> Files:
    """Who may do what in it."""
    about = {
        "summary": folder.summary,
        "display_name": folder.display_name,
        "owners": list(folder.owners),
        "extra_perms": dict(folder.extra_perms),
        "labels": list(folder.labels),
    }
    return [(f"f/{folder.name}/folder.meta.json", _json(about, keep=("owners", "extra_perms")))]


def group_files(group: Group) -> Files:
    """Who is in it, and who of them may change it."""
    admins = sorted(f"u/{name}" for name in group.members if group.extra_perms.get(f"u/{name}") is True)
    others = [f"u/{name}" for name in group.members if f"u/{name}" not in admins]
    about = {"summary": group.summary, "admins": admins, "members": others}
    return [(f"groups/{group.name}.group.json", _json(about, keep=("admins", "members")))]


def user_files(member: Member) -> Files:
    """A member by its e-mail, without anything of its account."""
    about = {"username": member.username, "role": member.role.value, "disabled": member.disabled}
    return [(f"users/{member.email}.user.json", _json(about, keep=("disabled",)))]


def settings_files(settings: Mapping[str, Any]) -> Files:
    """What `get_settings` answers, but for which workspace it is."""
    about = {name: value for name, value in settings.items() if name != "workspace_id"}
    return [("settings.json", _json(about))]


def key_files(key: str) -> Files:
    """The key that secrets are exported with."""
    return [("encryption_key.json", msgspec.json.encode(key))]


def left_out_files(reasons: Mapping[str, str]) -> Files:
    """What is missing, item -> why. The command line passes this file over."""
    lines = [f"{item}: {why}.\n" for item, why in sorted(reasons.items())]
    return [("left-out.txt", "".join(lines).encode())] if lines else []


def _extension(language: str, default_ts: str) -> str:
    if language not in _EXTENSIONS:
        raise NoFile(f"the command line knows no files of the language {language}")
    return "ts" if language == default_ts else _EXTENSIONS[language]


def _problems(value: Any) -> Iterator[str]:
    """Why the command line could not take the sources out of a flow and put them in again."""
    yield from _problems_of(value.get("modules"))
    for name in ("failure_module", "preprocessor_module"):
        if value.get(name):
            yield from _problems_of([value[name]])


def _problems_of(modules: Any) -> Iterator[str]:
    if not isinstance(modules, list):
        yield "the command line needs a list of steps on each of its levels"
        return
    for module in modules:
        body = module["value"]
        kind = body.get("type")
        if kind == "rawscript":
            if body.get("language") not in _EXTENSIONS:
                language = body.get("language")
                yield f"the command line knows no files of the language {language}, in which its step {module['id']} is"
            if str(body.get("content")).startswith("!inline "):
                yield f"the command line takes the source of its step {module['id']} for the name of a file"
        elif kind in _LOOPS:
            yield from _problems_of(body.get("modules"))
        elif kind in {"branchone", "branchall"}:
            for branch in body.get("branches", ()):
                yield from _problems_of(branch.get("modules"))
            if kind == "branchone":
                yield from _problems_of(body.get("default"))


def _shares(extra_perms: bytes) -> dict[str, bool]:
    return msgspec.json.decode(extra_perms, type=dict[str, bool])


def _raw(text: bytes | None) -> Raw | None:
    return None if text is None or text == b"null" else Raw(text)


def _json(about: Mapping[str, Any], *, keep: tuple[str, ...] = ()) -> bytes:
    """What says something: null, false and empty lists and objects do not, but for those in `keep`."""
    said = {
        name: value
        for name, value in about.items()
        if value is not None and (isinstance(value, str | Raw) or bool(value) or name in keep)
    }
    return msgspec.json.encode(said)
