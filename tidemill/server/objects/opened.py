"""Stores that are open: each opened once, closed when nobody used it for a while or its settings changed."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Final

from tidemill.stores.objects.port import ObjectStore

MOST_OPEN: Final = 100
IDLE_S: Final = 300.0

Place = tuple[Hashable, ...]
Open = Callable[[], Awaitable[ObjectStore]]


@dataclass(slots=True, eq=False)
class Opened:
    """An open store, and how many hold it: while somebody does, it is not closed."""

    store: ObjectStore
    config: Hashable
    used_at: float
    holders: int = 0
    retired: bool = False


@dataclass(slots=True)
class _Slot:
    """Where at most one store is opened at a time."""

    opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    opened: Opened | None = None


class OpenStores:
    """Give each `hold` its `release`. `clock` is monotonic, in seconds."""

    def __init__(
        self, *, most: int = MOST_OPEN, idle_s: float = IDLE_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._idle_s = idle_s
        self._clock = clock
        self._places: OrderedDict[Place, _Slot] = OrderedDict()

    async def hold(self, place: Place, config: Hashable, open_store: Open) -> Opened:
        """The store at `place`; opened anew where there is none, or one with another `config`."""
        slot = self._places.setdefault(place, _Slot())
        self._places.move_to_end(place)
        if (ready := slot.opened) is not None and ready.config == config:
            return self._held(ready)
        async with slot.opening:
            if slot.opened is not None and slot.opened.config == config:
                return self._held(slot.opened)
            try:
                store = await open_store()
            except BaseException:
                if slot.opened is None:
                    self._places.pop(place, None)
                raise
            stale, slot.opened = slot.opened, Opened(store, config, self._clock(), holders=1)
            self._places[place] = slot
            fresh = slot.opened
        if stale is not None:
            await self._retire(stale)
        await self._make_room()
        return fresh

    async def release(self, opened: Opened) -> None:
        """Let go of what `hold` gave."""
        opened.holders -= 1
        if opened.retired and opened.holders == 0:
            await opened.store.close()

    async def close(self) -> None:
        """Close all; those that somebody still holds are closed when it lets go."""
        await self.forget(lambda _: True)

    async def forget(self, is_meant: Callable[[Place], bool]) -> None:
        """Close those whose places are meant, as `close` does."""
        for place in [each for each in self._places if is_meant(each)]:
            opened = self._places.pop(place).opened
            if opened is not None:
                await self._retire(opened)

    def _held(self, opened: Opened) -> Opened:
        opened.holders += 1
        opened.used_at = self._clock()
        return opened

    async def _make_room(self) -> None:
        """Close what nobody used for long, and what was used longest ago where too many are open."""
        oldest = self._clock() - self._idle_s
        for place, slot in list(self._places.items()):
            opened = slot.opened
            if opened is None or opened.holders or slot.opening.locked():
                continue
            if opened.used_at < oldest or len(self._places) > self._most:
                del self._places[place]
                await self._retire(opened)

    @staticmethod
    async def _retire(opened: Opened) -> None:
        opened.retired = True
        if opened.holders == 0:
            await opened.store.close()
