"""DuckDB scripts as jobs: objects of storages of every kind, the storage's rules, and what a script must not reach."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.end_to_end.running import WAIT_TIMEOUT_S, Tidemill, Workspace
from tests.end_to_end.stores import Stores, make_stores
from tests.object_servers import ObjectServers

ROUND_TRIP = """
-- $rows (integer)
-- $least (bigint) = 0
-- result_collection=all_statements_all_rows
copy (select i, 'row ' || i as name, i % 3 as part from range($rows) t(i)) to 's3:///f/duck/one.parquet';
copy (from 's3:///f/duck/one.parquet') to 's3:///f/duck/by' (format parquet, partition_by (part));
copy (select i, name from 's3:///f/duck/one.parquet' limit 2) to 's3:///f/duck/a b ü.csv';
select count(*) as n, sum(i)::bigint as total from read_parquet('s3:///f/duck/by/*/*.parquet') where i >= $least;
from read_csv(['s3:///f/duck/a b ü.csv']) order by i;
select count(*) as n from glob('s3://_default_/f/duck/**')
"""
POINTED_TO = """
-- $file (s3object)
-- $also (s3object)
-- result_collection=last_statement_first_row
select a.n, (select count(*) from $also) as m, $file as address from (select count(*) as n from read_parquet($file)) a
"""
PLACES = ["folder", "ceph", "azurite"]


@pytest.fixture(scope="module")
def stores(tidemill: Tidemill, object_servers: ObjectServers) -> Stores:
    return make_stores(tidemill, object_servers)


@pytest.fixture(params=PLACES)
def there(
    request: pytest.FixtureRequest, tidemill: Tidemill, stores: Stores, workspace: Workspace
) -> Iterator[Workspace]:
    """A workspace that keeps its objects at a place, as its admin sees it."""
    name = stores.workspaces.get(request.param)
    if name is None:
        pytest.skip(f"{request.param} is not on this machine")
    headers = {"Authorization": f"Bearer {tidemill.token}"}
    with httpx.Client(base_url=f"{tidemill.url}/api/w/{name}/", headers=headers, timeout=WAIT_TIMEOUT_S) as http:
        yield Workspace(http, workspace.paths)


def run(workspace: Workspace, source: str, args: dict[str, Any] | None = None) -> Any:
    """The result of a preview, or its error."""
    job = workspace.post("jobs/run/preview", {"content": source, "language": "duckdb", "args": args or {}})
    return workspace.ended(job)["result"]


def test_objects_of_any_storage(there: Workspace) -> None:
    one, by, csv, counted, rows, files = run(there, ROUND_TRIP, {"rows": 1000, "least": 500})
    assert (one, by, csv) == ([{"Count": 1000}], [{"Count": 1000}], [{"Count": 2}])
    assert counted == [{"n": 500, "total": sum(range(500, 1000))}]
    assert rows == [{"i": 0, "name": "row 0"}, {"i": 1, "name": "row 1"}]
    assert files == [{"n": 5}]
    pointer = {"s3": "f/duck/one.parquet"}
    assert run(there, POINTED_TO, {"file": pointer, "also": "s3:///f/duck/a b ü.csv"}) == {
        "n": 1000,
        "m": 2,
        "address": "s3://_default_/f/duck/one.parquet",
    }


def test_script_of_a_workspace_with_its_schema(workspace: Workspace) -> None:
    path = workspace.deploy(POINTED_TO, language="duckdb")
    schema = workspace.get(f"scripts/get/p/{path}")["schema"]
    assert schema["order"] == ["file", "also"]
    assert schema["properties"]["file"]["format"] == "resource-s3_object"
    assert workspace.ended(workspace.start(path, {}))["result"]["error"]["name"] == "BadRequest"


def test_result_keeps_every_digit_and_the_order_of_columns(workspace: Workspace) -> None:
    job = workspace.post(
        "jobs/run/preview",
        {"content": "select 9223372036854775807 as z, 1.10::decimal(5,2) as a", "language": "duckdb", "args": {}},
    )
    workspace.ended(job)
    answer = workspace.http.get(f"jobs_u/completed/get_result/{job}")
    assert answer.text == '[{"z":9223372036854775807,"a":"1.10"}]'


def test_error_is_duckdbs_with_the_line_of_the_script(workspace: Workspace) -> None:
    error = run(workspace, "-- a comment\nselect 1;\n\nselect 1,\n  nope")["error"]
    assert error["name"] == "QueryFailed"
    assert error["message"].startswith('Line 5: Binder Error: Referenced column "nope"')
    assert error["extra"] == {"line": 5, "column": 3, "kind": "Binder Error"}


def test_jobs_do_not_see_each_other(workspace: Workspace) -> None:
    for _ in range(3):  # in the same warm interpreter
        assert run(workspace, "create table t as select 1 as a; set variable v = 1; copy t to 'own.csv'; from t") == [
            {"a": 1}
        ]
        assert run(workspace, "select count(*) as n, getvariable('v') as v from glob('*')")[0]["v"] is None


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("from 's3://unknown/x.parquet'", "unknown"),
        ("from 's3:///nothing/there.parquet'", "there.parquet"),
        ("copy (select 1) to 's3://unknown/x.csv'", "unknown"),
    ],
)
def test_object_that_is_not_there_is_named(workspace: Workspace, source: str, told: str) -> None:
    error = run(workspace, source)["error"]
    assert error["name"] == "QueryFailed"
    assert told in error["message"]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_copy_that_fails_on_its_way_changes_nothing(there: Workspace, form: str) -> None:
    """DuckDB would store what it has when it gives up, in the place of what was there."""
    rows = "select hash(i) as h, if(i = 2999999, error('in the middle'), i) as n from range(3000000) t(i)"
    place = f"s3:///f/duck/{form}/half.{form}"
    error = run(there, f"set threads = 1;\ncopy ({rows}) to '{place}'")["error"]
    assert "in the middle" in error["message"]
    assert run(there, f"select count(*) as n from glob('s3:///f/duck/{form}/*')") == [{"n": 0}]
    assert run(there, f"copy (select 1 as a) to '{place}'") == [{"Count": 1}]
    assert "in the middle" in run(there, f"copy ({rows}) to '{place}'; select 1")["error"]["message"]
    assert run(there, f"from '{place}'") == [{"a": 1}]
    assert run(there, f"begin; copy (select 2 as a) to '{place}'; commit; from '{place}'") == [{"a": 2}]


def test_copy_of_no_rows_leaves_an_empty_object(there: Workspace) -> None:
    place = "s3:///f/duck/none.json"
    assert run(there, f"copy (select 1 as a limit 0) to '{place}'; select size from read_blob('{place}')") == [
        {"size": 0}
    ]
