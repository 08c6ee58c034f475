"""`lender.finished`: begun at once, and seen to its end."""

import asyncio

import pytest

from tidemill.db.lender import finished


async def test_what_has_nothing_to_wait_for_takes_no_turn_of_the_loop() -> None:
    turns: list[str] = []
    asyncio.get_running_loop().call_soon(turns.append, "turn")

    async def work() -> None:
        turns.append("work")

    await finished(work())
    assert turns == ["work"]


@pytest.mark.parametrize("cancels", [1, 3])
async def test_what_waits_goes_on_when_the_caller_is_cancelled(cancels: int) -> None:
    lock, done = asyncio.Lock(), asyncio.Event()
    seen: list[str] = []

    async def work() -> None:
        async with lock:
            seen.append("has it")
            await asyncio.sleep(0)
        try:
            await asyncio.wait_for(asyncio.Event().wait(), 0)
        except TimeoutError:
            seen.append("too long")
        done.set()

    await lock.acquire()
    caller = asyncio.ensure_future(finished(work()))
    await asyncio.sleep(0)
    for _ in range(cancels):
        caller.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert seen == []
    lock.release()
    await done.wait()
    assert seen == ["has it", "too long"]


@pytest.mark.parametrize("waits", [False, True])
async def test_its_error_reaches_the_caller(waits: bool) -> None:
    async def work() -> None:
        if waits:
            await asyncio.sleep(0)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await finished(work())
