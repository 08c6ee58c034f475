"""A pool lends what is fit, and loses nothing."""

import asyncio
from dataclasses import dataclass, field

import pytest

from tidemill.model.errors import ConnectionFailed
from tidemill.stores.databases.pool import Pool


@dataclass(eq=False)
class Line:
    """A connection whose reset and fitness are told by the test."""

    fitness: "asyncio.Future[bool] | None" = None
    begins_reset: bool = True
    is_closed: bool = False
    asked: list[str] = field(default_factory=list)

    async def is_fit(self, idle_s: float) -> bool:
        self.asked.append("fit")
        return await self.fitness if self.fitness is not None else True

    def begin_reset(self) -> bool:
        self.asked.append("begin")
        return self.begins_reset

    async def reset(self) -> bool:
        self.asked.append("reset")
        return True

    async def close(self) -> None:
        self.is_closed = True


def pool_of(*lines: Line, wait_s: float = 60.0) -> Pool[Line]:
    left = list(lines)

    async def connect() -> Line:
        return left.pop(0)

    return Pool(connect, most=1, wait_s=wait_s)


async def test_what_was_given_back_is_lent_again_once_it_is_fit() -> None:
    first, second = Line(), Line()
    pool = pool_of(first, second)
    assert await pool.take() is first
    pool.give(first)
    assert await pool.take() is first
    assert first.asked == ["begin", "fit"]
    pool.give(first)
    first.fitness = asyncio.get_running_loop().create_future()
    first.fitness.set_result(False)
    assert await pool.take() is second
    assert first.is_closed


async def test_who_is_canceled_while_it_is_looked_at_leaves_no_connection_behind() -> None:
    first, second = Line(), Line()
    pool = pool_of(first, second)
    pool.give(await pool.take())
    first.fitness = asyncio.get_running_loop().create_future()
    taking = asyncio.create_task(pool.take())
    await asyncio.sleep(0)
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking
    assert first.is_closed
    assert await pool.take() is second, "its place is free"


async def test_what_cannot_begin_to_reset_is_reset_behind_the_back_of_who_gave_it() -> None:
    line = Line(begins_reset=False)
    pool = pool_of(line)
    pool.give(await pool.take())
    assert await pool.take() is line
    assert line.asked == ["begin", "reset", "fit"]


async def test_who_waits_too_long_is_told_why() -> None:
    pool = pool_of(Line(), wait_s=0.0)
    await pool.take()
    with pytest.raises(ConnectionFailed, match="All 1 connections"):
        await pool.take()
