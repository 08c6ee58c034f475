"""Whom what somebody deploys runs as: that person or, for those who deploy for others, whom it ran as before."""

from typing import Any, Final

from tidemill.db import members
from tidemill.db.pool import Transaction
from tidemill.engine.on_behalf import ON_BEHALF_OF, ON_BEHALF_OF_EMAIL
from tidemill.engine.permit import DEPLOYERS
from tidemill.model.errors import BadRequest, Denied, Unsupported
from tidemill.model.identity import Principal
from tidemill.server.flow_wire import NewFlow
from tidemill.server.script_wire import NewScript

_GROUP: Final = "g/"


async def identity_for(tx: Transaction, caller: Principal, wanted: str | None, *, preserve: bool) -> tuple[str, str]:
    """`u/<username>` and account of whom it runs as: the caller, unless another one is to be preserved.

    `wanted`: `u/<username>`, or an e-mail address.

    Raises:
        Denied: only admins and the members of `wm_deployers` deploy for others.
        BadRequest: there is no such member. Unsupported: it is a group.
    """
    own = caller.actor, caller.email
    if not wanted or not preserve or wanted in own:
        return own
    if not caller.is_admin and DEPLOYERS not in caller.groups:
        raise Denied(f"Only admins, and members of the group {DEPLOYERS}, may deploy what runs as {wanted[:80]!r}.")
    if wanted.startswith(_GROUP):
        raise Unsupported("Nothing runs as a group here: name a member of it, such as an account made for the purpose.")
    for member in await members.all_of(tx, caller.workspace):
        if wanted in {f"u/{member.username}", member.email} and not member.disabled:
            return f"u/{member.username}", member.email
    raise BadRequest(f"{wanted[:80]!r} is no member of the workspace.")


async def on_behalf(tx: Transaction, caller: Principal, new: NewScript | NewFlow) -> dict[str, Any]:
    """The settings of what runs on behalf of somebody, {} where it names nobody; as `identity_for`."""
    wanted = new.on_behalf_of or new.on_behalf_of_email
    if not wanted:
        return {}
    found, account = await identity_for(tx, caller, wanted, preserve=bool(new.preserve_on_behalf_of))
    return {ON_BEHALF_OF: found, ON_BEHALF_OF_EMAIL: account}
