"""Groups of members. `all` is built in: it is never stored, holds all members, and cannot be changed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from tidemill.db import members
from tidemill.db.pool import Json, Transaction, unique
from tidemill.db.queries import queries
from tidemill.model.errors import Conflict, NotFound
from tidemill.model.identity import EVERYONE
from tidemill.model.path import check_name

_SQL: Final = queries("groups")


@dataclass(frozen=True, slots=True)
class Group:
    """A group. `extra_perms`: permission key -> whether it may change the group; `members` are usernames."""

    name: str
    summary: str
    extra_perms: Mapping[str, bool]
    members: tuple[str, ...]


async def all_of(tx: Transaction, workspace: str) -> list[Group]:
    """All groups, `all` first, then by name."""
    rows = await tx.fetch_all(_SQL["all_of"], workspace=workspace, name=None)
    return [await _everyone(tx, workspace), *(_group(row) for row in rows)]


async def find(tx: Transaction, workspace: str, name: str) -> Group | None:
    """The group, if there is one."""
    if name == EVERYONE:
        return await _everyone(tx, workspace)
    row = await tx.fetch_optional(_SQL["all_of"], workspace=workspace, name=name)
    return None if row is None else _group(row)


async def create(tx: Transaction, workspace: str, name: str, *, summary: str, managers: list[str]) -> None:
    """Make a group; `managers` are permission keys of those who may change it besides admins.

    Raises:
        InvalidName: that is no name.
        AlreadyExists: there is one.
    """
    check_name("group", name)
    if name == EVERYONE:
        raise Conflict(f"The group '{EVERYONE}' is built in.")
    perms = Json(msgspec.json.encode(dict.fromkeys(managers, True)))
    with unique(f"There is a group '{name}' already."):
        await tx.execute(_SQL["create"], workspace=workspace, name=name, summary=summary, extra_perms=perms)


async def update(tx: Transaction, workspace: str, name: str, *, summary: str) -> None:
    """Change its summary."""
    require_changeable(name)
    await tx.execute(_SQL["update"], workspace=workspace, name=name, summary=summary)


async def delete(tx: Transaction, workspace: str, name: str) -> None:
    """Delete it, and take its rights out of all shares and folders."""
    require_changeable(name)
    await tx.execute(_SQL["delete"], workspace=workspace, name=name)
    await members.forget_key(tx, workspace, f"g/{name}")


async def add_member(tx: Transaction, workspace: str, name: str, *, username: str) -> None:
    """Put a member into it, if it is not.

    Raises:
        NotFound: there is no such member.
    """
    require_changeable(name)
    await members.get(tx, workspace, username)
    await tx.execute(_SQL["add_member"], workspace=workspace, name=name, username=username)


async def remove_member(tx: Transaction, workspace: str, name: str, *, username: str) -> None:
    """Take a member out of it; raises NotFound where it is not in it."""
    require_changeable(name)
    if not await tx.execute(_SQL["remove_member"], workspace=workspace, name=name, username=username):
        raise NotFound(f"'{username}' is not in the group '{name}'.")


def require_changeable(name: str) -> None:
    """Refuse the built-in group."""
    if name == EVERYONE:
        raise Conflict(f"The group '{EVERYONE}' is built in: it holds all members and cannot be changed.")


async def _everyone(tx: Transaction, workspace: str) -> Group:
    summary = "All members of the workspace."
    return Group(EVERYONE, summary, {}, tuple(await members.usernames(tx, workspace)))


def _group(row: Mapping[str, object]) -> Group:
    perms, names = row["extra_perms"], row["members"]
    assert isinstance(perms, bytes)
    assert isinstance(names, list)
    return Group(str(row["name"]), str(row["summary"]), json.loads(perms), tuple(names))
