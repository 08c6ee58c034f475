"""Finding the script that the path of a request names, for a caller that may see it."""

from tidemill.db import scripts
from tidemill.db.scripts import Script, parse_hash
from tidemill.engine import permit
from tidemill.engine.permit import Action, Item, ItemKind
from tidemill.engine.target import READS
from tidemill.model.errors import NotFound
from tidemill.model.identity import Principal
from tidemill.model.path import parse_path
from tidemill.server.parts import Parts


async def latest_version(parts: Parts, caller: Principal, text: str, *, action: Action = Action.READ) -> Script:
    """The head of a path or, where it is archived, its newest version.

    Raises:
        NotFound: there is none, or the caller may not know of it.
    """
    item = Item(ItemKind.SCRIPT, parse_path(text))
    verb = "read" if action in READS else "write"
    permit.require_scope(caller, "scripts", verb, path=item.path.text)
    script = await scripts.latest(parts.database.single, caller.workspace, item.path.text)
    if script is None:
        raise permit.not_found(item)
    permit.require(caller, action, Item(ItemKind.SCRIPT, item.path, script.shares))
    return script


async def version_by_hash(parts: Parts, caller: Principal, text: str, *, action: Action = Action.READ) -> Script:
    """One version.

    Raises:
        NotFound: there is none, or the caller may not know of it: both look the same, and tell no path.
    """
    missing = NotFound(f"There is no script version '{text[:40]}'.")
    script = await scripts.version(parts.database.single, caller.workspace, parse_hash(text))
    if script is None:
        raise missing
    try:
        permit.require(caller, action, Item(ItemKind.SCRIPT, parse_path(script.path), script.shares))
    except NotFound:
        raise missing from None
    return script
