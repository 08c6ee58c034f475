"""Idle costs nothing: a server and a worker with nothing to do make fewer than 2 transactions a second.

Counted by the database itself. A connection tells its counters late (up to 10 s after it fell idle), but always when it
ends: so everything is started, left alone for a while and stopped, once with and once without the while. The difference
is what was done in it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest

from tests.postgres import PostgresServer
from tidemill.db.pool import Database
from tidemill.settings import Settings
from tidemill.wiring.keys import root_keys
from tidemill.wiring.listening import listening_socket
from tidemill.wiring.server import application, http_server, server_parts
from tidemill.wiring.worker import run_worker

PROMISED = 2.0
"""Transactions a second, of server and worker together."""
WINDOW_S = 10.0
"""Longer than the safety polls (5 s), so that each comes once at least; a late piece of the start matters little."""
SETTLE_S = 5.0
"""What is done once, after the start, is done by then."""


@asynccontextmanager
async def working(settings: Settings, dsn: str) -> AsyncIterator[None]:
    """A server with its chores and a worker, as their commands run them."""
    keys = root_keys(settings, announce=lambda _: None)
    ready = asyncio.Event()
    with listening_socket("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        async with (
            Database(dsn, application="idle server") as database,
            server_parts(settings, database, keys, dsn=dsn, port=port, s3_port=None) as parts,
        ):
            server = http_server(application(settings, parts), trusted_proxies="")
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            worker = asyncio.create_task(run_worker(settings, dsn, is_probed=True, on_ready=ready.set))
            try:
                await asyncio.wait({asyncio.create_task(ready.wait()), worker}, return_when=asyncio.FIRST_COMPLETED)
                yield
            finally:
                while not worker.done():  # before Python 3.12 a wait that ends just then can swallow a cancellation
                    worker.cancel()
                    await asyncio.wait({worker}, timeout=1)
                server.should_exit = True
                await serving


class Counter:
    """The counters of one database, read from another one, so that reading does not count."""

    def __init__(self, server: PostgresServer, name: str, settings: Settings) -> None:
        self._dsn = server.superuser_dsn("postgres")
        self._name = name
        self._settings = settings
        self.dsn = server.dsn(name)

    async def rate(self, window_s: float, *, polls_per_s: int = 0) -> float:
        """Transactions a second in `window_s` of rest; with a poller beside that asks so often."""
        whole = await self._life(SETTLE_S + window_s, polls_per_s)
        return (whole - await self._life(SETTLE_S, polls_per_s)) / window_s

    async def _life(self, window_s: float, polls_per_s: int) -> int:
        before = await self._count()
        async with working(self._settings, self.dsn), contextlib.AsyncExitStack() as stack:
            if polls_per_s:
                await stack.enter_async_context(polling(self.dsn, polls_per_s))
            await asyncio.sleep(window_s)  # the one thing that is measured here is what happens in a while
        return await self._count() - before

    async def _count(self) -> int:
        """Transactions that were ever ended, once nobody is connected any more."""
        async with await psycopg.AsyncConnection.connect(self._dsn, autocommit=True) as connection:
            while await _number(connection, "select count(*) from pg_stat_activity where datname = %s", self._name):
                await asyncio.sleep(0.02)
            statement = "select xact_commit + xact_rollback from pg_stat_database where datname = %s"
            return await _number(connection, statement, self._name)


@asynccontextmanager
async def polling(dsn: str, polls_per_s: int) -> AsyncIterator[None]:
    """What Tidemill must not do: ask again and again whether there is something to do."""

    async def poll() -> None:
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
            while True:
                await connection.execute("select count(*) from job_queue")
                await asyncio.sleep(1 / polls_per_s)

    task = asyncio.create_task(poll())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _number(connection: psycopg.AsyncConnection[psycopg.rows.TupleRow], statement: str, name: str) -> int:
    row = await (await connection.execute(statement.encode(), [name])).fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture
def counter(postgres_server: PostgresServer, database_name: str, tmp_path: Path) -> Counter:
    return Counter(postgres_server, database_name, Settings.from_environment({}, data_dir=tmp_path, unisolated=True))


async def test_idle_server_and_worker_make_fewer_than_two_transactions_a_second(counter: Counter) -> None:
    await counter.rate(0.01)  # what only a first start does
    # No lower bound: a start costs ten transactions more or less, so a quiet while may come out below none at all. That
    # the counter sees what there is to see is shown by the next test.
    rate = await counter.rate(WINDOW_S)
    if rate >= PROMISED:  # what a busy machine does late of a start counts less in a longer while
        rate = await counter.rate(4 * WINDOW_S)
    assert rate < PROMISED


async def test_a_poller_breaks_the_promise(counter: Counter) -> None:
    """The negative control: four polls a second would be seen."""
    assert await counter.rate(2.0, polls_per_s=4) > PROMISED
