"""Looks after schedules: sleeps until an occurrence is due, a job that is waited for has ended, or one was changed."""

import asyncio
import contextlib
from typing import Final

import structlog

from tidemill.db import schedules
from tidemill.db.listener import Listener, Subscription
from tidemill.db.pool import Database
from tidemill.db.queue import JOB_CHANNEL
from tidemill.db.schedules import Aside
from tidemill.db.values import Values
from tidemill.model.errors import Unavailable
from tidemill.scheduler.due import start_due
from tidemill.scheduler.ended import settle_ended

SAFETY_POLL_S: Final = 30.0
_RETRY_S: Final = 1.0
_AT_ONCE: Final = 100
_AT_IT_S: Final = 0.1
"""Another server is at what is due, or it became due just now."""

log = structlog.get_logger(__name__)


class Schedules:
    """Every server runs one; they share the work without knowing of each other."""

    def __init__(self, database: Database, values: Values, listener: Listener) -> None:
        self._database = database
        self._values = values
        self._listener = listener
        self._open: frozenset[str] = frozenset()
        self._woken = asyncio.Event()

    async def run(self) -> None:
        """Start and settle what comes until canceled."""
        with self._listener.subscribe(schedules.CHANNEL) as changes, self._listener.subscribe(JOB_CHANNEL) as ends:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._hear(changes))
                group.create_task(self._hear(ends))
                while True:
                    self._woken.clear()
                    wait_s = await self._turn_or_retry()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(wait_s):
                            await self._woken.wait()

    async def turn(self) -> float:
        """Do all that there is to do now; in how many seconds to look again if nothing happens.

        Raises:
            Unavailable: the database does not answer now.
        """
        aside: Aside = set()
        due_in_s = await self._look()
        is_due = due_in_s is not None and due_in_s <= 0
        while is_due and await self._start_some(aside):
            await settle_ended(self._database, self._values, aside)  # which no backlog holds up
        while self._open and await settle_ended(self._database, self._values, aside):
            pass
        if aside:
            return _RETRY_S
        if is_due or self._open:
            due_in_s = await self._look()
        if due_in_s is None:
            return SAFETY_POLL_S
        return min(SAFETY_POLL_S, due_in_s) if due_in_s > 0 else _AT_IT_S

    async def _start_some(self, aside: Aside) -> bool:
        """Start up to `_AT_ONCE` occurrences; whether more may be due."""
        for _ in range(_AT_ONCE):
            if not await start_due(self._database, self._values, aside):
                return False
        return True

    async def _look(self) -> float | None:
        due_in_s, waited_for = await schedules.to_do(self._database.single)
        self._open = frozenset(str(each) for each in waited_for)
        return due_in_s

    async def _turn_or_retry(self) -> float:
        try:
            return await self.turn()
        except Unavailable as error:
            log.warning("schedules put off", error=str(error))
        except Exception:  # whatever it is, schedules go on
            log.exception("schedules failed")
        return _RETRY_S

    async def _hear(self, subscription: Subscription) -> None:
        async for heard in subscription:
            if heard.missed or heard.channel == schedules.CHANNEL or self._concerns(heard.payload):
                self._woken.set()

    def _concerns(self, payload: str) -> bool:
        """Whether a notice of jobs names one that is waited for."""
        return bool(self._open) and not self._open.isdisjoint(payload.split(","))
