"""What only Snowflake has: its types, bindings, logins and parts of results, on an emulator behind its SQL API."""

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, cast

import pytest

from tests.certificates import key_pair
from tests.contracts.databases.asking import PLAIN, argument, ask, run_all, statement, value_of, values_of
from tests.contracts.objects.http_server import answering
from tests.database_servers import DatabaseServers, Resource, start_snowflake
from tidemill.engine.egress import EVERYWHERE, Egress, Reach
from tidemill.model.column import Kind
from tidemill.model.errors import AddressClosed, BadRequest, Conflict, ConnectionFailed, QueryFailed, Unsupported
from tidemill.queries.explorer import explorer_of
from tidemill.queries.port import Opened
from tidemill.queries.runners import Runners
from tidemill.stores import connection_tests
from tidemill.stores.databases import open_database
from tidemill.stores.databases.port import Database, Session, SessionOptions, Statement, TogetherSession

ENDLESS = "select count(*) from table(generator(rowcount => 9999999)) a, table(generator(rowcount => 9999999)) b"
VALUES: dict[str, tuple[Kind, object]] = {
    "9223372036854775807::number(38,0)": (Kind.INTEGER, 2**63 - 1),
    "-7::number(10,0)": (Kind.INTEGER, -7),
    "1.50::number(10,2)": (Kind.DECIMAL, Decimal("1.50")),
    "1::float / 3": (Kind.FLOAT, 1 / 3),
    "true": (Kind.BOOL, True),
    "'it''s \N{SNOWMAN}'": (Kind.TEXT, "it's \N{SNOWMAN}"),
    "to_date('2024-02-29')": (Kind.DATE, "2024-02-29"),
    "to_date('1969-12-31')": (Kind.DATE, "1969-12-31"),
    "'12:30:00.5'::time": (Kind.TIME, "12:30:00.5"),
    "'2024-01-02 03:04:05.678901'::timestamp_ntz": (Kind.TIMESTAMP, "2024-01-02 03:04:05.678901"),
    "'1969-12-31 23:59:59.5'::timestamp_ntz": (Kind.TIMESTAMP, "1969-12-31 23:59:59.5"),
    "to_binary('ff00', 'hex')": (Kind.BINARY, b"\xff\0"),
    "parse_json('{\"a\": [1, null]}')": (Kind.JSON, b'{"a":[1,null]}'),
    "null::number(10,0)": (Kind.INTEGER, None),
}
"""Expression -> the kind and the form that its value has."""

DECLARED: list[tuple[str, object, object]] = [
    ("int", "9223372036854775807", 2**63 - 1),
    ("number(10, 2)", 1.25, Decimal("1.25")),
    ("float", 0.1, 0.1),
    ("boolean", True, True),
    ("varchar", "it's \\ \" \t\n\N{SNOWMAN} ?", "it's \\ \" \t\n\N{SNOWMAN} ?"),
    ("binary", "/wA=", b"\xff\0"),
    ("date", "2024-02-29T12:00:00.000Z", "2024-02-29"),
    ("time", "12:30:00.5", "12:30:00.5"),
    ("timestamp_ntz", "1969-12-31T23:59:59.5Z", "1969-12-31 23:59:59.5"),
    ("", 5, 5),
    ("", "text", "text"),
]
"""Type, what is given, what arrives."""


@pytest.fixture
def resource(database_servers: DatabaseServers) -> Resource:
    return database_servers.get("snowflake", start_snowflake)


@pytest.fixture
def database(resource: Resource, open_it: Callable[[str, Resource], Database]) -> Database:
    return open_it("snowflake", resource)


async def test_values_arrive_as_they_were_written(database: Database) -> None:
    assert await values_of(database, VALUES) == VALUES


async def test_arguments_reach_their_declared_type(database: Database) -> None:
    bound = [argument(type_name, value, name=f"a{index}") for index, (type_name, value, _) in enumerate(DECLARED)]
    (row,) = await ask(database, "select " + ", ".join(f"? as c{index}" for index in range(len(bound))), *bound)
    assert list(row) == [wanted for _, _, wanted in DECLARED]


async def test_all_parts_of_a_result_are_read(database: Database) -> None:
    query = "select row_number() over (order by null) as n from table(generator(rowcount => 1001)) order by n"
    assert await ask(database, query) == [(number,) for number in range(1, 1002)]


async def test_changed_rows_are_counted(database: Database) -> None:
    async with database.session(PLAIN) as session:
        await session.run(statement("create or replace table counted (id int, note varchar)"))
        for text, count in (
            ("insert into counted values (1, 'x'), (2, null)", 2),
            ("update counted set note = 'y' where id = 1", 1),
            ("delete from counted", 2),
        ):
            (result,) = await session.run(statement(text))
            assert (result.columns, result.affected) == ((), count)


async def begun(task: "asyncio.Task[Any]", sessions: list[Any]) -> Session:
    """The session, once its statement runs on the server."""
    async with asyncio.timeout(30):
        while not (sessions and sessions[0]._running):
            assert not task.done()
            await asyncio.sleep(0)
    found: Session = sessions[0]
    return found


async def together(database: Database, *statements: Statement) -> list[list[tuple[object, ...]]]:
    """What each of them gives, run as one transaction."""
    async with database.session(PLAIN) as session:
        await cast("TogetherSession", session).run_together(statements)
        return [
            [tuple(row) async for batch in result.batches(100) for row in batch]
            for each in statements
            for result in await session.run(each)
        ]


async def test_a_transaction_takes_effect_as_a_whole(database: Database) -> None:
    await ask(database, "create or replace table whole (id int, note varchar)")
    insert = Statement(
        text="insert into whole values (?, ?) -- it's ?",
        arguments=(argument("int", 1, name="id"), argument("varchar", "a;b\n;\n--", name="note")),
    )
    assert await together(database, insert, statement("select note, id from whole")) == [[], [("a;b\n;\n--", 1)]]
    with pytest.raises(QueryFailed, match="nothing was changed"):
        await together(database, statement("insert into whole values (2, 'x')"), statement("select * from not_there"))
    assert await ask(database, "select id from whole") == [(1,)]


async def test_which_statement_of_a_transaction_failed_is_told(database: Database) -> None:
    await ask(database, "create or replace table told (id int, note varchar)")
    late = Statement(text="select id\nfrom not_there where id = ?", arguments=(argument("int", 1, name="id"),), line=7)
    note = Statement(
        text="insert into told values (1, ?)", arguments=(argument("varchar", "two\nlines", name="note"),), line=2
    )
    with pytest.raises(QueryFailed) as error:
        await together(database, note, statement("select\n1", line=4), late, statement("select 2", line=9))
    assert "statement at line 7" in str(error.value)
    assert "NOT_THERE" in str(error.value).upper()
    assert "SYSTEM$" not in str(error.value)


async def test_failure_of_one_of_several_is_told_in_snowflakes_own_words() -> None:
    """As https://docs.snowflake.com/en/developer-guide/sql-api/submitting-multiple-statements shows them."""
    words = (
        'JavaScript execution error: Uncaught Execution of multiple statements failed on statement "select wrong" '
        "(at line 5, position 0).\nSQL compilation error: error line 1 at position 7\ninvalid identifier 'WRONG' in "
        "SYSTEM$MULTISTMT at '    throw `Execution of multiple statements failed on statement {0}`' position 4\n"
        "stackstrace:\nSYSTEM$MULTISTMT line: 10"
    )
    recorded = Recorded(ACCEPTED, (422, {"code": "100132", "sqlState": "P0000", "message": words}))
    async with answering(recorded) as origin:
        value = {"account_identifier": "o-a", "token": "secret-token", "database": "d", "endPoint": origin}
        database = open_database("snowflake", value, egress=EVERYWHERE)
        with pytest.raises(QueryFailed) as error:
            await together(database, statement("select 1", line=3), statement("select wrong", line=12))
        await database.close()
    assert str(error.value) == (
        "SQL compilation error: error line 12, column 8\ninvalid identifier 'WRONG' "
        "(-- transaction: nothing was changed)"
    )


async def test_arguments_within_a_transaction_are_what_would_be_bound(database: Database) -> None:
    """Written into the statement: the API binds none there."""
    declared = [*DECLARED, ("int", -5, -5), ("timestamp_tz", "1969-12-31T21:59:59.5Z", "1969-12-31 21:59:59.5 +00:00")]
    declared += [("varchar", "\\' or 1=1; --", "\\' or 1=1; --"), ("int", None, None), ("varchar", "\0\b%_", "\0\b%_")]
    bound = tuple(argument(type_name, value, name=f"a{at}") for at, (type_name, value, _) in enumerate(declared))
    query = Statement(text="select " + ", ".join(f"?as c{at}" for at in range(len(bound))), arguments=bound)
    ((row,),) = await together(database, query)
    assert list(row) == [wanted for _, _, wanted in declared]


async def test_a_transaction_that_takes_too_long_leaves_nothing(database: Database) -> None:
    await ask(database, "create or replace table hurried (id int)")
    async with database.session(SessionOptions(statement_timeout_s=0.5)) as session:
        with pytest.raises(QueryFailed, match="timeout"):
            await cast("TogetherSession", session).run_together(
                [statement("insert into hurried values (1)"), statement(ENDLESS)]
            )
    assert await ask(database, "select * from hurried") == []


@pytest.mark.parametrize("how", ["cancel", "task", "timeout"])
async def test_what_is_given_up_ends_on_the_server(database: Database, how: str) -> None:
    """Or it would run for hours, and hold up what the emulator is asked next."""
    sessions: list[Any] = []
    options = SessionOptions(statement_timeout_s=0.5 if how == "timeout" else 0)

    async def run() -> None:
        async with database.session(options) as session:
            sessions.append(session)
            await session.run(statement(ENDLESS, line=3))

    task = asyncio.create_task(run())
    if how == "cancel":
        await (await begun(task, sessions)).cancel()
    elif how == "task":
        await begun(task, sessions)
        task.cancel()
    async with asyncio.timeout(60):
        (ended,) = await asyncio.gather(task, return_exceptions=True)
    assert isinstance(ended, asyncio.CancelledError if how == "task" else QueryFailed)
    assert how != "timeout" or "line 3" in str(ended)
    assert await value_of(database, "select 1 as n") == 1


async def test_the_server_itself_ends_a_statement_after_its_time(database: Database) -> None:
    """Asked as the session asks, but without its own clock."""
    async with database.session(SessionOptions(statement_timeout_s=0.5)) as session:
        api = session._api  # type: ignore[attr-defined]
        request = session._request(statement(ENDLESS))  # type: ignore[attr-defined]
        assert request["timeout"] == 1
        handle = await api.submit(request, statement(ENDLESS))
        async with asyncio.timeout(60):
            with pytest.raises(QueryFailed, match="statement timeout"):
                await api.completed(handle, statement(ENDLESS))


async def test_what_snowflake_cannot_is_told(database: Database) -> None:
    with pytest.raises(Unsupported, match="known as a whole"):
        await run_all(database, ["select 1"], begin=True)
    with pytest.raises(Unsupported, match="role"):
        await ask(database, "select 1", options=SessionOptions(read_only=True))
    async with database.session(PLAIN) as session:
        with pytest.raises(Unsupported, match="queries only"):
            await session.describe(statement("show tables"))


async def test_the_test_of_a_connection_tells_who_answers(resource: Resource) -> None:
    told = await connection_tests.tester_of("snowflake", EVERYWHERE).test(resource)
    assert told.startswith("Snowflake ")
    assert "not encrypted" in told


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        ({"username": "other"}, "account_identifier and username"),
        ({"account_identifier": "org-other"}, "account_identifier and username"),
        ({"private_key": key_pair()[0], "public_key": ""}, "registered"),
        ({"endPoint": "https://no-such-host.invalid"}, "no-such-host.*Check account_identifier"),
    ],
)
async def test_the_test_of_a_connection_names_what_to_mend(resource: Resource, changed: Resource, wanted: str) -> None:
    with pytest.raises(Conflict, match=wanted) as caught:
        await connection_tests.tester_of("snowflake", EVERYWHERE).test({**resource, **changed})
    assert str(resource["private_key"]).splitlines()[1] not in str(caught.value)


async def test_an_encrypted_key_is_opened_by_its_passphrase(resource: Resource) -> None:
    private, public = key_pair(passphrase="open sesame")
    given = {**resource, "private_key": private, "public_key": public}
    open_database("snowflake", {**given, "private_key_passphrase": "open sesame"}, egress=EVERYWHERE)
    for passphrase in ("", "wrong"):
        with pytest.raises(BadRequest, match="field private_key"):
            open_database("snowflake", {**given, "private_key_passphrase": passphrase}, egress=EVERYWHERE)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"account_identifier": ""}, "account_identifier"), ({"account_identifier": "a/b"}, "account_identifier"),
        ({"username": None}, "username"), ({"private_key": "x"}, "private_key"), ({"database": ""}, "database"),
        ({"public_key": key_pair()[1]}, "public_key"), ({"endPoint": "ftp://x"}, "endPoint"),
    ],
)  # fmt: skip
def test_a_field_that_cannot_be_is_named(resource: Resource, changed: Resource, field: str) -> None:
    with pytest.raises(BadRequest, match=rf"field {field}\b"):
        open_database("snowflake", {**resource, **changed}, egress=EVERYWHERE)


async def test_nothing_is_reached_against_the_rule(resource: Resource) -> None:
    database = open_database("snowflake", resource, egress=Egress(Reach.PUBLIC))
    with pytest.raises(AddressClosed):
        await ask(database, "select 1")
    await database.close()


class Recorded:
    """Answers of the shapes of the reference (https://docs.snowflake.com/en/developer-guide/sql-api/reference)."""

    def __init__(self, *answers: tuple[int, dict[str, Any]]) -> None:
        self.answers = list(answers)
        self.heads: list[str] = []
        self.bodies: list[dict[str, Any]] = []

    def __call__(self, head: bytes, body: bytes) -> tuple[int, bytes]:
        self.heads.append(head.decode())
        self.bodies.append(json.loads(body or b"{}"))
        status, told = self.answers.pop(0)
        return status, json.dumps(told).encode()


ACCEPTED = (202, {"code": "333334", "message": "in progress", "statementHandle": "01b-2"})


def result(kind: str, *values: str) -> tuple[int, dict[str, Any]]:
    row_type = [{"name": "V", "type": kind, "nullable": True}]
    return 200, {"code": "090001", "resultSetMetaData": {"rowType": row_type}, "data": [[value] for value in values]}


async def recorded_rows(recorded: Recorded, *, line: int = 1, **more: str) -> list[tuple[object, ...]]:
    async with answering(recorded) as origin:
        token = {"account_identifier": "o-a", "token": "secret-token", "database": "d", "endPoint": origin, **more}
        database = open_database("snowflake", token, egress=EVERYWHERE)
        try:
            return await ask(database, "select v", line=line, options=SessionOptions(application="tidemill 0199"))
        finally:
            await database.close()


async def test_a_request_says_what_the_resource_and_the_session_ask_for() -> None:
    recorded = Recorded(ACCEPTED, (202, {}), result("text", "x"))
    assert await recorded_rows(recorded, warehouse="wh", schema='"Mixed"', role="reader") == [("x",)]
    assert recorded.bodies[0] == {
        "statement": "select v", "database": "D", "schema": "Mixed", "warehouse": "WH", "role": "READER",
        "parameters": {"binary_output_format": "HEX", "query_tag": "tidemill 0199"},
    }  # fmt: skip
    assert "async=true" in recorded.heads[0]
    assert "Authorization: Bearer secret-token" in recorded.heads[0]
    assert "Token-Type" not in recorded.heads[0]
    assert recorded.heads[2].startswith("GET /api/v2/statements/01b-2 ")


async def test_a_transaction_is_one_request_and_each_result_has_a_handle() -> None:
    handles = {"statementHandles": ["01b-3", "01b-4", "01b-5", "01b-6"]}
    recorded = Recorded(ACCEPTED, (200, handles), result("text", "x"), result("fixed", "7"))
    async with answering(recorded) as origin:
        value = {"account_identifier": "o-a", "token": "t", "database": "d", "endPoint": origin}
        database = open_database("snowflake", value, egress=EVERYWHERE)
        late = Statement(text="select ?", arguments=(argument("timestamp_tz", "2024-02-29T14:30:00.5+05:30"),), line=2)
        assert await together(database, statement("select 'x'"), late) == [[("x",)], [(7,)]]
        await database.close()
    written = "to_timestamp_tz('2024-02-29 14:30:00.500000000 +05:30', 'YYYY-MM-DD HH24:MI:SS.FF9 TZH:TZM')"
    assert recorded.bodies[0]["statement"].split() == (
        f"begin transaction ; select 'x' ; select {written} ; commit".split()
    )
    assert recorded.bodies[0]["parameters"]["multi_statement_count"] == "4"
    assert "bindings" not in recorded.bodies[0]
    assert [head.split(" ")[1].rpartition("/")[2] for head in recorded.heads[2:]] == ["01b-4", "01b-5"]


async def test_a_busy_server_is_told_that_it_is_asked_again() -> None:
    recorded = Recorded((429, {"code": "390505", "message": "Too many requests"}), ACCEPTED, result("text", "x"))
    assert await recorded_rows(recorded) == [("x",)]
    first, second = (head.split(" ")[1] for head in recorded.heads[:2])
    assert second == f"{first}&retry=true"


async def test_the_explorer_asks_for_a_plan() -> None:
    recorded = Recorded(ACCEPTED, result("text", '{"GlobalStats":{"partitionsTotal":1}}'))
    async with answering(recorded) as origin, Runners(EVERYWHERE) as runners:
        value = {"account_identifier": "o-a", "token": "t", "database": "d", "endPoint": origin}
        opened = Opened(resource_type="snowflake", value=json.dumps(value).encode())
        plan = await explorer_of(runners, opened, "main/u/ann").explain("select 1", {}, runs=False)
    assert (plan.form, bytes(plan.plan)) == ("json", b'{"GlobalStats":{"partitionsTotal":1}}')
    assert recorded.bodies[0]["statement"] == "explain using json select 1"


@pytest.mark.parametrize("third", ["0.333333333", "0.33333333333"])
async def test_floats_that_the_server_cuts_are_an_error(third: str) -> None:
    """Some versions write nine digits of a float into JSON (snowflake-jdbc's issue 898)."""
    digits = len(third) - 2
    whole, cut = "1." + "2" * (digits - 2), "1." + "2" * (digits - 1)
    recorded = Recorded(ACCEPTED, result("real", whole), ACCEPTED, result("real", third))
    assert await recorded_rows(recorded) == [(float(whole),)]
    recorded = Recorded(ACCEPTED, result("real", cut), ACCEPTED, result("real", third))
    with pytest.raises(QueryFailed, match=rf"only {digits} digits.*'V'.*to_varchar"):
        await recorded_rows(recorded)


async def test_floats_are_taken_where_the_server_writes_them_in_full() -> None:
    recorded = Recorded(ACCEPTED, result("real", "1.23456789", "NaN", "-inf"), ACCEPTED, result("real", str(1 / 3)))
    first, second, third = await recorded_rows(recorded)
    assert (first, str(second[0]), third) == ((1.23456789,), "nan", (float("-inf"),))


@pytest.mark.parametrize(
    ("answer", "error", "wanted"),
    [
        ((422, {"code": "001003", "message": "SQL compilation error:\nsyntax error line 2 at position 4 unexpected."}),
         QueryFailed, "line 6, column 5 unexpected"),
        ((422, {"code": "000606", "message": "No active warehouse selected in the current session."}),
         QueryFailed, r"Fill in warehouse in the resource. \(statement at line 5\)"),
        ((408, {"code": "000630", "message": "Statement reached its statement or warehouse timeout."}),
         QueryFailed, "Canceled on a statement timeout"),
        ((422, {"code": "390201", "message": "The requested warehouse does not exist or not authorized."}),
         ConnectionFailed, "Check warehouse"),
        ((401, {"code": "390303", "message": "Invalid OAuth access token."}), ConnectionFailed, "check token"),
        ((404, {}), ConnectionFailed, "Check account_identifier"),
    ],
)  # fmt: skip
async def test_refusals_have_snowflakes_words_and_the_line(
    answer: tuple[int, dict[str, Any]], error: type[Exception], wanted: str
) -> None:
    with pytest.raises(error, match=wanted) as caught:
        await recorded_rows(Recorded(ACCEPTED, answer), line=5)
    assert "secret-token" not in str(caught.value)
