"""The explorer on emulators of BigQuery and Snowflake: tables, columns, pages, and no changes."""

from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.api.conftest import Api
from tests.api.exploring import all_pages, ask, put_resource
from tests.database_servers import DatabaseServers, start_bigquery, start_snowflake
from tidemill.engine.egress import EVERYWHERE
from tidemill.stores.databases import open_database
from tidemill.stores.databases.port import SessionOptions, Statement

BIGQUERY = """
create or replace table main.visit (id int64 not null, name string, share float64, since timestamp,
  tags array<string>, note json);
insert into main.visit values (1, 'it\\'s', 0.5, timestamp '2024-01-01 00:00:00+00', ['x'], json '{"a": 1}'),
  (2, 'b', cast('nan' as float64), null, [], null), (2, 'b', cast('nan' as float64), null, [], null),
  (3, null, null, null, ['x', 'y'], null), (4, 'Bee', -1, null, [], null);
create or replace view main.seen as select id from main.visit
"""
SNOWFLAKE = """
create or replace table visit (id number(10,0) not null, name varchar, price number(10,2), since timestamp_ntz,
  ok boolean);
insert into visit select 1, 'it''s', 0.50, '2024-01-01'::timestamp_ntz, true union all select 2, 'b', null, null, null
  union all select 2, 'b', null, null, null union all select 3, null, 1.25, null, false
  union all select 4, 'Bee', -1, null, true
"""


@dataclass
class Warehouse:
    client: httpx.AsyncClient
    where: dict[str, Any]
    name: str
    identity: str


@pytest.fixture(params=["bigquery", "snowflake"])
async def warehouse(request: pytest.FixtureRequest, api: Api, database_servers: DatabaseServers) -> Warehouse:
    start, script = {"bigquery": (start_bigquery, BIGQUERY), "snowflake": (start_snowflake, SNOWFLAKE)}[request.param]
    resource = database_servers.get(request.param, start)
    database = open_database(request.param, resource, egress=EVERYWHERE)
    async with database.session(SessionOptions()) as session:
        for text in script.strip().split(";\n"):
            await session.run(Statement(text=text))
    await database.close()
    is_upper = request.param == "snowflake"
    where = {"schema": "PUBLIC", "table": "VISIT"} if is_upper else {"schema": "main", "table": "visit"}
    client = await put_resource(api, request.param, resource)
    return Warehouse(client, where, *(("NAME", "ID") if is_upper else ("name", "id")))


async def test_tables_and_columns_are_told(warehouse: Warehouse) -> None:
    tables = (await ask(warehouse.client, "tables"))["tables"]
    found = {each["name"]: each["kind"] for each in tables if each["schema"] == warehouse.where["schema"]}
    assert found[warehouse.where["table"]] == "table"
    table = await ask(warehouse.client, "table", **warehouse.where)
    by_name = {each["name"].lower(): each for each in table["columns"]}
    assert (by_name["id"]["is_nullable"], by_name["name"]["is_nullable"]) == (False, True)
    assert (by_name["id"]["type"], by_name["name"]["type"]) in [("int64", "string"), ("number(10,0)", "varchar")]
    assert (table["key"], "exactly one row" in table["why_read_only"]) == ([], True)
    assert "no table" in await ask(warehouse.client, "table", schema="none", table="none", status=404)


async def test_rows_are_on_one_page_each(warehouse: Warehouse) -> None:
    """Also those that are alike, and with nulls and NaN in what they are sorted by."""
    client, where = warehouse.client, warehouse.where
    columns = [each["name"] for each in (await ask(client, "table", **where))["columns"]]
    sorts: list[list[dict[str, Any]]] = [
        [],
        [{"column": warehouse.name}],
        [{"column": warehouse.name, "descending": True}, {"column": warehouse.identity}],
        *([{"column": name, "descending": is_down}] for name in columns[2:] for is_down in (False, True)),
    ]
    for sort in sorts:
        found = await all_pages(client, limit=2, sort=sort, **where)
        at_once = await ask(client, "rows", sort=sort, **where)
        assert found == at_once["rows"]
        assert sorted(row[0] for row in found) == [1, 2, 2, 3, 4]


async def test_rows_are_filtered(warehouse: Warehouse) -> None:
    cases: list[tuple[str, str, Any, list[int]]] = [
        (warehouse.identity, ">=", 3, [3, 4]),
        (warehouse.name, "contains", "BE", [4]),
        (warehouse.name, "begins", "it's", [1]),
        (warehouse.name, "is null", None, [3]),
        (warehouse.name, "=", "x' or '1' = '1", []),
    ]
    for column, operator, value, wanted in cases:
        filters = [{"column": column, "operator": operator, "value": value}]
        found = await ask(warehouse.client, "rows", filters=filters, **warehouse.where)
        assert sorted(row[0] for row in found["rows"]) == wanted
    told = await ask(
        warehouse.client,
        "rows",
        filters=[{"column": "none", "operator": "=", "value": 1}],
        **warehouse.where,
        status=400,
    )
    assert "no column 'none'" in told


async def test_changes_are_refused_and_told_why(warehouse: Warehouse) -> None:
    change = {**warehouse.where, "kind": "insert", "values": {warehouse.identity: 9}}
    status, why = (400, "exactly one row") if warehouse.name == "name" else (501, "no transactions")
    assert why in await ask(warehouse.client, "change", changes=[change], status=status)
