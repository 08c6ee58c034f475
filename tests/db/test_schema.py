"""The migrations, `schema.sql` and the named queries fit together."""

import psycopg
import pytest

from tests.postgres import PostgresServer
from tidemill.db.embedded import find_binaries
from tidemill.db.migrate import migrate
from tidemill.db.queries import SQL_DIRECTORY, queries
from tidemill.db.schema import SCHEMA, schema_of

EVERY_QUERY = [query for path in sorted(SQL_DIRECTORY.glob("*.sql")) for query in queries(path.stem)]


async def test_schema_sql_is_what_the_migrations_add_up_to(empty_database_dsn: str, postgres_kind: str) -> None:
    if postgres_kind != "embedded":
        pytest.skip("pg_dump tells the schema of an older server in other words")
    await migrate(empty_database_dsn)
    found = await schema_of(empty_database_dsn, binaries=find_binaries())
    assert found == SCHEMA.read_text(), "run `python -m tidemill.db.schema`"


def test_every_named_query_prepares(postgres_server: PostgresServer) -> None:
    faults = []
    with psycopg.connect(postgres_server.dsn("tidemill_template"), autocommit=True) as connection:
        for query in EVERY_QUERY:
            result = connection.pgconn.prepare(b"", query.encoded)
            if result.status != psycopg.pq.ExecStatus.COMMAND_OK:
                faults.append(f"{query.name}: {result.error_message.decode()}")
    assert not faults, "\n".join(faults)
