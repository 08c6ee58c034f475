"""Finding the flow that the path or version of a request names, for a caller that may see it."""

from typing import Final

from tidemill.db import flows
from tidemill.db.flows import FlowVersion
from tidemill.engine import permit
from tidemill.engine.permit import Action, Item, ItemKind
from tidemill.engine.target import READS
from tidemill.model.errors import NotFound
from tidemill.model.identity import Principal
from tidemill.model.path import parse_path
from tidemill.server.parts import Parts

_LARGEST: Final = 2**63 - 1


def parse_version(text: str) -> int:
    """The number of a version.

    Raises:
        NotFound: it is none, so there is no such version.
    """
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 20 and int(text) <= _LARGEST):
        raise NotFound(f"There is no flow version {text[:40]}.")
    return int(text)


async def latest_flow(parts: Parts, caller: Principal, text: str, *, action: Action = Action.READ) -> FlowVersion:
    """The version of a path that runs or, where the flow is archived, ran last.

    Raises:
        NotFound: there is none, or the caller may not know of it.
    """
    item = Item(ItemKind.FLOW, parse_path(text))
    verb = "read" if action in READS else "write"
    if action is not Action.RUN:
        permit.require_scope(caller, "flows", verb, path=item.path.text)
    flow = await flows.head(parts.database.single, caller.workspace, item.path.text)
    if flow is None:
        raise permit.not_found(item)
    permit.require(caller, action, Item(ItemKind.FLOW, item.path, flow.shares))
    return flow


async def flow_version(parts: Parts, caller: Principal, number: int, *, action: Action = Action.READ) -> FlowVersion:
    """One version.

    Raises:
        NotFound: there is none, or the caller may not know of it: both look the same, and tell no path.
    """
    missing = NotFound(f"There is no flow version {number}.")
    flow = await flows.version(parts.database.single, caller.workspace, number)
    if flow is None:
        raise missing
    try:
        permit.require(caller, action, Item(ItemKind.FLOW, parse_path(flow.path), flow.shares))
    except NotFound:
        raise missing from None
    return flow
