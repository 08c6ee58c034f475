"""The settings of a workspace as a caller sees them."""

from typing import Any

import msgspec

from tidemill.db import storages, workspaces
from tidemill.db.pool import Statements
from tidemill.model.identity import Principal
from tidemill.server.objects.settings import to_wire


async def settings_seen(statements: Statements, caller: Principal) -> dict[str, Any]:
    """Those that were made, with id and name; who is no admin gets what everybody sees anyway."""
    found = await workspaces.get(statements, caller.workspace)
    settings: dict[str, Any] = msgspec.json.decode(found.settings)
    if not caller.is_admin:
        settings = {name: value for name, value in settings.items() if name == "color"}
    elif (kept := to_wire(await storages.all_of(statements, caller.workspace))) is not None:
        settings["large_file_storage"] = kept
    return {"workspace_id": caller.workspace, "name": found.name, **settings}
