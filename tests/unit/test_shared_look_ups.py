"""One look-up serves all who asked before it began, and nobody gets what is older than the question."""

import asyncio
from dataclasses import dataclass, field

import pytest

from tidemill.server.shared_look_ups import SharedLookUps


@dataclass
class Source:
    """Gives the number of the look-up, once it is let go on."""

    begun: list[int] = field(default_factory=list)
    may_end: dict[int, asyncio.Event] = field(default_factory=dict)
    fails: bool = False

    async def look_up(self) -> int:
        number = len(self.begun)
        self.begun.append(number)
        await self.may_end.setdefault(number, asyncio.Event()).wait()
        if self.fails:
            raise LookupError(number)
        return number

    def let(self, number: int) -> None:
        self.may_end.setdefault(number, asyncio.Event()).set()


async def turn() -> None:
    """Everything that can go on now has."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_those_who_ask_meanwhile_share_the_next_one() -> None:
    shared: SharedLookUps[int] = SharedLookUps()
    source = Source()
    first = asyncio.create_task(shared.get("k", source.look_up))
    await turn()
    others = [asyncio.create_task(shared.get("k", source.look_up)) for _ in range(5)]
    await turn()
    assert source.begun == [0]
    source.let(0)
    assert await first == 0
    await turn()
    late = asyncio.create_task(shared.get("k", source.look_up))
    await turn()
    source.let(1)
    assert await asyncio.gather(*others) == [1] * 5
    source.let(2)
    assert await late == 2
    source.let(3)
    assert await shared.get("k", source.look_up) == 3


async def test_keys_do_not_wait_for_each_other() -> None:
    shared: SharedLookUps[int] = SharedLookUps()
    slow, fast = Source(), Source()
    waiting = asyncio.create_task(shared.get("slow", slow.look_up))
    fast.let(0)
    assert await shared.get("fast", fast.look_up) == 0
    slow.let(0)
    assert await waiting == 0


async def test_an_error_reaches_all_and_is_not_kept() -> None:
    shared: SharedLookUps[int] = SharedLookUps()
    source = Source(fails=True)
    first = asyncio.create_task(shared.get("k", source.look_up))
    await turn()
    others = [asyncio.create_task(shared.get("k", source.look_up)) for _ in range(2)]
    source.let(0)
    source.let(1)
    for each in (first, *others):
        with pytest.raises(LookupError):
            await each
    source.fails = False
    source.let(2)
    assert await shared.get("k", source.look_up) == 2


async def test_who_goes_away_takes_nothing_from_others() -> None:
    shared: SharedLookUps[int] = SharedLookUps()
    source = Source()
    first = asyncio.create_task(shared.get("k", source.look_up))
    await turn()
    second = asyncio.create_task(shared.get("k", source.look_up))
    third = asyncio.create_task(shared.get("k", source.look_up))
    await turn()
    first.cancel()
    second.cancel()
    source.let(0)
    source.let(1)
    assert await third == 1
