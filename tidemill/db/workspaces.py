"""Workspaces: the walls between tenants."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tidemill.db import members
from tidemill.db.pool import Json, Statements, Transaction, unique
from tidemill.db.queries import queries
from tidemill.model.errors import BadRequest, Conflict, NotFound
from tidemill.model.identity import Role
from tidemill.model.path import check_name

_SQL: Final = queries("workspaces")

ADMINS: Final = "admins"
"""The workspace of superadmins: nobody else may be a member of it, and it stays."""

MakeKey = Callable[[Transaction, str], Awaitable[None]]
"""Makes the key that the secrets of a new workspace are sealed with."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace; `settings` is a JSON object. Nobody but a superadmin knows of it once it is archived."""

    id: str
    name: str
    owner_email: str
    created_at: datetime
    archived_at: datetime | None
    settings: bytes

    @property
    def color(self) -> str:
        """The colour that the UI shows it in; "" for none."""
        return color_of(self.settings)


def color_of(settings: bytes) -> str:
    """The colour in the settings of a workspace; "" for none."""
    return str(json.loads(settings).get("color", ""))


async def create(
    tx: Transaction,
    workspace: str,
    *,
    name: str,
    owner_email: str,
    username: str,
    color: str | None,
    make_key: MakeKey,
) -> None:
    """Make a workspace with its key, and `owner_email` its admin under `username`.

    Raises:
        InvalidName: the id or the username is none.
        AlreadyExists: there is one with this id.
    """
    check_name("workspace", workspace)
    with unique(f"There is a workspace '{workspace}' already."):
        await tx.execute(_SQL["create"], workspace=workspace, name=name, owner_email=owner_email, color=color)
    await make_key(tx, workspace)
    await members.add(tx, workspace, email=owner_email, username=username, role=Role.ADMIN)


async def find(statements: Statements, workspace: str) -> Workspace | None:
    """The workspace, archived or not, if there is one."""
    return await statements.fetch_optional(_SQL["find"], Workspace, workspace=workspace)


async def get(statements: Statements, workspace: str) -> Workspace:
    """The workspace, archived or not; raises NotFound."""
    found = await find(statements, workspace)
    if found is None:
        raise NotFound(f"There is no workspace '{workspace}'.")
    return found


async def page(statements: Statements, *, limit: int, skip: int = 0) -> list[Workspace]:
    """All workspaces by id, archived ones too."""
    return await statements.fetch_all(_SQL["all_of"], Workspace, limit=limit, skip=skip)


async def rename(tx: Transaction, workspace: str, name: str) -> None:
    """Give it another title."""
    if not 1 <= len(name) <= 100:
        raise BadRequest("The name of a workspace has 1 to 100 characters.")
    await tx.execute(_SQL["rename"], workspace=workspace, name=name)


async def set_setting(tx: Transaction, workspace: str, name: str, value: Any) -> None:
    """Set one of its settings; None takes it away."""
    await tx.execute(_SQL["set_setting"], workspace=workspace, name=name, value=Json(json.dumps(value).encode()))


async def archive(tx: Transaction, workspace: str) -> None:
    """Hide it; its tokens and jobs stop working."""
    _require_not_fixed(workspace)
    await tx.execute(_SQL["archive"], workspace=workspace)


async def unarchive(tx: Transaction, workspace: str) -> None:
    """Bring it back; raises NotFound."""
    if not await tx.execute(_SQL["unarchive"], workspace=workspace):
        raise NotFound(f"There is no workspace '{workspace}'.")


async def erase(tx: Transaction, workspace: str) -> None:
    """Delete it with all that is in it; needs a transaction that sees all workspaces."""
    _require_not_fixed(workspace)
    await get(tx, workspace)
    await tx.execute(_SQL["erase"], workspace=workspace)


def _require_not_fixed(workspace: str) -> None:
    if workspace == ADMINS:
        raise Conflict(f"The workspace '{ADMINS}' belongs to the instance: it stays.")
