"""Does the same to many keys, some at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from tidemill.model.errors import TidemillError

_AT_ONCE: Final = 16


async def each(keys: Sequence[str], act: Callable[[str], Awaitable[None]]) -> dict[str, Exception]:
    """Act on all of them; those for which it failed, each with why."""
    failed: dict[str, Exception] = {}
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(key: str) -> None:
        async with slots:
            try:
                await act(key)
            except TidemillError as error:
                failed[key] = error

    await asyncio.gather(*map(one, keys))
    return failed
