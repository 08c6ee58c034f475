"""SQL scripts as jobs of a real worker, and inline as the published clients send them."""

import json
from http.client import HTTPConnection
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from tests.database_servers import DatabaseServers, Postgres, start_embedded
from tests.end_to_end.running import WAIT_TIMEOUT_S, Tidemill, Workspace

SLEEPING = "select count(*) from pg_stat_activity where query like '%pg_sleep(601)%' and pid <> pg_backend_pid()"


@pytest.fixture(scope="module")
def postgres(database_servers: DatabaseServers) -> Postgres:
    return database_servers.get("postgres-embedded", start_embedded)


@pytest.fixture(scope="module")
def warehouse(workspace: Workspace, postgres: Postgres) -> str:
    """The path of a resource that leads to a Postgres, with its password in a secret."""
    path = workspace.path()
    value = postgres.resource
    secret = {"path": f"{path}_password", "value": value["password"], "is_secret": True, "description": ""}
    workspace.post("variables/create", secret)
    value |= {"password": f"$var:{path}_password"}
    workspace.post("resources/create", {"path": path, "value": value, "resource_type": "postgresql"})
    return path


def sql(workspace: Workspace, content: str, **args: object) -> object:
    return workspace.run_source(content, args, language="postgresql")


def failure(workspace: Workspace, content: str, **args: object) -> dict[str, str]:
    job = workspace.ended(workspace.start(workspace.deploy(content, language="postgresql"), args))
    assert not job["success"]
    error: dict[str, str] = job["result"]["error"]
    return error


def test_a_job_runs_on_the_database_that_it_is_given_or_names(workspace: Workspace, warehouse: str) -> None:
    text = "-- $1 n (int) = 1\nselect $1 + 1 as n, current_setting('application_name') like 'tidemill %' as named"
    assert sql(workspace, text, database=f"$res:{warehouse}", n=41) == [{"n": 42, "named": True}]
    assert sql(workspace, f"-- database {warehouse}\n{text}") == [{"n": 2, "named": True}]
    (noted,) = workspace.get("jobs/list", per_page=1)
    assert noted["tag"] == "postgresql"


def test_a_job_fails_with_the_words_of_the_database(workspace: Workspace, warehouse: str, postgres: Postgres) -> None:
    error = failure(workspace, f"-- database {warehouse}\nselect 1;\nselect *\nfrom nowhere")
    assert error["name"] == "QueryFailed"
    assert 'relation "nowhere" does not exist' in error["message"]
    assert "ine 4" in error["message"]
    assert failure(workspace, "select 1")["message"].startswith("Missing database argument")
    wrong = {**postgres.resource, "password": "not-the-password"}
    error = failure(workspace, "select 1", database=wrong)
    assert error["name"] == "ConnectionFailed"
    assert "not-the-password" not in json.dumps(error)


def test_a_job_writes_objects_and_takes_them_as_arguments(workspace: Workspace, warehouse: str) -> None:
    """Through the API, with the job's token: what fails leaves nothing, and what is not there is named."""
    many = f"-- database {warehouse}\n-- s3 prefix=u/admin/jobs format=parquet\nselect n, n / 4.0 as part"
    pointer = sql(workspace, f"{many} from generate_series(1, 20000) n")
    assert isinstance(pointer, dict)
    taken = f"-- database {warehouse}\n-- $1 rows (s3object)\n" + (
        "select count(*) as n, sum(part) as part from json_to_recordset($1::json) as t(n int, part numeric)"
    )
    assert sql(workspace, taken, rows=pointer) == [{"n": 20000, "part": 50002500.0}]
    assert (
        "division by zero"
        in failure(workspace, f"{many}, 1 / (n - 9) as x from generate_series(1, 20000) n")["message"]
    )
    assert "u/admin/missing.csv" in failure(workspace, taken, rows={"s3": "u/admin/missing.csv"})["message"]
    listed = workspace.get("job_helpers/list_stored_files", max_keys=100, prefix="u/admin/jobs")
    assert [each["s3"] for each in listed["windmill_large_files"]] == [pointer["s3"]]


def test_canceling_and_time_limits_reach_the_server(workspace: Workspace, warehouse: str, postgres: Postgres) -> None:
    path = workspace.deploy(f"-- database {warehouse}\nselect pg_sleep(601)", language="postgresql")
    with postgres.connect() as connection:
        job = workspace.start(path)
        until_running(connection, 1)
        workspace.post(f"jobs_u/queue/cancel/{job}", {"reason": "enough"})
        assert workspace.ended(job)["canceled"]
        until_running(connection, 0)
        ended = workspace.ended(workspace.start(path, timeout=1))
        assert ended["result"]["error"]["name"] == "Timeout"
        until_running(connection, 0)


def until_running(connection: psycopg.Connection, wanted: int) -> None:
    """Until so many of the sleeping statements run."""
    while connection.execute(SLEEPING).fetchone() != (wanted,):
        pass


def test_inline_queries_answer_as_clients_expect(tidemill: Tidemill, workspace: Workspace, warehouse: str) -> None:
    body = {"content": f"-- database {warehouse}\nselect 1 as a", "language": "postgresql", "args": {}}
    for route in ("run_inline", "run_wait_result"):
        answer = workspace.http.post(f"jobs/{route}/preview", json=body)
        assert (answer.status_code, answer.json()) == (200, [{"a": 1}]), answer.text
    failed = httpx.post(
        f"{tidemill.api}/jobs/run_inline/preview",
        json=body | {"content": f"-- database {warehouse}\nselect nothing"},
        headers={"Authorization": f"Bearer {tidemill.token}"},
        timeout=WAIT_TIMEOUT_S,
    )
    assert (failed.status_code, failed.reason_phrase) == (500, "Internal Server Error")
    assert failed.text.startswith("Internal: ")


def test_a_client_that_hangs_up_ends_its_query_on_the_server(
    tidemill: Tidemill, workspace: Workspace, warehouse: str, postgres: Postgres
) -> None:
    body = json.dumps({"content": f"-- database {warehouse}\nselect pg_sleep(601)", "language": "postgresql"})
    url = urlsplit(f"{tidemill.api}/jobs/run_inline/preview")
    client = HTTPConnection(url.netloc)
    client.request("POST", url.path, body, {"Authorization": f"Bearer {tidemill.token}"})
    with postgres.connect() as connection:
        until_running(connection, 1)
        client.close()
        until_running(connection, 0)


def test_a_python_job_queries_inline(workspace: Workspace, warehouse: str) -> None:
    source = (
        "import wmill\n\ndef main(database: str):\n"
        "    sql = '-- $1 n (int)\\nselect $1 * 2 as n'\n"
        "    return wmill.run_inline_script_preview(sql, 'postgresql', {'database': '$res:' + database, 'n': 21})\n"
    )
    assert workspace.run_source(source, {"database": warehouse}) == [{"n": 42}]
