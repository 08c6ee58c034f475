"""What routes of variables and of resources have in common: finding, deleting, and recording what was done."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Generic

from tidemill.db import audit, storage_access
from tidemill.db.items import version_mismatch
from tidemill.db.pool import Statements, Transaction
from tidemill.db.storage_access import Touched
from tidemill.engine import permit
from tidemill.engine.permit import Action, Item, ItemKind
from tidemill.model.errors import AlreadyExists, TidemillError
from tidemill.model.identity import Principal
from tidemill.model.path import parse_path
from tidemill.server.changes import changing
from tidemill.server.parts import Parts
from tidemill.server.preconditions import Preconditions, VersionedT, require_change


@dataclass(frozen=True, slots=True)
class Store(Generic[VersionedT]):
    """One kind of items, and how they are found, held against other writers, and deleted, by workspace and path."""

    kind: ItemKind
    find: Callable[[Statements, str, str], Awaitable[VersionedT | None]]
    hold: Callable[[Transaction, str, str], Awaitable[VersionedT | None]]
    delete: Callable[..., Awaitable[None]]


async def visible(
    parts: Parts, caller: Principal, store: Store[VersionedT], *, path: str, action: Action
) -> VersionedT:
    """The item at `path`, if the caller may do `action` to it.

    Raises:
        NotFound: there is none, or the caller may not know of it.
        Denied: the caller may know of it, but not do this.
    """
    item = Item(store.kind, parse_path(path))
    found = await store.find(parts.database.single, caller.workspace, item.path.text)
    if found is None:
        raise permit.not_found(item)
    permit.require(caller, action, found.item)
    return found


async def exists(parts: Parts, caller: Principal, store: Store[VersionedT], path: str) -> bool:
    """Whether there is an item that the caller may see."""
    parsed = parse_path(path)
    permit.require_scope(caller, store.kind.domain, "read", path=parsed.text)
    found = await store.find(parts.database.single, caller.workspace, parsed.text)
    return found is not None and permit.decide(caller, Action.READ, found.item).allowed


async def delete(
    parts: Parts, caller: Principal, store: Store[VersionedT], *, path: str, conditions: Preconditions
) -> str:
    """Delete an item, and give its path; its history stays."""
    item = Item(store.kind, parse_path(path))
    async with changing(parts, caller) as tx:
        found = await store.hold(tx, caller.workspace, item.path.text)
        held = require_change(caller, Action.DELETE, found, item=item, conditions=conditions)
        await store.delete(tx, held, workspace=caller.workspace, versions=conditions.versions)
        await audit.record(tx, caller, f"{store.kind.domain}.delete", "Delete", item.path.text)
    return item.path.text


async def delete_many(parts: Parts, caller: Principal, store: Store[VersionedT], paths: Iterable[str]) -> list[str]:
    """Delete many items at once, or none where one may not be deleted; the paths of those that were there."""
    deleted: list[str] = []
    async with changing(parts, caller) as tx:
        for path in sorted({parse_path(text).text for text in paths}):
            held = await store.hold(tx, caller.workspace, path)
            if held is None or not permit.decide(caller, Action.DELETE, held.item).visible:
                continue
            permit.require(caller, Action.DELETE, held.item)
            await store.delete(tx, held, workspace=caller.workspace, versions=None)
            await audit.record(tx, caller, f"{store.kind.domain}.delete", "Delete", path)
            deleted.append(path)
    return deleted


async def taken(
    tx: Transaction, caller: Principal, store: Store[VersionedT], *, item: Item, conditions: Preconditions
) -> TidemillError:
    """The error for who wants to create where there is something, and may."""
    there = await store.find(tx, caller.workspace, item.path.text)
    if conditions.none_match is not None and there is not None:
        return version_mismatch(item, current=there.version)
    return AlreadyExists(f"There is a {item.kind} at '{item.path}' already; update it instead.")


async def record_write(
    tx: Transaction, caller: Principal, kind: ItemKind, *, path: str, version: int, was_at: str | None = None
) -> None:
    """Tell the audit log that an item was created, or (where `was_at` is given) updated, and moved from there."""
    if was_at is None:
        await audit.record(tx, caller, f"{kind.domain}.create", "Create", path)
    else:
        moved = {"new_path": path} if was_at != path else None
        await audit.record(tx, caller, f"{kind.domain}.update", "Update", was_at, moved)
    if caller.is_job:
        await storage_access.record(tx, caller, [Touched(kind.value, path, version)], "write")
