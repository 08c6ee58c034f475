"""Resources as a caller may have them: looked up, decided on, their values with references replaced."""

from collections.abc import Collection
from typing import Final

from tidemill.db import references, resources, state_writes, storage_access
from tidemill.db.pool import Statements, Transaction
from tidemill.db.resources import Resource
from tidemill.db.storage_access import Touched
from tidemill.engine.permit import Action, ItemKind
from tidemill.model.identity import Principal
from tidemill.server.items import Store, visible
from tidemill.server.parts import Parts

RESOURCES: Final = Store(ItemKind.RESOURCE, resources.find, resources.hold, resources.delete)


def resources_for(caller: Principal) -> Store[Resource]:
    """The resources as the caller sees them: a step of a flow sees the states as it has written them itself."""
    if not caller.is_job:
        return RESOURCES

    async def find(statements: Statements, workspace: str, path: str) -> Resource | None:
        return await state_writes.seen(statements, caller, path, await resources.find(statements, workspace, path))

    async def hold(tx: Transaction, workspace: str, path: str) -> Resource | None:
        return await state_writes.seen(tx, caller, path, await resources.hold(tx, workspace, path))

    async def delete(tx: Transaction, held: Resource, *, workspace: str, versions: Collection[int] | None) -> None:
        """At once; what it has written there itself is forgotten, and what that was made of is what may be there."""
        expected = await state_writes.drop(tx, caller, held.path)
        if expected == 0 and await resources.find(tx, workspace, held.path) is None:
            return
        seen = versions if versions is None or expected is None else [expected]
        await resources.delete(tx, held, workspace=workspace, versions=seen)

    return Store(ItemKind.RESOURCE, find, hold, delete)


async def require_resource(parts: Parts, caller: Principal, path: str, action: Action) -> Resource:
    """The resource at `path`.

    Raises:
        NotFound: there is none that the caller may know of.
        Denied: it may not do this with it.
    """
    return await visible(parts, caller, resources_for(caller), path=path, action=action)


async def note_read(parts: Parts, caller: Principal, found: Resource) -> None:
    """What a job reads is known before it has it: its output is masked by it."""
    if caller.is_job:
        async with parts.database.transaction(caller.workspace) as tx:
            await storage_access.record(tx, caller, [Touched("resource", found.path, found.version)], "read")


async def interpolated(parts: Parts, caller: Principal, found: Resource) -> bytes:
    """The value with `$var:` and `$res:` replaced, under the caller's rights; noted as read."""
    await note_read(parts, caller, found)
    value, _ = await references.resolve(parts.database, parts.keyring, caller, found.value)
    return value
