"""The SQL databases that the suite runs on: name -> how to come by one, and how its dialect says what the tests need.

A backend's `resource` is asked with the session's servers; it gives the value of a resource that leads to a running
server, and skips the test where that is not installed.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import pytest

from tests.contracts.databases import mariadb, mssql, postgres
from tests.database_servers import DatabaseServers, Resource, start_bigquery, start_clickhouse, start_snowflake


def given_by(variable: str) -> Resource:
    """The value of a resource, as JSON in a variable of the environment: a service that cannot be started here."""
    given = os.environ.get(variable)
    if not given:
        pytest.skip(f"{variable} names no account of this service")
    found: Resource = json.loads(given)
    return found


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """SQL of one engine.

    Attributes:
        language: of scripts, as `open_database` takes it.
        placeholder: of the first argument, called `a`.
        series: a query of one column `n` with the numbers from 1 to {count}.
        endless: a statement that runs for a minute, unless it is ended.
        running: a query of how many of these run now.
        text, integer: types of arguments.
        table: how a table is addressed.
        create: a table {name} with the columns `id` (an integer, its key) and `note` (a text).
        identity: a query of one value that differs between connections of the server.
        end_connection: a statement by which another session ends the connection of that identity.
        position: what errors tell of a place beyond the line.
    """

    language: str
    resource: Callable[[DatabaseServers], Resource]
    placeholder: str
    series: str
    endless: str
    running: str = ""
    text: str = "text"
    integer: str = "bigint"
    table: str = "{name}"
    create: str = "create table {name} (id int primary key, note varchar(100))"
    identity: str = ""
    end_connection: str = ""
    session_setting: tuple[str, str] = ("", "")
    shortcomings: Mapping[str, str] = field(default_factory=dict)


_POSTGRES: Final = {
    "language": "postgresql",
    "placeholder": "$1",
    "series": "select generate_series(1, {count}) as n",
    "endless": "select pg_sleep(60)",
    "running": "select count(*) from pg_stat_activity where state = 'active' and query = 'select pg_sleep(60)'",
    "identity": "select pg_backend_pid()",
    "end_connection": "select pg_terminate_backend({identity}, 5000)",
    "session_setting": ("set application_name = 'left behind'", "show application_name"),
}

_SQL_SERVER: Final = Dialect(
    language="mssql",
    resource=lambda _: given_by("TIDEMILL_TEST_MSSQL_RESOURCE"),
    placeholder="@P1",
    series="select top ({count}) row_number() over (order by (select 1)) as n "
    "from sys.all_columns a, sys.all_columns b",
    endless="waitfor delay '00:01:00'",
    running="select count(*) from sys.dm_exec_requests where command = 'WAITFOR'",
    text="nvarchar(max)",
    create="create table {name} (id int primary key, note nvarchar(100))",
    identity="select @@spid",
    end_connection="kill {identity}",
    session_setting=("set datefirst 3", "select @@datefirst"),
)

_ORACLE: Final = Dialect(
    language="oracledb",
    resource=lambda _: given_by("TIDEMILL_TEST_ORACLE_RESOURCE"),
    placeholder=":a",
    series="select cast(level as number(9)) as n from dual connect by level <= {count}",
    endless="begin dbms_session.sleep(60); end;",
    running="select count(*) from v$session where event = 'PL/SQL lock timer'",
    text="varchar2",
    integer="integer",
    create="create table {name} (id number(9) primary key, note varchar2(100))",
    session_setting=("alter session set nls_date_format = 'YYYY'", "select to_char(date '2024-01-02') from dual"),
    shortcomings={
        "test_null_and_the_empty_text_differ": "to Oracle they are the same",
        "test_what_is_wrong_with_a_connection_is_told_without_its_secret": "its resource has no host and no port",
        "test_a_resource_that_cannot_be_is_refused": "its resource has no host and no port",
    },
)

_NOT_BY_CHDB: Final = (
    "test_what_is_not_read_is_done_all_the_same",
    "test_a_transaction_is_kept_or_undone_as_a_whole",
    "test_an_error_within_a_session_undoes_its_transaction",
    "test_a_session_to_read_does_not_write",
    "test_the_server_ends_a_statement_after_its_time",
    "test_canceling_from_another_task_ends_the_statement",
    "test_canceling_the_task_ends_the_statement",
    "test_leaving_in_the_middle_by_an_error_ends_the_statement",
    "test_what_a_session_sets_is_gone_in_the_next",
    "test_idle_connections_are_closed",
    "test_null_and_the_empty_text_differ",
)

_BIGQUERY: Final = {
    "language": "bigquery",
    "placeholder": "@a",
    "series": "select n from unnest(generate_array(1, {count})) as n order by n",
    "endless": "select count(*) from unnest(generate_array(1, 1000000)) a, unnest(generate_array(1, 1000000)) b",
    "text": "string",
    "integer": "int64",
    "create": "create table {name} (id int64, note string)",
}
_AT_ONCE: Final = "the emulator runs a query while its client waits; test_bigquery_jobs.py tries it on recorded answers"
_NOT_BY_BQEMULATOR: Final = {
    "test_a_transaction_is_kept_or_undone_as_a_whole": "the emulator shows others what is not committed",
    "test_an_error_within_a_session_undoes_its_transaction": "keys are not enforced, so that nothing fails",
    "test_the_server_ends_a_statement_after_its_time": _AT_ONCE,
    "test_canceling_from_another_task_ends_the_statement": _AT_ONCE,
    "test_canceling_the_task_ends_the_statement": _AT_ONCE,
    "test_leaving_in_the_middle_by_an_error_ends_the_statement": _AT_ONCE,
    "test_what_a_session_sets_is_gone_in_the_next": "each statement is a job of its own",
    "test_idle_connections_are_closed": "the HTTP client closes them by itself",
    "test_the_test_tells_what_answers": "no login; see test_bigquery_jobs.py",
    "test_what_is_wrong_with_a_connection_is_told_without_its_secret": "no login; see test_bigquery_jobs.py",
}

_SNOWFLAKE: Final = {
    "language": "snowflake",
    "placeholder": "?",
    "series": "select row_number() over (order by null) as n from table(generator(rowcount => {count})) order by n",
    "endless": "select count(*) from table(generator(rowcount => 9999999)) a, table(generator(rowcount => 9999999)) b",
    "text": "varchar",
    "integer": "int",
    "create": "create table {name} (id int, note varchar)",
}
_OWN_SESSIONS: Final = "each statement has a session of its own"
_NOT_BY_SNOWFLAKE: Final = {
    "test_a_transaction_is_kept_or_undone_as_a_whole": _OWN_SESSIONS,
    "test_an_error_within_a_session_undoes_its_transaction": _OWN_SESSIONS,
    "test_what_a_session_sets_is_gone_in_the_next": _OWN_SESSIONS,
    "test_a_session_to_read_does_not_write": "there are no sessions that only read; see test_snowflake.py",
    "test_idle_connections_are_closed": "the HTTP client closes them by itself",
    "test_the_test_tells_what_answers": "no password; see test_snowflake.py",
    "test_what_is_wrong_with_a_connection_is_told_without_its_secret": "no password; see test_snowflake.py",
    "test_canceling_from_another_task_ends_the_statement": "nothing tells what runs; see test_snowflake.py",
    "test_canceling_the_task_ends_the_statement": "nothing tells what runs; see test_snowflake.py",
    "test_leaving_in_the_middle_by_an_error_ends_the_statement": "the statement has ended when its rows come",
}

DIALECTS: Final[dict[str, Dialect]] = {
    "postgres-embedded": Dialect(resource=postgres.embedded, **_POSTGRES),
    "postgres-system": Dialect(resource=postgres.system, **_POSTGRES),
    "bigquery": Dialect(
        resource=lambda servers: servers.get("bigquery", start_bigquery),
        table="main.{name}",
        shortcomings=_NOT_BY_BQEMULATOR,
        **_BIGQUERY,
    ),
    "bigquery-service": Dialect(
        resource=lambda _: given_by("TIDEMILL_TEST_BIGQUERY_RESOURCE"),
        shortcomings={
            name: reason
            for name, reason in _NOT_BY_BQEMULATOR.items()
            if name != "test_a_transaction_is_kept_or_undone_as_a_whole"
        },
        **_BIGQUERY,
    ),
    "clickhouse": Dialect(
        language="clickhouse",
        resource=lambda servers: servers.get("clickhouse", start_clickhouse),
        placeholder="{a:Nullable(String)}",
        series="select number + 1 as n from numbers({count})",
        endless="select sleepEachRow(3) from numbers(20) settings max_block_size = 1",
        text="Nullable(String)",
        integer="Int64",
        create="create table {name} (id Int32, note Nullable(String)) engine = MergeTree order by id",
        shortcomings=dict.fromkeys(_NOT_BY_CHDB, "chDB runs one query at a time, and has no sessions"),
    ),
    "snowflake": Dialect(
        resource=lambda servers: servers.get("snowflake", start_snowflake),
        shortcomings=_NOT_BY_SNOWFLAKE,
        **_SNOWFLAKE,
    ),
    "snowflake-service": Dialect(
        resource=lambda _: given_by("TIDEMILL_TEST_SNOWFLAKE_RESOURCE"),
        shortcomings=_NOT_BY_SNOWFLAKE,
        **_SNOWFLAKE,
    ),
    "mariadb": Dialect(
        language="mysql",
        resource=mariadb.resource,
        placeholder=":a",
        series="select seq as n from seq_1_to_{count}",
        endless="select benchmark(100000000000, md5('x'))",
        running="select count(*) from information_schema.processlist where info like 'select benchmark%'",
        create="create table {name} (id int primary key, note varchar(100)) engine=innodb",
        identity="select connection_id()",
        end_connection="kill {identity}",
        session_setting=("set sql_mode = 'ansi'", "select @@sql_mode"),
    ),
    "mssql-protocol": Dialect(
        resource=mssql.front,
        **_POSTGRES | {"language": "mssql", "placeholder": "cast(@P1 as text)", "text": "nvarchar(max)"},
    ),
    "mssql-service": _SQL_SERVER,
    "oracle-service": _ORACLE,
    "pgbouncer": Dialect(
        resource=postgres.pooled,
        **_POSTGRES
        | {
            "identity": "",
            "shortcomings": {
                "test_what_a_session_sets_is_gone_in_the_next": "a pooler shares connections between its clients",
            },
        },
    ),
}
