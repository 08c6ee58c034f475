"""What people marked for themselves. An item that is gone, or that they may not see any more, is marked in vain."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tidemill.db.items import item_of
from tidemill.db.pool import Statements, Transaction
from tidemill.db.queries import queries
from tidemill.engine.permit import Item, ItemKind
from tidemill.model.identity import Principal

_SQL: Final = queries("favorites")


@dataclass(frozen=True, slots=True)
class Favorite:
    """An item. `about`: the language of a script, the type of a resource; `summary` is the description of one."""

    kind: str
    path: str
    summary: str
    extra_perms: bytes
    about: str
    starred_at: datetime

    @property
    def item(self) -> Item:
        return item_of(ItemKind(self.kind), self.path, self.extra_perms)


async def star(tx: Transaction, caller: Principal, item: Item) -> None:
    """Mark an item for the caller."""
    await tx.execute(_SQL.star, **_at(caller, item))


async def unstar(tx: Transaction, caller: Principal, item: Item) -> None:
    """Take the mark away, if there is one."""
    await tx.execute(_SQL.unstar, **_at(caller, item))


async def count(tx: Transaction, caller: Principal) -> int:
    """How many the caller has in the workspace, those in vain too."""
    found: int = await tx.fetch_value(_SQL.count, workspace=caller.workspace, email=caller.email)
    return found


async def paths(statements: Statements, caller: Principal, kind: ItemKind) -> frozenset[str]:
    """The paths of a kind that the caller has marked."""
    rows = await statements.fetch_all(_SQL.paths, workspace=caller.workspace, email=caller.email, kind=kind.value)
    return frozenset(row["path"] for row in rows)


async def all_of(statements: Statements, caller: Principal) -> list[Favorite]:
    """What the caller has marked and is there; the caller of this leaves out what is not to be seen."""
    return await statements.fetch_all(_SQL.all_of, Favorite, workspace=caller.workspace, email=caller.email)


def _at(caller: Principal, item: Item) -> dict[str, object]:
    return {"workspace": caller.workspace, "email": caller.email, "kind": item.kind.value, "path": item.path.text}
