"""Users' databases and stores that are kept open between queries, closed when nobody has used them for a while.

One for a language, an identity and a value of a resource: two identities never share one.
"""

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

MOST: Final = 256
"""The one that was used longest ago is closed for one more."""


class Closable(Protocol):
    """What is kept open."""

    async def close_idle(self, idle_s: float) -> int:
        """Close connections that nobody has used for so long; how many are left."""

    async def close(self) -> None: ...


Store = TypeVar("Store", bound=Closable)


@dataclass(slots=True, eq=False)
class _Held(Generic[Store]):
    store: Store
    users: int = 0
    used_at: float = 0.0


class KeptOpen(Generic[Store]):
    """What is open. Nothing is closed while it is in use."""

    def __init__(self) -> None:
        self._held: dict[tuple[Hashable, ...], _Held[Store]] = {}

    def use(self, key: tuple[Hashable, ...], make: Callable[[], Store]) -> "_Use[Store]":
        """What is open under `key`, or else what `make` gives, as `async with`."""
        return _Use(self, key, make)

    async def begin(self, key: tuple[Hashable, ...], make: Callable[[], Store]) -> "_Held[Store]":
        """What `use` gives, for somebody who counts it down."""
        held = self._held.get(key)
        if held is None:
            await self._make_room()
            held = self._held.get(key)
        if held is None:
            held = self._held[key] = _Held(make())
        held.users += 1
        return held

    async def close_idle(self, idle_s: float) -> int:
        """Close connections that nobody has used for so long, and what has none left; how many are still open."""
        now = asyncio.get_running_loop().time()
        for place, held in list(self._held.items()):
            connections = await held.store.close_idle(idle_s)
            is_idle = not held.users and not connections and now - held.used_at >= idle_s
            if is_idle and self._held.get(place) is held:
                del self._held[place]
                await held.store.close()
        return len(self._held)

    async def close(self) -> None:
        """Close all."""
        while self._held:
            _, held = self._held.popitem()
            await held.store.close()

    async def _make_room(self) -> None:
        unused = [place for place, held in self._held.items() if not held.users]
        if len(self._held) >= MOST and unused:
            oldest = min(unused, key=lambda place: self._held[place].used_at)
            await self._held.pop(oldest).store.close()


class _Use(Generic[Store]):
    def __init__(self, kept: KeptOpen[Store], key: tuple[Hashable, ...], make: Callable[[], Store]) -> None:
        self._kept, self._key, self._make = kept, key, make

    async def __aenter__(self) -> Store:
        self._held = await self._kept.begin(self._key, self._make)
        return self._held.store

    async def __aexit__(self, *_: object) -> None:
        self._held.users -= 1
        self._held.used_at = asyncio.get_running_loop().time()
