"""Tokens and keys that end: kept as long as they are good, renewed before they end, fetched once for all who wait."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final, Generic, TypeVar

from tidemill.model.errors import Unavailable

T = TypeVar("T")
Now = Callable[[], datetime]
Fetch = Callable[[], Awaitable[tuple[T, datetime]]]
"""Gives what is renewed, and when it ends."""

_BEFORE_END: Final = timedelta(minutes=5)


class Renewed(Generic[T]):
    """What `fetch` gives; asked again five minutes before its end, or in the last quarter of a shorter life."""

    def __init__(self, fetch: Fetch[T], *, now: Now) -> None:
        self._fetch = fetch
        self._now = now
        self._renewing = asyncio.Lock()
        self._kept: T | None = None
        self._renew_at: datetime | None = None
        self._end: datetime | None = None

    async def get(self) -> T:
        """What is good now; raises what `fetch` raises. While that does not answer, the old one serves to its end."""
        async with self._renewing:
            if self._kept is None or self._renew_at is None or self._now() >= self._renew_at:
                try:
                    await self._renew()
                except Unavailable:
                    if self._kept is None or self._end is None or self._now() >= self._end:
                        raise
            assert self._kept is not None
            return self._kept

    async def _renew(self) -> None:
        began = self._now()
        self._kept, self._end = await self._fetch()
        self._renew_at = self._end - min(_BEFORE_END, (self._end - began) / 4)


def utc_now() -> datetime:
    return datetime.now(UTC)
