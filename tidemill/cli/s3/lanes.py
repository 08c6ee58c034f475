"""Does many things at once, a bounded number of them."""

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


async def work_off(items: AsyncIterable[T], act: Callable[[T], Awaitable[None]], *, lanes: int) -> None:
    """Act on all items, on `lanes` of them at a time, taking the next one only when there is room for it.

    The first error ends all of it; on return nothing is under way any more.
    """
    source, turn = aiter(items), asyncio.Lock()

    async def lane() -> None:
        while True:
            async with turn:
                try:
                    item = await anext(source)
                except StopAsyncIteration:
                    return
            await act(item)

    tasks = [asyncio.create_task(lane()) for _ in range(lanes)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def fill_slots(slots: asyncio.Semaphore, acts: Iterable[Callable[[], Coroutine[Any, Any, None]]]) -> None:
    """Do all of this, each once there is a slot for it. The first error ends all of it, and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            for act in acts:
                await slots.acquire()
                group.create_task(act()).add_done_callback(lambda _: slots.release())
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def each_of(items: Iterable[T]) -> AsyncIterable[T]:
    """An asynchronous face for what is at hand."""
    for item in items:
        yield item
