"""Resources, states among them: a JSON value with a type at a path. Values are raw JSON text, kept as written."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tidemill.db.items import CHUNK, item_of, reader_filter, version_mismatch, visible_page
from tidemill.db.pool import Json, Statements, Transaction
from tidemill.db.queries import queries
from tidemill.engine.permit import Item, ItemKind
from tidemill.model.errors import AlreadyExists
from tidemill.model.identity import Principal

_SQL: Final = queries("resources")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A stored resource. `value` is raw JSON; in a page it is `null` whatever the resource holds."""

    path: str
    version: int
    resource_type: str
    value: bytes
    description: str
    is_oauth: bool
    extra_perms: bytes
    labels: tuple[str, ...]
    created_by: str
    edited_by: str
    created_at: datetime
    edited_at: datetime

    @property
    def item(self) -> Item:
        return item_of(ItemKind.RESOURCE, self.path, self.extra_perms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a resource shall hold; `value` is checked raw JSON."""

    path: str
    resource_type: str
    value: bytes
    description: str = ""
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which resources are wanted; None is no restriction. Texts are found anywhere and in either case."""

    types: Sequence[str] | None = None
    not_types: Sequence[str] | None = None
    path_start: str | None = None
    path: str | None = None
    description: str | None = None
    anything: str | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Beginning:
    """The start of a resource's value, for those who search."""

    path: str
    beginning: str
    truncated: bool


async def find(statements: Statements, workspace: str, path: str) -> Resource | None:
    """The resource at `path`; None where there is none."""
    return await statements.fetch_optional(_SQL.find, Resource, workspace=workspace, path=path)


async def hold(tx: Transaction, workspace: str, path: str) -> Resource | None:
    """As `find`; nobody else can change it until the transaction ends."""
    return await tx.fetch_optional(_SQL.hold, Resource, workspace=workspace, path=path)


async def page(tx: Transaction, caller: Principal, wanted: Filter, *, skip: int, limit: int) -> list[Resource]:
    """Resources that `caller` may see, in order of path, without their values."""

    async def read_after(path: str) -> list[Resource]:
        return await tx.fetch_all(
            _SQL.page,
            Resource,
            workspace=caller.workspace,
            after=path,
            limit=CHUNK,
            types=_listed(wanted.types),
            not_types=_listed(wanted.not_types),
            path_start=wanted.path_start,
            path=wanted.path,
            description=wanted.description,
            anything=wanted.anything,
            label=wanted.label,
            **reader_filter(caller),
        )

    return await visible_page(read_after, caller, skip=skip, limit=limit)


async def beginnings(tx: Transaction, workspace: str, paths: list[str], *, chars: int) -> dict[str, Beginning]:
    """The first `chars` characters of the values at `paths`, by path."""
    rows = await tx.fetch_all(_SQL.beginnings, Beginning, workspace=workspace, paths=paths, chars=chars)
    return {row.path: row for row in rows}


async def counts(tx: Transaction, caller: Principal) -> list[tuple[str, int]]:
    """How many resources of each type `caller` can read at most, in order of type."""
    rows = await tx.fetch_all(_SQL.counts, None, workspace=caller.workspace, **reader_filter(caller))
    return [(row["resource_type"], row["count"]) for row in rows]


async def create(tx: Transaction, content: Content, *, workspace: str, actor: str) -> int | None:
    """Keep a new resource and give its version; None where the path is taken."""
    columns = _columns(content)
    version: int | None = await tx.fetch_value(
        _SQL.create, workspace=workspace, path=content.path, actor=actor, **columns
    )
    return version


async def update(
    tx: Transaction, held: Resource, content: Content, *, workspace: str, actor: str, versions: Collection[int] | None
) -> int:
    """Give the resource `held` (by `hold`) the `content`, and its path; the new version.

    Raises:
        VersionMismatch: its version is none of `versions` (None: any will do).
        AlreadyExists: another resource is at the new path.
    """
    common = {
        "workspace": workspace,
        "path": held.path,
        "actor": actor,
        "versions": _listed(versions),
        **_columns(content),
    }
    if content.path == held.path:
        version: int | None = await tx.fetch_value(_SQL.update, **common)
    else:
        if await find(tx, workspace, content.path) is not None:
            raise AlreadyExists(f"There is a resource at '{content.path}' already.")
        version = await tx.fetch_value(_SQL.move, new_path=content.path, **common)
    if version is None:
        raise version_mismatch(held.item, current=held.version)
    return version


async def delete(tx: Transaction, held: Resource, *, workspace: str, versions: Collection[int] | None) -> None:
    """Delete the resource `held`.

    Raises:
        VersionMismatch: its version is none of `versions` (None: any will do).
    """
    found = await tx.fetch_value(_SQL.delete, workspace=workspace, path=held.path, versions=_listed(versions))
    if found is None:
        raise version_mismatch(held.item, current=held.version)


def _columns(content: Content) -> dict[str, object]:
    return {
        "resource_type": content.resource_type,
        "value": Json(content.value),
        "description": content.description,
        "labels": list(content.labels),
    }


def _listed(values: Collection[int] | Sequence[str] | None) -> list[int | str] | None:
    return None if values is None else list(values)
