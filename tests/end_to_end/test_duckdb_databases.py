"""DuckDB scripts that attach databases by resource: Postgres and MariaDB, under the rights of whom the job runs as."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.database_servers import MariaDb, Postgres
from tests.end_to_end.running import WAIT_TIMEOUT_S, Tidemill, Workspace

JOINED = """
-- $least (decimal(10,2)) = 0
-- result_collection=all_statements_all_rows
attach '$res:u/admin/shop' as shop (type postgres);
attach if not exists 'res://u/admin/stock' as stock (type mysql);
create or replace table shop.sales as
  select i as id, 'article ' || i % 3 as article, (i * 1.25)::decimal(10,2) as amount,
    timestamptz '2024-02-29 12:00:00+02' as at
  from range(1, 7) t(i);
create table if not exists stock.items (name varchar(100), country varchar(100));
delete from stock.items;
insert into stock.items values ('article 0', 'Österreich'), ('article 1', 'it''s'), ('article 2', null);
select o.id, a.country, o.amount, o.at
from shop.sales o join stock.items a on a.name = o.article where o.amount >= $least order by o.id;
"""


@pytest.fixture(scope="module")
def there(reaching: Workspace, postgres: Postgres, mariadb: MariaDb) -> Workspace:
    """The workspace with resources that lead to the two databases, and with some that do not."""
    reaching.post("variables/create", {"path": "u/admin/pw", "value": postgres.password, "is_secret": True})
    shop = {**postgres.resource, "password": "$var:u/admin/pw"}
    for path, kind, value in (
        ("u/admin/shop", "postgresql", shop),
        ("u/admin/stock", "mysql", mariadb.resource),
        ("u/admin/wrong", "postgresql", {**shop, "password": "wrong-but-secret"}),
        ("u/admin/closed", "postgresql", {**shop, "port": 1}),
        ("u/admin/wrong_stock", "mysql", {**mariadb.resource, "password": "wrong-but-secret"}),
    ):
        reaching.post("resources/create", {"path": path, "value": value, "resource_type": kind})
    return reaching


def run(workspace: Workspace, source: str, args: dict[str, Any] | None = None) -> Any:
    job = workspace.post("jobs/run/preview", {"content": source, "language": "duckdb", "args": args or {}})
    return workspace.ended(job)["result"]


def test_postgres_and_mariadb_in_one_query(there: Workspace, postgres: Postgres) -> None:
    *_, rows = run(there, JOINED, {"least": 2.5})
    assert rows == [
        {"id": 2, "country": None, "amount": "2.50", "at": "2024-02-29T10:00:00Z"},
        {"id": 3, "country": "Österreich", "amount": "3.75", "at": "2024-02-29T10:00:00Z"},
        {"id": 4, "country": "it's", "amount": "5.00", "at": "2024-02-29T10:00:00Z"},
        {"id": 5, "country": None, "amount": "6.25", "at": "2024-02-29T10:00:00Z"},
        {"id": 6, "country": "Österreich", "amount": "7.50", "at": "2024-02-29T10:00:00Z"},
    ]
    with postgres.connect() as connection:
        assert connection.execute("select count(*), sum(amount)::text from sales").fetchone() == (6, "26.25")


def test_attached_to_read_only_is_not_written(there: Workspace) -> None:
    content = "attach '$res:u/admin/shop' as shop (type postgres, read_only); create table shop.t (a int)"
    error = run(there, content)["error"]
    assert error["name"] == "QueryFailed"
    assert "read-only" in error["message"]


@pytest.mark.parametrize(
    ("path", "kind", "told"),
    [
        ("wrong", "postgres", "password authentication failed"),
        ("closed", "postgres", "Connection refused"),
        ("wrong_stock", "mysql", "Access denied"),
    ],
)
def test_refusal_is_told_without_the_password(there: Workspace, path: str, kind: str, told: str) -> None:
    job = there.post(
        "jobs/run/preview",
        {"content": f"select 1;\nattach '$res:u/admin/{path}' as x (type {kind})", "language": "duckdb", "args": {}},
    )
    ended = there.ended(job)
    assert ended["result"]["error"]["extra"]["line"] == 2
    assert told in ended["result"]["error"]["message"]
    assert "wrong-but-secret" not in json.dumps(ended)


def test_passwords_are_in_no_answer_of_the_engine(there: Workspace, postgres: Postgres) -> None:
    content = (
        "attach '$res:u/admin/shop' as shop (type postgres);\n"
        "select list(s)::text as secrets, (select list(d)::text from duckdb_databases() d) as d from duckdb_secrets() s"
    )
    found = json.dumps(run(there, content))
    assert "tidemill u/admin/shop" in found
    assert postgres.password not in found


def test_resource_that_the_job_may_not_read_is_none(there: Workspace) -> None:
    error = run(there, "attach '$res:u/admin/nothing' as shop (type postgres)")["error"]
    assert error["name"] == "InterpolationFailed"
    assert "u/admin/nothing" in error["message"]


@pytest.fixture(scope="module")
def bob(tidemill_reaching: Tidemill, there: Workspace) -> Iterator[Workspace]:
    """A developer of the workspace, beside its admin."""
    email = "bob@example.org"
    with httpx.Client(
        base_url=f"{tidemill_reaching.url}/api/",
        headers={"Authorization": f"Bearer {tidemill_reaching.token}"},
        timeout=WAIT_TIMEOUT_S,
    ) as admin:
        for route, body in (
            ("users/create", {"email": email, "password": "a-long-enough-password", "super_admin": False}),
            (
                f"w/{tidemill_reaching.workspace}/workspaces/add_user",
                {"email": email, "username": "bob", "is_admin": False, "operator": False},
            ),
        ):
            assert admin.post(route, json=body).is_success
        token = admin.post("users/tokens/impersonate", json={"impersonate_email": email}).text
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=f"{tidemill_reaching.api}/", headers=headers, timeout=WAIT_TIMEOUT_S) as http:
        yield Workspace(http, there.paths)


def test_script_has_the_rights_of_who_runs_it_and_no_more(there: Workspace, bob: Workspace) -> None:
    assert run(there, "copy (select 1 as a) to 's3:///u/admin/own.csv'") == [{"Count": 1}]
    assert run(bob, "copy (select 2 as a) to 's3:///u/bob/own.csv'; from 's3:///u/bob/own.csv'") == [{"a": 2}]
    for content in (
        "from 's3:///u/admin/own.csv'",
        "copy (select 3 as a) to 's3:///u/admin/own.csv'",
        "attach '$res:u/admin/shop' as shop (type postgres)",
    ):
        assert run(bob, content)["error"]["name"] in {"QueryFailed", "InterpolationFailed"}
    assert [each["content"] for each in run(bob, "from read_text('s3:///u/*/own.csv')")] == ["a\n2\n"]
    assert "own.csv" not in json.dumps(run(bob, "from glob('s3:///u/admin/*')"))
    assert run(there, "from 's3:///u/admin/own.csv'") == [{"a": 1}]


def test_beside_a_database_the_sandbox_is_the_wall(there: Workspace, tidemill_reaching: Tidemill) -> None:
    attach = "attach '$res:u/admin/shop' as shop (type postgres, read_only);"
    assert "root" not in run(there, f"{attach} select content from read_text('/etc/passwd')")[0]["content"]
    seen = run(there, f"{attach} from glob('{tidemill_reaching.data_dir}/**')")
    assert [each for each in seen if "/environments/" not in each["file"]] == []
    for content in ("copy (select 1) to '/etc/x.csv'", "copy (select 1) to '/usr/x.csv'"):
        assert "Read-only file system" in run(there, f"{attach} {content}")["error"]["message"]
    for content in ("load '/tmp/x.duckdb_extension'", "install spatial", "set enable_external_access = true"):
        assert run(there, f"{attach} {content}")["error"]["name"] in {"Unsupported", "QueryFailed"}
    other = "attach 'host=127.0.0.1 port=1 connect_timeout=5' as other (type postgres)"
    assert "127.0.0.1" in run(there, other)["error"]["message"]
