"""Runs the periodic chores. Every server does: each chore is safe beside itself, so no leader is needed."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from tidemill.model.errors import TidemillError, Unavailable

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to do about every `every_s` seconds."""

    name: str
    every_s: float
    work: Callable[[], Awaitable[object]]


async def run_chores(chores: list[Chore]) -> None:
    """Run each chore at its pace until canceled; one that fails is told and tried again."""
    async with asyncio.TaskGroup() as group:
        for chore in chores:
            group.create_task(_repeat(chore), name=f"chore {chore.name}")


async def _repeat(chore: Chore) -> None:
    while True:
        try:
            await chore.work()
        except Unavailable as error:
            log.warning("chore put off", chore=chore.name, error=str(error))
        except TidemillError:
            log.exception("chore failed", chore=chore.name)
        await asyncio.sleep(chore.every_s * random.uniform(0.9, 1.1))  # noqa: S311  # keeps servers apart
