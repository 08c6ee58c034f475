"""Sources from somebody's files that are not deployed, for their own tries and locks; `wmill` stores and names them."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from tidemill.db.items import item_of
from tidemill.db.pool import Statements, Transaction
from tidemill.db.queries import queries
from tidemill.engine.permit import Item, ItemKind
from tidemill.model.identity import Principal

_SQL: Final = queries("local_sources")

MOST_KEPT: Final = 1000
"""Of one person in one workspace."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """A script that is deployed, by the hash of its source."""

    path: str
    hash: str
    extra_perms: bytes

    @property
    def item(self) -> Item:
        return item_of(ItemKind.SCRIPT, self.path, self.extra_perms)


async def store(tx: Transaction, caller: Principal, content: str) -> str:
    """Keep a source for a day, and give its hash."""
    digest = hashlib.sha256(content.encode()).hexdigest()
    owner = {"workspace": caller.workspace, "email": caller.email}
    await tx.execute(_SQL.store, hash=digest, content=content, **owner)
    await tx.execute(_SQL.bound, keep=MOST_KEPT, **owner)
    return digest


async def find(statements: Statements, workspace: str, email: str, *, digest: str) -> str | None:
    """A source that `email` stored; None where it did not, or its time is over."""
    found: str | None = await statements.fetch_value(_SQL.find, workspace=workspace, email=email, hash=digest)
    return found


async def absent(statements: Statements, caller: Principal, digests: Collection[str]) -> list[str]:
    """Those that the caller has not stored, or not lately."""
    rows = await statements.fetch_all(_SQL.absent, workspace=caller.workspace, email=caller.email, hashes=list(digests))
    return [row["hash"] for row in rows]


async def deployed(statements: Statements, workspace: str, paths: Collection[str]) -> list[Deployed]:
    """What runs at `paths`; the caller of this leaves out what is not to be seen."""
    return await statements.fetch_all(_SQL.deployed, Deployed, workspace=workspace, paths=list(paths))


async def options_of_root(statements: Statements, workspace: str, email: str, *, root: UUID) -> bytes:
    """The options of the job `root`, `{}` where it acts for somebody else."""
    found: bytes | None = await statements.fetch_value(_SQL.of_root, workspace=workspace, email=email, id=root)
    return found or b"{}"
