"""Resource types: those that are shipped, those made in `admins` for all workspaces, and those of a workspace."""

import functools
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import msgspec

from tidemill.db.pool import Json, Statements, Transaction
from tidemill.db.queries import queries
from tidemill.model.resource_type import catalogue, secret_fields

_SQL: Final = queries("resource_types")

ADMINS: Final = "admins"
"""The workspace whose types all workspaces share."""

Origin = Literal["catalogue", "admins", "workspace"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceType:
    """A type as a workspace sees it.

    Attributes:
        origin: where it comes from: `catalogue` is shipped, `admins` is shared, `workspace` is the workspace's own.
        schema: raw JSON.
        category: of the catalogue; "" for what users made.
        created_by, edited_at: None for the catalogue.
    """

    name: str
    origin: Origin
    schema: bytes
    description: str = ""
    display_name: str = ""
    category: str = ""
    format_extension: str | None = None
    is_fileset: bool = False
    created_by: str | None = None
    edited_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    workspace_id: str
    name: str
    schema: bytes
    description: str
    display_name: str
    format_extension: str | None
    is_fileset: bool
    created_by: str
    edited_at: datetime


async def all_of(statements: Statements, workspace: str) -> dict[str, ResourceType]:
    """Every type that `workspace` sees, by name and in its order. `statements` must see all workspaces.

    A workspace's own definition goes before that of `admins`, and both before the catalogue.
    """
    rows = await statements.fetch_all(_SQL.list, _Row, workspace=workspace)
    seen = _shipped() | {row.name: _made(row, workspace) for row in rows}
    return {name: seen[name] for name in sorted(seen)}


async def find(statements: Statements, workspace: str, name: str) -> ResourceType | None:
    """The type `name` as `workspace` sees it. `statements` must see all workspaces."""
    rows = await statements.fetch_all(_SQL.named, _Row, workspace=workspace, names=[name])
    return _made(rows[-1], workspace) if rows else _shipped().get(name)


async def secret_places(statements: Statements, workspace: str, names: Collection[str]) -> dict[str, list[str]]:
    """Type -> the places of its secret fields, for those of `names` with any. `statements` must see all workspaces.

    All definitions of a name count: a workspace that defines a type anew cannot unmask what the shipped one protects.
    """
    places: dict[str, list[str]] = {name: list(_shipped_secrets().get(name, ())) for name in names}
    for row in await statements.fetch_all(_SQL.named, _Row, workspace=workspace, names=list(names)):
        schema = msgspec.json.decode(row.schema)
        if isinstance(schema, dict):
            places[row.name] += secret_fields(schema)
    return {name: found for name, found in places.items() if found}


async def create(tx: Transaction, new: ResourceType, *, workspace: str, actor: str) -> bool:
    """Keep a new type of `workspace`; whether the name was free there."""
    return await tx.fetch_value(_SQL.create, **_columns(new, workspace, actor)) is not None


async def put(tx: Transaction, wanted: ResourceType, *, workspace: str, actor: str) -> None:
    """Make the workspace's own definition of the type what `wanted` says."""
    await tx.execute(_SQL.put, **_columns(wanted, workspace, actor))


async def delete(tx: Transaction, workspace: str, name: str) -> bool:
    """Delete the workspace's own definition; whether there was one."""
    return await tx.fetch_value(_SQL.delete, workspace=workspace, name=name) is not None


def _columns(wanted: ResourceType, workspace: str, actor: str) -> dict[str, object]:
    return {
        "workspace": workspace,
        "name": wanted.name,
        "schema": Json(wanted.schema),
        "description": wanted.description,
        "display_name": wanted.display_name,
        "format_extension": wanted.format_extension,
        "is_fileset": wanted.is_fileset,
        "actor": actor,
    }


def _made(row: _Row, workspace: str) -> ResourceType:
    return ResourceType(
        name=row.name,
        origin="workspace" if row.workspace_id == workspace else "admins",
        schema=row.schema,
        description=row.description,
        display_name=row.display_name,
        format_extension=row.format_extension,
        is_fileset=row.is_fileset,
        created_by=row.created_by,
        edited_at=row.edited_at,
    )


@functools.cache
def _shipped() -> dict[str, ResourceType]:
    return {
        name: ResourceType(
            name=name,
            origin="catalogue",
            schema=msgspec.json.encode(dict(shipped.schema)),
            description=shipped.description,
            display_name=shipped.display_name,
            category=shipped.category,
            format_extension=shipped.format_extension,
            is_fileset=shipped.is_fileset,
        )
        for name, shipped in catalogue().items()
    }


@functools.cache
def _shipped_secrets() -> dict[str, list[str]]:
    return {name: places for name, shipped in catalogue().items() if (places := secret_fields(shipped.schema))}
