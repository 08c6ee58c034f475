"""Changes that a request makes: one transaction, signed by the caller, and refused to a job that lost its lease."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tidemill.db import identity
from tidemill.db.pool import Transaction
from tidemill.model.errors import BadRequest
from tidemill.model.identity import Principal
from tidemill.server.parts import Parts, actor_of


@asynccontextmanager
async def changing(parts: Parts, caller: Principal) -> AsyncIterator[Transaction]:
    """A transaction of the caller's workspace.

    Raises:
        LeaseLost: the caller is a job that was given to another attempt.
    """
    async with parts.database.transaction(caller.workspace, actor=actor_of(caller)) as tx:
        await identity.hold_attempt(tx, caller)
        yield tx


def plain(name: str, text: str | None) -> str | None:
    """`text` of the query parameter `name`, for a text column.

    Raises:
        BadRequest: it holds the character NUL, which our database cannot hold.
    """
    if text is not None and "\0" in text:
        raise BadRequest(f"The parameter {name} holds the character NUL.")
    return text


def checked_labels(labels: list[str] | None) -> tuple[str, ...]:
    """Labels, each once.

    Raises:
        BadRequest: there are more than 50, or one is empty or longer than 100 characters.
    """
    found = tuple(dict.fromkeys(labels or ()))
    if len(found) > 50 or any(not 0 < len(label) <= 100 for label in found):
        raise BadRequest("An item has at most 50 labels of 1 to 100 characters.")
    return found
