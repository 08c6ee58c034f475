"""Queries that the server runs while the request waits: `jobs/run_inline/preview` and by path and hash."""

import asyncio
import io
import json

import httpx
import psycopg
import pyarrow.parquet as pq
import pytest

from tests.api.at_work import deploy
from tests.api.conftest import Api
from tests.database_servers import DatabaseServers, Postgres, start_embedded
from tidemill.db.queries import inline

W = "/api/w/main"
PATH = "f/data/warehouse"
DATABASE = f"$res:{PATH}"


@pytest.fixture
def postgres(database_servers: DatabaseServers) -> Postgres:
    return database_servers.get("postgres-embedded", start_embedded)


@pytest.fixture
async def warehouse(api: Api, postgres: Postgres) -> httpx.AsyncClient:
    """A developer with a Postgres at `f/data/warehouse`, whose password is a secret."""
    await api.admin.post(f"{W}/folders/create", json={"name": "data", "extra_perms": {"g/all": False}})
    value = postgres.resource
    secret = {"path": "f/data/password", "value": value["password"], "is_secret": True, "description": ""}
    assert (await api.admin.post(f"{W}/variables/create", json=secret)).is_success
    value |= {"password": "$var:f/data/password"}
    resource = {"path": PATH, "value": value, "resource_type": "postgresql"}
    assert (await api.admin.post(f"{W}/resources/create", json=resource)).is_success
    return api.developer


async def inline_query(client: httpx.AsyncClient, content: str, **args: object) -> httpx.Response:
    body = {"language": "postgresql", "content": content, "args": {"database": DATABASE, **args}}
    return await client.post(f"{W}/jobs/run_inline/preview", json=body)


async def result(client: httpx.AsyncClient, content: str, **args: object) -> object:
    answer = await inline_query(client, content, **args)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return json.loads(answer.content)


THREE = "select 1 as a, 'x' as b union all select 2, 'y'; select 3 as c where false; select 5 as z, 4 as a"
MODES = {
    "last_statement_all_rows": [{"z": 5, "a": 4}],
    "last_statement_first_row": {"z": 5, "a": 4},
    "last_statement_all_rows_scalar": [5],
    "last_statement_first_row_scalar": 5,
    "all_statements_all_rows": [[{"a": 1, "b": "x"}, {"a": 2, "b": "y"}], [], [{"z": 5, "a": 4}]],
    "all_statements_first_row": [{"a": 1, "b": "x"}, None, {"z": 5, "a": 4}],
    "all_statements_all_rows_scalar": [[1, 2], [], [5]],
    "all_statements_first_row_scalar": [1, None, 5],
    "legacy": [[{"a": 1, "b": "x"}, {"a": 2, "b": "y"}], [], [{"z": 5, "a": 4}]],
}


async def test_the_result_has_the_form_that_is_asked_for(warehouse: httpx.AsyncClient) -> None:
    """With the columns in their order, and what there is without rows (features.md 1.5)."""
    for mode, wanted in MODES.items():
        found = await inline_query(warehouse, f"-- result_collection={mode}\n{THREE}")
        assert json.loads(found.content) == wanted, mode
        empty = await result(warehouse, f"-- result_collection={mode}\nselect 1 as a where false")
        one = None if "first_row" in mode else []
        assert empty == ([one] if mode.startswith("all_") else one), mode
    assert (await inline_query(warehouse, THREE)).text == '[{"z":5,"a":4}]'
    assert await result(warehouse, "-- result_collection=legacy\nselect 1 as a") == [{"a": 1}]
    assert await result(warehouse, "create temp table t (a int); insert into t values (1) returning a") == [{"a": 1}]
    assert await result(warehouse, "create temp table t (a int)") == []


async def test_arguments_are_bound_by_their_types(warehouse: httpx.AsyncClient) -> None:
    text = (
        "-- $1 n (bigint)\n-- $2 who (text) = 'ann'\n-- $3 tags (text[])\n-- $4 data (jsonb)\n-- $9 day = null\n"
        "select $1 as n, $2 as who, $3 as tags, $4 as data, $9::date as day, $10::int + 1 as more"
    )
    row = await result(
        warehouse, text,
        n=9223372036854775807, tags=["a'; drop table t; --", None], data={"a": 1}, day="2024-02-29", unknown=1,
        **{"$10": 41},
    )  # fmt: skip
    assert row == [{
        "n": 9223372036854775807, "who": "ann", "tags": ["a'; drop table t; --", None], "data": {"a": 1},
        "day": "2024-02-29", "more": 42,
    }]  # fmt: skip
    assert await result(warehouse, "-- %%t%% pg_class/pg_proc\nselect count(*) > 0 as ok from %%t%%", t="pg_class") == [
        {"ok": True}
    ]


async def test_variables_of_jobs_are_put_in_and_are_empty_where_there_is_no_job(warehouse: httpx.AsyncClient) -> None:
    text = (
        "select '%%WM_WORKSPACE%%' as w, '%%WM_USERNAME%%' as u, '%%WM_SCHEDULE_PATH%%' as s, '%%WM_FLOW_PATH%%' as f"
    )
    assert await result(warehouse, text) == [{"w": "main", "u": "dev", "s": "", "f": ""}]
    secret = "select '%%WM_TOKEN%%' as t, '%%WM_NOTHING%%' as n"
    assert await result(warehouse, secret) == [{"t": "%%WM_TOKEN%%", "n": "%%WM_NOTHING%%"}]


async def test_numbers_keep_their_digits(warehouse: httpx.AsyncClient) -> None:
    text = (
        "select 9007199254740993::int8 as i, 1.50::numeric as d, 0.1234567890123456789::numeric as l, "
        "'NaN'::float8 as f"
    )
    assert (await inline_query(warehouse, text)).text == (
        '[{"i":9007199254740993,"d":1.50,"l":"0.1234567890123456789","f":"NaN"}]'
    )
    assert (await inline_query(warehouse, f"-- big_numbers=string\n{text}")).text == (
        '[{"i":"9007199254740993","d":"1.50","l":"0.1234567890123456789","f":"NaN"}]'
    )


@pytest.mark.parametrize(
    ("content", "args", "code", "words"),
    [
        ("select 1 +", {}, "query_failed", "syntax error"),
        ("select 1;\n\nselect *\nfrom nowhere", {}, "query_failed", 'relation "nowhere" does not exist'),
        ("-- $1 n (int)\nselect $1", {}, "bad_request", "The argument n is missing"),
        ("-- $1 n (int)\nselect $1", {"n": "x"}, "bad_request", "n"),
        ("-- $1 d (date)\nselect $1", {"d": "soon"}, "bad_request", "d"),
        ("select 1 as a, 2 as a", {}, "query_failed", "Two columns of the result are called 'a'"),
        ("select 1", {"database": None}, "bad_request", "Missing database argument"),
        ("select 1", {"database": "datatable://main"}, "unsupported", "data tables"),
        ("-- database datatable://main\nselect 1", {}, "unsupported", "data tables"),
        ("-- database datatable\nselect 1", {}, "unsupported", "data tables"),
        ("-- database ducklake://main\nselect 1", {}, "unsupported", "data tables"),
        ("-- database datatable://main\n-- role reader\nselect 1", {}, "unsupported", "data tables"),
        ("-- database f/data/other\nselect 1", {}, "interpolation_failed", "f/data/other"),
        ("-- role reader\nselect 1", {}, "bad_request", "role"),
        ("", {}, "invalid_script", "no statement"),
        ("-- read_only\ncreate table t (a int)", {}, "query_failed", "read-only"),
        ("select repeat('x', 20000000) as x", {}, "too_large", "`-- s3`"),
    ],
)
async def test_what_is_wrong_is_told_in_words(
    warehouse: httpx.AsyncClient, content: str, args: dict[str, object], code: str, words: str
) -> None:
    answer = await inline_query(warehouse, content, **args)
    assert (answer.status_code, answer.headers["x-tidemill-error"]) == (500, code), answer.text
    assert answer.text.startswith("Internal: ")
    assert words in answer.text
    assert answer.headers["content-type"].startswith("text/plain")


async def test_an_error_has_the_line_of_the_script(warehouse: httpx.AsyncClient) -> None:
    answer = await inline_query(warehouse, "-- $12 a (int) = 1\nselect 1;\nselect $12,\n  nowhere.a")
    assert "ine 4" in answer.text, answer.text
    assert "42P01" in answer.text


async def test_a_transaction_happens_as_a_whole_or_not_at_all(warehouse: httpx.AsyncClient, postgres: Postgres) -> None:
    with postgres.connect() as connection:
        connection.execute("drop table if exists whole; create table whole (a int)")
        failed = await inline_query(warehouse, "-- transaction\ninsert into whole values (1); select 1/0 as x")
        assert "division by zero" in failed.text
        assert connection.execute("select count(*) from whole").fetchone() == (0,)
        single = await inline_query(warehouse, "insert into whole values (2); select 1/0 as x")
        assert "division by zero" in single.text
        assert connection.execute("select a from whole").fetchall() == [(2,)]
        done = await result(warehouse, "-- transaction\ninsert into whole values (3); select a from whole order by a")
        assert done == [{"a": 2}, {"a": 3}]
        connection.execute("drop table whole")


async def test_prepare_tells_types_and_runs_nothing(warehouse: httpx.AsyncClient) -> None:
    text = "-- prepare\n-- $1 a (int) = 1\nselect $1 as n, now() as t; create table made (a int); select * from nowhere"
    described = await result(warehouse, text)
    assert isinstance(described, list)
    assert described[0] == {
        "columns": [{"name": "n", "type": "integer"}, {"name": "t", "type": "timestamp with time zone"}]
    }
    assert described[1] == {"columns": []}
    assert "nowhere" in described[2]["error"]
    assert await result(warehouse, "select to_regclass('made') as r") == [{"r": None}]


async def test_scripts_are_run_by_path_and_hash(api: Api, warehouse: httpx.AsyncClient) -> None:
    content = f"-- database {PATH}\n-- $1 n (int) = 20\nselect $1 + 1 as n"
    number = await deploy(api.admin, "f/data/query", content, language="postgresql")
    for where in ("p/f/data/query", f"h/{number}"):
        answer = await api.operator.post(f"{W}/jobs/run_inline/{where}", json={"args": {"n": 1}})
        assert (answer.status_code, answer.text) == (200, '[{"n":2}]'), answer.text
    answer = await api.developer.post(f"{W}/jobs/run_inline/p/f/data/query", json={})
    assert answer.text == '[{"n":21}]'
    schema = (await api.developer.get(f"{W}/scripts/get/p/f/data/query")).json()["schema"]
    assert schema["properties"]["n"] == {"type": "integer", "description": "", "default": 20}


async def test_rights_are_those_of_the_caller(api: Api, warehouse: httpx.AsyncClient) -> None:
    await api.admin.post(f"{W}/folders/update/data", json={"extra_perms": {}})
    answer = await inline_query(warehouse, "select 1")
    assert answer.headers["x-tidemill-error"] == "interpolation_failed", answer.text
    assert (await inline_query(api.operator, "select 1")).status_code == 403


async def test_accesses_are_noted(api: Api, warehouse: httpx.AsyncClient) -> None:
    await result(warehouse, "select 1 as a")
    await result(warehouse, f"-- database {PATH}\ncreate temp table t (a int)")
    await api.parts.access_log.flush()
    noted = await api.parts.database.single.fetch_all(
        inline("select actor, address, access from storage_access where kind = 'database' order by id")
    )
    assert [tuple(each.values()) for each in noted] == [("u/dev", PATH, "read"), ("u/dev", PATH, "write")]


async def test_a_caller_who_goes_away_ends_the_query_on_the_server(
    warehouse: httpx.AsyncClient, postgres: Postgres
) -> None:
    running = "select pid from pg_stat_activity where query like '%pg_sleep(600)%' and pid <> pg_backend_pid()"
    task = asyncio.create_task(inline_query(warehouse, "select pg_sleep(600)"))
    with postgres.connect() as connection:
        await until(connection, running, is_there=True)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(connection, running, is_there=False)


async def until(connection: psycopg.Connection, query: str, *, is_there: bool) -> None:
    async with asyncio.timeout(30):
        while bool(connection.execute(query).fetchall()) is not is_there:
            await asyncio.sleep(0.01)


MANY = "select n, 'row ' || n as name, n / 4.0 as part from generate_series(1, 20000) n"


async def stored(client: httpx.AsyncClient, pointer: object) -> bytes:
    assert isinstance(pointer, dict)
    query = {"file_key": pointer["s3"], "storage": pointer.get("storage", "")}
    answer = await client.get(f"{W}/job_helpers/download_s3_file", params=query)
    assert answer.status_code == 200, answer.text
    return answer.content


async def keys(client: httpx.AsyncClient) -> list[str]:
    answer = await client.get(f"{W}/job_helpers/list_stored_files", params={"max_keys": 100})
    return [each["s3"] for each in answer.json()["windmill_large_files"]]


async def test_rows_are_streamed_to_workspace_storage(warehouse: httpx.AsyncClient) -> None:
    lines = await result(warehouse, f"-- s3\nset search_path = public; {MANY}")
    assert isinstance(lines, dict)
    assert lines["s3"].startswith("wmill_datalake/u/dev/")
    assert lines["s3"].endswith(".json")
    rows = [json.loads(line) for line in (await stored(warehouse, lines)).splitlines()]
    assert (len(rows), rows[0]["n"], rows[-1]["name"]) == (20000, 1, "row 20000")
    table = await result(warehouse, f"-- s3 prefix=u/dev/day/ format=parquet\n{MANY}")
    assert isinstance(table, dict)
    assert table["s3"].startswith("u/dev/day/")
    found = pq.read_table(io.BytesIO(await stored(warehouse, table)))
    assert (found.num_rows, found.column_names) == (20000, ["n", "name", "part"])
    text = await result(warehouse, f"-- s3 format=csv storage=_default_\n{MANY} limit 2")
    assert (await stored(warehouse, text)).decode() == (
        "n,name,part\r\n1,row 1,0.25000000000000000000\r\n2,row 2,0.50000000000000000000\r\n"
    )


async def test_rows_go_to_another_storage_and_come_from_there(api: Api, warehouse: httpx.AsyncClient) -> None:
    body = {"large_file_storage": {"secondary_storage": {"lake": {"public_resource": False}}}}
    assert (await api.admin.post(f"{W}/workspaces/edit_large_file_storage_config", json=body)).is_success
    pointer = await result(
        warehouse, "-- s3 prefix=u/dev/out storage=lake\nselect 1 as n union all select 2 order by 1"
    )
    assert isinstance(pointer, dict)
    assert pointer["storage"] == "lake"
    assert await stored(warehouse, pointer) == b'{"n":1}\n{"n":2}\n'
    assert await keys(warehouse) == [], "nothing in the default one"
    taken = "-- $1 rows (s3object)\nselect $1::text as t"
    for given in (pointer, f"s3://lake/{pointer['s3']}"):
        assert await result(warehouse, taken, rows=given) == [{"t": '[{"n":1},{"n":2}]'}]
    missing = await inline_query(warehouse, taken, rows={"s3": pointer["s3"]})
    assert missing.headers["x-tidemill-error"] == "not_found"


@pytest.mark.parametrize("form", ["json", "csv", "parquet"])
async def test_a_stream_that_fails_leaves_nothing(warehouse: httpx.AsyncClient, postgres: Postgres, form: str) -> None:
    late = "select 1 / (200000 - n) as x from generate_series(1, 200000) n"
    answer = await inline_query(warehouse, f"-- s3 format={form}\n{late}")
    assert "division by zero" in answer.text
    lost = (
        "select n, pg_terminate_backend(pg_backend_pid()) from generate_series(1, 200000) n where n > 199999 or n < 9"
    )
    answer = await inline_query(warehouse, f"-- s3 format={form}\n{lost}")
    assert answer.headers["x-tidemill-error"] == "connection_failed", answer.text
    with postgres.connect() as connection:
        connection.execute("drop table if exists late; create table late (a int unique deferrable initially deferred)")
        text = "insert into late values (1), (1); select a from late"
        answer = await inline_query(warehouse, f"-- s3 format={form}\n-- transaction\n{text}")
        assert "duplicate key" in answer.text, "the commit fails"
        connection.execute("drop table late")
    assert await keys(warehouse) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("-- s3\ncreate temp table t (a int)", "gives no rows"),
        ("-- s3\n-- result_collection=last_statement_first_row\nselect 1 as a", "leave out result_collection"),
        ("-- s3\nselect 1 as a, 2 as a", "Two columns"),
        ("-- s3 storage=nowhere\nselect 1 as a", "nowhere"),
        ("-- s3 prefix=u/ada/x\nselect 1 as a", "u/ada/x"),
        ("-- s3 prefix=a/../b\nselect 1 as a", "a/../b"),
        ("-- s3 format=parquet\nselect 'infinity'::timestamp as t", "The column 't'"),
    ],
)
async def test_what_cannot_be_streamed_is_told(warehouse: httpx.AsyncClient, content: str, words: str) -> None:
    answer = await inline_query(warehouse, content)
    assert answer.status_code == 500
    assert words in answer.text
    assert await keys(warehouse) == []


async def test_objects_are_arguments(warehouse: httpx.AsyncClient) -> None:
    table = await result(
        warehouse, "-- s3 format=parquet prefix=u/dev/a\nselect 1 as n, 1.50::numeric(5,2) as d, null as e"
    )
    contents = {
        "list.json": b'[{"n": 1.10}]',
        "lines.jsonl": b'{"n":1}\n\n{"n":2}\n',
        "one.json": b'{\n "n": 1\n}\n',
        "none.json": b"",
        "t.csv": b'\xef\xbb\xbfn,long,who,is\r\n1,0.12345678901234567890,"a, b",true\r\n2,,,\r\n',
        "bad.csv": b"a,b\n1\n",
        "bad.json": b"{no}",
        "bad.parquet": b"PAR1",
    }
    for name, body in contents.items():
        key = {"file_key": f"u/dev/{name}"}
        answer = await warehouse.post(f"{W}/job_helpers/upload_s3_file", params=key, content=body)
        assert answer.status_code == 200, answer.text

    async def given(pointer: object) -> httpx.Response:
        return await inline_query(warehouse, "-- $1 rows (s3object)\nselect $1::text as t", rows=pointer)

    wanted = {
        "list.json": '[{"n": 1.10}]',
        "lines.jsonl": '[{"n":1},{"n":2}]',
        "one.json": '{\n "n": 1\n}',
        "none.json": "[]",
        "t.csv": (
            '[{"n":1,"long":0.12345678901234567890,"who":"a, b","is":true},{"n":2,"long":null,"who":null,"is":null}]'
        ),
    }
    for name, text in wanted.items():
        assert (await given({"s3": f"u/dev/{name}"})).json() == [{"t": text}], name
    assert (await given("s3:///u/dev/list.json")).json() == [{"t": '[{"n": 1.10}]'}]
    assert (await given(table)).json() == [{"t": '[{"n":1,"d":"1.50","e":null}]'}]
    for name in ("bad.csv", "bad.json", "bad.parquet"):
        answer = await given({"s3": f"u/dev/{name}"})
        assert f"The object u/dev/{name} of the argument rows cannot be read" in answer.text
    assert (await given({"s3": "u/dev/missing.csv"})).headers["x-tidemill-error"] == "not_found"
    assert (await given({"s3": "u/ada/x.csv"})).headers["x-tidemill-error"] == "denied"
    assert "must point to an object" in (await given({"x": 1})).text
    unpacked = "-- $1 rows (s3object)\nselect n * 2 as n from json_to_recordset($1::json) as t(n int)"
    assert await result(warehouse, unpacked, rows={"s3": "u/dev/lines.jsonl"}) == [{"n": 2}, {"n": 4}]
