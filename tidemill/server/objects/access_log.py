"""Notes who touched which object or database, in batches: at most a second after the access, or 500 together.

Reads of one object by the same caller that wait together become one record with their sizes added: a reader of a table
file asks for hundreds of ranges. What was noted and not yet written is lost with a crash of the server, and the oldest
of it when the database does not answer for long. That is the price of a small read that costs no statement of its own.
"""

import asyncio
import itertools
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, Self

import structlog

from tidemill.db import object_access
from tidemill.db.object_access import Access, Touched
from tidemill.db.pool import Database
from tidemill.model.errors import Unavailable
from tidemill.model.identity import Principal
from tidemill.model.object_address import Address

log = structlog.get_logger(__name__)

BATCH: Final = 500
WAIT_S: Final = 1.0
MOST_WAITING: Final = 50_000


def _now() -> datetime:
    return datetime.now(UTC)


class AccessLog:
    """Use it as `async with`; on leaving, what is left is written. Idle, it does nothing at all."""

    def __init__(self, database: Database, *, wait_s: float = WAIT_S, clock: Callable[[], datetime] = _now) -> None:
        self._database = database
        self._wait_s = wait_s
        self._clock = clock
        self._waiting: OrderedDict[Hashable, Touched] = OrderedDict()
        self._count = itertools.count()
        self._some = asyncio.Event()
        self._batch = asyncio.Event()
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._keep_writing(), name="object access log")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        with suppress(Unavailable):
            await self.flush()

    def note(self, caller: Principal, at: Address, access: Access, size_bytes: int | None = None) -> None:
        """Note an access to an object; returns at once."""
        self.note_other(caller, "object", str(at), access, size_bytes=size_bytes)

    def note_other(
        self, caller: Principal, kind: str, address: str, access: Access, *, size_bytes: int | None = None
    ) -> None:
        """Note an access to something of that kind: `database` and the path of its resource."""
        key: Hashable = next(self._count)
        if access == "read":  # what reads have in common that become one record
            key = caller.workspace, caller.credential.job_id, caller.actor, kind, address
            earlier = self._waiting.get(key)
            if earlier is not None and not size_bytes and earlier.size_bytes == size_bytes:
                return
        touched = Touched(
            at=self._clock(),
            workspace=caller.workspace,
            job_id=caller.credential.job_id,
            actor=caller.actor,
            kind=kind,
            address=address,
            access=access,
            size_bytes=size_bytes,
        )
        self._add(key, touched)
        self._some.set()
        if len(self._waiting) >= BATCH:
            self._batch.set()

    async def flush(self) -> None:
        """Write all that was noted so far.

        Raises:
            Unavailable: the database does not take it now; it is kept.
        """
        async with self._writing:
            left = len(self._waiting)  # what is noted meanwhile waits to become a batch of its own
            while left > 0 and self._waiting:
                batch = dict(self._waiting.popitem(last=False) for _ in range(min(BATCH, len(self._waiting))))
                left -= len(batch)
                try:
                    await object_access.record(self._database.single, list(batch.values()))
                except BaseException:
                    later, self._waiting = self._waiting, OrderedDict(batch)
                    for key, touched in later.items():
                        self._add(key, touched)
                    raise

    def _add(self, key: Hashable, touched: Touched) -> None:
        earlier = self._waiting.get(key)
        if earlier is None:
            self._waiting[key] = touched
        else:
            self._waiting[key] = replace(earlier, size_bytes=_sum(earlier.size_bytes, touched.size_bytes))
        if len(self._waiting) > MOST_WAITING:
            self._waiting.popitem(last=False)

    async def _keep_writing(self) -> None:
        while True:
            await self._some.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._wait_s):
                    await self._batch.wait()
            self._some.clear()
            self._batch.clear()
            try:
                await self.flush()
            except Unavailable as error:
                log.warning("accesses to objects are not written yet", waiting=len(self._waiting), error=str(error))
                self._some.set()


def _sum(one: int | None, other: int | None) -> int | None:
    """None where nobody told a size."""
    return None if one is None and other is None else (one or 0) + (other or 0)
