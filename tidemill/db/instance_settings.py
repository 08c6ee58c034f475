"""Settings of the instance that can be changed while it runs. They are kept in the clear: no secret belongs here."""

from typing import Final

from tidemill.db.pool import Json, Statements, Transaction
from tidemill.db.queries import queries

_SQL: Final = queries("instance_settings")


async def find(statements: Statements, name: str) -> bytes | None:
    """The JSON text of a setting; None where it was not made."""
    value: bytes | None = await statements.fetch_value(_SQL["find"], name=name)
    return value


async def all_of(statements: Statements) -> dict[str, bytes]:
    """Name -> JSON text of all that were made."""
    return {row["name"]: row["value"] for row in await statements.fetch_all(_SQL["all_of"])}


async def put(tx: Transaction, name: str, value: bytes) -> None:
    """Make a setting; `null` goes back to the default."""
    if value.strip() == b"null":
        await tx.execute(_SQL["remove"], name=name)
    else:
        await tx.execute(_SQL["put"], name=name, value=Json(value))
