"""Sends a long stream as parts, a few of them at once, with bounded memory."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Final

from tidemill.stores.objects.port import MAX_PARTS, Part
from tidemill.stores.objects.remote.bodies import HELD_BYTES, Held, Source

AT_ONCE: Final = 4
"""Parts of one upload that are on their way together."""
SLOTS: Final = 8
"""Parts of all uploads of a store that are: beyond them each upload holds only the part that it collects."""
_GROWTH: Final = 1000

Send = Callable[[int, Held], Coroutine[object, object, Part]]


def part_bytes(number: int, size_bytes: int | None) -> int:
    """How large part `number` is made, so that 10,000 are enough: all alike, or growing where nobody told the size."""
    if size_bytes is not None:
        return max(HELD_BYTES, -(-size_bytes // MAX_PARTS))
    return HELD_BYTES << min((number - 1) // _GROWTH, 6)


async def send_parts(
    source: Source, first: Held, send: Send, *, slots: asyncio.Semaphore, size_bytes: int | None
) -> list[Part]:
    """All of a stream, `first` being what was taken off it already; the parts in their order.

    When the stream or a part fails, no part is on its way any more on return, and the error is raised as it is.
    """
    sending: set[asyncio.Task[Part]] = set()
    parts: list[Part] = []
    try:
        number, held = 1, first
        while held.size_bytes:
            await slots.acquire()
            task = asyncio.create_task(send(number, held))
            task.add_done_callback(lambda _: slots.release())
            sending.add(task)
            if len(sending) >= AT_ONCE:
                sending, done = await _wait(sending, asyncio.FIRST_COMPLETED)
                parts += done
            number += 1
            held = await source.take(part_bytes(number, size_bytes))
        if sending:
            sending, done = await _wait(sending, asyncio.ALL_COMPLETED)
            parts += done
    except BaseException:
        for task in sending:
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)
        raise
    return sorted(parts, key=lambda part: part.number)


async def _wait(sending: set[asyncio.Task[Part]], until: str) -> tuple[set[asyncio.Task[Part]], list[Part]]:
    done, waiting = await asyncio.wait(sending, return_when=until)
    return waiting, [task.result() for task in done]
