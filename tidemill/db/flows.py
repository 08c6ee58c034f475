"""Flows: a path with its versions, of which one runs. The runs themselves are `db/flow_runs.py`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from tidemill.db.pool import Json, Statements, Transaction, unique
from tidemill.db.queries import queries
from tidemill.db.scripts import SharedPath
from tidemill.engine.flow.check import Paths
from tidemill.engine.permit import Readable

_SQL: Final = queries("flows")
_HASH: Final = re.compile(r"[0-7][0-9a-fA-F]{15}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowVersion:
    """One version of a flow.

    Attributes:
        id: greater than those of all earlier versions.
        value: the OpenFlow value, as it was sent.
        options: JSON object of further settings of the wire, only those set.
        archived, extra_perms: of the flow, whatever its version.
    """

    id: int
    workspace_id: str
    path: str
    summary: str
    description: str
    value: bytes
    schema: bytes | None
    tag: str | None
    options: bytes
    labels: tuple[str, ...]
    deployment_message: str | None
    archived: bool
    extra_perms: bytes
    created_by: str
    created_at: datetime

    @property
    def settings(self) -> dict[str, Any]:
        """`options`, read."""
        settings: dict[str, Any] = msgspec.json.decode(self.options)
        return settings

    @property
    def shares(self) -> Mapping[str, bool]:
        """`extra_perms`, read."""
        return msgspec.json.decode(self.extra_perms, type=dict[str, bool])


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFlowVersion:
    """A version to be added; see `FlowVersion`. `lock_job` locks its scripts."""

    workspace_id: str
    path: str
    summary: str
    description: str
    value: Json
    schema: Json
    tag: str | None
    options: Json
    labels: list[str]
    deployment_message: str | None
    created_by: str
    lock_job: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Locking:
    """How the job stands that locks the scripts of a version; `status` and `outcome` (JSON) once it has ended."""

    job: UUID
    status: str | None
    outcome: bytes | None


@dataclass(frozen=True, slots=True)
class VersionLine:
    """One line of a path's history."""

    id: int
    deployment_message: str | None
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which flows a list shows, None is no restriction; and whether with their values."""

    archived: bool = False
    path_exact: str | None = None
    path_start: str | None = None
    created_by: str | None = None
    label: str | None = None
    paths: list[str] | None = None
    descending: bool = True
    with_value: bool = True


async def head(statements: Statements, workspace: str, path: str) -> FlowVersion | None:
    """The version of `path` that runs; `archived` says whether it may."""
    return await statements.fetch_optional(_SQL["head"], FlowVersion, workspace_id=workspace, path=path)


async def version(statements: Statements, workspace: str, number: int) -> FlowVersion | None:
    """One version."""
    return await statements.fetch_optional(_SQL["version"], FlowVersion, workspace_id=workspace, id=number)


async def add(tx: Transaction, new: NewFlowVersion) -> int:
    """Add a flow; the number of its first version.

    Raises:
        AlreadyExists: there is a flow at the path.
    """
    number = await _add_version(tx, new)
    with unique(f"There is a flow at '{new.path}' already: update it, or choose another path."):
        await tx.execute(
            _SQL["add"], workspace_id=new.workspace_id, path=new.path, version=number, created_by=new.created_by
        )
    return number


async def hold(tx: Transaction, workspace: str, path: str) -> None:
    """Let nobody else change the flow until the transaction ends."""
    await tx.fetch_optional(_SQL["hold"], workspace_id=workspace, path=path)


async def replace(tx: Transaction, new: NewFlowVersion, *, at: str) -> int:
    """Add a version to the flow at the path `at`, which is held and moves to the path of the version; its number.

    Raises:
        AlreadyExists: there is another flow at the path.
    """
    if at != new.path:
        with unique(f"There is a flow at '{new.path}' already: choose another path."):
            await tx.execute(_SQL["move"], workspace_id=new.workspace_id, path=at, new_path=new.path)
    number = await _add_version(tx, new)
    await tx.execute(_SQL["set_head"], workspace_id=new.workspace_id, path=new.path, version=number)
    return number


async def _add_version(tx: Transaction, new: NewFlowVersion) -> int:
    return int(
        await tx.fetch_value(_SQL["add_version"], **{each.name: getattr(new, each.name) for each in fields(new)})
    )


async def locking(statements: Statements, workspace: str, number: int) -> Locking | None:
    """The job that locks the scripts of a version; None: they had their locks, there are none, or it was long ago."""
    return await statements.fetch_optional(_SQL["locking"], Locking, workspace_id=workspace, id=number)


async def store_locks(statements: Statements, workspace: str, number: int, *, value: Json) -> None:
    """Keep the value of a version whose scripts were locked."""
    await statements.execute(_SQL["store_locks"], workspace_id=workspace, id=number, value=value)


async def set_archived(tx: Transaction, workspace: str, path: str, *, archived: bool) -> None:
    """Take a flow out of use, or into use again."""
    await tx.execute(_SQL["set_archived"], workspace_id=workspace, path=path, archived=archived)


async def remove(tx: Transaction, workspace: str, path: str) -> None:
    """Remove a flow with all of its versions."""
    await tx.execute(_SQL["remove"], workspace_id=workspace, path=path)


async def versions(statements: Statements, workspace: str, path: str, *, limit: int, skip: int) -> list[VersionLine]:
    """The versions of `path`, the newest first."""
    return await statements.fetch_all(
        _SQL["versions"], VersionLine, workspace_id=workspace, path=path, limit=limit, skip=skip
    )


async def set_message(tx: Transaction, workspace: str, number: int, *, message: str) -> None:
    """Change what a deployment says about itself."""
    await tx.execute(_SQL["set_message"], workspace_id=workspace, id=number, message=message)


async def page(
    tx: Transaction, workspace: str, wanted: Filter, *, readable: Readable, after: FlowVersion | None, limit: int
) -> list[FlowVersion]:
    """Up to `limit` flows behind `after`, by when they were deployed. Each row still has to be decided upon."""
    return await tx.fetch_all(
        _SQL["page"],
        FlowVersion,
        workspace_id=workspace,
        everything=readable.everything,
        owner_keys=list(readable.owner_keys),
        permission_keys=list(readable.permission_keys),
        after_id=None if after is None else after.id,
        limit=limit,
        **{each.name: getattr(wanted, each.name) for each in fields(wanted)},
    )


async def paths(statements: Statements, workspace: str) -> list[SharedPath]:
    """All paths in use, in order."""
    return await statements.fetch_all(_SQL["paths"], SharedPath, workspace_id=workspace)


@dataclass(frozen=True, slots=True)
class NamedItem:
    """An item that a flow names.

    Attributes:
        kind: script, version (of a script, by its hash), flow, resource or variable.
        schema: of its arguments, JSON; `takes_any`: it may take others, too.
    """

    kind: str
    path: str
    version: int | None
    extra_perms: bytes
    schema: bytes | None
    takes_any: bool


async def named(statements: Statements, workspace: str, paths: Paths) -> list[NamedItem]:
    """What there is in use of `paths`."""
    return await statements.fetch_all(
        _SQL["named"],
        NamedItem,
        workspace_id=workspace,
        scripts=list(paths.scripts),
        versions=[int(each, 16) for each in paths.versions if _HASH.fullmatch(each)],
        flows=list(paths.flows),
        resources=list(paths.resources),
        variables=list(paths.variables),
    )
