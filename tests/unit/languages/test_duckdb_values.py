"""DuckDB's values, results and errors, from the engine that jobs use, run here without a sandbox."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contracts.databases.test_round_trips import (
    FLOATS,
    INSTANTS,
    JSON,
    MANY,
    TEXT,
    Trip,
    base64_text,
    clock,
    decimals,
    rows_for,
)
from tidemill.languages.inside.duckdb import run
from tidemill.languages.inside.duckdb.arguments import Arguments
from tidemill.languages.inside.duckdb.engine import connect
from tidemill.languages.inside.duckdb.faults import BadRequest, QueryFailed, Refused, TooLarge, Unsupported


@pytest.fixture(autouse=True)
def other_tests_may_look_for_numpy() -> Iterator[None]:
    """A job's engine is told that there is no numpy, for its process; here others run in it afterwards."""
    yield
    let_numpy_be_found()


def let_numpy_be_found() -> None:
    for name in ("numpy", "pandas"):
        if sys.modules.get(name, run) is None:
            del sys.modules[name]


SPAN = {"months": 1, "days": 0, "nanos": 0}

TYPES: list[tuple[str, Any]] = [
    ("true", True),
    ("(-128)::tinyint", -128),
    ("9223372036854775807", 9223372036854775807),
    ("18446744073709551615::ubigint", 18446744073709551615),
    ("170141183460469231731687303715884105727::hugeint", "170141183460469231731687303715884105727"),
    ("340282366920938463463374607431768211455::uhugeint", "340282366920938463463374607431768211455"),
    ("'123456789012345678901234567890123456789012345'::bignum", "123456789012345678901234567890123456789012345"),
    ("1.50::decimal(10,2)", "1.50"),
    ("(-0.00000000000000000000000000000000000001)::decimal(38,38)", "-0.00000000000000000000000000000000000001"),
    ("0.1::double", 0.1),
    ("0.1::float", 0.1),
    ("1e-7::float", 1e-07),
    ("'nan'::double", "NaN"),
    ("'-inf'::double", "-Infinity"),
    ("'inf'::float", "Infinity"),
    ("'é\n\"☃'", 'é\n"☃'),
    ("'\\x00\\xFFa'::blob", [0, 255, 97]),
    ("'0101'::bit", "0101"),
    ("'00000000-0000-0000-0000-00000000000A'::uuid", "00000000-0000-0000-0000-00000000000a"),
    ("'b'::enum('a', 'b')", "b"),
    ("date '2024-02-29'", "2024-02-29"),
    ("date '0044-03-15 (BC)'", "0044-03-15 BC"),
    ("date '123456-01-10'", "123456-01-10"),
    ("'infinity'::date", "infinity"),
    ("time '23:59:59.999999'", "23:59:59.999999"),
    ("time '24:00:00'", "24:00:00"),
    ("'12:00:00+02:30'::timetz", "12:00:00+02:30"),
    ("'12:00:00.123456789'::time_ns", "12:00:00.123456789"),
    ("timestamp '2024-02-29 12:00:00.000001'", "2024-02-29T12:00:00.000001"),
    ("timestamp '294247-01-10 04:00:54.775806'", "294247-01-10T04:00:54.775806"),
    ("timestamp '290309-12-22 (BC) 00:00:00'", "290309-12-22T00:00:00 BC"),
    ("'-infinity'::timestamp", "-infinity"),
    ("timestamp_s '2024-02-29 12:00:00'", "2024-02-29T12:00:00"),
    ("timestamp_ms '2024-02-29 12:00:00.123'", "2024-02-29T12:00:00.123"),
    ("timestamp_ns '2024-02-29 12:00:00.123456789'", "2024-02-29T12:00:00.123456789"),
    ("timestamptz '2024-02-29 12:00:00.5+02'", "2024-02-29T10:00:00.5Z"),
    ("'infinity'::timestamptz", "infinity"),
    ("interval '1 year 2 months -3 days -04:05:06.7'", {"months": 14, "days": -3, "nanos": -14706700000000}),
    ("interval '0 seconds'", {"months": 0, "days": 0, "nanos": 0}),
    ("""'{"a": 1.5, "b": [null]}'::json""", {"a": 1.5, "b": [None]}),
    ("'POINT (1 2)'::geometry", "POINT (1 2)"),
    ("null", None),
    ("null::interval[]", None),
    ("[1, null]", [1, None]),
    ("[1, 2]::integer[2]", [1, 2]),
    ("[interval '1 month']::interval[1]", [SPAN]),
    ("[[interval '1 month'], []]", [[SPAN], []]),
    ("{'a': 1, 'b': [interval '1 month'], 'it''s': null}", {"a": 1, "b": [SPAN], "it's": None}),
    ("row(1, interval '1 month')", [1, SPAN]),
    ("[{'a': {'b': interval '1 month'}}, null]", [{"a": {"b": SPAN}}, None]),
    ("map {'x': interval '1 month'}", {"x": SPAN}),
    ("map {1: 'x', 2: null}", {"1": "x", "2": None}),
    ("map {{'a': 1}: 2}", [{"key": {"a": 1}, "value": 2}]),
    ("union_value(n := 2)::union(n integer, s varchar)", {"n": 2}),
    ("[interval '1 month'::union(n integer, i interval)]", [{"i": SPAN}]),
    ("{'a': 1.50::decimal(4,2)}::variant", {"a": 1.5}),
]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of a job, and its limits."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIDEMILL_MAX_RESULT_BYTES", "100000")
    monkeypatch.setenv("TIDEMILL_MEMORY_BYTES", str(512 << 20))
    monkeypatch.setenv("TIDEMILL_DISK_BYTES", str(512 << 20))
    return tmp_path


def raw(*statements: str, args: dict[str, tuple[str, str]] | None = None, mode: str = "all_rows", **more: bool) -> str:
    """The result of a script; `args` are type and raw JSON."""
    plan = {
        "statements": [{"text": text, "line": 10 * number} for number, text in enumerate(statements, start=1)],
        "arguments": {name: {"type": kind, "json": text} for name, (kind, text) in (args or {}).items()},
        "secrets": [],
        "attaches": False,
        "collection": mode if mode.startswith("all_statements") or mode == "legacy" else f"last_statement_{mode}",
        "big_as_text": False,
        "is_transaction": False,
        **more,
    }
    return run.main(plan).__json_text__.decode()


def result(*statements: str, **more: Any) -> Any:
    return json.loads(raw(*statements, **more))


def test_every_type_arrives_as_it_is() -> None:
    columns = ", ".join(f"{expression} as c{place}" for place, (expression, _) in enumerate(TYPES))
    (row,) = result(f"select {columns}")
    found = list(row.values())
    wrong = [
        (expression, value, wanted)
        for (expression, wanted), value in zip(TYPES, found, strict=True)
        if (value, type(value)) != (wanted, type(wanted))
    ]
    assert wrong == []
    assert '"a": 1.10' in raw("""select '{"a": 1.10}'::json as j""")


def test_values_are_the_same_from_what_is_no_query() -> None:
    found = result(
        "create table t (i interval, n bigint)",
        "insert into t values (interval '1 month', 1), (null, 2) returning *, timestamp '2024-01-01 00:00:00' as t",
    )
    assert found == [{"i": SPAN, "n": 1, "t": "2024-01-01T00:00:00"}, {"i": None, "n": 2, "t": "2024-01-01T00:00:00"}]
    assert result("prepare p as select $1::timestamp as t", "execute p('2024-01-01')") == [{"t": "2024-01-01T00:00:00"}]
    assert result("create table t as from range(3)") == [{"Count": 3}]
    assert result("create table t (a int)", "show tables") == [{"name": "t"}]
    assert result("summarize select 1 as x")[0]["column_name"] == "x"
    assert result("pivot (from (values (1, 2), (2, 3)) t(k, v)) on k using sum(v)") == [{"1": "2", "2": "3"}]
    assert result("create table t (a int)", "insert into t select range from range(5)") == [{"Count": 5}]
    assert result("set variable x = 1", "select getvariable('x') as returning_x") == [{"returning_x": 1}]


def test_rows_keep_the_order_and_the_names_that_the_script_gives_them() -> None:
    rows = result("select i as z, (i % 7) * interval '1 day' as a, i as \"A\" from range(1500) t(i) order by i desc")
    assert [row["z"] for row in rows] == list(range(1499, -1, -1))
    assert list(rows[0]) == ["z", "a", "A"]
    assert rows[0]["a"] == {"months": 0, "days": 1499 % 7, "nanos": 0}


def test_each_way_to_collect() -> None:
    statements = ("select 1 as a, 2 as b union all select 3, 4 order by 1", "select 5 as c where false")
    rows = [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
    assert result(statements[0]) == rows
    assert result(*statements) == []
    assert result(*statements, mode="first_row") is None
    assert result(*statements, mode="all_rows_scalar") == []
    assert result(*statements, mode="first_row_scalar") is None
    assert result(*statements, mode="legacy") == []
    assert result(*statements, mode="all_statements_all_rows") == [rows, []]
    assert result(*statements, mode="all_statements_first_row") == [rows[0], None]
    assert result(*statements, mode="all_statements_all_rows_scalar") == [[1, 3], []]
    assert result(*statements, mode="all_statements_first_row_scalar") == [1, None]


def test_large_integers_become_texts_when_asked() -> None:
    found = result("select 9007199254740992::bigint as a, [9007199254740991, -9007199254740992] as b", big_as_text=True)
    assert found == [{"a": "9007199254740992", "b": [9007199254740991, "-9007199254740992"]}]


def test_two_columns_of_one_name_are_an_error_but_where_only_the_first_counts() -> None:
    with pytest.raises(BadRequest, match="called a"):
        result("select 1 as a, 2 as a")
    assert result("select 1 as a, 2 as a", mode="all_rows_scalar") == [1]


GIVEN: list[tuple[str, str, object]] = [
    ("integer", "12", 12),
    ("integer", '"12"', 12),
    ("hugeint", "170141183460469231731687303715884105727", "170141183460469231731687303715884105727"),
    ("decimal(38,2)", "12345678901234567890123456789012345.55", "12345678901234567890123456789012345.55"),
    ("decimal(5,2)", "1e2", "100.00"),
    ("double", '"NaN"', "NaN"),
    ("float", "0.1", 0.1),
    ("boolean", "true", True),
    ("text", '"it\'s $a"', "it's $a"),
    ("text", "1.10", "1.10"),
    ("", '"x"', "x"),
    ("date", '"2024-02-29"', "2024-02-29"),
    ("date", '"2024-02-29T00:00:00.000Z"', "2024-02-29"),
    ("timestamp", '"2024-02-29T10:00:00.123456"', "2024-02-29T10:00:00.123456"),
    ("timestamptz", '"2024-02-29T10:00:00+02:00"', "2024-02-29T08:00:00Z"),
    ("interval", '"1 month"', SPAN),
    ("json", '{"a": 1.10}', {"a": 1.1}),
    ("integer[]", "[1, null]", [1, None]),
    ("decimal(3,1)[]", "[1.5, 2]", ["1.5", "2.0"]),
    ("date[]", '["2024-02-29"]', ["2024-02-29"]),
    ("struct(a integer, b date)", '{"a": 1}', {"a": 1, "b": None}),
    ("map(varchar, integer)", '{"a": 1}', {"a": 1}),
    ("blob", '"aGk="', [104, 105]),
    ("blob", "[104, 105]", [104, 105]),
    ("integer", "null", None),
]


def test_arguments_arrive_as_they_are_declared() -> None:
    args = {f"a{place}": (kind, text) for place, (kind, text, _) in enumerate(GIVEN)}
    (row,) = result(f"select {', '.join(f'${name} as {name}' for name in args)}", args=args)
    assert list(row.values()) == [value for _, _, value in GIVEN]


@pytest.mark.parametrize(
    ("kind", "text", "told"),
    [
        ("integer", "1.5", "whole number"),
        ("integer", "true", "whole number"),
        ("tinyint", "300", "TINYINT"),
        ("decimal(5,2)", "1.239", "2 digits behind the point"),
        ("decimal(5,2)", "99999", "DECIMAL"),
        ("double", "1e400", "too large"),
        ("double", '"much"', "not a number"),
        ("boolean", "1", "neither true nor false"),
        ("date", '"2024-02-30"', "YYYY-MM-DD"),
        ("date", '"soon"', "YYYY-MM-DD"),
        ("date", '"2024-02-29T10:00:00Z"', "would drop"),
        ("timestamp", '"2024-02-29T10:00:00.1234567"', "6 digits of a second"),
        ("timestamp", "5", "no text"),
        ("uuid", '"x"', "UUID"),
        ("integer[]", "1", "no list"),
        ("integer[]", "[1.5]", "whole number"),
        ("struct(a integer)", '{"b": 1}', "no field"),
        ("blob", '"?"', "base64"),
        ("blob", "[256]", "base64"),
        ("nothing", "1", "declared as nothing"),
    ],
)
def test_arguments_that_would_be_rounded_or_cut_are_refused(kind: str, text: str, told: str) -> None:
    with pytest.raises(BadRequest, match="The argument a ") as refused:
        Arguments(connect(), {"a": {"type": kind, "json": text}}).of({"a"})
    assert told in str(refused.value)


def fixed(value: Decimal) -> str:
    return format(value, ".10f")


DUCKDB = [
    Trip("tinyint", st.integers(-(2**7), 2**7 - 1)),
    Trip("bigint", st.integers(-(2**63), 2**63 - 1)),
    Trip("ubigint", st.integers(0, 2**64 - 1)),
    Trip("hugeint", st.integers(-(2**127), 2**127 - 1), form=str),
    Trip("decimal(38,10)", decimals(38, 10), given=str, form=fixed),
    Trip("double", FLOATS),
    Trip("boolean", st.booleans()),
    Trip("varchar", TEXT),
    Trip("blob", st.binary(max_size=40), given=base64_text, form=list),
    Trip("date", st.dates(), given=str, form=str),
    Trip("time", st.times(), given=str, form=clock),
    Trip("timestamp", st.datetimes(), given=datetime.isoformat, form=lambda value: f"{value.date()}T{clock(value)}"),
    Trip("timestamptz", INSTANTS, given=datetime.isoformat,
         form=lambda value: f"{value.astimezone(UTC).date()}T{clock(value.astimezone(UTC))}Z"),
    Trip("uuid", st.uuids(), given=str, form=str),
    Trip("json", JSON),
    Trip("bigint[]", st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=5)),
    Trip("varchar[]", st.lists(st.none() | TEXT, max_size=5)),
    Trip("struct(a integer, b varchar[])",
         st.fixed_dictionaries({"a": st.none() | st.integers(0, 9), "b": st.none() | st.lists(TEXT, max_size=3)})),
    Trip("smallint", st.integers(-(2**15), 2**15 - 1)),
    Trip("integer", st.integers(-(2**31), 2**31 - 1)),
    Trip("utinyint", st.integers(0, 2**8 - 1)),
    Trip("usmallint", st.integers(0, 2**16 - 1)),
    Trip("uinteger", st.integers(0, 2**32 - 1)),
    Trip("uhugeint", st.integers(0, 2**128 - 1), form=str),
    Trip("bit", st.text("01", min_size=1, max_size=40)),
    Trip("double", FLOATS | st.sampled_from(["NaN", "Infinity", "-Infinity"])),
    Trip("date[]", st.lists(st.none() | st.dates().map(str), max_size=3)),
    Trip("boolean[]", st.lists(st.none() | st.booleans(), max_size=3)),
    Trip("struct(made timestamp, more struct(id uuid))", st.fixed_dictionaries({
        "made": st.datetimes().map(lambda at: f"{at.date()}T{clock(at)}"),
        "more": st.none() | st.fixed_dictionaries({"id": st.uuids().map(str)}),
    })),
    Trip("map(varchar, bigint)", st.dictionaries(TEXT, st.integers(-(2**63), 2**63 - 1), max_size=3)),
]  # fmt: skip


@MANY
@given(values=rows_for(DUCKDB))
def test_any_value_comes_back(values: list[Any]) -> None:
    given_as = [None if value is None else trip.given(value) for trip, value in zip(DUCKDB, values, strict=True)]
    args = {f"a{place}": (trip.type_name, json.dumps(given_as[place])) for place, trip in enumerate(DUCKDB)}
    (row,) = result(f"select {', '.join(f'${name} as {name}' for name in args)}", args=args)
    let_numpy_be_found()  # hypothesis does
    for trip, value, found in zip(DUCKDB, values, row.values(), strict=True):
        assert found == (None if value is None else trip.form(value)), trip.type_name


def test_arguments_are_bound_and_told_apart() -> None:
    args = {"a": ("text", '"x\'); drop table t; --"'), "ab": ("integer", "2")}
    assert result("select $a as a, $ab as ab, '$a' as s, $$ $ab $$ as d", args=args) == [
        {"a": "x'); drop table t; --", "ab": 2, "s": "$a", "d": " $ab "}
    ]
    with pytest.raises(BadRequest, match=r"\$b without declaring it"):
        result("select $b", args=args)


@pytest.mark.parametrize(
    ("statements", "line", "column", "told"),
    [
        (("select 1", "select 1,\n  nope"), 21, 3, 'Referenced column "nope"'),
        (("from nothing",), 10, 6, "Table with name nothing"),
        (("select 1,\n2 frm x y z",), 11, 7, "syntax error"),
        (("select\n  cast(s as int) from (values ('x')) t(s)",), 11, 3, "Could not convert"),
        (("create table t (a int check (a > 1))", "insert into t\nvalues (1)"), 20, 0, "CHECK constraint"),
    ],
)
def test_errors_tell_the_place_in_the_script(statements: tuple[str, ...], line: int, column: int, told: str) -> None:
    with pytest.raises(QueryFailed) as failed:
        result(*statements)
    assert (failed.value.line, failed.value.column) == (line, column)
    assert str(failed.value).startswith(f"Line {line}: ")
    assert told in str(failed.value)
    assert "describe" not in str(failed.value)


def test_script_that_is_a_transaction_ends_it() -> None:
    assert result("create table t (a int)", "insert into t values (1)", "from t", is_transaction=True) == [{"a": 1}]
    with pytest.raises(QueryFailed, match="within a transaction"):
        result("begin transaction", is_transaction=True)


def test_result_over_the_limit_is_an_error_that_names_the_way_out() -> None:
    with pytest.raises(TooLarge, match="copy"):
        result("from range(100000)")
    assert len(result("from range(1000)")) == 1000


@pytest.mark.parametrize(
    ("statement", "error", "told"),
    [
        ("from read_text('/etc/hostname')", QueryFailed, "objects"),
        ("copy (select 1) to '/etc/x.csv'", QueryFailed, "objects"),
        ("attach '/etc/x.db' as x", QueryFailed, "objects"),
        ("attach 'host=127.0.0.1' as x (type postgres)", QueryFailed, "disabled"),
        ("load spatial", Unsupported, "httpfs"),
        ("install spatial from 'http://127.0.0.1:1'", Unsupported, "httpfs"),
        ("load '/tmp/x.duckdb_extension'", Unsupported, "httpfs"),
        ("set memory_limit = '1TB'", QueryFailed, "set by Tidemill"),
        ("set enable_external_access = true", QueryFailed, "set by Tidemill"),
        ("set lock_configuration = false", QueryFailed, "set by Tidemill"),
        ("set allowed_directories = ['/']", QueryFailed, "set by Tidemill"),
        ("set s3_endpoint = '127.0.0.1:1'", QueryFailed, "set by Tidemill"),
        ("from 's3:///x.parquet'", QueryFailed, "_default_"),
    ],
)
def test_what_is_closed_stays_closed(statement: str, error: type[Refused], told: str) -> None:
    with pytest.raises(error, match=told):
        result(statement)


def test_what_is_there_need_not_be_loaded_and_may_be_set() -> None:
    assert result("install httpfs", "load httpfs", "load json") == []
    found = result("set TimeZone = 'Europe/Berlin'", "select timestamptz '2024-06-01 00:00:00+00' as t")
    assert found == [{"t": "2024-06-01T02:00:00+02:00"}]
    assert result("copy (select 1 as a) to 'own.parquet'", "from read_parquet('own.parquet')") == [{"a": 1}]
