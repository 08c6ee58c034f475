"""Leases: one holder of a name at a time, by the database's clock, and a number that only ever grows."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tidemill.db.pool import Transaction
from tidemill.db.queries import queries
from tidemill.model.errors import LeaseLost, NotFound

_SQL: Final = queries("leases")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A lease as it stands. `is_held`: its time was not over when it was read."""

    path: str
    holder: str
    fence: int
    expires_at: datetime
    is_held: bool


async def acquire(tx: Transaction, workspace: str, path: str, *, holder: str, ttl_s: float) -> tuple[Lease, bool]:
    """The lease on `path`, and whether `holder` got it; if not, it is the one that another has."""
    values = {"workspace": workspace, "path": path}
    got = await tx.fetch_optional(_SQL.acquire, Lease, holder=holder, ttl_s=ttl_s, **values)
    if got is not None:
        return got, True
    return await tx.fetch_one(_SQL.find, Lease, **values), False


async def renew(tx: Transaction, workspace: str, path: str, *, fence: int, ttl_s: float) -> Lease:
    """Hold it for `ttl_s` from now.

    Raises:
        LeaseLost: it has run out, or is another's.
    """
    found = await tx.fetch_optional(_SQL.renew, Lease, workspace=workspace, path=path, fence=fence, ttl_s=ttl_s)
    return _still_held(found, path, fence)


async def release(tx: Transaction, workspace: str, path: str, *, fence: int) -> Lease:
    """Give it back.

    Raises:
        LeaseLost: it has run out, or is another's.
    """
    found = await tx.fetch_optional(_SQL.release, Lease, workspace=workspace, path=path, fence=fence)
    return _still_held(found, path, fence)


async def find(tx: Transaction, workspace: str, path: str) -> Lease:
    """The lease on `path` as it stands or was last held.

    Raises:
        NotFound: nobody ever held one.
    """
    found = await tx.fetch_optional(_SQL.find, Lease, workspace=workspace, path=path)
    if found is None:
        raise NotFound(f"There is no lease on '{path}'.")
    return found


def _still_held(found: Lease | None, path: str, fence: int) -> Lease:
    if found is None:
        raise LeaseLost(f"The lease on '{path}' with the number {fence} has run out, or is another's by now.")
    return found
