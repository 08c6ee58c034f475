"""The migrations, `schema.sql` and the named queries fit together."""

import re
import time

import psycopg
import pytest

from tests.postgres import PostgresServer
from tidemill.db.embedded import find_binaries
from tidemill.db.migrate import MIGRATIONS, migrate
from tidemill.db.pool import Database
from tidemill.db.prune import make_months
from tidemill.db.queries import SQL_DIRECTORY, queries
from tidemill.db.schema import SCHEMA, schema_of
from tidemill.model.ids import new_id

EVERY_QUERY = [query for path in sorted(SQL_DIRECTORY.glob("*.sql")) for query in queries(path.stem)]


async def test_schema_sql_is_what_the_migrations_add_up_to(empty_database_dsn: str, postgres_kind: str) -> None:
    if postgres_kind != "embedded":
        pytest.skip("pg_dump tells the schema of an older server in other words")
    await migrate(empty_database_dsn)
    found = await schema_of(empty_database_dsn, binaries=find_binaries())
    assert found == SCHEMA.read_text(), "run `python -m tidemill.db.schema`"


def test_indexes_on_tables_that_were_there_are_built_while_they_are_used() -> None:
    """From number 21 on: those before are of the first databases, which had no rows yet."""
    for file in sorted(MIGRATIONS.glob("*.sql"))[20:]:
        text = file.read_text()
        made = set(re.findall(r"^create table (\w+)", text, re.MULTILINE))
        for index, table in re.findall(r"^create (?:unique )?index (.*) on (\w+)", text, re.MULTILINE):
            assert table in made or index.startswith("concurrently if not exists "), file.name


def test_every_named_query_prepares(postgres_server: PostgresServer) -> None:
    faults = []
    with psycopg.connect(postgres_server.dsn("tidemill_template"), autocommit=True) as connection:
        for query in EVERY_QUERY:
            result = connection.pgconn.prepare(b"", query.encoded)
            if result.status != psycopg.pq.ExecStatus.COMMAND_OK:
                faults.append(f"{query.name}: {result.error_message.decode()}")
    assert not faults, "\n".join(faults)


ASKED_OFTEN = ("identity.principal_of_job", "jobs.by_id", "jobs.outcome", "jobs.standing")


async def test_what_is_asked_often_of_one_job_is_planned_once(database: Database, database_dsn: str) -> None:
    """A plan for one id leaves out the other months, and would seem to be worth making each time."""
    await make_months(database)
    given = {"id": new_id(time.time_ns() // 1_000_000), "workspace_id": "w"}
    async with await psycopg.AsyncConnection.connect(database_dsn, autocommit=True) as connection:
        for number, query in enumerate(query for query in EVERY_QUERY if query.name in ASKED_OFTEN):
            await connection.execute(b"prepare q%d as %s" % (number, query.encoded))
            values = ", ".join(f"'{given[name]}'" for name in query.order)
            for _ in range(8):
                await connection.execute(f"begin; execute q{number}({values}); rollback".encode())
        plans = await connection.execute("select name, custom_plans from pg_prepared_statements where name like 'q%'")
        assert sorted(await plans.fetchall()) == [(f"q{number}", 5) for number in range(len(ASKED_OFTEN))]


LARGE = ("job", "job_completed", "job_queue", "flow_run", "job_log", "workflow_step")
READ_AS_A_WHOLE = {
    "values.named_objects",  # the scrubber goes through all of them
    "keys.count_stale",  # once a rotation of keys
    "keys.delete_retired_keys",
}


async def test_statements_find_jobs_by_an_index_though_row_security_is_on(
    database: Database, database_dsn: str
) -> None:
    """Row security keeps a condition from the index whose functions might leak: then all jobs would be read."""
    faults = set()
    async with await psycopg.AsyncConnection.connect(database_dsn, autocommit=True) as connection:
        await connection.execute("set enable_seqscan = off")
        await connection.execute("set plan_cache_mode = force_generic_plan")
        for number, query in enumerate(EVERY_QUERY):
            if query.text.lstrip().startswith("call"):
                continue
            await connection.execute(b"prepare q%d as %s" % (number, query.encoded))
            count = max(map(int, re.findall(rb"\$(\d+)", query.encoded)), default=0)
            given = f"({', '.join(['null'] * count)})" if count else ""
            plan = await connection.execute(f"explain execute q{number}{given}".encode())
            scanned = re.findall(
                r"Seq Scan on (\w+?)(?:_\d{6}|_default)? ", "\n".join(row[0] for row in await plan.fetchall())
            )
            if query.name not in READ_AS_A_WHOLE and not set(LARGE).isdisjoint(scanned):
                faults.add(query.name)
    assert faults == set()
