"""What a connection asks of the driver, and in which order. The driver is a stand-in: it notes what it is asked, and
answers with the columns and rows that a test gives. There is no Oracle that could be started for the tests."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import oracledb
import pytest

from tests.unit.oracle.test_statements import failure
from tidemill.model.column import Kind
from tidemill.model.errors import ConnectionFailed, QueryFailed, Unsupported
from tidemill.stores.databases.oracle.config import OracleConfig
from tidemill.stores.databases.oracle.connection import OracleConnection
from tidemill.stores.databases.port import Argument, NamedType, SessionOptions, Statement

CONFIG = OracleConfig.of({"database": "h/s", "user": "scott", "password": "tiger"})


def info(name: str, db_type: oracledb.DbType, **more: int) -> SimpleNamespace:
    """What a cursor tells of a column."""
    nothing = {"precision": None, "scale": None, "internal_size": None, "vector_is_sparse": None, "type": None}
    return SimpleNamespace(**{**nothing, "name": name, "type_code": db_type, "null_ok": True, **more})


@dataclass
class Variable:
    type: oracledb.DbType
    size: int
    rows: int = 1
    value: object = None

    def setvalue(self, position: int, value: object) -> None:
        assert position == 0
        self.value = value


@dataclass
class Cursor:
    driver: "Driver"
    arraysize: int = 100
    prefetchrows: int = 2
    description: Sequence[SimpleNamespace] | None = None
    rowcount: int = 0

    def __enter__(self) -> "Cursor":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def var(self, db_type: oracledb.DbType, size: int, arraysize: int = 1) -> Variable:
        return Variable(db_type, size, arraysize)

    def setinputsizes(self, **sizes: Variable) -> None:
        self.driver.sizes = sizes

    def executemany(self, text: str, rows: list[dict[str, object]]) -> None:
        self.driver.note(text)
        self.driver.many = rows

    def __iter__(self) -> Iterator[tuple[object, ...]]:
        return iter(self.driver.plan or self.driver.rows)

    def parse(self, text: str) -> None:
        self.driver.note(f"parse {text}")
        self.description = self.driver.columns

    def execute(self, text: str, variables: dict[str, Any] | None = None) -> None:
        self.driver.note(text)
        self.description = self.driver.columns if text.startswith("select") else None
        self.driver.bound = {name: getattr(each, "value", each) for name, each in (variables or {}).items()}
        self.rowcount = self.driver.changed

    def fetchmany(self, rows: int) -> list[tuple[object, ...]]:
        found, self.driver.rows = self.driver.rows[:rows], self.driver.rows[rows:]
        return found

    def getimplicitresults(self) -> list["Cursor"]:
        return self.driver.implicit

    def close(self) -> None:
        pass


@dataclass
class Driver:
    """What `oracledb.connect` gives."""

    columns: list[SimpleNamespace] = field(default_factory=list)
    rows: list[tuple[object, ...]] = field(default_factory=list)
    plan: list[tuple[str | None]] = field(default_factory=list)
    implicit: list[Cursor] = field(default_factory=list)
    refusal: oracledb.Error | None = None
    changed: int = 0
    autocommit: bool = False
    asked: list[str] = field(default_factory=list)
    bound: dict[str, object] = field(default_factory=dict)
    sizes: dict[str, Variable] = field(default_factory=dict)
    many: list[dict[str, object]] = field(default_factory=list)

    def note(self, what: str) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.asked.append(f"{what}{'' if self.autocommit else ' (in a transaction)'}")

    def cursor(self) -> Cursor:
        return Cursor(self)

    def commit(self) -> None:
        self.note("commit")

    def rollback(self) -> None:
        self.note("rollback")

    def cancel(self) -> None:
        self.note("cancel")

    def close(self) -> None:
        self.note("close")


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    found = Driver()
    monkeypatch.setattr(oracledb, "connect", lambda *_, **options: found.note(str(options["program"])) or found)
    return found


def connected(driver: Driver, options: SessionOptions | None = None) -> OracleConnection:
    found = OracleConnection(CONFIG, lambda host, port: [host], options or SessionOptions())
    driver.asked.clear()
    return found


def run(connection: OracleConnection, text: str, *arguments: Argument) -> Any:
    return connection.run(Statement(text=text, arguments=arguments))[0]


def test_a_query_is_looked_at_before_and_comes_in_our_forms(driver: Driver) -> None:
    driver.columns = [
        info("N", oracledb.DB_TYPE_NUMBER, precision=9, scale=0),
        info("AT", oracledb.DB_TYPE_TIMESTAMP_TZ, scale=6),
        info("D", oracledb.DB_TYPE_DATE),
    ]
    driver.rows = [(Decimal(1), " 2024-01-02 01:00:00.500000000", datetime(2024, 1, 2)), (None, None, None)]
    since = Argument(name="since", type_name="date", value=b'"2024-01-01"')
    result = run(connected(driver), "select n, at, d from t where d > :since", since)
    assert [column.type.kind for column in result.columns] == [Kind.INTEGER, Kind.TIMESTAMPTZ, Kind.TIMESTAMP]
    assert driver.asked == [
        "parse select n, at, d from t where d > :b1",
        'select "N", to_char(sys_extract_utc("AT"), \'SYYYY-MM-DD HH24:MI:SS.FF9\') as "AT", "D" '
        "from (select n, at, d from t where d > :b1\n)",
    ]
    assert driver.bound == {"b1": datetime(2024, 1, 1)}
    assert result.fetch(1) == [(1, "2024-01-02 01:00:00.5 UTC", "2024-01-02 00:00:00")]
    assert result.fetch(5) == [(None, None, None)]
    assert result.fetch(5) == []


def test_large_values_are_fetched_a_few_at_a_time(driver: Driver) -> None:
    driver.columns = [info("C", oracledb.DB_TYPE_CLOB)]
    driver.rows = [("x",)] * 50
    result = run(connected(driver), "select c from t")
    assert [len(result.fetch(1000)) for _ in range(4)] == [20, 20, 10, 0]


def test_a_change_says_how_many_rows_and_is_not_parsed_ahead(driver: Driver) -> None:
    driver.changed = 3
    connection = connected(driver)
    assert run(connection, "update t set a = 1").affected == 3
    assert driver.asked == ["update t set a = 1"]
    assert not connection.reset()


def test_a_connection_that_only_queried_is_used_again(driver: Driver) -> None:
    connection = connected(driver)
    run(connection, "select 1 from dual").skip()
    assert connection.reset()


def test_a_transaction_begins_and_ends(driver: Driver) -> None:
    connection = connected(driver)
    connection.begin()
    run(connection, "insert into t values (1)")
    connection.commit()
    connection.rollback()
    run(connection, "insert into t values (2)")
    assert driver.asked == [
        "insert into t values (1) (in a transaction)",
        "commit (in a transaction)",
        "insert into t values (2)",
    ]


def test_a_session_to_read_asks_the_server_to_refuse_writes(driver: Driver) -> None:
    connection = connected(driver, SessionOptions(read_only=True))
    run(connection, "select 1 from dual")
    assert driver.asked[0] == "set transaction read only (in a transaction)"
    for text in ("insert into t values (1)", "begin p; end;", "commit", "create table t (a number)"):
        with pytest.raises(QueryFailed, match="read-only"):
            run(connection, text)


def test_results_of_a_block_come_where_they_come_whole(driver: Driver) -> None:
    driver.implicit = [Cursor(driver, description=[info("N", oracledb.DB_TYPE_NUMBER)])]
    driver.rows = [(Decimal("1.50"),)]
    assert run(connected(driver), "begin p; end;").fetch(5) == [(Decimal("1.50"),)]
    driver.implicit = [Cursor(driver, description=[info("AT", oracledb.DB_TYPE_TIMESTAMP_TZ)])]
    with pytest.raises(QueryFailed, match="select to_char"):
        run(connected(driver), "begin p; end;")


def test_what_is_canceled_is_not_used_again(driver: Driver) -> None:
    connection = connected(driver)
    connection.cancel()
    assert driver.asked == []
    with pytest.raises(ConnectionFailed):
        connection.rollback()
    assert not connection.reset()


def test_errors_of_the_driver_are_ours(driver: Driver) -> None:
    connection = connected(driver)
    driver.refusal = failure("ORA-00942: no table", "ORA-00942", offset=14)
    with pytest.raises(QueryFailed, match=r"no table \(line 1, column 15\)"):
        run(connection, "select * from t")
    driver.refusal = failure("DPY-4011: closed", "DPY-4011")
    with pytest.raises(ConnectionFailed, match="lost"):
        run(connection, "select * from t")
    driver.refusal = failure("ORA-01017: invalid", "ORA-01017")
    with pytest.raises(ConnectionFailed, match="Check user and password"):
        connected(driver)


def test_describing_does_nothing(driver: Driver) -> None:
    driver.columns = [info("N", oracledb.DB_TYPE_VARCHAR, internal_size=10)]
    connection = connected(driver)
    (column,) = connection.describe(Statement(text="select n from t"))
    assert (column.name, column.type.name) == ("N", "varchar2(10)")
    with pytest.raises(Unsupported, match="drop"):
        connection.describe(Statement(text="drop table t"))
    assert driver.asked == ["parse select n from t"]


def test_many_rows_go_together_in_one_type_a_column(driver: Driver) -> None:
    connection = connected(driver)
    connection.begin()
    columns = [NamedType("N", "number"), NamedType("T", "varchar2(9)"), NamedType("AT", "timestamp(6)")]
    long = "x" * 40_000
    rows = [[b'"1.50"', b'"ab"', b"null"], [None, f'"{long}"'.encode(), b'"2024-01-02T03:04:05"']]
    connection.write_rows('insert into "S"."T" ("N", "T", "AT") values (:a1, :a2, :a3)', columns, rows)
    form = "to_timestamp(:b3, 'YYYY-MM-DD HH24:MI:SS.FF9')"
    assert driver.asked == [f'insert into "S"."T" ("N", "T", "AT") values (:b1, :b2, {form}) (in a transaction)']
    at = "2024-01-02 03:04:05.000000000"
    assert driver.many == [{"b1": Decimal("1.50"), "b2": "ab", "b3": None}, {"b1": None, "b2": long, "b3": at}]
    assert {name: (each.type, each.size, each.rows) for name, each in driver.sizes.items()} == {
        "b1": (oracledb.DB_TYPE_NUMBER, 0, 2),
        "b2": (oracledb.DB_TYPE_CLOB, 40_000, 2),
        "b3": (oracledb.DB_TYPE_VARCHAR, len(at), 2),
    }


def test_a_plan_is_written_by_the_server_and_not_kept(driver: Driver) -> None:
    driver.rows = [("Plan hash value: 1",), ("| Id |",)]
    connection = connected(driver)
    connection.begin()
    day = Argument(name="day", type_name="date", value=b'"2024-01-01"')
    statement = Statement(text="delete from t where d = :day", arguments=(day,))
    assert connection.explain(statement, runs=False) == "Plan hash value: 1\n| Id |"
    asked, shown = driver.asked
    assert asked.startswith("explain plan set statement_id = 'tidemill ")
    assert asked.endswith("' for delete from t where d = :b1 (in a transaction)")
    assert driver.bound == {"mark": asked.split("'")[1]}
    assert "dbms_xplan.display" in shown


def test_a_statement_is_run_to_its_end_for_what_it_took(driver: Driver) -> None:
    driver.columns = [info("N", oracledb.DB_TYPE_NUMBER)]
    driver.rows, driver.plan = [(1,), (2,)], [("Plan hash value: 1",), (None,), ("| Id | A-Rows |",)]
    connection = connected(driver)
    connection.begin()
    statement = Statement(
        text="select n from t where n < :most", arguments=(Argument(name="most", type_name="number", value=b"9"),)
    )
    assert connection.explain(statement, runs=True) == "Plan hash value: 1\n\n| Id | A-Rows |"
    assert driver.asked[:2] == [
        f"{each} (in a transaction)"
        for each in ("alter session set statistics_level = all", "select n from t where n < :b1")
    ]
    assert "dbms_xplan.display_cursor(null, null, 'ALLSTATS LAST')" in driver.asked[2]
    assert driver.rows == []
    assert not connection.reset()  # the next session counts nothing


def test_who_may_not_see_what_a_statement_took_is_told_what_to_grant(driver: Driver) -> None:
    driver.plan = [("User has no SELECT privilege on V$SESSION",)]
    connection = connected(driver)
    connection.begin()
    with pytest.raises(QueryFailed, match=r"no SELECT privilege on V\$SESSION .*select_catalog_role"):
        connection.explain(Statement(text="update t set n = 1"), runs=True)
    for text in ("create table u (n number)", "begin null; end;"):
        driver.asked.clear()
        with pytest.raises(Unsupported, match="leave `analyze` out"):
            connection.explain(Statement(text=text), runs=True)
        assert driver.asked == []
