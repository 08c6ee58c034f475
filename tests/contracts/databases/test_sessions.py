"""What every SQL database does alike."""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable

import pytest

from tests.contracts.databases.asking import PLAIN, argument, ask, rows_of, run_all, statement, value_of
from tests.contracts.databases.backends import Dialect
from tests.database_servers import Resource
from tests.processes import free_port
from tidemill.model.column import Kind
from tidemill.model.errors import BadRequest, ConnectionFailed, QueryFailed
from tidemill.stores.databases.port import Database, SessionOptions

OpenIt = Callable[[str, Resource], Database]


@pytest.fixture
async def table(database: Database, dialect: Dialect) -> AsyncIterator[str]:
    """An empty table with `id` and `note`."""
    name = dialect.table.format(name=f"t_{secrets.token_hex(6)}")
    await ask(database, dialect.create.format(name=name))
    yield name
    await ask(database, f"drop table {name}")


async def test_rows_come_in_order_and_in_batches(database: Database, dialect: Dialect) -> None:
    async with database.session(PLAIN) as session:
        (result,) = await session.run(statement(dialect.series.format(count=1000)))
        assert [(column.name.lower(), column.type.kind) for column in result.columns] == [("n", Kind.INTEGER)]
        batches = [list(batch) async for batch in result.batches(300)]
    assert [len(batch) for batch in batches] == [300, 300, 300, 100]
    assert [value for batch in batches for (value,) in batch] == list(range(1, 1001))


async def test_an_argument_is_bound_and_not_pasted(database: Database, dialect: Dialect) -> None:
    hostile = "'; drop table users; -- \" \\ %s %(a)s {a} \N{SNOWMAN} ''"
    found = await value_of(database, f"select {dialect.placeholder} as v", argument(dialect.text, hostile))
    assert found == hostile


async def test_null_and_the_empty_text_differ(database: Database, dialect: Dialect) -> None:
    query = f"select {dialect.placeholder} as v"
    assert await value_of(database, query, argument(dialect.text, "")) == ""
    assert await value_of(database, query, argument(dialect.text, None)) is None
    assert await value_of(database, query, argument(dialect.integer, 0, raw=None)) in {0, "0"}


async def test_an_argument_that_does_not_fit_is_named_and_its_value_is_not(
    database: Database, dialect: Dialect
) -> None:
    with pytest.raises(BadRequest) as caught:
        await ask(database, f"select {dialect.placeholder} as v", argument(dialect.integer, "secret-word"))
    assert "'a'" in str(caught.value)
    assert "secret-word" not in str(caught.value)


async def test_what_is_not_read_is_done_all_the_same(database: Database, dialect: Dialect, table: str) -> None:
    async with database.session(PLAIN) as session:
        await session.run(statement(dialect.series.format(count=10_000)))
        (inserted,) = await session.run(statement(f"insert into {table} values (1, 'one'), (2, null)"))
        assert (inserted.columns, inserted.affected) == ((), 2)
        (first,) = await session.run(statement(dialect.series.format(count=10_000)))
        async for batch in first.batches(5):
            assert [value for (value,) in batch] == [1, 2, 3, 4, 5]
            break
        assert await rows_of(session, f"select id, note from {table} order by id") == [(1, "one"), (2, None)]


async def test_a_transaction_is_kept_or_undone_as_a_whole(database: Database, dialect: Dialect, table: str) -> None:
    insert = f"insert into {table} values ({{}}, 'x')"
    async with database.session(PLAIN) as session:
        await session.begin()
        await session.run(statement(insert.format(1)))
        await session.rollback()
        await session.begin()
        await session.run(statement(insert.format(2)))
        await session.run(statement(insert.format(3)))
        assert await ask(database, f"select id from {table}") == []
        await session.commit()
        await session.begin()
        await session.run(statement(insert.format(4)))
    assert await ask(database, f"select id from {table} order by id") == [(2,), (3,)]


async def test_an_error_within_a_session_undoes_its_transaction(database: Database, table: str) -> None:
    with pytest.raises(QueryFailed):
        await run_all(database, [f"insert into {table} values (1, 'x')"] * 2, begin=True)
    assert await ask(database, f"select id from {table}") == []


async def test_a_session_to_read_does_not_write(database: Database, table: str) -> None:
    only_reading = SessionOptions(read_only=True)
    assert await ask(database, f"select id from {table}", options=only_reading) == []
    for in_transaction in (False, True):
        with pytest.raises(QueryFailed):
            await run_all(
                database, [f"insert into {table} values (1, 'x')"], options=only_reading, begin=in_transaction
            )
    await ask(database, f"insert into {table} values (2, 'x')")
    assert await ask(database, f"select id from {table}") == [(2,)]


async def test_an_error_has_the_databases_words_and_the_line(database: Database) -> None:
    with pytest.raises(QueryFailed, match=r"(?i)no_such_table(.|\n)*line [57]|line [57](.|\n)*no_such_table"):
        await ask(database, "select 1 as a,\n 2 as b\nfrom no_such_table", line=5)
    assert await ask(database, "select 1 as a") == [(1,)]


async def test_the_server_ends_a_statement_after_its_time(database: Database, dialect: Dialect) -> None:
    started = time.monotonic()
    with pytest.raises(QueryFailed, match=r"(?i)timeout|interrupted|time"):
        await ask(database, dialect.endless, options=SessionOptions(statement_timeout_s=0.2))
    assert time.monotonic() - started < 30
    assert await ask(database, "select 1 as a") == [(1,)]


async def test_canceling_from_another_task_ends_the_statement(database: Database, dialect: Dialect) -> None:
    async def run_and_cancel() -> None:
        async with asyncio.timeout(30), database.session(PLAIN) as session:
            running = asyncio.create_task(session.run(statement(dialect.endless)))
            await _until_running(database, dialect, 1)
            await session.cancel()
            (ended,) = await asyncio.gather(running, return_exceptions=True)
            assert isinstance(ended, QueryFailed | list)
            await session.run(statement("select 1 as a"))

    with pytest.raises(QueryFailed, match="canceled"):
        await run_and_cancel()
    await _until_running(database, dialect, 0)


async def test_canceling_the_task_ends_the_statement(database: Database, dialect: Dialect) -> None:
    task = asyncio.create_task(ask(database, dialect.endless))
    async with asyncio.timeout(30):
        await _until_running(database, dialect, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await _until_running(database, dialect, 0)


async def test_leaving_in_the_middle_by_an_error_ends_the_statement(database: Database, dialect: Dialect) -> None:
    async def read_and_fail() -> None:
        async with asyncio.timeout(30), database.session(PLAIN) as session:
            (result,) = await session.run(statement(dialect.series.format(count=50_000_000)))
            async for _ in result.batches(10):
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await read_and_fail()
    assert await ask(database, "select 1 as a") == [(1,)]


async def test_a_connection_that_is_lost_on_the_way_is_told(database: Database, dialect: Dialect) -> None:
    if not dialect.end_connection or not dialect.identity:
        pytest.skip("the dialect has no word for it")

    async def read_and_lose() -> None:
        async with database.session(PLAIN) as session:
            ((identity,),) = await rows_of(session, dialect.identity)
            (result,) = await session.run(statement(dialect.series.format(count=1_000_000)))
            read = result.batches(1000)
            await anext(read)
            await ask(database, dialect.end_connection.format(identity=identity))
            async for _ in read:
                pass

    with pytest.raises(ConnectionFailed, match="lost"):
        await read_and_lose()
    assert await ask(database, "select 1 as a") == [(1,)]


async def test_an_idle_connection_that_the_server_ended_is_replaced(database: Database, dialect: Dialect) -> None:
    if not dialect.end_connection or not dialect.identity:
        pytest.skip("the dialect has no word for it")
    ((identity,),) = await ask(database, dialect.identity)
    other = dialect.end_connection.format(identity=identity)
    async with database.session(PLAIN) as first, database.session(PLAIN) as second:
        ((of_first,),) = await rows_of(first, dialect.identity)
        await rows_of(first if of_first != identity else second, other)
    assert await ask(database, "select 1 as a") == [(1,)]


async def test_what_a_session_sets_is_gone_in_the_next(database: Database, dialect: Dialect) -> None:
    change, look = dialect.session_setting
    before = await ask(database, look)
    async with database.session(PLAIN) as session:
        await session.run(statement(change))
        assert await rows_of(session, look) != before
    await database.close_idle(60)
    assert await ask(database, look) == before


async def test_columns_are_told_without_running(database: Database, dialect: Dialect, table: str) -> None:
    if "describe" in dialect.shortcomings:
        pytest.skip(dialect.shortcomings["describe"])
    async with database.session(PLAIN) as session:
        columns = await session.describe(statement(f"select id, note from {table}"))
        told = [(column.name.lower(), column.type.kind) for column in columns]
        assert told == [("id", Kind.INTEGER), ("note", Kind.TEXT)]
        with pytest.raises(QueryFailed):
            await session.describe(statement("select no_such_column"))
    assert await ask(database, "select 1 as a") == [(1,)]


async def test_idle_connections_are_closed(database: Database) -> None:
    await ask(database, "select 1 as a")
    assert await database.close_idle(60) == 1
    async with asyncio.timeout(30):
        while await database.close_idle(0):
            await asyncio.sleep(0)
    assert await ask(database, "select 1 as a") == [(1,)]


async def test_many_at_once_share_a_few_connections(database: Database) -> None:
    found = await asyncio.gather(*(value_of(database, f"select {number} as n") for number in range(40)))
    assert found == list(range(40))


async def test_the_test_tells_what_answers(database: Database, resource: Resource) -> None:
    told = await database.test()
    assert str(resource["user"] if "user" in resource else resource["username"]) in told
    assert str(resource["password"]) not in told


@pytest.mark.parametrize("wrong", ["password", "host", "port"])
async def test_what_is_wrong_with_a_connection_is_told_without_its_secret(
    dialect: Dialect, resource: Resource, open_it: OpenIt, wrong: str
) -> None:
    value: dict[str, object] = {"password": "wr0ng-secret", "host": "no-such-host.invalid", "port": free_port()}
    database = open_it(dialect.language, {**resource, wrong: value[wrong]})
    with pytest.raises(ConnectionFailed, match=rf"(?i)check .*{wrong}") as caught:
        await ask(database, "select 1 as a")
    for secret in ("wr0ng-secret", str(resource["password"])):
        assert secret not in json.dumps(str(caught.value))


@pytest.mark.parametrize("value", [{}, {"host": "/run/socket"}, {"host": "h", "port": "x"}, {"host": 7}])
async def test_a_resource_that_cannot_be_is_refused(dialect: Dialect, value: Resource, open_it: OpenIt) -> None:
    with pytest.raises(BadRequest, match="field"):
        open_it(dialect.language, value)


async def _until_running(database: Database, dialect: Dialect, count: int) -> None:
    while await value_of(database, dialect.running) != count:
        pass
