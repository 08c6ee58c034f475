"""Hears NOTIFY: one connection for the whole process, however many subscribers there are.

A notification that is sent while the connection is down is gone. Every subscriber is therefore told after a reconnect
that it may have missed something, and looks once for itself. That, not the notification, is what makes it correct.
"""

import asyncio
import random
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, Self

import psycopg
import structlog
from psycopg import AsyncConnection, Notify, sql

from tidemill.db.pool import CONNECTION_OPTIONS

log = structlog.get_logger(__name__)

FIRST_BACKOFF_S: Final = 0.1
LONGEST_BACKOFF_S: Final = 5.0
BACKLOG: Final = 1000
"""What one subscriber may leave unread; beyond that it is told instead that it missed something."""


@dataclass(frozen=True, slots=True)
class Notification:
    """What was sent on a channel; with `missed`, nothing was heard but something may have been sent."""

    channel: str
    payload: str = ""
    missed: bool = False


class Subscription:
    """What one subscriber has not read yet. `async for notification in subscription`, or `get`."""

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self._unread: deque[Notification] = deque()
        self._arrived = asyncio.Event()

    def __aiter__(self) -> AsyncIterator[Notification]:
        return self

    async def __anext__(self) -> Notification:
        return await self.get()

    async def get(self) -> Notification:
        """The next one; waits for it. Only one task may wait at a time."""
        while not self._unread:
            self._arrived.clear()
            await self._arrived.wait()
        return self._unread.popleft()

    async def get_within(self, timeout_s: float) -> Notification | None:
        """The next one, or None when there was none in `timeout_s` seconds: the time for a safety poll."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                return await self.get()
        return None

    def put(self, notification: Notification) -> None:
        """Called by the listener."""
        if notification.missed or len(self._unread) >= BACKLOG:
            self._unread.clear()
            notification = Notification(self.channel, missed=True)
        self._unread.append(notification)
        self._arrived.set()


class Listener:
    """LISTENs on a direct connection for as long as its `async with` block, and connects again when it is lost."""

    def __init__(self, dsn: str, *, application: str = "tidemill-listener") -> None:
        self._dsn = dsn
        self._options: dict[str, Any] = {**CONNECTION_OPTIONS, "application_name": application, "autocommit": True}
        self._subscriptions: defaultdict[str, set[Subscription]] = defaultdict(set)
        self._listened: set[str] = set()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._keep_listening(), name="database listener")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    @contextmanager
    def subscribe(self, channel: str) -> Iterator[Subscription]:
        """A subscription for the length of the block.

        It begins with a notification that says `missed`, once the channel is really listened to: look for yourself
        then, and nothing that was sent before or after can escape you.
        """
        subscription = Subscription(channel)
        self._subscriptions[channel].add(subscription)
        if channel in self._listened:
            subscription.put(Notification(channel, missed=True))
        self._wake.set()
        try:
            yield subscription
        finally:
            self._subscriptions[channel].discard(subscription)
            self._wake.set()

    async def _keep_listening(self) -> None:
        backoff = FIRST_BACKOFF_S
        while True:
            try:
                async with await AsyncConnection.connect(self._dsn, **self._options) as connection:
                    connection.add_notify_handler(self._hear)
                    backoff = FIRST_BACKOFF_S
                    await self._listen(connection)
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                log.warning("listener_lost", error=str(error).strip(), next_attempt_s=round(backoff, 1))
            finally:
                self._listened.clear()
            await asyncio.sleep(backoff * (0.5 + random.random()))  # noqa: S311  # jitter, not a secret
            backoff = min(backoff * 2, LONGEST_BACKOFF_S)

    async def _listen(self, connection: AsyncConnection[Any]) -> None:
        """Hear until the connection is lost, which raises. Between two wake-ups nothing is sent and nothing runs."""
        while True:
            self._wake.clear()
            await self._follow_subscriptions(connection)
            while heard := connection.pgconn.notifies():
                self._hear(Notify(heard.relname.decode(), heard.extra.decode(), heard.be_pid))
            await self._wait_for(connection.fileno())
            connection.pgconn.consume_input()

    async def _follow_subscriptions(self, connection: AsyncConnection[Any]) -> None:
        for channel in [name for name, subscribers in self._subscriptions.items() if not subscribers]:
            del self._subscriptions[channel]
        wanted = set(self._subscriptions)
        for channel in self._listened - wanted:
            await connection.execute(sql.SQL("unlisten {}").format(sql.Identifier(channel)))
            self._listened.discard(channel)
        for channel in wanted - self._listened:
            await connection.execute(sql.SQL("listen {}").format(sql.Identifier(channel)))
            self._listened.add(channel)
            self._tell(Notification(channel, missed=True))

    async def _wait_for(self, descriptor: int) -> None:
        loop = asyncio.get_running_loop()
        loop.add_reader(descriptor, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            loop.remove_reader(descriptor)

    def _hear(self, notify: Notify) -> None:
        self._tell(Notification(notify.channel, notify.payload))

    def _tell(self, notification: Notification) -> None:
        for subscription in self._subscriptions.get(notification.channel, ()):
            subscription.put(notification)
