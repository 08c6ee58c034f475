"""Folders: who may read and write what is under `f/<name>`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from tidemill.db.pool import Json, Transaction, unique
from tidemill.db.queries import queries
from tidemill.model.errors import Conflict, NotFound
from tidemill.model.path import check_name

_SQL: Final = queries("folders")


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder. `owners` are permission keys, `extra_perms` is permission key -> may write."""

    name: str
    display_name: str
    summary: str
    owners: tuple[str, ...]
    extra_perms: Mapping[str, bool]
    labels: tuple[str, ...]
    created_by: str
    created_at: datetime
    edited_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderChange:
    """What is to be set; None leaves it as it is."""

    display_name: str | None = None
    summary: str | None = None
    owners: list[str] | None = None
    extra_perms: dict[str, bool] | None = None
    labels: list[str] | None = None

    @property
    def keys(self) -> list[str]:
        """The permission keys that it names."""
        return sorted({*(self.owners or ()), *(self.extra_perms or ())})


@dataclass(frozen=True, slots=True)
class Usage:
    """How many items of each kind are in a folder."""

    scripts: int
    flows: int
    resources: int
    variables: int
    schedules: int


async def all_of(tx: Transaction, workspace: str) -> list[Folder]:
    """All folders by name; the caller leaves out those that are not to be seen."""
    return [_folder(row) for row in await tx.fetch_all(_SQL["all_of"], workspace=workspace, name=None)]


async def find(tx: Transaction, workspace: str, name: str) -> Folder | None:
    """The folder, if there is one."""
    row = await tx.fetch_optional(_SQL["all_of"], workspace=workspace, name=name)
    return None if row is None else _folder(row)


async def create(tx: Transaction, workspace: str, name: str, *, new: FolderChange, created_by: str) -> None:
    """Make a folder.

    Raises:
        InvalidName: that is no name.
        AlreadyExists: there is one.
    """
    check_name("folder", name)
    with unique(f"There is a folder '{name}' already."):
        await tx.execute(
            _SQL["create"],
            workspace=workspace,
            name=name,
            display_name=new.display_name or name,
            summary=new.summary or "",
            owners=new.owners or [],
            extra_perms=Json(msgspec.json.encode(new.extra_perms or {})),
            labels=new.labels or [],
            created_by=created_by,
        )


async def update(tx: Transaction, workspace: str, name: str, *, change: FolderChange) -> None:
    """Set what is given."""
    perms = None if change.extra_perms is None else Json(msgspec.json.encode(change.extra_perms))
    await tx.execute(
        _SQL["update"],
        workspace=workspace,
        name=name,
        display_name=change.display_name,
        summary=change.summary,
        owners=change.owners,
        extra_perms=perms,
        labels=change.labels,
    )


async def add_owner(tx: Transaction, workspace: str, name: str, *, owner: str) -> None:
    """Make `owner` (a permission key) an owner, if it is none."""
    await tx.execute(_SQL["add_owner"], workspace=workspace, name=name, owner=owner)


async def remove_owner(tx: Transaction, workspace: str, name: str, *, owner: str) -> None:
    """Make `owner` no owner; raises NotFound where it is none."""
    if not await tx.execute(_SQL["remove_owner"], workspace=workspace, name=name, owner=owner):
        raise NotFound(f"{owner!r} does not own the folder '{name}'.")


async def delete(tx: Transaction, workspace: str, name: str) -> None:
    """Delete it. What is in it stays and is open to admins only."""
    await tx.execute(_SQL["delete"], workspace=workspace, name=name)


async def usage(tx: Transaction, workspace: str, name: str) -> Usage:
    """How much is in it."""
    return await tx.fetch_one(_SQL["usage"], Usage, workspace=workspace, prefix=f"f/{name}/")


async def require_empty(tx: Transaction, workspace: str, name: str) -> None:
    """Before somebody who is no admin, or a job, makes a folder: what an earlier one left must not fall to it.

    Raises:
        Conflict: there is something under that name.
    """
    if await tx.fetch_value(_SQL["holds_something"], workspace=workspace, prefix=f"f/{name}/"):
        raise Conflict(f"Under 'f/{name}' is what an earlier folder left: an admin has to make it again.")


def _folder(row: Mapping[str, object]) -> Folder:
    values = dict(row)
    perms = values.pop("extra_perms")
    assert isinstance(perms, bytes)
    owners, labels = values.pop("owners"), values.pop("labels")
    assert isinstance(owners, list)
    assert isinstance(labels, list)
    return Folder(**values, extra_perms=json.loads(perms), owners=tuple(owners), labels=tuple(labels))  # type: ignore[arg-type]
