"""Scripts for BigQuery and Snowflake as a job runs them: several statements, arguments, results, objects."""

import io
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pyarrow.parquet as pq
import pytest

from tests.database_servers import DatabaseServers, start_bigquery, start_snowflake
from tests.query_host import QueryHost, Runs
from tidemill.engine.egress import EVERYWHERE
from tidemill.model.errors import BadRequest, InvalidScript, QueryFailed
from tidemill.queries.sql import SqlRunner


@dataclass(frozen=True)
class Warehouse:
    """How one of them writes what is asked here."""

    runs: Runs
    make: str
    fill: str
    place: str
    upper: bool

    def names(self, *names: str) -> list[str]:
        return [name.upper() if self.upper else name for name in names]


@pytest.fixture(params=["bigquery", "snowflake"])
async def warehouse(request: pytest.FixtureRequest, database_servers: DatabaseServers) -> AsyncIterator[Warehouse]:
    is_snowflake = request.param == "snowflake"
    resource = database_servers.get(request.param, start_snowflake if is_snowflake else start_bigquery)
    host = QueryHost({"f/data/db": resource})
    runner = SqlRunner(EVERYWHERE)
    yield Warehouse(
        runs=Runs(request.param, runner, host),
        make="create or replace table {} (id {}, note {})".format(
            *("scripted", "int", "varchar") if is_snowflake else ("main.scripted", "int64", "string")
        ),
        fill="-- ? first (int)\n-- ? note (varchar)\ninsert into scripted values (?, ?), (2, null)"
        if is_snowflake
        else "-- @first (int64)\n-- @note (string)\ninsert into main.scripted values (@first, @note), (2, null)",
        place="scripted" if is_snowflake else "main.scripted",
        upper=is_snowflake,
    )
    await runner.close()


async def test_statements_run_one_after_the_other_with_their_arguments(warehouse: Warehouse) -> None:
    script = f"""-- database f/data/db
-- result_collection=all_statements_all_rows
{warehouse.make};
{warehouse.fill};
-- a remark; with a semicolon
select id, note from {warehouse.place} order by id;
"""
    _, _, rows = await warehouse.runs(script, {"first": 1, "note": "it's; -- \N{SNOWMAN}"})
    identity, note = warehouse.names("id", "note")
    assert rows == [{identity: 1, note: "it's; -- \N{SNOWMAN}"}, {identity: 2, note: None}]
    assert warehouse.runs.host.touches == [("database", "f/data/db", True)]


ROWS, NONE, LAST = (
    "select 1 as b, 'x' as a",
    "select 3 as c from (select 1 as n) as t where n = 0",
    "select 5 as z, 4 as a",
)
MODES: list[tuple[str, str, str]] = [
    ("", '[{"z":5,"a":4}]', "[]"),
    ("return_last_result", '[{"z":5,"a":4}]', "[]"),
    ("result_collection=last_statement_all_rows", '[{"z":5,"a":4}]', "[]"),
    ("result_collection=last_statement_first_row", '{"z":5,"a":4}', "null"),
    ("result_collection=last_statement_all_rows_scalar", "[5]", "[]"),
    ("result_collection=last_statement_first_row_scalar", "5", "null"),
    ("result_collection=all_statements_all_rows", '[[{"b":1,"a":"x"}],[],[{"z":5,"a":4}]]', "[[]]"),
    ("result_collection=all_statements_first_row", '[{"b":1,"a":"x"},null,{"z":5,"a":4}]', "[null]"),
    ("result_collection=all_statements_all_rows_scalar", "[[1],[],[5]]", "[[]]"),
    ("result_collection=all_statements_first_row_scalar", "[1,null,5]", "[null]"),
    ("result_collection=legacy", '[[{"b":1,"a":"x"}],[],[{"z":5,"a":4}]]', "[]"),
]
"""The line of the script -> the result of three statements, and that of one without rows."""


async def test_each_mode_has_its_form(warehouse: Warehouse) -> None:
    for line, of_three, of_none in MODES:
        head = f"-- database f/data/db\n-- {line}\n"
        found = (await warehouse.runs.raw(f"{head}{ROWS};\n{NONE};\n{LAST}")).decode()
        wanted = re.sub('"[abz]":', lambda name: name[0].upper(), of_three) if warehouse.upper else of_three
        assert (line, found) == (line, wanted)
        assert (line, (await warehouse.runs.raw(head + NONE)).decode()) == (line, of_none)


async def test_an_object_is_bound_as_the_text_of_its_json(warehouse: Warehouse) -> None:
    warehouse.runs.host.objects.update({"two.jsonl": b'{"n":1.10}\n{"n":2}\n', "t.csv": b"n,who\n1,ann\n"})
    script = f"-- database f/data/db\n-- {'? rows' if warehouse.upper else '@rows'} (s3object)\nselect {{}} as v"
    script = script.format("?" if warehouse.upper else "@rows")
    (name,) = warehouse.names("v")
    for key, wanted in (("two.jsonl", '[{"n":1.10},{"n":2}]'), ("t.csv", '[{"n":1,"who":"ann"}]')):
        assert await warehouse.runs(script, {"rows": {"s3": key}}) == [{name: wanted}]


async def test_rows_are_streamed_to_an_object(warehouse: Warehouse) -> None:
    rows = (
        "table(generator(rowcount => 3000)) order by 1"
        if warehouse.upper
        else "unnest(generate_array(1, 3000)) as n order by 1"
    )
    number = "row_number() over (order by null) as n" if warehouse.upper else "n"
    script = f"-- database f/data/db\n-- s3 prefix=f/data/out format=parquet\nselect {number} from {rows}"
    found = await warehouse.runs(script, job_id="0199")
    table = pq.read_table(io.BytesIO(warehouse.runs.host.objects[found["s3"]]))
    assert [int(number) for number in table.column(0).to_pylist()] == list(range(1, 3001))


async def test_what_goes_wrong_names_the_line_of_the_script_and_leaves_no_object(warehouse: Warehouse) -> None:
    script = "-- database f/data/db\n-- s3\nselect 1 as a;\n\nselect * from main.no_such_thing"
    with pytest.raises(QueryFailed, match=r"(?i)no_such_thing(.|\n)*line 5"):
        await warehouse.runs(script)
    assert warehouse.runs.host.objects == {}
    with pytest.raises(BadRequest, match="note is missing"):
        await warehouse.runs(f"-- database f/data/db\n{warehouse.fill}", {"first": 1})


async def test_a_transaction_takes_effect_as_a_whole(warehouse: Warehouse) -> None:
    """The emulator of BigQuery has no sessions that take anything back."""
    head, one = "-- database f/data/db\n", {"first": 1, "note": "it's"}
    await warehouse.runs(f"{head}{warehouse.make}")
    read = f"select id from {warehouse.place} order by id"
    identity, *_ = warehouse.names("id")
    kept = [{identity: 1}, {identity: 2}]
    assert await warehouse.runs(f"{head}-- transaction\n{warehouse.fill};\n{read}", one) == kept
    pointer = await warehouse.runs(f"{head}-- transaction\n-- s3\n{read}", job_id="0199")
    assert warehouse.runs.host.objects[pointer["s3"]].count(b"\n") == 2
    if warehouse.upper:
        with pytest.raises(QueryFailed, match="nothing was changed"):
            await warehouse.runs(f"{head}-- transaction\n{warehouse.fill};\nselect * from no_such_thing", one)
        with pytest.raises(InvalidScript, match=r"Line 3: `create or` commits"):
            await warehouse.runs(f"{head}-- transaction\n{warehouse.make}")
        assert await warehouse.runs(f"{head}{read}") == kept
