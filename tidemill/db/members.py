"""Members of workspaces. Names are never given to somebody else, and who leaves leaves no rights behind."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tidemill.db.pool import Statements, Transaction, unique
from tidemill.db.queries import queries
from tidemill.model.errors import AlreadyExists, BadRequest, Conflict, NotFound
from tidemill.model.identity import Role
from tidemill.model.path import check_name

_SQL: Final = queries("members")
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9_\-]+")


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody in a workspace. `groups` are those it was put in (not `all`); `disabled` is here or as an account."""

    username: str
    email: str
    role: Role
    disabled: bool
    created_at: datetime
    name: str
    superadmin: bool
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Membership:
    """A workspace as one account sees it."""

    workspace_id: str
    username: str
    role: Role
    disabled: bool
    created_at: datetime
    name: str
    owner_email: str
    settings: bytes
    archived_at: datetime | None


async def all_of(tx: Transaction, workspace: str) -> list[Member]:
    """The members of `workspace` by name."""
    return await tx.fetch_all(_SQL["all_of"], Member, workspace=workspace, username=None)


async def find(tx: Transaction, workspace: str, username: str) -> Member | None:
    """The member called `username`, if there is one."""
    return await tx.fetch_optional(_SQL["all_of"], Member, workspace=workspace, username=username)


async def get(tx: Transaction, workspace: str, username: str) -> Member:
    """The member called `username`; raises NotFound."""
    member = await find(tx, workspace, username)
    if member is None:
        raise NotFound(f"There is no member '{username}'.")
    return member


async def usernames(tx: Transaction, workspace: str) -> list[str]:
    """The names of all members."""
    return [row["username"] for row in await tx.fetch_all(_SQL["usernames"], workspace=workspace)]


async def of_account(statements: Statements, email: str) -> list[Membership]:
    """The memberships of an account, by workspace; the statements must see all workspaces."""
    return await statements.fetch_all(_SQL["of_account"], Membership, email=email)


def username_from(email: str) -> str:
    """The name that an account gets where nobody chose one: what stands before the `@`, without odd characters."""
    return _NOT_IN_NAMES.sub("_", email.partition("@")[0]).lstrip("-")[:50] or "user"


async def add(tx: Transaction, workspace: str, *, email: str, username: str, role: Role) -> None:
    """Add an account (which must exist) to `workspace`.

    Raises:
        InvalidName: that is no username.
        AlreadyExists: it is a member already, or the name is or was somebody else's.
    """
    check_name("username", username)
    former = await tx.fetch_value(_SQL["former_owner"], workspace=workspace, username=username)
    if former is not None and former != email:
        raise AlreadyExists(
            f"The username '{username}' belonged to a member who was removed, and what is under it would become "
            "visible: choose another."
        )
    with unique(f"'{email}' is a member already, or the username '{username}' is taken."):
        await tx.execute(_SQL["add"], workspace=workspace, username=username, email=email, role=role.value)
    if former is not None:
        await tx.execute(_SQL["return_name"], workspace=workspace, username=username)


async def update(
    tx: Transaction, workspace: str, username: str, *, role: Role | None = None, disabled: bool | None = None
) -> None:
    """Change what is given; raises NotFound."""
    changed = await tx.execute(
        _SQL["update"], workspace=workspace, username=username, role=None if role is None else role.value,
        disabled=disabled,
    )  # fmt: skip
    if not changed:
        raise NotFound(f"There is no member '{username}'.")


async def remove(tx: Transaction, workspace: str, username: str) -> None:
    """Remove a member: out of groups, shares and folders. What it has under `u/<username>` stays, for admins.

    Raises:
        NotFound: there is no such member.
    """
    email = await tx.fetch_value(_SQL["remove"], workspace=workspace, username=username)
    if email is None:
        raise NotFound(f"There is no member '{username}'.")
    await tx.execute(_SQL["retire_name"], workspace=workspace, username=username, email=email)
    await forget_key(tx, workspace, f"u/{username}")


async def forget_key(tx: Transaction, workspace: str, key: str) -> None:
    """Take the permission key of somebody who is gone out of all shares and folders."""
    await tx.execute(_SQL["forget_key"], workspace=workspace, key=key)


async def keep_an_admin(tx: Transaction, workspace: str, username: str) -> None:
    """Before `username` stops being an admin: make sure that another one can act.

    Raises:
        Conflict: it is the last one.
    """
    await tx.execute(_SQL["hold_workspace"], workspace=workspace)
    if await tx.fetch_value(_SQL["other_admins"], workspace=workspace, username=username) == 0:
        raise Conflict(f"'{username}' is the last admin of the workspace '{workspace}': make another one first.")


async def require_keys(tx: Transaction, workspace: str, keys: list[str]) -> None:
    """Make sure that each of `keys` is `u/<member>` or `g/<group>` of `workspace`.

    Raises:
        BadRequest: some are not: whoever gets the name later would get the rights.
    """
    rows = await tx.fetch_all(_SQL["unknown_keys"], workspace=workspace, keys=keys)
    if rows:
        unknown = ", ".join(repr(row["key"])[:80] for row in rows[:5])
        raise BadRequest(f"There is no such member or group: {unknown}. Write 'u/<username>' or 'g/<group>'.")
