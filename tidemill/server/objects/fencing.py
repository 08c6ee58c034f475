"""Writes of jobs: refused once the job was given to another attempt, looked at as late as a store lets us.

A store knows nothing of leases, so what is already on its way to it when the lease is lost may still arrive.
"""

from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass

from tidemill.db import identity
from tidemill.db.pool import Database
from tidemill.model.identity import Principal
from tidemill.stores.objects.port import Sealed


async def require_lease(database: Database, caller: Principal) -> None:
    """Return at once where `caller` is no job.

    Raises:
        LeaseLost: it is a job that was given to another attempt, or has ended.
    """
    if caller.credential.job_id is None:
        return
    await identity.hold_attempt(database.single, caller)


def fenced(
    database: Database, caller: Principal, body: AsyncIterable[bytes], *, size_bytes: int | None
) -> AsyncIterable[bytes]:
    """`body`, which for a job raises `LeaseLost` before its end, so that the store changes nothing."""
    return body if caller.credential.job_id is None else _Fenced(database, caller, body, size_bytes)


@dataclass(frozen=True, slots=True)
class _Fenced:
    """Where the size is known it is looked before the last piece: the store may not ask for more than that."""

    database: Database
    caller: Principal
    body: AsyncIterable[bytes]
    size_bytes: int | None

    @property
    def sha256(self) -> str:
        """See `Sealed`."""
        return self.body.sha256 if isinstance(self.body, Sealed) else ""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        taken, is_checked = 0, False
        async for piece in self.body:
            taken += len(piece)
            if self.size_bytes is not None and taken >= self.size_bytes and not is_checked:
                await require_lease(self.database, self.caller)
                is_checked = True
            yield piece
        if not is_checked:
            await require_lease(self.database, self.caller)
