"""Which root key new things are sealed with, as the database knows it."""

from dataclasses import dataclass
from typing import Final

from tidemill.db.pool import Statements, Transaction
from tidemill.db.queries import queries
from tidemill.model.errors import SecretsUnreadable

_SQL: Final = queries("keys")


async def hold_root_key(transaction: Transaction) -> str:
    """The id of the root key that new things are sealed with, held until the transaction ends.

    Raises:
        SecretsUnreadable: the database was not told of its root key yet.
    """
    root_key_id = await transaction.fetch_value(_SQL["hold_root_key"])
    if root_key_id is None:
        raise SecretsUnreadable("This database has no canary of its root key yet: call check_root_key when starting.")
    return str(root_key_id)


@dataclass(frozen=True, slots=True)
class RootKeyStanding:
    """Which root key holds, and how many keys it wraps; others wrap some only while the root key is being changed."""

    root_key_id: str
    wrapped: int
    wrapped_by_others: int


async def root_key_standing(statements: Statements) -> RootKeyStanding:
    """How the root key stands; a server that runs has checked that it holds it."""
    return await statements.fetch_one(_SQL["root_key_standing"], RootKeyStanding)
