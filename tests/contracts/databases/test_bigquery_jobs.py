"""What no emulator of BigQuery does: logins, jobs that take their time, pages, cancelling, refusals.

The answers have the shapes of the REST reference (https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs).
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.certificates import key_pair
from tests.contracts.databases.asking import PLAIN, argument, ask, rows_of, statement
from tests.contracts.objects.http_server import answering
from tests.database_servers import Resource
from tests.query_host import QueryHost, Runs
from tidemill.engine.egress import EVERYWHERE, Egress, Reach
from tidemill.model.errors import AddressClosed, BadRequest, Conflict, ConnectionFailed, QueryFailed
from tidemill.queries.sql import SqlRunner
from tidemill.stores import connection_tests
from tidemill.stores.databases import json_http, open_database
from tidemill.stores.databases.port import Database, SessionOptions

Told = dict[str, Any]
KEY: Final = key_pair()[0]
JOB: Final = {"projectId": "mill", "jobId": "job_1", "location": "EU"}
SCHEMA: Final = {"fields": [{"name": "n", "type": "INTEGER", "mode": "NULLABLE"}]}
DONE: Final = {"jobComplete": True, "jobReference": JOB, "schema": SCHEMA, "statementType": "SELECT"}
RUNNING: Final = {"jobComplete": False, "jobReference": JOB}
EMAIL: Final = "reader@mill.iam.gserviceaccount.com"


def rows(*numbers: int) -> list[Told]:
    return [{"f": [{"v": str(number)}]} for number in numbers]


def refusal(status: int, message: str, reason: str) -> tuple[int, Told]:
    return status, {"error": {"code": status, "message": message, "errors": [{"message": message, "reason": reason}]}}


class Google:
    """Answers by a list for each call, the last of which stays; notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Told]] = []
        self.answers: dict[str, list[Told | tuple[int, Told]]] = {
            "POST /token": [{"access_token": "secret-token", "expires_in": 3599}],
            "POST /queries": [{**DONE, "rows": rows(1)}],
            "POST /cancel": [{"job": {}}],
        }
        self.authorized: set[str] = set()
        self.on_query = asyncio.Event()

    def __call__(self, head: bytes, body: bytes) -> tuple[int, bytes]:
        method, address, _ = head.decode().split("\r\n")[0].split(" ")
        place = urlsplit(address)
        call = f"{method} /{'queries' if place.path.endswith('/job_1') else place.path.rpartition('/')[2]}"
        if call != "POST /token":
            self.authorized.add(head.lower().partition(b"authorization: ")[2].partition(b"\r\n")[0].decode())
        told: Told = {name: found[0] for name, found in parse_qs(place.query).items()}
        if body:
            told |= json.loads(body) if body.startswith(b"{") else {k: v[0] for k, v in parse_qs(body.decode()).items()}
        self.asked.append((call, told))
        if call == "POST /queries":
            self.on_query.set()
        queue = self.answers[call]
        found = queue.pop(0) if len(queue) > 1 else queue[0]
        status, answer = found if isinstance(found, tuple) else (200, found)
        return status, json.dumps(answer).encode()

    def calls(self) -> list[str]:
        return [call for call, _ in self.asked]

    def last(self, call: str) -> Told:
        return [told for each, told in self.asked if each == call][-1]


@pytest.fixture
def google() -> Google:
    return Google()


@pytest.fixture
async def resource(google: Google) -> AsyncIterator[Resource]:
    async with answering(google) as origin:
        yield {
            "type": "service_account", "project_id": "mill", "private_key_id": "kid", "private_key": KEY,
            "client_email": EMAIL, "token_uri": f"{origin}/token", "endPoint": origin,
        }  # fmt: skip


@pytest.fixture
async def database(resource: Resource) -> AsyncIterator[Database]:
    async with opened(resource) as database:
        yield database


@asynccontextmanager
async def opened(resource: Resource) -> AsyncIterator[Database]:
    database = open_database("bigquery", resource, egress=EVERYWHERE)
    yield database
    await database.close()


async def test_a_signed_claim_is_traded_for_a_token_once(google: Google, database: Database) -> None:
    assert await ask(database, "select 1 as n") == [(1,)]
    assert await ask(database, "select 1 as n") == [(1,)]
    assert google.calls() == ["POST /token", "POST /queries", "POST /queries"]
    assert google.authorized == {"bearer secret-token"}
    claims = json.loads(base64.urlsafe_b64decode(google.asked[0][1]["assertion"].split(".")[1] + "=="))
    assert (claims["iss"], claims["exp"] - claims["iat"]) == (EMAIL, 3600)
    assert "auth/bigquery" in claims["scope"]


async def test_a_request_says_what_the_resource_and_the_session_ask_for(google: Google, resource: Resource) -> None:
    given = {**resource, "location": "EU", "dataset": "sales", "maximum_bytes_billed": 1000}
    async with opened(given) as database:
        options = SessionOptions(statement_timeout_s=1.5, application="tidemill 0199D0C8-7b1e")
        await ask(database, "select @a as n", argument("int64[]", [1]), options=options)
    asked = google.last("POST /queries")
    assert len(asked.pop("requestId")) == 32
    assert asked == {
        "query": "select @a as n", "useLegacySql": False, "location": "EU", "timeoutMs": 2000, "maxResults": 1000,
        "defaultDataset": {"projectId": "mill", "datasetId": "sales"}, "maximumBytesBilled": "1000",
        "formatOptions": {"timestampOutputFormat": "ISO8601_STRING"}, "labels": {"tidemill": "0199d0c8-7b1e"},
        "jobTimeoutMs": "1500", "parameterMode": "NAMED",
        "queryParameters": [{
            "name": "a", "parameterType": {"type": "ARRAY", "arrayType": {"type": "INT64"}},
            "parameterValue": {"arrayValues": [{"value": "1"}]},
        }],
    }  # fmt: skip


async def test_pages_are_fetched_as_they_are_read(google: Google, database: Database) -> None:
    google.answers["POST /queries"] = [{**DONE, "rows": rows(1, 2), "pageToken": "p/2"}]
    google.answers["GET /queries"] = [
        {**DONE, "rows": [], "pageToken": "p/3"},
        {**DONE, "rows": rows(3, 4, 5)},
    ]
    async with database.session(PLAIN) as session:
        (result,) = await session.run(statement("select n"))
        assert google.calls() == ["POST /token", "POST /queries"]
        batches = [list(batch) async for batch in result.batches(2)]
    assert batches == [[(1,), (2,)], [(3,), (4,)], [(5,)]]
    pages = [(told["location"], told["pageToken"]) for call, told in google.asked if call == "GET /queries"]
    assert pages == [("EU", "p/2"), ("EU", "p/3")]


async def test_a_page_that_is_lost_leaves_no_object(google: Google, resource: Resource) -> None:
    google.answers["POST /queries"] = [{**DONE, "rows": rows(1, 2), "pageToken": "p/2"}]
    google.answers["GET /queries"] = [refusal(500, "The page is lost", "internalError")]
    host, runner = QueryHost({"f/data/db": resource}), SqlRunner(EVERYWHERE)
    with pytest.raises(QueryFailed, match="The page is lost") as caught:
        await Runs("bigquery", runner, host)("-- database f/data/db\n-- s3 format=csv\nselect n")
    await runner.close()
    assert host.objects == {}
    assert "PRIVATE KEY" not in str(caught.value)


async def test_a_job_that_takes_its_time_is_waited_for(google: Google, database: Database) -> None:
    google.answers["POST /queries"] = [RUNNING]
    google.answers["GET /queries"] = [RUNNING, RUNNING, {**DONE, "rows": rows(7)}]
    assert await ask(database, "select n") == [(7,)]


async def test_busy_servers_are_asked_again_for_the_same_thing(google: Google, database: Database) -> None:
    google.answers["POST /queries"] = [refusal(503, "Try again", "backendError"), {**DONE, "rows": rows(1)}]
    assert await ask(database, "select n") == [(1,)]
    first, second = (told for call, told in google.asked if call == "POST /queries")
    assert first == second


@pytest.mark.parametrize("how", ["timeout", "cancel", "task"])
async def test_what_runs_too_long_or_is_given_up_is_cancelled_on_the_server(
    google: Google, database: Database, how: str
) -> None:
    google.answers["POST /queries"] = [RUNNING]
    google.answers["GET /queries"] = [RUNNING]
    options = SessionOptions(statement_timeout_s=0.2 if how == "timeout" else 0)
    session_of_test: list[Any] = []

    async def run() -> None:
        async with database.session(options) as session:
            session_of_test.append(session)
            await session.run(statement("select n", line=3))

    task = asyncio.create_task(run())
    await asyncio.wait_for(google.on_query.wait(), 30)
    if how == "cancel":
        google.answers["GET /queries"] = [refusal(400, "Job execution was cancelled: User requested", "stopped")]
        await session_of_test[0].cancel()
    if how == "task":
        task.cancel()
    (ended,) = await asyncio.gather(task, return_exceptions=True)
    assert isinstance(ended, asyncio.CancelledError if how == "task" else QueryFailed)
    assert how != "timeout" or "line 3 ran for longer than 0.2 s" in str(ended)
    assert google.calls().count("POST /cancel") == 1
    assert google.last("POST /cancel") == {"location": "EU"}


async def test_a_transaction_is_a_session_of_the_server(google: Google, database: Database) -> None:
    session_info = {"sessionInfo": {"sessionId": "s1"}}
    google.answers["POST /queries"] = [{**RUNNING, "jobComplete": True, **session_info}, {**DONE, "rows": rows(1)}]
    async with database.session(PLAIN) as session:
        await session.begin()
        await rows_of(session, "select 1 as n")
    sent = [told for call, told in google.asked if call == "POST /queries"]
    assert [each["query"] for each in sent] == [
        "begin transaction", "select 1 as n", "rollback transaction", "call bq.abort_session()",
    ]  # fmt: skip
    assert sent[0]["createSession"] is True
    for later in sent[1:]:
        assert later["connectionProperties"] == [{"key": "session_id", "value": "s1"}]
        assert later["location"] == "EU"


async def test_temporary_tables_live_as_long_as_the_script(google: Google, database: Database) -> None:
    google.answers["POST /queries"] = [
        {**DONE, "statementType": "CREATE_TABLE_AS_SELECT", "sessionInfo": {"sessionId": "s1"}},
        {**DONE, "rows": rows(1)},
    ]
    async with database.session(PLAIN) as session:
        (made,) = await session.run(statement("CREATE TEMP TABLE t AS select 1 as n"))
        assert made.columns == ()
        assert await rows_of(session, "select n from t") == [(1,)]
    assert google.asked[1][1]["createSession"] is True
    assert google.asked[2][1]["connectionProperties"] == [{"key": "session_id", "value": "s1"}]
    assert google.asked[-1][1]["query"] == "call bq.abort_session()"


async def test_an_answer_without_an_end_is_given_up(
    database: Database, google: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_http, "MOST_BYTES", 1000)
    google.answers["POST /queries"] = [{**DONE, "rows": rows(*range(100))}]
    with pytest.raises(ConnectionFailed, match="more than 1000 bytes"):
        await ask(database, "select n")


async def test_a_value_of_a_form_that_is_not_known_is_an_error(google: Google, database: Database) -> None:
    google.answers["POST /queries"] = [{**DONE, "rows": [{"f": [{"v": "1_000,5"}]}]}]
    with pytest.raises(QueryFailed, match="cast it to text"):
        await ask(database, "select n")


async def test_changed_rows_are_counted(google: Google, database: Database) -> None:
    google.answers["POST /queries"] = [{**DONE, "statementType": "UPDATE", "numDmlAffectedRows": "3"}]
    async with database.session(PLAIN) as session:
        (result,) = await session.run(statement("update t set n = 1 where true"))
        assert (result.columns, result.affected) == ((), 3)


@pytest.mark.parametrize(
    ("status", "message", "reason", "wanted"),
    [
        (400, "Syntax error: Unexpected keyword FROM at [2:8]", "invalidQuery", "at line 6, column 8 .inval"),
        (400, "Query exceeded limit for bytes billed: 1000.", "bytesBilledLimitExceeded", "bytes billed(.|\n)*line 5"),
        (404, "Not found: Dataset mill:s was not found in location US", "notFound", "line 5.*check location"),
        (403, "Access Denied: Table mill:s.t: User does not have permission", "accessDenied", "permission.*line 5"),
        (400, "No access by secret-token", "invalid", r"No access by \*\*\* .invalid.*line 5"),
    ],
)  # fmt: skip
async def test_refusals_have_bigquerys_words_and_the_line(
    google: Google, database: Database, status: int, message: str, reason: str, wanted: str
) -> None:
    google.answers["POST /queries"] = [refusal(status, message, reason)]
    with pytest.raises(QueryFailed, match=wanted):
        await ask(database, "select\n  from t", line=5)


@pytest.mark.parametrize(
    ("call", "answer", "wanted"),
    [
        ("POST /token", (400, {"error": "invalid_grant", "error_description": "account not found"}), "client_email"),
        ("POST /token", (400, {"error": "invalid_grant", "error_description": "check your iat and exp"}), "clock"),
        ("POST /queries", refusal(401, "Request had invalid credentials.", "authError"), "refuses the token"),
        ("POST /queries", refusal(403, "User lacks bigquery.jobs.create in mill", "accessDenied"), "Job User"),
        ("POST /queries", refusal(404, "Not found: Project mill", "notFound"), "Check project_id"),
        ("POST /queries", (200, {}), "Check endPoint"),
    ],
)
async def test_the_test_of_a_connection_names_what_to_mend(
    google: Google, resource: Resource, call: str, answer: tuple[int, Told], wanted: str
) -> None:
    google.answers[call] = [answer]
    with pytest.raises(Conflict, match=wanted) as caught:
        await connection_tests.tester_of("bigquery", EVERYWHERE).test(resource)
    for secret in ("secret-token", KEY.splitlines()[1]):
        assert secret not in str(caught.value)


async def test_the_test_of_a_connection_tells_who_answers(resource: Resource) -> None:
    assert EMAIL in await connection_tests.tester_of("bigquery", EVERYWHERE).test(resource)
    with pytest.raises(Conflict, match="no-such-host"):
        await connection_tests.tester_of("bigquery", EVERYWHERE).test(
            {**resource, "endPoint": "https://no-such-host.invalid"}
        )


async def test_neither_endpoint_nor_token_are_reached_against_the_rule(google: Google, resource: Resource) -> None:
    elsewhere = {**resource, "token_uri": "http://169.254.169.254/token"}
    for given, egress in ((resource, Egress(Reach.PUBLIC)), (elsewhere, EVERYWHERE)):
        database = open_database("bigquery", given, egress=egress)
        with pytest.raises(AddressClosed):
            await ask(database, "select 1 as n")
        await database.close()
    assert google.asked == []


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"project_id": ""}, "project_id"), ({"project_id": "a/b"}, "project_id"),
        ({"private_key": "x"}, "private_key"),
        ({"client_email": None}, "client_email"), ({"location": "a b"}, "location"), ({"dataset": "a.b"}, "dataset"),
        ({"maximum_bytes_billed": "many"}, "maximum_bytes_billed"), ({"endPoint": "ftp://x"}, "endPoint"),
        ({"endPoint": "", "token_uri": "http://x"}, "token_uri"), ({"type": "authorized_user"}, "type"),
    ],
)  # fmt: skip
def test_a_field_that_cannot_be_is_named(resource: Resource, changed: Told, field: str) -> None:
    with pytest.raises(BadRequest, match=rf"field {field}\b"):
        open_database("bigquery", {**resource, **changed}, egress=EVERYWHERE)


def test_it_is_not_asked_before_a_key_is_there() -> None:
    with pytest.raises(BadRequest, match="client_email"):
        open_database("bigquery", {"project_id": "mill"}, egress=EVERYWHERE)
