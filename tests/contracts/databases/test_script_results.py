"""What scripts ask for and give on real servers, a row of a table for each: forms of results, arguments, objects."""

import asyncio
import io
from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pyarrow.parquet as pq
import pymysql
import pytest

from tests.contracts.databases import mariadb, mssql, postgres
from tests.database_servers import DatabaseServers
from tests.query_host import QueryHost, Runs
from tidemill.engine.egress import EVERYWHERE
from tidemill.model.errors import BadRequest, ConnectionFailed, InvalidScript, QueryFailed, TidemillError, TooLarge
from tidemill.queries import pointed
from tidemill.queries.sql import SqlRunner

SERVERS = {"postgresql": postgres.embedded, "mysql": mariadb.resource, "mssql": mssql.front}
NOWHERE = {"host": "192.0.2.1", "port": 1, "user": "u", "dbname": "d", "database": "d", "password": "p"}


@asynccontextmanager
async def opened(language: str, servers: DatabaseServers) -> AsyncIterator[Runs]:
    host = QueryHost({"f/data/db": SERVERS[language](servers), "f/data/nowhere": NOWHERE})
    runner = SqlRunner(EVERYWHERE)
    try:
        yield Runs(language, runner, host)
    finally:
        await runner.close()


@pytest.fixture(params=list(SERVERS))
async def runs(request: pytest.FixtureRequest, database_servers: DatabaseServers) -> AsyncIterator[Runs]:
    async with opened(request.param, database_servers) as each:
        yield each


@pytest.fixture
async def on_postgres(database_servers: DatabaseServers) -> AsyncIterator[Runs]:
    async with opened("postgresql", database_servers) as each:
        yield each


@pytest.fixture
async def on_mariadb(database_servers: DatabaseServers) -> AsyncIterator[Runs]:
    async with opened("mysql", database_servers) as each:
        yield each


SPLIT = {"postgresql": ";\n", "mysql": ";\n", "mssql": "\nGO\n"}
"""What stands between statements; `;` in a batch of SQL Server's is tested below."""
ROWS, NONE, LAST = (
    "select 1 as b, 'x' as a union all select 2, 'y'",
    "select 3 as c where 1 = 0",
    "select 5 as z, 4 as a",
)
FIRST = [{"b": 1, "a": "x"}, {"b": 2, "a": "y"}]
MODES: list[tuple[str, Any, Any]] = [
    ("", [{"z": 5, "a": 4}], []),
    ("return_last_result", [{"z": 5, "a": 4}], []),
    ("result_collection=last_statement_all_rows", [{"z": 5, "a": 4}], []),
    ("result_collection = last_statement_first_row", {"z": 5, "a": 4}, None),
    ("result_collection=last_statement_all_rows_scalar", [5], []),
    ("result_collection=last_statement_first_row_scalar", 5, None),
    ("result_collection=all_statements_all_rows", [FIRST, [], [{"z": 5, "a": 4}]], [[]]),
    ("result_collection=all_statements_first_row", [FIRST[0], None, {"z": 5, "a": 4}], [None]),
    ("result_collection=all_statements_all_rows_scalar", [[1, 2], [], [5]], [[]]),
    ("result_collection=all_statements_first_row_scalar", [1, None, 5], [None]),
    ("result_collection=legacy", [FIRST, [], [{"z": 5, "a": 4}]], []),
]
"""The line of the script -> the result of three statements, and that of one without rows."""


@pytest.mark.parametrize(("line", "of_three", "of_none"), MODES)
async def test_each_mode_has_its_form(runs: Runs, line: str, of_three: object, of_none: object) -> None:
    head = f"-- database f/data/db\n-- {line}\n"
    assert await runs(head + SPLIT[runs.language].join([ROWS, NONE, LAST])) == of_three
    assert await runs(head + NONE) == of_none


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("result_collection=last_statement_all_rows", b'[{"z":5,"a":4}]'),
        ("result_collection=legacy", b'[[{"b":1,"a":"x"},{"b":2,"a":"y"}],[],[{"z":5,"a":4}]]'),
        (
            "result_collection=all_statements_all_rows",
            b'[[{"b":1,"a":"x"},{"b":2,"a":"y"}],[],[{"z":5,"a":4}]]',
        ),
    ],
)
async def test_a_batch_of_sql_server_gives_a_list_for_each_result_set(
    database_servers: DatabaseServers, line: str, wanted: bytes
) -> None:
    async with opened("mssql", database_servers) as on_mssql:
        script = f"-- database f/data/db\n-- {line}\n{ROWS}; {NONE}; {LAST}"
        assert await on_mssql.raw(script) == wanted, "as it is written: the columns are in their order"


@pytest.mark.parametrize(
    "mode", ["", "last", "LEGACY", "last_statement_all_rows first", "last_statement_all_rows -- x"]
)
async def test_a_mode_that_is_not_known_is_an_error_that_names_those_there_are(runs: Runs, mode: str) -> None:
    with pytest.raises(
        InvalidScript, match=r"Line 2: There is no result_collection .* all_statements_first_row_scalar"
    ):
        await runs(f"-- database f/data/db\n-- result_collection={mode}\nselect 1 as a")


@pytest.mark.parametrize(
    ("mode", "wanted"),
    [
        ("last_statement_all_rows", [{}, {}]),
        ("last_statement_first_row", {}),
        ("all_statements_all_rows", [[{}, {}]]),
        ("all_statements_first_row", [{}]),
        ("legacy", [{}, {}]),
    ],
)
async def test_rows_without_columns_are_counted(on_postgres: Runs, mode: str, wanted: object) -> None:
    head = f"-- database f/data/db\n-- result_collection={mode}\n"
    assert await on_postgres(f"{head}select from generate_series(1, 2)") == wanted
    assert await on_postgres(f"{head}select from generate_series(1, 0)") in ([], None, [[]], [None])


@pytest.mark.parametrize("which", ["last_statement", "all_statements"])
@pytest.mark.parametrize("rows", ["all_rows", "first_row"])
async def test_a_row_without_columns_has_no_scalar(on_postgres: Runs, which: str, rows: str) -> None:
    head = f"-- database f/data/db\n-- result_collection={which}_{rows}_scalar\n"
    with pytest.raises(QueryFailed, match="no column whose value"):
        await on_postgres(f"{head}select from generate_series(1, 2)")


async def test_earlier_statements_are_run_and_not_collected(runs: Runs) -> None:
    make = "create temporary table kept (a int)"
    large = "select repeat('x', 100000) as b" if runs.language != "mssql" else "select repeat('x', 100000)"
    script = SPLIT[runs.language].join(
        [make, "insert into kept values (1), (2)", large, "select max(a) as a from kept"]
    )
    assert await runs(f"-- database f/data/db\n{script}", max_result_bytes=1000) == [{"a": 2}]


async def test_there_is_no_limit_of_ten_thousand_rows(runs: Runs) -> None:
    numbers = "with recursive t as (select 1 as n union all select n + 1 from t where n < 10001)"
    if runs.language == "mysql":
        numbers = numbers.replace("with", "set max_recursive_iterations = 20000; with", 1)
    script = f"-- database f/data/db\n-- result_collection=last_statement_all_rows_scalar\n{numbers} select n from t"
    assert await runs(script) == list(range(1, 10_002))


DATABASES: list[tuple[str, dict[str, Any], str]] = [
    ("-- database f/data/db\n", {}, ""),
    ("--database   f/data/db\n", {}, ""),
    ("-- database $res:f/data/db\n", {}, ""),
    ("", {"database": "$res:f/data/db"}, ""),
    ("-- database f/data/db\n", {"database": "$res:f/data/nowhere"}, ""),
    ("", {}, "Missing database argument"),
    ("", {"database": None}, "Missing database argument"),
    ("-- database f/data/missing\n", {}, "f/data/missing"),
    ("-- database: f/data/db\n", {}, "Missing database argument"),
    ("select 0 as n;\n-- database f/data/db\n", {}, "Missing database argument"),
    ("", {"database": 5}, "must be a resource"),
]
"""How a script begins, its arguments -> what is wrong with it, "" for nothing. The line goes before the argument."""


@pytest.mark.parametrize(("head", "args", "told"), DATABASES)
async def test_the_database_is_named_by_the_script_or_given(
    on_postgres: Runs, head: str, args: dict[str, Any], told: str
) -> None:
    if not told:
        assert await on_postgres(f"{head}select 1 as n", args) == [{"n": 1}]
        return
    with pytest.raises(TidemillError, match=told):
        await on_postgres(f"{head}select 1 as n", args)


@pytest.mark.parametrize("name", ["", "1a", "a b", "a;b", "a-b", "größe", 'a"', "_a", "other"])
async def test_a_name_that_is_none_is_refused_before_anything_is_connected_to(runs: Runs, name: str) -> None:
    """The database is one that nobody answers at: who would connect would be told so."""
    declared = "-- %%t%% users/orders\n" if name == "other" else "-- %%t%%\n"
    with pytest.raises(BadRequest, match="argument t"):
        await runs(f"-- database f/data/nowhere\n{declared}select * from %%t%%", {"t": name})
    assert runs.host.touches == []


async def test_names_choices_and_variables_of_the_job_are_put_in(runs: Runs) -> None:
    script = (
        "-- database f/data/db\n-- %%col%%\n-- %%kind%% int/char\n"
        "select cast('1' as %%kind%%) as %%col%%, '%%WM_WORKSPACE%%' as w, '%%other%%' as o"
    )
    found = await runs(script, {"col": "n_1", "kind": "int"}, contextual={"WM_WORKSPACE": "main"})
    assert found == [{"n_1": 1, "w": "main", "o": "%%other%%"}]


PLACE = {"postgresql": "$1 {name}", "mysql": ":{name}", "mssql": "@P1 {name}"}
OBJECTS: list[tuple[str, bytes, str]] = [
    ("two.jsonl", b'{"n":1}\n{"n":2}\n', '[{"n":1},{"n":2}]'),
    ("two.json", b'{"n":1}\r\n\r\n{"n":2}', '[{"n":1},{"n":2}]'),
    ("one.jsonl", b'{"n":1.10}\n', '{"n":1.10}'),
    ("list.json", b"[1]", "[1]"),
    ("none.json", b" \n", "[]"),
    ("none.csv", b"", "[]"),
    ("head.csv", b"a,b\n", "[]"),
    ("types.CSV", b"n,t,is\n007,x,true\n8,1,false\n", '[{"n":"007","t":"x","is":true},{"n":"8","t":"1","is":false}]'),
    ("other", b'{"a":"\xe2\x98\x83"}', '{"a":"\N{SNOWMAN}"}'),
]
"""The object's key and content -> the JSON text that is bound."""


@pytest.mark.parametrize(("key", "content", "wanted"), OBJECTS)
async def test_an_object_is_bound_as_json(runs: Runs, key: str, content: bytes, wanted: str) -> None:
    runs.host.objects[key] = content
    used = {"postgresql": "$1::text", "mysql": ":rows", "mssql": "cast(@P1 as text)"}[runs.language]
    script = f"-- database f/data/db\n-- {PLACE[runs.language].format(name='rows')} (s3object)\nselect {used} as t"
    assert await runs(script, {"rows": {"s3": key}}) == [{"t": wanted}]


@pytest.mark.parametrize(
    ("key", "content", "told"),
    [
        ("late.jsonl", b'{"n":1}\n{no}\n', "late.jsonl of the argument rows cannot be read"),
        ("twice.csv", b"a,a\n1,2\n", "two columns have one name"),
        ("long.csv", b"a\n1,2\n", "row 1 has 2 cells"),
        ("twice.json", b'{"a": 1, "a": 2}', "cannot be read"),
        ("no.parquet", b"a,b\n1,2\n", "cannot be read"),
    ],
)
async def test_an_object_that_is_not_what_its_name_says_is_told(
    on_postgres: Runs, key: str, content: bytes, told: str
) -> None:
    on_postgres.host.objects[key] = content
    with pytest.raises(BadRequest, match=told):
        await on_postgres("-- database f/data/db\n-- $1 rows (s3object)\nselect $1", {"rows": {"s3": key}})


async def test_an_object_that_is_too_large_names_the_way_out(
    on_postgres: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pointed, "MOST_BYTES", 100)
    on_postgres.host.objects["large.csv"] = b"a\n" + b"1\n" * 100
    with pytest.raises(TooLarge, match="more than 100 bytes: load it with DuckDB"):
        await on_postgres("-- database f/data/db\n-- $1 r (s3object)\nselect $1", {"r": {"s3": "large.csv"}})


async def test_json_functions_unpack_an_object(on_mariadb: Runs) -> None:
    on_mariadb.host.objects["rows.csv"] = b"id,who\n1,ann\n2,\n"
    script = (
        "-- database f/data/db\n-- :rows (s3object)\nselect t.id, t.who from json_table(:rows, '$[*]' columns "
        "(id int path '$.id', who varchar(9) path '$.who')) t order by id"
    )
    assert await on_mariadb(script, {"rows": {"s3": "rows.csv"}}) == [{"id": 1, "who": "ann"}, {"id": 2, "who": None}]


STREAMS: list[tuple[str, dict[str, str], str, str, bytes]] = [
    ("", {"path": "f/team/etl", "job_id": "j1"}, "wmill_datalake/f/team/etl/j1/j1.json", "", b'{"a":1}\n'),
    ("", {"path": "", "job_id": "j1"}, "wmill_datalake/u/alice/j1/j1.json", "", b'{"a":1}\n'),
    ("format=csv", {"job_id": "j2"}, "wmill_datalake/f/team/script/j2/j2.csv", "", b"a\r\n1\r\n"),
    ("prefix=x/y storage=lake", {"job_id": "j3"}, "x/y/j3.json", "lake", b'{"a":1}\n'),
    ("storage=lake  format=json prefix=/x/", {"job_id": "j4"}, "x/j4.json", "lake", b'{"a":1}\n'),
]
"""What follows `-- s3`, the job -> key, storage and content of the object."""


@pytest.mark.parametrize(("options", "job", "key", "storage", "content"), STREAMS)
async def test_rows_go_to_where_the_line_says(
    runs: Runs, options: str, job: dict[str, str], key: str, storage: str, content: bytes
) -> None:
    found = await runs(f"-- database f/data/db\n-- s3 {options}\nselect 1 as a", **job)
    assert found == {"s3": key, **({"storage": storage} if storage else {})}
    assert runs.host.objects == {key: content}


@pytest.mark.parametrize(
    "options", ["formt=csv", "format=xml", "format = csv", "prefix= format=csv", "format=csv now", "=csv", "format="]
)
async def test_options_that_are_not_understood_are_an_error_and_not_a_remark(runs: Runs, options: str) -> None:
    with pytest.raises(InvalidScript, match=r"Line 2: -- s3 (takes|writes)"):
        await runs(f"-- database f/data/db\n-- s3 {options}\nselect 1 as a")
    assert runs.host.objects == {}


class Losing(QueryHost):
    """Has the connection ended once the first piece of an object is there."""

    def __init__(self, resources: dict[str, Any], end: Callable[[], None]) -> None:
        super().__init__(resources)
        self.end = end

    async def upload(self, chunks: AsyncIterable[bytes], **place: Any) -> bytes:
        async def until_lost() -> AsyncIterator[bytes]:
            async for chunk in chunks:
                yield chunk
                await asyncio.to_thread(self.end)

        return await super().upload(until_lost(), **place)


@pytest.mark.parametrize("form", ["json", "csv", "parquet"])
async def test_a_connection_that_is_lost_in_the_middle_of_a_stream_leaves_no_object(
    database_servers: DatabaseServers, form: str
) -> None:
    server = mariadb.server(database_servers)
    login = {"user": "admin", "password": server.password, "database": "main"}

    def end() -> None:
        with pymysql.connect(host="127.0.0.1", port=server.port, autocommit=True, **login) as driver:
            cursor = driver.cursor()
            cursor.execute("select id from information_schema.processlist where info like '%seq_1_to_9000000000%'")
            for (identity,) in cursor.fetchall():
                if identity != driver.thread_id():
                    cursor.execute(f"kill {identity}")

    host = Losing({"f/data/db": server.resource}, end)
    runner = SqlRunner(EVERYWHERE)
    text = f"-- database f/data/db\n-- s3 format={form}\nselect seq, sha2(seq, 512) as t from seq_1_to_9000000000"
    with pytest.raises(ConnectionFailed, match=r"(?i)lost") as caught:
        await Runs("mysql", runner, host)(text)
    await runner.close()
    assert host.objects == {}
    assert server.password not in str(caught.value)


NULLS = [
    "$1::int", "$1::text[]", "$1::jsonb", "$1::timestamptz", "$1::bytea", "$1::numeric", "$1::uuid", "$1::int4range",
    "coalesce($1, 'none')", "$1",
]  # fmt: skip


@pytest.mark.parametrize("used", NULLS)
async def test_null_is_null_of_any_type(on_postgres: Runs, used: str) -> None:
    found = await on_postgres(f"-- database f/data/db\nselect {used} as v", {"$1": None})
    assert found == [{"v": "none" if used.startswith("coalesce") else None}]


@pytest.mark.parametrize(
    ("used", "given", "wanted"),
    [
        ("$1", "x", "x"),
        ("$1::text", 12.50, "12.5"),
        ("$1::text", {"a": [1]}, '{"a": [1]}'),
        ("$1::smallint", 7, 7),
        ("$1::int[]", [1, None], [1, None]),
        ("$1::text || $1::varchar", "x", "xx"),
        ("length($1::bytea)", "AP8=", 2),
        ("$1::character varying(9)", "ab", "ab"),
        ("$1::timestamp without time zone", "2024-01-02T03:04:05.678Z", "2024-01-02 03:04:05.678"),
        ("$1::date", "2024-01-02", "2024-01-02"),
        ("$1::interval", "P1M2DT3S", "P1M2DT3S"),
    ],
)
async def test_a_number_that_is_not_declared_has_the_type_of_its_cast(
    on_postgres: Runs, used: str, given: object, wanted: object
) -> None:
    assert await on_postgres(f"-- database f/data/db\nselect {used} as v", {"$1": given}) == [{"v": wanted}]


BODIES = {
    "postgresql": "create or replace function pg_temp.twice(n int) returns int language plpgsql as $body$\n"
    "begin\n  -- it's; fine\n  return n * 2;\nend; $body$;\nselect pg_temp.twice(4) as n, $$a;b$$ as t",
    "mysql": "create or replace function twice(n int) returns int deterministic begin declare m int; "
    "set m = n * 2; return m; end;\nselect twice(4) as n, 'a;b' as t",
}


@pytest.mark.parametrize("language", sorted(BODIES))
async def test_bodies_of_routines_are_not_split(database_servers: DatabaseServers, language: str) -> None:
    async with opened(language, database_servers) as each:
        assert await each(f"-- database f/data/db\n{BODIES[language]}") == [{"n": 8, "t": "a;b"}]


async def test_prepare_tells_of_each_statement_its_columns_or_what_is_wrong(runs: Runs) -> None:
    parts = ["select 1 as a, 'x' as b", "select * from nowhere_at_all"]
    script = "-- database f/data/db\n-- prepare\n" + SPLIT[runs.language].join(parts)
    first, second = await runs(script)
    assert [each["name"] for each in first["columns"]] == ["a", "b"]
    assert all(each["type"] for each in first["columns"])
    assert "nowhere_at_all" in second["error"]
    assert runs.host.touches == [("database", "f/data/db", False)], "nothing is written"


async def test_parquet_is_streamed_with_types(runs: Runs) -> None:
    script = "-- database f/data/db\n-- s3 format=parquet prefix=p\nselect 1 as z, 'x' as a union all select 2, null"
    pointer = await runs(script, job_id="j")
    assert pointer == {"s3": "p/j.parquet"}
    table = pq.read_table(io.BytesIO(runs.host.objects["p/j.parquet"]))
    assert table.column_names == ["z", "a"]
    assert table.sort_by("z").to_pylist() == [{"z": 1, "a": "x"}, {"z": 2, "a": None}]


OUTPUTS: dict[str, list[tuple[str, str]]] = {
    "postgresql": [
        ("9223372036854775807::int8", "9223372036854775807"),
        ("7::int2", "7"),
        ("'NaN'::float8", '"NaN"'),
        ("'-Infinity'::float4", '"-Infinity"'),
        ("1.50::numeric(5,2)", "1.50"),
        ("'2024-01-02 03:04:05'::timestamp", '"2024-01-02 03:04:05"'),
        ("'2024-01-02 03:04:05.678'::timestamp", '"2024-01-02 03:04:05.678"'),
        ("'2024-01-02 03:04:05+02'::timestamptz", '"2024-01-02 01:04:05 UTC"'),
        ("'2024-01-02'::date", '"2024-01-02"'),
        ("'03:04:05'::time", '"03:04:05"'),
        ("'03:04:05+02'::timetz", '"03:04:05+02:00"'),
        ("'1 mon 2 days 3 seconds'::interval", '"P1M2DT3S"'),
        ("'\\x00ff'::bytea", '"\\\\x00ff"'),
        ("'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid", '"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"'),
        ("'10.0.0.1'::inet", '"10.0.0.1"'),
        ("b'1'::bit(1)", "true"),
        ("b'0101'", '"0101"'),
        ("'{\"a\": 1.10}'::json", '{"a": 1.10}'),
        ("array[1, null]", "[1,null]"),
        ("array[['a'], ['b']]", '[["a"],["b"]]'),
        ("pg_sleep(0)", "null"),
        ("'(1,2)'::point", '"(1,2)"'),
        ("'x'::tsvector", "\"'x'\""),
        ("null::date", "null"),
        ("true", "true"),
    ],
    "mysql": [
        ("9223372036854775807", "9223372036854775807"),
        ("cast(18446744073709551615 as unsigned)", "18446744073709551615"),
        ("cast(1.50 as decimal(5,2))", "1.50"),
        ("0.5e0", "0.5"),
        ("cast('2024-01-02' as date)", '"2024-01-02"'),
        ("cast('03:04:05' as time)", '"03:04:05"'),
        ("cast('2024-01-02 03:04:05' as datetime)", '"2024-01-02 03:04:05"'),
        ("cast('2024-01-02 03:04:05.678' as datetime(3))", '"2024-01-02 03:04:05.678"'),
        ("x'00ff'", '"AP8="'),
        ("cast('ab' as binary)", '"YWI="'),
        ("'\N{SNOWMAN}'", '"\N{SNOWMAN}"'),
        ("null", "null"),
    ],
}
"""Expression -> the JSON that a script gives of it, byte by byte."""


@pytest.mark.parametrize(
    ("language", "expression", "wanted"),
    [(language, *each) for language, rows in OUTPUTS.items() for each in rows],
)
async def test_a_value_has_its_form_in_the_result(
    database_servers: DatabaseServers, language: str, expression: str, wanted: str
) -> None:
    async with opened(language, database_servers) as each:
        found = await each.raw(f"-- database f/data/db\nselect {expression} as v")
        assert found.decode() == f'[{{"v":{wanted}}}]'


GIVEN: list[tuple[str, object, str | None]] = [
    ("text[]", ["a", None], "{a,NULL}"),
    ("text[]", ["a", 1], None),
    ("int[]", [1, True], None),
    ("numeric[]", [1, "2.5"], None),
    ("jsonb[]", [1, {"a": 1}], '{1,"{\\"a\\": 1}"}'),
    ("bool", 1, "true"),
    ("int", "5", "5"),
    ("int", 5.5, None),
    ("smallint", 40000, None),
    ("real", 1, "1"),
    ("text", True, "true"),
    ("text", 5, "5"),
    ("text", {"a": 1}, '{"a": 1}'),
    ("bytea", "AP8=", "\\x00ff"),
    ("bytea", "%", None),
    ("date", "2024-01-02T03:04:05.678Z", "2024-01-02"),
    ("date", "01/02/2024", None),
    ("time", "soon", None),
    ("timestamp", "2024-01-02T03:04:05.678Z", "2024-01-02 03:04:05.678"),
    ("timestamp", "", None),
    ("timestamptz", "2024-01-02T03:04:05+02:00", "2024-01-02 01:04:05+00"),
    ("timestamptz", "tomorrow", None),
]
"""Declared type, argument -> the text that Postgres has of it; None where it is refused: never an epoch nor a cut."""


@pytest.mark.parametrize(("type_name", "given", "wanted"), GIVEN)
async def test_an_argument_arrives_as_it_is_or_is_refused(
    on_postgres: Runs, type_name: str, given: object, wanted: str | None
) -> None:
    script = f"-- database f/data/db\n-- $1 a ({type_name})\nselect $1::text as v"
    if wanted is not None:
        assert await on_postgres(script, {"a": given}) == [{"v": wanted}]
        return
    with pytest.raises(BadRequest, match="'a'"):
        await on_postgres(script, {"a": given})
