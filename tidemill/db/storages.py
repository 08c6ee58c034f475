"""The storages of workspaces as they are set, and the way to each: one statement tells whether anything changed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

import msgspec

from tidemill.db.pool import Database, Json, Statements, Transaction
from tidemill.db.queries import queries
from tidemill.engine.inputs import Reference
from tidemill.engine.object_rules import Rule, parse_rule

_SQL: Final = queries("storages")

INSTANCE: Final = "instance"
"""The kind of a storage that the instance keeps itself."""
LOCAL: Final = "local"
"""The kind of a storage in a folder of the host that somebody named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How a storage is set. `kind` is `instance`, `local` or the type of the resource; `rules` None: the defaults."""

    name: str
    kind: str = INSTANCE
    resource_path: str | None = None
    root_path: str | None = None
    public_resource: bool = False
    rules: tuple[Rule, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The paths of the variables and resources that a value refers to, by which a change of them is seen."""

    variables: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()

    @classmethod
    def of(cls, read: Iterable[Reference]) -> Self:
        """Those that these references name."""
        paths: dict[str, list[str]] = {"var": [], "res": []}
        for each in read:
            paths[each.kind].append(each.path)
        return cls(variables=tuple(paths["var"]), resources=tuple(paths["res"]))

    @property
    def parameters(self) -> Mapping[str, Any]:
        """As statements take them; an empty array as text, which takes the driver a tenth of the time."""
        return {"variables": list(self.variables) or "{}", "resources": list(self.resources) or "{}"}

    @property
    def references(self) -> list[Reference]:
        """As `of` took them."""
        return [Reference("var", path) for path in self.variables] + [Reference("res", path) for path in self.resources]


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """The versions of all that decides how a bucket is reached; equal ones lead to the same."""

    storage: int | None
    resource: int | None
    variables: tuple[int, ...]
    resources: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A storage, its rules as JSON, and the resource that it leads to: None where it leads to none, or to nothing."""

    kind: str
    resource_path: str | None
    root_path: str | None
    rules: bytes | None
    versions: Versions
    resource_type: str | None
    resource_value: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundResource:
    """A resource as a way to a bucket. `is_public` where a storage that leads there says so."""

    versions: Versions
    resource_type: str
    resource_value: bytes
    extra_perms: bytes
    is_public: bool


@dataclass(frozen=True, slots=True)
class Usage:
    """What a storage held when it was counted; `complete` is False where that was cut short."""

    storage: str
    size_bytes: int
    objects: int
    complete: bool
    computed_at: datetime


@dataclass(frozen=True, slots=True)
class NamedFolder:
    """A folder of the host that somebody named, and the storage that is kept below it."""

    workspace: str
    name: str
    root_path: str


async def find(statements: Statements, workspace: str, name: str, *, sources: Sources) -> Found | None:
    """The storage `name`, if it has settings; `sources` are those that are known from before."""
    row = await statements.fetch_optional(_SQL.find, workspace=workspace, name=name, **sources.parameters)
    if row is None:
        return None
    return Found(
        kind=row["kind"],
        resource_path=row["resource_path"],
        root_path=row["root_path"],
        rules=row["rules"],
        versions=_versions(row, storage=row["version"]),
        resource_type=row["resource_type"],
        resource_value=row["resource_value"],
    )


async def find_resource(statements: Statements, workspace: str, path: str, *, sources: Sources) -> FoundResource | None:
    """The resource at `path`, if there is one; `sources` as in `find`."""
    row = await statements.fetch_optional(_SQL.find_resource, workspace=workspace, path=path, **sources.parameters)
    if row is None:
        return None
    return FoundResource(
        versions=_versions(row, storage=None),
        resource_type=row["resource_type"],
        resource_value=row["resource_value"],
        extra_perms=row["extra_perms"],
        is_public=row["is_public"],
    )


async def folders(database: Database) -> list[NamedFolder]:
    """The storages of all workspaces that are in folders of the host."""
    async with database.system() as tx:
        return await tx.fetch_all(_SQL.folders, NamedFolder)


async def all_of(statements: Statements, workspace: str) -> list[Setting]:
    """The storages that have settings, by name."""
    rows = await statements.fetch_all(_SQL.all_of, workspace=workspace)
    return [_setting(row) for row in rows]


async def replace(tx: Transaction, workspace: str, settings: Sequence[Setting], *, actor: str) -> None:
    """Make these the storages of the workspace; those that are as before keep their version."""
    await tx.execute(_SQL.delete_others, workspace=workspace, names=[each.name for each in settings])
    for each in settings:
        await tx.execute(
            _SQL.put,
            workspace=workspace,
            name=each.name,
            kind=each.kind,
            resource_path=each.resource_path,
            root_path=each.root_path,
            public_resource=each.public_resource,
            rules=None if each.rules is None else Json(rules_to_json(each.rules)),
            actor=actor,
        )


async def create(tx: Transaction, workspace: str, name: str, *, actor: str) -> bool:
    """Add a storage that the instance keeps itself; False where there is one of that name."""
    return await tx.execute(_SQL.create, workspace=workspace, name=name, actor=actor) > 0


async def delete(tx: Transaction, workspace: str, name: str) -> None:
    """Forget a storage; its objects stay where they are."""
    await tx.execute(_SQL.delete, workspace=workspace, name=name)


async def resource_types(tx: Transaction, workspace: str, paths: Sequence[str]) -> dict[str, str]:
    """Path -> type of those of these resources that are there."""
    rows = await tx.fetch_all(_SQL.resource_types, workspace=workspace, paths=list(paths))
    return {row["path"]: row["resource_type"] for row in rows}


async def usage(statements: Statements, workspace: str) -> list[Usage]:
    """What was counted last, by name of the storage."""
    return await statements.fetch_all(_SQL.usage, Usage, workspace=workspace)


async def put_usage(
    statements: Statements, workspace: str, storage: str, *, size_bytes: int, objects: int, complete: bool
) -> None:
    """Keep what was counted."""
    await statements.execute(
        _SQL.put_usage,
        workspace=workspace,
        storage=storage,
        size_bytes=size_bytes,
        objects=objects,
        complete=complete,
    )


def rules_to_json(rules: Sequence[Rule]) -> bytes:
    """`rules` as they are kept and shown: `[{"pattern", "allow"}]`."""
    return msgspec.json.encode([{"pattern": rule.pattern, "allow": rule.allowed} for rule in rules])


def rules_from_json(raw: bytes) -> tuple[Rule, ...]:
    """What `rules_to_json` wrote."""
    return tuple(parse_rule(each["pattern"], each["allow"]) for each in msgspec.json.decode(raw))


def _setting(row: Mapping[str, object]) -> Setting:
    raw = row["rules"]
    assert isinstance(raw, bytes | None)
    resource_path, root_path = row["resource_path"], row["root_path"]
    return Setting(
        name=str(row["name"]),
        kind=str(row["kind"]),
        resource_path=None if resource_path is None else str(resource_path),
        root_path=None if root_path is None else str(root_path),
        public_resource=bool(row["public_resource"]),
        rules=None if raw is None else rules_from_json(raw),
    )


def _versions(row: Mapping[str, object], *, storage: int | None) -> Versions:
    variables, resources, resource = row["variable_versions"], row["resource_versions"], row["resource_version"]
    assert isinstance(variables, list | None)
    assert isinstance(resources, list | None)
    assert isinstance(resource, int | None)
    return Versions(
        storage=storage, resource=resource, variables=tuple(variables or ()), resources=tuple(resources or ())
    )
