"""Transactions, rows and errors of our connections."""

import asyncio
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import msgspec
import psycopg
import pytest

from tests.postgres import PostgresServer
from tidemill.db.pool import Actor, Database, Json, Transaction, unique
from tidemill.db.queries import inline
from tidemill.model.errors import AlreadyExists, DatabaseUnusable, NotFound, Unavailable

SETTINGS = inline(
    "select current_setting('tidemill.workspace') as workspace, current_setting('tidemill.actor') as actor,"
    " current_setting('tidemill.email') as email, current_setting('tidemill.job') as job"
)
ONE = inline("select 1 as one")
THINGS = """
create table thing (workspace_id text not null, name text not null, primary key (workspace_id, name));
alter table thing enable row level security;
alter table thing force row level security;
create policy workspace on thing using (workspace_id = current_setting('tidemill.workspace', true)
  or current_setting('tidemill.workspace', true) = '*');
create table number (n int primary key);
insert into number values (1), (2);
"""
ADD_THING = inline("insert into thing values (:workspace, :name)")
NAMES = inline("select name from thing order by name")
ADD_NUMBER = inline("insert into number values (:n)")
NUMBERS = inline("select n from number order by n")


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    colour: Colour | None
    names: tuple[str, ...]


class Wrapped(msgspec.Struct, frozen=True):
    value: msgspec.Raw


@pytest.fixture
def things_dsn(empty_database_dsn: str) -> str:
    with psycopg.connect(empty_database_dsn, autocommit=True) as connection:
        connection.execute(THINGS)  # type: ignore[arg-type]
    return empty_database_dsn


@pytest.fixture
async def things(things_dsn: str):  # type: ignore[no-untyped-def]
    async with Database(things_dsn, pool_size=3, system_pool_size=2) as database:
        yield database


async def names(database: Database, workspace: str) -> list[str]:
    async with database.transaction(workspace) as transaction:
        return [row["name"] for row in await transaction.fetch_all(NAMES)]


async def test_a_transaction_carries_its_workspace_and_actor(things: Database) -> None:
    job = uuid.uuid4()
    actor = Actor(r"u/al'ice\ %s", email="alice@example.com", job=job)
    async with things.transaction("acme", actor=actor) as transaction:
        found = await transaction.fetch_one(SETTINGS)
    assert found == {
        "workspace": "acme",
        "actor": r"u/al'ice\ %s",
        "email": "alice@example.com",
        "job": str(job),
    }


async def test_settings_end_with_the_transaction(things_dsn: str) -> None:
    async with Database(things_dsn, pool_size=1) as database:
        async with database.transaction("acme", actor=Actor("u/alice")) as transaction:
            await transaction.fetch_one(SETTINGS)
        async with database.system() as transaction:
            found = await transaction.fetch_one(SETTINGS)
    assert found == {"workspace": "*", "actor": "", "email": "", "job": ""}


async def test_begin_and_settings_are_one_message(things: Database) -> None:
    started = inline("select extract(epoch from now())::float8 as t, txid_current() as id")
    async with things.transaction("acme") as transaction:
        first = await transaction.fetch_one(started)
        assert await transaction.fetch_one(started) == first


async def test_rows_of_other_workspaces_are_hidden(things: Database) -> None:
    for workspace in ("acme", "other"):
        async with things.transaction(workspace) as transaction:
            await transaction.execute(ADD_THING, workspace=workspace, name=f"of {workspace}")
    assert await names(things, "acme") == ["of acme"]
    async with things.system() as transaction:
        assert len(await transaction.fetch_all(NAMES)) == 2
    assert len(await things.system_statement(NAMES)) == 2


async def test_rows_cannot_be_put_into_another_workspace(things: Database) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with things.transaction("acme") as transaction:
            await transaction.execute(ADD_THING, workspace="other", name="x")


@pytest.mark.parametrize("workspace", ["", "*"])
async def test_all_workspaces_are_not_a_workspace(things: Database, workspace: str) -> None:
    with pytest.raises(ValueError, match="no workspace"):
        async with things.transaction(workspace):
            pass


async def test_a_superuser_is_refused_until_there_is_a_role_to_step_down_to(
    things_dsn: str, postgres_server: PostgresServer
) -> None:
    name = psycopg.conninfo.conninfo_to_dict(things_dsn)["dbname"]
    assert isinstance(name, str)
    with psycopg.connect(postgres_server.superuser_dsn("postgres"), autocommit=True) as connection:
        connection.execute("drop role if exists tidemill_runtime")
    with pytest.raises(DatabaseUnusable, match="tidemill migrate"):
        await Database(postgres_server.superuser_dsn(name)).open()


async def test_an_error_undoes_the_transaction(things: Database) -> None:
    async def fail(transaction: Transaction) -> None:
        await transaction.execute(ADD_NUMBER, n=3)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await things.run("acme", fail)
    async with things.transaction("acme") as transaction:
        assert await transaction.fetch_all(NUMBERS) == [{"n": 1}, {"n": 2}]


async def test_a_swallowed_error_is_not_taken_for_success(things: Database) -> None:
    async def swallow() -> None:
        async with things.transaction("acme") as transaction:
            await transaction.execute(ADD_NUMBER, n=3)
            with pytest.raises(psycopg.errors.UniqueViolation):
                await transaction.execute(ADD_NUMBER, n=3)

    with pytest.raises(RuntimeError, match="swallowed"):
        await swallow()


async def test_a_savepoint_keeps_what_was_before(things: Database) -> None:
    async with things.transaction("acme") as transaction:
        await transaction.execute(ADD_NUMBER, n=3)
        with pytest.raises(AlreadyExists, match="taken"), unique("3 is taken"):
            async with transaction.savepoint():
                await transaction.execute(ADD_NUMBER, n=3)
    assert await things.system_statement(NUMBERS) == [{"n": 1}, {"n": 2}, {"n": 3}]


async def test_a_unique_violation_is_ours_only_where_asked(things: Database) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation):
        await things.single.execute(ADD_NUMBER, n=1)
    with pytest.raises(psycopg.errors.UniqueViolation), unique("no", constraint="another"):
        await things.single.execute(ADD_NUMBER, n=1)
    with pytest.raises(AlreadyExists, match="1 is taken") as raised, unique("1 is taken", constraint="number_pkey"):
        await things.single.execute(ADD_NUMBER, n=1)
    assert isinstance(raised.value.__cause__, psycopg.errors.UniqueViolation)


async def test_deadlocked_transactions_are_run_again(things: Database) -> None:
    change = inline("update number set n = n where n = :n")
    both, runs = asyncio.Barrier(2), 0

    async def work(transaction: Transaction, first: int, second: int) -> None:
        nonlocal runs
        runs += 1
        await transaction.execute(change, n=first)
        if runs <= 2:
            await both.wait()
        await transaction.execute(change, n=second)

    await asyncio.gather(
        things.run("acme", lambda transaction: work(transaction, 1, 2)),
        things.run("acme", lambda transaction: work(transaction, 2, 1)),
    )
    assert runs == 3


async def test_a_cancelled_statement_leaves_a_usable_pool(things_dsn: str) -> None:
    async with Database(things_dsn, pool_size=1) as database:

        async def sleep() -> None:
            async with database.transaction("acme") as transaction:
                begun.set()
                await transaction.fetch_one(inline("select pg_sleep(60)"))

        begun = asyncio.Event()
        task = asyncio.create_task(sleep())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with database.transaction("acme") as transaction:
            assert await transaction.fetch_value(ONE) == 1


async def test_no_free_connection_is_unavailable(things_dsn: str) -> None:
    async with Database(things_dsn, pool_size=1, timeout_s=0.05) as database, database.system():
        with pytest.raises(Unavailable):
            async with database.system():
                pass


async def test_rows_become_the_type_that_is_asked_for(things: Database) -> None:
    query = inline("select 'red'::text as colour, array['a', 'b'] as names")
    async with things.system() as transaction:
        assert await transaction.fetch_one(query, Sample) == Sample(colour=Colour.RED, names=("a", "b"))
        wrapped = await transaction.fetch_one(inline("select '[1.0]'::json as value"), Wrapped)
    assert bytes(wrapped.value) == b"[1.0]"


@pytest.mark.parametrize("columns", ["'red' as colour", "'red' as colour, array['a'] as names, 1 as more"])
async def test_a_missing_or_extra_column_is_an_error(things: Database, columns: str) -> None:
    with pytest.raises(TypeError, match="does not fit"):
        await things.system_statement(inline(f"select {columns}"), Sample)  # type: ignore[arg-type]


async def test_no_row_and_too_many_rows(things: Database) -> None:
    nothing = inline("select n from number where n = :n")
    assert await things.single.fetch_optional(nothing, n=9) is None
    assert await things.single.fetch_value(nothing, n=9) is None
    with pytest.raises(NotFound):
        await things.single.fetch_one(nothing, n=9)
    with pytest.raises(RuntimeError, match="2 rows"):
        await things.single.fetch_optional(NUMBERS)


@pytest.mark.parametrize("parameters", [{}, {"n": 1, "m": 2}, {"m": 1}])
async def test_parameters_must_be_those_of_the_query(things: Database, parameters: dict[str, int]) -> None:
    with pytest.raises(TypeError, match=r"inline takes \['n'\]"):
        await things.single.execute(ADD_NUMBER, **parameters)


async def test_values_come_back_in_our_types(things: Database) -> None:
    key = uuid.uuid4()
    row = await things.single.fetch_one(
        inline("select :key::uuid as key, :raw::bytea as raw, '2026-03-29 03:30+02'::timestamptz as moment"),
        key=key,
        raw=b"\0\xff",
    )
    assert row == {"key": key, "raw": b"\0\xff", "moment": datetime(2026, 3, 29, 1, 30, tzinfo=UTC)}
    assert row["moment"].tzinfo is not None
    assert row["moment"].utcoffset().total_seconds() == 0


@pytest.mark.parametrize(
    "raw",
    [
        b"123456789012345678901234567890.00000000000000000001",
        b'{"b": 1, "a":2,  "b": 3}',
        b'"\\u0000 and \\ud83d\\ude00"',
        b"1e400000",
        b"-0.0",
        "\u00fcber \U0001f600".encode().join([b'"', b'"']),
        b" [ 1 , 2 ] ",
    ],
)
async def test_json_is_kept_byte_by_byte(things: Database, raw: bytes) -> None:
    echo = inline("select :value as value, :value::json as cast_value, array[:value] as list")
    async with things.system() as transaction:
        row = await transaction.fetch_one(echo, value=Json(raw))
    assert row == {"value": raw, "cast_value": raw, "list": [raw]}


async def test_jsonb_comes_back_as_text_as_well(things: Database) -> None:
    assert await things.single.fetch_value(inline("select :value::jsonb"), value=Json(b'{"a": 1.50}')) == b'{"a": 1.50}'


async def test_copied_rows_obey_the_workspace(things: Database) -> None:
    async with things.transaction("acme") as transaction:
        rows = [("acme", f"n{number:04}") for number in range(1000)]
        assert await transaction.copy_rows("thing", ["workspace_id", "name"], rows) == 1000
        assert await transaction.copy_rows("thing", ["workspace_id", "name"], [("acme", "more")]) == 1
    assert len(await names(things, "acme")) == 1001
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with things.transaction("acme") as transaction:
            await transaction.copy_rows("thing", ["workspace_id", "name"], [("other", "x")])


async def test_many_statements_are_sent_together(things: Database) -> None:
    async with things.system() as transaction:
        assert await transaction.execute_many(ADD_NUMBER, [{"n": n} for n in range(10, 20)]) == 10


async def test_prepared_statements_survive_a_change_of_columns(things: Database) -> None:
    every = inline("select * from number order by 1")
    for _ in range(5):
        await things.system_statement(every)
    async with things.maintenance() as transaction:
        await transaction.execute(inline("alter table number add column more text"))
    assert await things.system_statement(every) == [{"n": 1, "more": None}, {"n": 2, "more": None}]


async def test_transactions_prepare_nothing_unless_asked(things: Database) -> None:
    prepared = inline("select count(*) from pg_prepared_statements")
    async with things.system() as transaction:
        for _ in range(10):
            assert await transaction.fetch_value(prepared) == 0


@pytest.mark.parametrize("setting", ["synchronous_commit"])
async def test_a_server_that_may_lose_work_is_refused(things_dsn: str, setting: str) -> None:
    dsn = psycopg.conninfo.make_conninfo(things_dsn, options=f"-c {setting}=off")
    with pytest.raises(DatabaseUnusable, match=setting):
        await Database(dsn).open()
    async with Database(dsn, unsafe_durability=True) as database:
        assert await database.single.fetch_value(ONE) == 1


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        await Database("host=/nonexistent user=x dbname=x").open()
