"""Stores are opened once, and closed when nobody needs them any more."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tidemill.server.objects.opened import OpenStores
from tidemill.stores.objects.memory import MemoryStore


class Watched(MemoryStore):
    """A store that tells whether it was closed."""

    closed = False

    async def close(self) -> None:
        assert not self.closed
        self.closed = True


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def opening(made: list[Watched]) -> Callable[[], Awaitable[Watched]]:
    async def open_store() -> Watched:
        await asyncio.sleep(0)
        made.append(Watched())
        return made[-1]

    return open_store


async def test_a_store_is_opened_once_for_all_who_want_it() -> None:
    stores, made = OpenStores(), list[Watched]()
    held = await asyncio.gather(*(stores.hold(("a",), 1, opening(made)) for _ in range(10)))
    assert len(made) == 1
    assert {id(each.store) for each in held} == {id(made[0])}
    await stores.hold(("b",), 1, opening(made))
    assert len(made) == 2


async def test_a_change_opens_another_and_closes_the_old_one_when_it_is_let_go() -> None:
    stores, made = OpenStores(), list[Watched]()
    old = await stores.hold(("a",), 1, opening(made))
    new = await stores.hold(("a",), 2, opening(made))
    assert (new.store, made[0].closed) == (made[1], False)
    await stores.release(old)
    assert made[0].closed
    await stores.release(new)
    assert not made[1].closed
    again = await stores.hold(("a",), 2, opening(made))
    assert again.store is made[1]


async def test_what_is_idle_or_too_much_is_closed_but_never_what_is_held() -> None:
    clock, made = Clock(), list[Watched]()
    stores = OpenStores(most=3, idle_s=10, clock=clock)
    held = await stores.hold(("held",), 1, opening(made))
    for name in ("a", "b", "c"):
        await stores.release(await stores.hold((name,), 1, opening(made)))
    assert [each.closed for each in made] == [False, True, False, False]
    clock.now = 20
    await stores.release(await stores.hold(("d",), 1, opening(made)))
    assert [each.closed for each in made] == [False, True, True, True, False]
    await stores.release(held)
    await stores.close()
    assert all(each.closed for each in made)


async def test_a_store_that_cannot_be_opened_is_tried_again() -> None:
    stores, made = OpenStores(), list[Watched]()

    async def fails() -> Watched:
        raise OSError("not now")

    for _ in range(2):
        with pytest.raises(OSError, match="not now"):
            await stores.hold(("a",), 1, fails)
        assert not stores._places
    await stores.hold(("a",), 1, opening(made))
    assert len(made) == 1


async def test_forgotten_places_are_closed() -> None:
    stores, made = OpenStores(), list[Watched]()
    for place in (("main", "x"), ("other", "x")):
        await stores.release(await stores.hold(place, 1, opening(made)))
    await stores.forget(lambda place: place[0] == "main")
    assert [each.closed for each in made] == [True, False]
