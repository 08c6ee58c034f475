"""`-- transaction` holds nothing that would end the transaction before its time."""

import pytest

from tidemill.engine.sql.script import read_script
from tidemill.model.errors import InvalidScript


def interpolated(language: str, text: str) -> None:
    read_script(f"-- transaction\ninsert into t values (1);\n{text}", language).interpolated({}, {})


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("postgresql", "COMMIT"), ("postgresql", "/* a */ begin"), ("postgresql", "start\ntransaction"),
        ("postgresql", "rollback"), ("postgresql", "end"), ("postgresql", "prepare transaction 'a'"),
        ("mysql", "begin"), ("mysql", "create table u (a int)"), ("mysql", "truncate t"),
        ("mysql", "SET autocommit = 1"),
        ("mysql", "set session autocommit=0"), ("mysql", "analyze table t"),
        ("mysql", "rename table t to u"), ("mysql", "lock tables t write"), ("duckdb", "begin"), ("duckdb", "abort"),
        ("oracledb", "create table u (a int)"), ("oracledb", "commit"), ("oracledb", "comment on table t is 'x'"),
        ("snowflake", "begin"), ("snowflake", "begin transaction"), ("snowflake", "create temporary table u (a int)"),
    ],
)  # fmt: skip
def test_what_would_end_the_transaction_is_refused_with_its_line(language: str, text: str) -> None:
    with pytest.raises(InvalidScript, match=r"^Line 3: `"):
        interpolated(language, text)
    read_script(text, language).interpolated({}, {})  # without `-- transaction` it is the user's own


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("postgresql", "create table u (a int)"), ("postgresql", "rollback to savepoint a"),
        ("postgresql", "savepoint a"), ("postgresql", "rollback work to a"), ("postgresql", "truncate t"),
        ("mysql", "create temporary table u (a int)"), ("mysql", "rollback to a"), ("mysql", "set @a = 1"),
        ("mysql", "select 'commit'"), ("mysql", "analyze select 1"), ("duckdb", "create table u (a int)"),
        ("oracledb", "begin null; end;"), ("oracledb", "alter session set nls_date_format = 'YYYY'"),
        ("snowflake", "begin let x := 1; return x; end"), ("snowflake", "truncate table t"),
        ("bigquery", "begin transaction; commit transaction"), ("mssql", "begin tran; commit"),
    ],
)  # fmt: skip
def test_what_stays_within_the_transaction_is_taken(language: str, text: str) -> None:
    interpolated(language, text)
