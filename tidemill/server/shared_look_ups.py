"""Look-ups of which one serves all who asked before it began: what anybody gets is never older than the question."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")

LookUp = Callable[[], Awaitable[T]]


class SharedLookUps(Generic[T]):
    """One look-up at a time for each key; who asks meanwhile waits for the next one, together with the others.

    So a revocation holds for every request that arrives after it, and many requests at once cost few statements.
    """

    def __init__(self) -> None:
        self._running: dict[Hashable, asyncio.Task[T]] = {}
        self._next: dict[Hashable, asyncio.Task[T]] = {}

    async def get(self, key: Hashable, look_up: LookUp[T]) -> T:
        """What `look_up` gives, or raises, when it is called from now on; equal keys must mean equal look-ups."""
        running = self._running.get(key)
        if running is None:
            task = self._start(key, look_up)
        else:
            task = self._next.get(key) or self._start_behind(running, key, look_up)
        return await asyncio.shield(task)

    def _start(self, key: Hashable, look_up: LookUp[T]) -> asyncio.Task[T]:
        task = self._running[key] = asyncio.create_task(_run(look_up))
        task.add_done_callback(lambda done: self._forget(key, done))
        return task

    def _start_behind(self, running: asyncio.Task[T], key: Hashable, look_up: LookUp[T]) -> asyncio.Task[T]:
        async def follow() -> T:
            await asyncio.wait([running])
            del self._next[key]
            self._running[key] = task
            return await look_up()

        task = self._next[key] = asyncio.create_task(follow())
        task.add_done_callback(lambda done: self._forget(key, done))
        return task

    def _forget(self, key: Hashable, done: asyncio.Task[T]) -> None:
        if self._running.get(key) is done:
            del self._running[key]
        if not done.cancelled():
            done.exception()  # nobody may wait any more


async def _run(look_up: LookUp[T]) -> T:
    return await look_up()
