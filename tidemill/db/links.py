"""Public links to objects: who made them, until when they hold, and that they were taken back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from tidemill.db.pool import Database, Statements
from tidemill.db.queries import queries
from tidemill.model.identity import Principal
from tidemill.model.object_address import Address, parse_place

_SQL: Final = queries("links")
_BATCH: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link to the object `key` at `place`, made by the account `email`, which is called `actor` in the workspace."""

    id: UUID
    place: str
    key: str
    email: str
    actor: str
    job_id: UUID | None
    created_at: datetime
    expires_at: datetime

    @property
    def address(self) -> Address:
        """Where the object is."""
        return parse_place(self.place).at(self.key)


async def create(
    statements: Statements, caller: Principal, links: Sequence[tuple[UUID, Address]], *, expires_s: int
) -> datetime:
    """Note links that `caller` makes; when they end, by the database's clock, in whole seconds."""
    rows = await statements.fetch_all(
        _SQL["create"],
        workspace=caller.workspace,
        email=caller.email,
        actor=caller.actor,
        job=caller.credential.job_id,
        ids=[each for each, _ in links],
        places=[at.place for _, at in links],
        keys=[at.key for _, at in links],
        expires_s=float(expires_s),
    )
    expires_at = rows[0]["expires_at"]
    assert isinstance(expires_at, datetime)
    return expires_at


async def find(statements: Statements, workspace: str, link: UUID) -> Link | None:
    """The link, if it still holds."""
    return await statements.fetch_optional(_SQL["find"], Link, workspace=workspace, id=link)


async def page(
    statements: Statements,
    workspace: str,
    *,
    actor: str | None,
    at: Address | None,
    before: UUID | None,
    limit: int,
) -> list[Link]:
    """Links that still hold, the newest first: of `actor` (None: of everybody), to the object `at` (None: to any)."""
    place, key = (None, None) if at is None else (at.place, at.key)
    return await statements.fetch_all(
        _SQL["page"], Link, workspace=workspace, actor=actor, place=place, key=key, before=before, limit=limit
    )


async def revoke(
    statements: Statements, workspace: str, *, actor: str | None, link: UUID | None = None, at: Address | None = None
) -> list[UUID]:
    """Take back a link, or all links to an object, of `actor` (None: of everybody); the ids of those that held."""
    if link is None and at is None:
        raise ValueError("Which link?")
    place, key = (None, None) if at is None else (at.place, at.key)
    rows = await statements.fetch_all(_SQL["revoke"], workspace=workspace, actor=actor, id=link, place=place, key=key)
    return [row["id"] for row in rows]


async def remove_expired(database: Database) -> None:
    """Forget links that ended long ago."""
    while await database.single.execute(_SQL["remove_expired"], batch=_BATCH) == _BATCH:
        pass
