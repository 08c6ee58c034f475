"""All query runners of a process: made when they are first used, their idle connections closed by and by."""

import asyncio
import contextlib
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Final, Self, cast

import structlog

from tidemill.engine.egress import Egress
from tidemill.queries import RUNNERS
from tidemill.queries.port import Host, Query, QueryRunner
from tidemill.queries.sql import SqlRunner
from tidemill.registry import lookup
from tidemill.stores.databases.port import Database

if TYPE_CHECKING:  # imported when it is used
    from tidemill.queries.mongodb import MongoRunner
    from tidemill.queries.redis import RedisRunner
    from tidemill.stores.documents.port import DocumentSession
    from tidemill.stores.keys.port import KeySession

log = structlog.get_logger(__name__)

IDLE_S: Final = 60.0


class Runners:
    """Use it as `async with`; on leaving, all connections are closed. Without open ones it does nothing by itself."""

    def __init__(self, egress: Egress, *, idle_s: float = IDLE_S) -> None:
        """Databases are connected to where `egress` lets them."""
        self._egress = egress
        self._idle_s = idle_s
        self._made: dict[type[object], QueryRunner] = {}
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        for runner in self._made.values():
            await runner.close()

    async def run(self, query: Query, host: Host) -> bytes:
        """See `QueryRunner.run`.

        Raises:
            BadRequest: there is no such query language.
        """
        runner = self._runner(query.language)
        self._begin_closing()
        return await runner.run(query, host)

    def use(self, language: str, identity: str, value: bytes) -> AbstractAsyncContextManager[Database]:
        """The SQL database that the value of a resource describes, for a while; see `SqlRunner.use`."""
        runner = self._runner(language)
        assert isinstance(runner, SqlRunner)
        self._begin_closing()
        return runner.use(language, identity, value)

    def documents(
        self, identity: str, value: bytes, *, timeout_s: float
    ) -> AbstractAsyncContextManager["DocumentSession"]:
        """A session of the document database that the value of a resource describes.

        Raises:
            BadRequest: the value does not fit.
        """
        runner = cast("MongoRunner", self._runner("mongodb"))
        self._begin_closing()
        return runner.session(identity, value, timeout_s=timeout_s)

    def keys(
        self, language: str, identity: str, value: bytes, *, timeout_s: float
    ) -> AbstractAsyncContextManager["KeySession"]:
        """A session of the key-value store that the value of a resource describes; see `documents`."""
        runner = cast("RedisRunner", self._runner(language))
        self._begin_closing()
        return runner.session(identity, value, timeout_s=timeout_s)

    def _begin_closing(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._keep_closing(), name="close idle connections")

    def _runner(self, language: str) -> QueryRunner:
        """One for a family of languages, which share a class."""
        found = lookup(RUNNERS, "query language", language)
        if found not in self._made:
            self._made[found] = cast("type[QueryRunner]", found)(self._egress)
        return self._made[found]

    async def _keep_closing(self) -> None:
        """Close what is idle until nothing is open any more; the next query begins anew."""
        left = 1
        while left:
            await asyncio.sleep(self._idle_s / 2)
            left = 0
            for runner in self._made.values():
                try:
                    left += await runner.close_idle(self._idle_s)
                except Exception:  # a vendor's driver; the next round tries again
                    log.exception("idle connections could not be closed")
                    left += 1
