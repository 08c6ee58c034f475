"""Bounds tries to sign in, by account and by address, with a leaky bucket in the database that all servers share."""

import hashlib
from dataclasses import dataclass
from typing import Final

from tidemill.db.pool import Statements
from tidemill.db.queries import queries
from tidemill.model.errors import TooManyRequests

_SQL: Final = queries("throttle")


@dataclass(frozen=True, slots=True)
class Bucket:
    """Something whose tries are counted: `size` at once, then one every `refill_s` seconds."""

    key: str
    size: int
    refill_s: float


def of_account(email: str) -> Bucket:
    """Tries on one account, whether it exists or not. Ten at once, then forty an hour."""
    return Bucket(_hashed("account", email), size=10, refill_s=90.0)


def of_address(address: str) -> Bucket:
    """Tries from one address. More than one person may be behind it, so it recovers faster."""
    return Bucket(_hashed("address", address), size=10, refill_s=15.0)


async def take(statements: Statements, bucket: Bucket) -> None:
    """Count a try before it is made, so that many at once are bounded like many in a row. Refused ones do not count.

    Raises:
        TooManyRequests: the bucket is full.
    """
    level = await statements.fetch_value(
        _SQL["take"], key=bucket.key, size=float(bucket.size), refill_s=bucket.refill_s
    )
    if level is not None:
        return
    wait = await statements.fetch_value(_SQL["wait"], key=bucket.key, size=float(bucket.size), refill_s=bucket.refill_s)
    retry_after_s = max(1, int(wait or 1))
    raise TooManyRequests(
        f"Too many tries to sign in: wait {retry_after_s} seconds, even with the right password.",
        retry_after_s=retry_after_s,
    )


async def forget(statements: Statements, bucket: Bucket) -> None:
    """Empty it: its owner signed in."""
    await statements.execute(_SQL["forget"], key=bucket.key)


async def give_back(statements: Statements, bucket: Bucket) -> None:
    """Take back one try that turned out to be right; the wrong ones before it stay counted."""
    await statements.execute(_SQL["give_back"], key=bucket.key)


def _hashed(kind: str, text: str) -> str:
    return hashlib.sha256(f"{kind}:{text}".encode()).hexdigest()
