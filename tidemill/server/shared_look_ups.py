"""Look-ups of which one serves all who asked before it began: what anybody gets is never older than the question."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

LookUp = Callable[[], Awaitable[T]]


@dataclass(slots=True)
class _Asked(Generic[T]):
    """Those who wait for a look-up that has not begun, and how it is done."""

    look_up: LookUp[T]
    waiting: list[asyncio.Future[T]] = field(default_factory=list)


class SharedLookUps(Generic[T]):
    """One look-up at a time for each key; who asks meanwhile waits for the next one, together with the others.

    So a revocation holds for every request that arrives after it, and many requests at once cost few statements.
    """

    def __init__(self) -> None:
        self._running: dict[Hashable, asyncio.Task[None] | None] = {}
        """None: whoever asked first looks up without a task."""
        self._next: dict[Hashable, _Asked[T]] = {}

    async def get(self, key: Hashable, look_up: LookUp[T]) -> T:
        """What `look_up` gives, or raises, when it is called from now on; equal keys must mean equal look-ups."""
        if key not in self._running:
            self._running[key] = None
            try:
                return await look_up()
            finally:
                self._go_on(key)
        asked = self._next.get(key)
        if asked is None:
            asked = self._next[key] = _Asked(look_up)
        mine: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        asked.waiting.append(mine)
        return await mine

    def _go_on(self, key: Hashable) -> None:
        if key in self._next:
            self._running[key] = asyncio.create_task(self._serve(key))
        else:
            del self._running[key]

    async def _serve(self, key: Hashable) -> None:
        """One look-up after the other, as long as somebody has asked meanwhile."""
        try:
            while (asked := self._next.pop(key, None)) is not None:
                await _answer(asked)
        finally:
            del self._running[key]


async def _answer(asked: _Asked[T]) -> None:
    try:
        found = await asked.look_up()
    except Exception as error:  # noqa: BLE001  # whatever it is, it is raised where it was asked for
        for each in asked.waiting:
            if not each.done():
                each.set_exception(error)
    else:
        for each in asked.waiting:
            if not each.done():
                each.set_result(found)
