"""The storages of a workspace as they are set: between Windmill's words on the wire and ours."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from tidemill.db.storages import INSTANCE, LOCAL, Setting
from tidemill.engine.object_rules import Rule, Rules, parse_rule
from tidemill.model.errors import BadRequest, Denied
from tidemill.model.identity import Principal
from tidemill.model.object_address import DEFAULT, check_storage_name
from tidemill.model.path import parse_path

WireType = Literal[
    "S3Storage",
    "AzureBlobStorage",
    "AzureWorkloadIdentity",
    "S3AwsOidc",
    "GoogleCloudStorage",
    "FilesystemStorage",
]
MOST_STORAGES: Final = 200
_REFERENCE: Final = "$res:"
_S3: Final = "s3_resource_path"
_AZURE: Final = "azure_blob_resource_path"
_KINDS: Final[dict[WireType, tuple[str, str]]] = {
    "S3Storage": ("s3", _S3),
    "S3AwsOidc": ("s3_aws_oidc", _S3),
    "AzureBlobStorage": ("azure_blob", _AZURE),
    "AzureWorkloadIdentity": ("azure_workload_identity", _AZURE),
    "GoogleCloudStorage": ("gcloud_storage", "gcs_resource_path"),
}
"""Type on the wire -> type of the resource, and the member that holds its path."""

_TYPES: Final = {kind: wire for wire, (kind, _) in _KINDS.items()}


class WireRule(msgspec.Struct):
    """`allow`: words with commas, of read, write, delete and list; "" refuses what matches."""

    pattern: str
    allow: str


class WireStorage(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A storage. Without a type, or of the type FilesystemStorage without a path, the instance keeps it itself."""

    type: WireType | UnsetType | None = UNSET
    s3_resource_path: str | None = None
    azure_blob_resource_path: str | None = None
    gcs_resource_path: str | None = None
    root_path: str | None = None
    public_resource: bool | None = None
    advanced_permissions: list[WireRule] | None = None


class WireStorages(WireStorage, kw_only=True, omit_defaults=True):
    """The default storage with all others by their names."""

    secondary_storage: dict[str, WireStorage] | None = None


def from_wire(wanted: WireStorages | None, *, caller: Principal, check_folder: Callable[[str], None]) -> list[Setting]:
    """The settings to keep; none where nothing is wanted but the default storage as it is anyway.

    Raises:
        InvalidName: the name of a storage is none.
        BadRequest: a resource is missing, a rule is none, a folder is not one that may be used; the storage is named.
        Denied: who is no superadmin names a folder of the host.
    """
    if wanted is None:
        return []
    others = wanted.secondary_storage or {}
    if len(others) >= MOST_STORAGES:
        raise BadRequest(f"A workspace has at most {MOST_STORAGES} storages.")
    found = [_setting(DEFAULT, wanted)]
    found += [_setting(check_storage_name(name), each) for name, each in others.items()]
    for each in found:
        if each.root_path is not None:
            _require_may_name_folders(caller, each)
            check_folder(each.root_path)
    return [each for each in found if each != Setting(name=DEFAULT)]


def to_wire(settings: Sequence[Setting]) -> WireStorages | None:
    """What `from_wire` read; None where there are no settings."""
    if not settings:
        return None
    by_name = {each.name: each for each in settings}
    default = by_name.pop(DEFAULT, Setting(name=DEFAULT))
    others = {name: WireStorage(**_members(each)) for name, each in by_name.items()}  # type: ignore[arg-type]
    return WireStorages(**_members(default), secondary_storage=others)  # type: ignore[arg-type]


def mismatches(settings: Sequence[Setting], types: dict[str, str]) -> Iterator[str]:
    """What does not fit between storages and the resources that they lead to; `types` are those that are there."""
    for each in settings:
        found = types.get(each.resource_path or "", each.kind)
        if each.resource_path is not None and found != each.kind:
            yield (
                f"Storage '{each.name}': '{each.resource_path}' is a resource of type {found}, and "
                f"{_TYPES[each.kind]} needs one of type {each.kind}."
            )


def _setting(name: str, wanted: WireStorage) -> Setting:
    try:
        rules = None if wanted.advanced_permissions is None else _rules(wanted.advanced_permissions)
        resource_path = _resource_path(wanted)
    except BadRequest as error:
        raise type(error)(f"Storage '{name}': {error}") from error
    folder = wanted.root_path or None if resource_path is None else None
    return Setting(
        name=name,
        kind=_kind(wanted, folder),
        resource_path=resource_path,
        root_path=folder,
        public_resource=bool(wanted.public_resource),
        rules=rules,
    )


def _require_may_name_folders(caller: Principal, setting: Setting) -> None:
    if not caller.superadmin or caller.is_job:
        why = "only superadmins may put a storage into a folder of the host (root_path)"
        raise Denied(f"Storage '{setting.name}': {why}.")


def _kind(wanted: WireStorage, folder: str | None) -> str:
    if wanted.type in _KINDS:
        return _KINDS[wanted.type][0]
    return INSTANCE if folder is None else LOCAL


def _resource_path(wanted: WireStorage) -> str | None:
    """The path of the resource that the type needs, without `$res:`; None where it needs none."""
    if wanted.type not in _KINDS:
        return None
    member = _KINDS[wanted.type][1]
    path: str | None = getattr(wanted, member)
    if not path:
        raise BadRequest(f"{wanted.type} needs {member}, the path of the resource that leads to its bucket.")
    return parse_path(path.removeprefix(_REFERENCE)).text


def _rules(written: Sequence[WireRule]) -> tuple[Rule, ...]:
    rules = tuple(parse_rule(each.pattern, each.allow) for each in written)
    return Rules(rules).rules


def _members(setting: Setting) -> dict[str, object]:
    """The members of a `WireStorage`."""
    members: dict[str, object] = {"public_resource": setting.public_resource}
    if setting.rules is not None:
        members["advanced_permissions"] = [WireRule(rule.pattern, rule.allowed) for rule in setting.rules]
    if setting.kind == LOCAL:
        return {**members, "type": "FilesystemStorage", "root_path": setting.root_path}
    if setting.kind == INSTANCE:
        return members
    wire = _TYPES[setting.kind]
    return {**members, "type": wire, _KINDS[wire][1]: f"{_REFERENCE}{setting.resource_path}"}
