"""Idempotency keys: the same request, sent again with the same key, is answered with the job of the first."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from tidemill.db.pool import Transaction
from tidemill.db.queries import queries
from tidemill.model.errors import IdempotencyInFlight, IdempotencyMismatch

_SQL: Final = queries("idempotency")


@dataclass(frozen=True, slots=True)
class Claim:
    """A key with the request that it came with. `digest`: SHA-256 of all that makes the request what it is."""

    workspace: str
    caller: str
    key: str
    digest: bytes


async def earlier_job(tx: Transaction, claim: Claim) -> UUID | None:
    """The job that the key was used for; None: this is the first request with it, and `tx` holds the key.

    Raises:
        IdempotencyMismatch: it was used for another request.
        IdempotencyInFlight: the first request with it is being worked on right now.
    """
    names = {"workspace_id": claim.workspace, "caller": claim.caller, "key": claim.key}
    if not await tx.fetch_value(_SQL["hold"], **names):
        raise IdempotencyInFlight("A request with this Idempotency-Key is being worked on: send it again in a moment.")
    row = await tx.fetch_optional(_SQL["find"], None, **names)
    if row is None:
        return None
    if row["request_digest"] != claim.digest:
        raise IdempotencyMismatch(
            "This Idempotency-Key was used for another request: take a new key for each request that is not a repeat."
        )
    job: UUID = row["job_id"]
    return job


async def keep(tx: Transaction, claim: Claim, job: UUID) -> None:
    """Remember that the request made `job`."""
    await tx.execute(
        _SQL["keep"],
        workspace_id=claim.workspace,
        caller=claim.caller,
        key=claim.key,
        request_digest=claim.digest,
        job_id=job,
    )
