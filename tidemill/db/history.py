"""Old versions of variables, resources and states, as triggers record them. Secrets stay sealed in there."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from tidemill.db.pool import Transaction
from tidemill.db.queries import queries
from tidemill.model.errors import NotFound

_SQL: Final = queries("history")

Kind = Literal["variable", "resource"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One recorded version of an item.

    Attributes:
        version: as in the item's `ETag`; a delete has the version of what was deleted.
        value: raw JSON (a variable's is a JSON string); None for secrets, and in pages.
        sealed: of a secret, unless it is in a page.
        resource_type: None for variables.
    """

    id: int
    at: datetime
    kind: Kind
    path: str
    version: int
    operation: Literal["create", "update", "delete"]
    value: bytes | None
    sealed: bytes | None
    is_secret: bool
    resource_type: str | None
    description: str
    actor: str
    email: str
    job_id: UUID | None


async def page(
    tx: Transaction, workspace: str, kind: Kind, path: str, *, before: int | None, limit: int
) -> list[Version]:
    """Versions of the item at `path`, newest first; go on with `before` = the id of the last one."""
    return await tx.fetch_all(_SQL.page, Version, workspace=workspace, kind=kind, path=path, before=before, limit=limit)


async def find(tx: Transaction, workspace: str, kind: Kind, version_id: int) -> Version:
    """One version of any item of the kind; whether the caller may see it is to be decided by its path.

    Raises:
        NotFound: there is no such version.
    """
    found = await tx.fetch_optional(_SQL.find, Version, workspace=workspace, kind=kind, id=version_id)
    if found is None:
        raise unknown_version(version_id)
    return found


def unknown_version(version_id: int) -> NotFound:
    """The error for a version that is not there, or that the caller may not know of."""
    return NotFound(f"There is no version {version_id}.")


async def clear(tx: Transaction, workspace: str, kind: Kind, path: str) -> int:
    """Forget all versions of an item but the newest; how many."""
    return await tx.execute(_SQL.clear, workspace=workspace, kind=kind, path=path)
