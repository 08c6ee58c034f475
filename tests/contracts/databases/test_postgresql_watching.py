"""A connection to Postgres watches its socket between queries, and no longer than that is of use."""

import asyncio
from collections.abc import Callable

import pytest

from tests.contracts.databases import postgres
from tests.contracts.databases.asking import PLAIN, ask, rows_of, statement, value_of
from tests.database_servers import DatabaseServers, Resource
from tidemill.model.errors import ConnectionFailed
from tidemill.stores.databases.port import Database
from tidemill.stores.databases.postgresql.session import PostgresSession

OpenIt = Callable[[str, Resource], Database]


@pytest.fixture
def database(database_servers: DatabaseServers, open_it: OpenIt) -> Database:
    return open_it("postgresql", postgres.embedded(database_servers))


async def test_the_watch_goes_on_over_queries(database: Database) -> None:
    async with database.session(PLAIN) as session:
        assert isinstance(session, PostgresSession)
        connection = session.connection
        assert await rows_of(session, "select 1") == [(1,)]
    async with asyncio.timeout(30):
        while connection._is_resetting:
            await asyncio.sleep(0)
    for number in range(3):
        assert connection._is_watched
        assert await value_of(database, f"select {number}") == number


async def test_rows_that_nobody_takes_end_it_and_are_all_there(database: Database) -> None:
    async with database.session(PLAIN) as session:
        assert isinstance(session, PostgresSession)
        (result,) = await session.run(statement("select repeat('x', 1000) from generate_series(1, 20000)"))
        async with asyncio.timeout(30):
            while session.connection._is_watched:
                await asyncio.sleep(0)
        assert sum([len(batch) async for batch in result.batches(100)]) == 20_000


async def test_the_drivers_own_waits_leave_nothing_behind(database: Database) -> None:
    async with database.session(PLAIN) as session:
        await rows_of(session, "create type pg_temp.mood as enum ('well')")
        for _ in range(2):  # a type of one's own is asked for by the driver
            assert await rows_of(session, "select 'well'::pg_temp.mood") == [("well",)]
            assert await rows_of(session, "select 2") == [(2,)]


async def test_a_connection_that_is_lost_is_watched_no_more(database: Database) -> None:
    """Its socket is closed by then, and the next that is opened has its number."""
    async with database.session(PLAIN) as session:
        assert isinstance(session, PostgresSession)
        connection = session.connection
        ((pid,),) = await rows_of(session, "select pg_backend_pid()")
        await ask(database, f"select pg_terminate_backend({pid}, 10000)")
        with pytest.raises(ConnectionFailed):
            await rows_of(session, "select 1")
        assert not connection._is_watched
    assert await value_of(database, "select 1") == 1


async def test_one_that_is_lost_while_it_waits_is_replaced(database: Database) -> None:
    async with database.session(PLAIN) as first, database.session(PLAIN) as second:
        ((pid,),) = await rows_of(first, "select pg_backend_pid()")
        await rows_of(second, f"select pg_terminate_backend({pid}, 10000)")
    assert isinstance(first, PostgresSession)
    assert isinstance(second, PostgresSession)
    async with database.session(PLAIN) as again:
        assert await rows_of(again, "select 1") == [(1,)]
        assert isinstance(again, PostgresSession)
        assert again.connection is not first.connection
        assert not first.connection._is_watched
