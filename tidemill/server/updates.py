"""Tells those who watch a job that it has news: one LISTEN connection, however many they are.

A watch only says "look again". What there is to see is read once for all viewers of a job (`server/live.py` keeps it in
`Watched.seen`). News of one job come at most every `PACE_S`, but for the first: who waits for the result of a short
job is told of its end at once. A slow poll makes up for a notification that was lost.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, Self
from uuid import UUID

from tidemill.db.listener import Listener
from tidemill.db.queue import JOB_CHANNEL

PACE_S: Final = 0.1
BURST: Final = 4
"""News of one job that may follow each other at once, after some quiet: its start, some output, its end."""
POLL_S: Final = 5.0


@dataclass(eq=False, slots=True)
class Watched:
    """One job with viewers.

    Attributes:
        version: grows with its news.
        calm_at: when its news will have come no faster than one each `PACE_S`, by the clock of the loop.
        seen: what was read of it, by kind of look.
    """

    viewers: int = 0
    version: int = 0
    calm_at: float = 0.0
    later: asyncio.TimerHandle | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)
    seen: dict[object, tuple[int, asyncio.Task[object]]] = field(default_factory=dict)

    def tell(self) -> None:
        """Wake all viewers."""
        self.later = None
        self.calm_at = max(self.calm_at, asyncio.get_running_loop().time()) + PACE_S
        self.version += 1
        self.news.set()
        self.news = asyncio.Event()


class Watch:
    """What one viewer has looked at."""

    def __init__(self, watched: Watched) -> None:
        self.watched = watched
        self._version = watched.version

    async def wait(self, timeout_s: float) -> bool:
        """Return when there is news since the last call (or since the watch began), or after `timeout_s`: False."""
        if self.watched.version == self._version:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self.watched.news.wait()
        is_news = self.watched.version != self._version
        self._version = self.watched.version
        return is_news


class Updates:
    """The hub of one server; works for as long as its `async with` block."""

    def __init__(self, listener: Listener, *, poll_s: float = POLL_S) -> None:
        self.listener = listener
        self._poll_s = poll_s
        self._watched: dict[UUID, Watched] = {}
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._hear(), name="job updates")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    @contextmanager
    def watch(self, job_id: UUID) -> Iterator[Watch]:
        """Watch a job for the length of the block. Look for yourself first, then wait."""
        watched = self._watched.setdefault(job_id, Watched())
        watched.viewers += 1
        try:
            yield Watch(watched)
        finally:
            watched.viewers -= 1
            if watched.viewers == 0:
                del self._watched[job_id]
                if watched.later is not None:
                    watched.later.cancel()

    async def _hear(self) -> None:
        with self.listener.subscribe(JOB_CHANNEL) as subscription:
            while True:
                notification = await subscription.get_within(self._poll_s)
                if notification is None or notification.missed:
                    self._tell(list(self._watched.values()))
                else:
                    self._tell([each for text in notification.payload.split(",") if (each := self._find(text))])

    def _find(self, text: str) -> Watched | None:
        try:
            return self._watched.get(UUID(text))
        except ValueError:
            return None

    def _tell(self, jobs: list[Watched]) -> None:
        loop = asyncio.get_running_loop()
        for watched in jobs:
            wait_s = watched.calm_at - (BURST - 1) * PACE_S - loop.time()
            if watched.later is None and wait_s <= 0:
                watched.tell()
            elif watched.later is None:
                watched.later = loop.call_later(wait_s, watched.tell)
