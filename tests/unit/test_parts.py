"""Long streams go as parts, with few of them in memory."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tidemill.stores.objects.port import MAX_PARTS, Part
from tidemill.stores.objects.remote.bodies import HELD_BYTES, Held, Source
from tidemill.stores.objects.remote.parts import AT_ONCE, part_bytes, send_parts

PIECE = bytes(HELD_BYTES // 2)


async def pieces(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield PIECE


async def part_of(number: int, held: Held) -> Part:
    return Part(number=number, size_bytes=held.size_bytes, etag="")


@pytest.mark.parametrize("count", [1, 2, 2 * AT_ONCE - 1, 2 * AT_ONCE, 2 * AT_ONCE + 1, 4 * AT_ONCE])
async def test_every_byte_is_in_one_part(count: int) -> None:
    """Also where all parts are there by the time the stream ends."""
    source = Source(pieces(count))
    slots = asyncio.Semaphore(2)
    parts = await send_parts(source, await source.take(HELD_BYTES), part_of, slots=slots, size_bytes=None)
    assert [part.number for part in parts] == list(range(1, (count + 1) // 2 + 1))
    assert sum(part.size_bytes for part in parts) == count * len(PIECE)


async def test_few_parts_are_on_their_way_at_once() -> None:
    on_their_way, most = 0, 0

    async def send(number: int, held: Held) -> Part:
        nonlocal on_their_way, most
        on_their_way += 1
        most = max(most, on_their_way)
        await asyncio.sleep(0)
        on_their_way -= 1
        return await part_of(number, held)

    source = Source(pieces(40))
    await send_parts(source, await source.take(HELD_BYTES), send, slots=asyncio.Semaphore(99), size_bytes=None)
    assert 1 < most <= AT_ONCE


async def test_a_part_that_fails_ends_the_others() -> None:
    ended: list[int] = []

    async def send(number: int, held: Held) -> Part:
        if number == 2:
            raise ConnectionResetError
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(number)
        raise AssertionError

    source = Source(pieces(20))
    slots = asyncio.Semaphore(8)
    with pytest.raises(ConnectionResetError):
        await send_parts(source, await source.take(HELD_BYTES), send, slots=slots, size_bytes=None)
    assert sorted(ended) == [1, 3, 4]


def test_ten_thousand_parts_are_enough() -> None:
    assert part_bytes(1, 1) == HELD_BYTES
    assert part_bytes(1, 5 * 1024**4) * MAX_PARTS >= 5 * 1024**4
    assert sum(part_bytes(number, None) for number in range(1, MAX_PARTS + 1)) > 2 * 1024**4
