"""The table of workers: who is there, what it serves."""

from typing import Final

from tidemill.db.pool import Statements
from tidemill.db.queries import queries

_SQL: Final = queries("workers")


async def ping(statements: Statements, **shown: object) -> None:
    """Show a worker; `shown` are the columns of the table `worker` but its times."""
    await statements.execute(_SQL["ping"], **shown)


async def remove(statements: Statements, name: str) -> None:
    """Take a worker off the table that stopped in good order."""
    await statements.execute(_SQL["remove"], name=name)
