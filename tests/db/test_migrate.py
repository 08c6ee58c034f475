"""The runner of migrations."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.postgres import PostgresServer
from tidemill.db.migrate import migrate, pending
from tidemill.db.pool import Database
from tidemill.db.queries import inline
from tidemill.model.errors import DatabaseUnusable, Unavailable

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes migrations into a directory of their own and gives the directory."""

    def files(**texts: str) -> Path:
        for name, text in texts.items():
            (tmp_path / f"{name.removeprefix('m')}.sql").write_text(text)
        return tmp_path

    return files


def rows(dsn: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        return connection.execute(query).fetchall()  # type: ignore[arg-type]


async def test_files_are_applied_in_order_and_once(empty_database_dsn: str, write: Write) -> None:
    directory = write(m0002_b="insert into a values (2);", m0001_a="create table a (n int); insert into a values (1);")
    assert await pending(empty_database_dsn, directory=directory) == ["0001_a", "0002_b"]
    assert await migrate(empty_database_dsn, directory=directory) == ["0001_a", "0002_b"]
    assert await pending(empty_database_dsn, directory=directory) == []
    write(m0003_c="insert into a values (3);")
    assert await migrate(empty_database_dsn, directory=directory) == ["0003_c"]
    assert await migrate(empty_database_dsn, directory=directory) == []
    assert rows(empty_database_dsn, "select n from a order by n") == [(1,), (2,), (3,)]


async def test_two_at_once_migrate_once(empty_database_dsn: str, write: Write) -> None:
    directory = write(m0001_a="create table a (n int);", m0002_b="select pg_sleep(0.1); insert into a values (1);")
    applied = await asyncio.gather(*(migrate(empty_database_dsn, directory=directory) for _ in range(3)))
    assert sorted(applied) == [[], [], ["0001_a", "0002_b"]]
    assert rows(empty_database_dsn, "select count(*) from a") == [(1,)]


async def test_concurrent_index_builds_do_not_block_one_another(empty_database_dsn: str, write: Write) -> None:
    directory = write(
        m0001_a="create table a (n int);",
        m0002_b="-- no transaction\n-- Why.\ncreate index concurrently if not exists a_n on a (n);\nselect ';';",
    )
    await asyncio.gather(*(migrate(empty_database_dsn, directory=directory) for _ in range(3)))
    assert rows(empty_database_dsn, "select indisvalid from pg_index where indexrelid = 'a_n'::regclass") == [(True,)]


async def test_a_broken_index_is_built_again(empty_database_dsn: str, write: Write) -> None:
    build = "-- no transaction\ncreate unique index concurrently if not exists a_n on a (n);"
    directory = write(m0001_a="create table a (n int); insert into a values (1), (1);", m0002_b=build)
    with pytest.raises(psycopg.errors.UniqueViolation):
        await migrate(empty_database_dsn, directory=directory)
    assert rows(empty_database_dsn, "select indisvalid from pg_index where indexrelid = 'a_n'::regclass") == [(False,)]
    rows(empty_database_dsn, "delete from a returning n")
    assert await migrate(empty_database_dsn, directory=directory) == ["0002_b"]
    assert rows(empty_database_dsn, "select indisvalid from pg_index where indexrelid = 'a_n'::regclass") == [(True,)]


async def test_a_failed_migration_leaves_nothing_of_itself(empty_database_dsn: str, write: Write) -> None:
    directory = write(m0001_a="create table a (n int);", m0002_b="create table b (n int); select 1 / 0;")
    with pytest.raises(psycopg.errors.DivisionByZero):
        await migrate(empty_database_dsn, directory=directory)
    assert rows(empty_database_dsn, "select to_regclass('a') is null, to_regclass('b') is null") == [(False, True)]
    write(m0002_b="create table b (n int);")
    assert await migrate(empty_database_dsn, directory=directory) == ["0002_b"]


async def test_a_killed_migration_is_resumed(empty_database_dsn: str, write: Write) -> None:
    gate = "select pg_advisory_lock_shared(77);"
    directory = write(m0001_a="create table a (n int);", m0002_b=f"insert into a values (1); {gate}")
    with psycopg.connect(empty_database_dsn, autocommit=True) as holder:
        holder.execute("select pg_advisory_lock(77)")
        process = subprocess.Popen(
            [sys.executable, "-c", CHILD, empty_database_dsn, str(directory)], stdin=subprocess.DEVNULL
        )
        waiting = "select count(*) from pg_locks where locktype = 'advisory' and objid = 77 and not granted"
        while holder.execute(waiting).fetchone() != (1,):
            assert process.poll() is None
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert await migrate(empty_database_dsn, directory=directory) == ["0002_b"]
    assert rows(empty_database_dsn, "select n from a") == [(1,)]


CHILD = """
import asyncio, sys
from pathlib import Path
from tidemill.db.migrate import migrate
asyncio.run(migrate(sys.argv[1], directory=Path(sys.argv[2])))
"""


async def test_a_changed_file_is_refused(empty_database_dsn: str, write: Write) -> None:
    directory = write(m0001_a="create table a (n int);")
    await migrate(empty_database_dsn, directory=directory)
    write(m0001_a="create table a (n bigint);")
    with pytest.raises(DatabaseUnusable, match=r"0001_a is not the file .* higher number"):
        await migrate(empty_database_dsn, directory=directory)


async def test_a_database_of_a_newer_release_is_refused(empty_database_dsn: str, write: Write) -> None:
    directory = write(m0001_a="select 1;", m0002_b="select 2;")
    await migrate(empty_database_dsn, directory=directory)
    (directory / "0002_b.sql").unlink()
    with pytest.raises(DatabaseUnusable, match=r"0002_b.*restore a backup"):
        await migrate(empty_database_dsn, directory=directory)


async def test_a_number_that_was_passed_over_is_refused(empty_database_dsn: str, write: Write) -> None:
    directory = write(m0002_b="select 2;")
    await migrate(empty_database_dsn, directory=directory)
    write(m0001_a="select 1;")
    with pytest.raises(DatabaseUnusable, match="above 0002"):
        await migrate(empty_database_dsn, directory=directory)


@pytest.mark.parametrize("texts", [{"m0001_a": "", "m0001_b": ""}, {"m1_a": ""}, {"m0001_A": ""}])
async def test_names_out_of_form_are_refused(empty_database_dsn: str, write: Write, texts: dict[str, str]) -> None:
    with pytest.raises(DatabaseUnusable, match="NNNN_name"):
        await migrate(empty_database_dsn, directory=write(**texts))


async def test_a_file_may_not_end_its_transaction(empty_database_dsn: str, write: Write) -> None:
    with pytest.raises(DatabaseUnusable, match="begins or ends"):
        await migrate(empty_database_dsn, directory=write(m0001_a="create table a (n int); commit;"))


async def test_a_table_in_use_is_let_go_and_tried_again(
    empty_database_dsn: str, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidemill.db.migrate.LOCK_TIMEOUT_MS", 20)
    directory = write(m0001_a="create table a (n int);")
    await migrate(empty_database_dsn, directory=directory)
    write(m0002_b="alter table a add column m int;")
    with psycopg.connect(empty_database_dsn) as user:
        user.execute("select * from a")
        monkeypatch.setattr("tidemill.db.migrate.ATTEMPTS", 2)
        with pytest.raises(Unavailable, match=r"0002_b.*in use"):
            await migrate(empty_database_dsn, directory=directory)
        monkeypatch.setattr("tidemill.db.migrate.ATTEMPTS", 15)
        migrating = asyncio.create_task(migrate(empty_database_dsn, directory=directory))
        timed_out = "select count(*) from pg_locks where relation = 'a'::regclass and not granted"
        while user.execute(timed_out).fetchone() != (1,):
            await asyncio.sleep(0)
    assert await migrating == ["0002_b"]


WALLED = """
create table a (workspace_id text);
alter table a enable row level security;
alter table a force row level security;
create policy workspace on a using (workspace_id = current_setting('tidemill.workspace', true)
  or current_setting('tidemill.workspace', true) = '*');
insert into a values ('x');
"""


async def test_data_migrations_see_the_rows_of_all_workspaces(empty_database_dsn: str, write: Write) -> None:
    await migrate(empty_database_dsn, directory=write(m0001_a=WALLED, m0002_b="update a set workspace_id = 'y';"))
    async with Database(empty_database_dsn) as database:
        assert await database.single.fetch_value(inline("select workspace_id from a")) == "y"


async def test_row_level_security_binds_even_where_we_log_in_as_superuser(
    empty_database_dsn: str, postgres_server: PostgresServer, write: Write
) -> None:
    dsn = postgres_server.superuser_dsn(str(psycopg.conninfo.conninfo_to_dict(empty_database_dsn)["dbname"]))
    await migrate(dsn, directory=write(m0001_a=WALLED))
    await migrate(dsn, directory=write(m0002_b="create table later (n int);"))
    who, seen = inline("select current_user::text"), inline("select count(*) from a")
    async with Database(dsn) as database:
        async with database.transaction("other") as transaction:
            assert await transaction.fetch_value(who) == "tidemill_runtime"
            assert await transaction.fetch_value(seen) == 0
            assert await transaction.fetch_value(inline("select count(*) from later")) == 0
        assert await database.single.fetch_value(who) == "tidemill_runtime"
        assert await database.single.fetch_value(seen) == 1
        async with database.maintenance() as transaction:
            assert await transaction.fetch_value(who) != "tidemill_runtime"
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await database.single.execute(inline("delete from schema_migration"))
