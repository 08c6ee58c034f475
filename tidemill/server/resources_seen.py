"""Resources as a caller may have them: looked up, decided on, their values with references replaced."""

from typing import Final

from tidemill.db import references, resources, storage_access
from tidemill.db.resources import Resource
from tidemill.db.storage_access import Touched
from tidemill.engine.permit import Action, ItemKind
from tidemill.model.identity import Principal
from tidemill.server.items import Store, visible
from tidemill.server.parts import Parts

RESOURCES: Final = Store(ItemKind.RESOURCE, resources.find, resources.hold, resources.delete)


async def require_resource(parts: Parts, caller: Principal, path: str, action: Action) -> Resource:
    """The resource at `path`.

    Raises:
        NotFound: there is none that the caller may know of.
        Denied: it may not do this with it.
    """
    return await visible(parts, caller, RESOURCES, path=path, action=action)


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
