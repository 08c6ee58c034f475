"""What happens to connections, listeners and data when Postgres stops, crashes and comes back."""

import asyncio

import psycopg
import pytest

from tests.postgres import TEMPLATE, PostgresServer
from tidemill.db.listener import Listener, Notification
from tidemill.db.pool import Database, Transaction
from tidemill.db.queries import inline
from tidemill.model.errors import Unavailable

ONE = inline("select 1")
NOTIFY = inline("select pg_notify(:channel, :payload)")
MISSED = Notification("work", missed=True)


async def use_every_connection(database: Database, size: int) -> None:
    """Hold `size` transactions open at the same time."""
    everybody = asyncio.Barrier(size)

    async def use() -> None:
        async with database.system() as transaction:
            await transaction.fetch_value(ONE)
            await everybody.wait()

    await asyncio.gather(*(use() for _ in range(size)))


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_the_pool_comes_back_to_size_after_a_restart(own_postgres_server: PostgresServer, end: str) -> None:
    async with Database(own_postgres_server.dsn(TEMPLATE), pool_size=4) as database:
        await use_every_connection(database, 4)
        await database.single.fetch_value(ONE)
        await asyncio.to_thread(getattr(own_postgres_server, end))
        await asyncio.to_thread(own_postgres_server.start)
        assert await database.single.fetch_value(ONE) == 1
        await use_every_connection(database, 4)


async def test_a_transaction_that_is_open_when_the_server_ends_is_unavailable(
    own_postgres_server: PostgresServer,
) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.fetch_value(ONE)
        await asyncio.to_thread(own_postgres_server.kill)
        await transaction.fetch_value(ONE)

    async with Database(own_postgres_server.dsn(TEMPLATE)) as database:
        with pytest.raises(Unavailable):
            await database.run("*", work)


async def test_committed_rows_are_there_after_a_crash(own_postgres_server: PostgresServer) -> None:
    dsn = own_postgres_server.dsn(TEMPLATE)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create table kept (n int)")
        for number in range(50):
            connection.execute("insert into kept values (%s)", [number])
        await asyncio.to_thread(own_postgres_server.kill)
    await asyncio.to_thread(own_postgres_server.start)
    with psycopg.connect(own_postgres_server.dsn(TEMPLATE)) as connection:
        assert connection.execute("select count(*), max(n) from kept").fetchone() == (50, 49)


async def test_a_subscriber_looks_first_and_then_hears(database_dsn: str) -> None:
    async with Database(database_dsn) as database, Listener(database_dsn) as listener:
        with listener.subscribe("work") as first, listener.subscribe("work") as second:
            assert (await first.get(), await second.get()) == (MISSED, MISSED)
            await database.single.fetch_value(NOTIFY, channel="work", payload="a")
            await database.single.fetch_value(NOTIFY, channel="other", payload="b")
            await database.single.fetch_value(NOTIFY, channel="work", payload="c")
            for subscription in (first, second):
                assert await subscription.get() == Notification("work", "a")
                assert await subscription.get() == Notification("work", "c")


async def test_channels_come_and_go(database_dsn: str) -> None:
    listening = inline("select :channel::text = any(array(select pg_listening_channels()))")
    async with Database(database_dsn) as database, Listener(database_dsn) as listener:
        with listener.subscribe("work") as work:
            await work.get()
            with listener.subscribe("later") as later:
                assert await later.get() == Notification("later", missed=True)
                await database.single.fetch_value(NOTIFY, channel="later", payload="x")
                assert await later.get() == Notification("later", "x")
            with listener.subscribe("work") as again:
                assert await again.get() == MISSED
            await database.single.fetch_value(NOTIFY, channel="work", payload="y")
            assert await work.get() == Notification("work", "y")
        assert await database.single.fetch_value(listening, channel="work") is False


async def test_a_subscriber_that_reads_nothing_is_told_that_it_missed_something(database_dsn: str) -> None:
    async with Database(database_dsn) as database, Listener(database_dsn) as listener:
        with listener.subscribe("work") as slow, listener.subscribe("end") as end:
            await slow.get()
            await end.get()
            many = inline("select pg_notify('work', n::text) from generate_series(1, 1500) as n")
            await database.single.fetch_all(many)
            await database.single.fetch_value(NOTIFY, channel="end", payload="")
            await end.get()
            assert await slow.get() == MISSED
            assert await slow.get() == Notification("work", "1002")


async def test_waiting_for_a_notification_can_be_limited(database_dsn: str) -> None:
    async with Listener(database_dsn) as listener:
        with listener.subscribe("work") as work:
            await work.get()
            assert await work.get_within(0.01) is None


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_a_listener_survives_a_restart_and_says_so(own_postgres_server: PostgresServer, end: str) -> None:
    dsn = own_postgres_server.dsn(TEMPLATE)
    async with Database(dsn) as database, Listener(dsn) as listener:
        with listener.subscribe("work") as work:
            assert await work.get() == MISSED
            await asyncio.to_thread(getattr(own_postgres_server, end))
            await asyncio.to_thread(own_postgres_server.start)
            assert await work.get() == MISSED
            await database.single.fetch_value(NOTIFY, channel="work", payload="after")
            assert await work.get() == Notification("work", "after")


async def test_a_statement_that_is_lost_may_have_been_done(database: Database) -> None:
    with pytest.raises(Unavailable, match="look whether it was"):
        await database.single.fetch_value(inline("select pg_terminate_backend(pg_backend_pid())"))
    assert await database.single.fetch_value(ONE) == 1


async def test_nobody_waits_long_for_a_server_that_is_gone(own_postgres_server: PostgresServer) -> None:
    """Callers wait as long as they are told for a connection that is in use, but not for a server that is not there."""
    async with Database(own_postgres_server.dsn(TEMPLATE), timeout_s=3600) as database:
        assert await database.single.fetch_value(ONE) == 1
        await asyncio.to_thread(own_postgres_server.kill)
        refusals = await asyncio.gather(
            *(database.single.fetch_value(ONE) for _ in range(6)),
            *(database.run("*", lambda tx: tx.fetch_value(ONE)) for _ in range(6)),
            return_exceptions=True,
        )
        assert {type(refusal) for refusal in refusals} == {Unavailable}
        await asyncio.to_thread(own_postgres_server.start)
        assert await database.single.fetch_value(ONE) == 1
