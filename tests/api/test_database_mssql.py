"""The explorer before the protocol of SQL Server: the statements are its own, and a Postgres answers them."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.api.conftest import Api
from tests.api.exploring import PATH, W, all_pages, ask, put_resource
from tests.database_servers import DatabaseServers, Postgres, start_embedded, start_mssql

SHOP = """
drop schema if exists sys cascade; drop schema if exists "sh]op" cascade;
create schema "sh]op"; set search_path to "sh]op";
create table orders (id int primary key, city text not null, total text);
create table loose (a int, b text);
insert into orders select n, 'city ' || n % 3, n || '.50' from generate_series(1, 9) n;
insert into loose values (1, 'x'), (1, 'x'), (2, null);
create schema sys;
create table sys.schemas as select 1 as schema_id, 'sh]op' as name;
create table sys.objects as select * from (values (10, 1, 'orders', 'U'::char(2), 0), (11, 1, 'loose', 'U', 0))
  as o (object_id, schema_id, name, type, is_ms_shipped);
create table sys.partitions as select 10 as object_id, 1 as index_id, 9::bigint as rows;
create table sys.extended_properties as select 1 as class, 0 as major_id, 0 as minor_id, '' as name, '""' as value;
create table sys.types as select * from (values (56, 56, 'int'), (231, 231, 'nvarchar'))
  as t (system_type_id, user_type_id, name);
create table sys.columns as select * from (values
  (10, 1, 'id', 56, 56, 4, 10, 0, 0, 0, 0), (10, 2, 'city', 231, 231, 100, 0, 0, 0, 0, 0),
  (10, 3, 'total', 231, 231, -1, 0, 0, 1, 0, 0), (11, 1, 'a', 56, 56, 4, 10, 0, 1, 0, 0),
  (11, 2, 'b', 231, 231, 100, 0, 0, 1, 0, 0)) as c (object_id, column_id, name, system_type_id, user_type_id,
  max_length, precision, scale, is_nullable, is_identity, default_object_id);
create table sys.default_constraints as select 0 as object_id, '' as definition where false;
create table sys.computed_columns as select 0 as object_id, 0 as column_id, '' as definition where false;
create table sys.indexes as select 10 as object_id, 1 as index_id, 'PK_orders' as name, 1 as is_unique,
  1 as is_primary_key, 0 as has_filter, 'CLUSTERED' as type_desc, 1 as type;
create table sys.index_columns as select 10 as object_id, 1 as index_id, 1 as index_column_id, 1 as column_id,
  1 as key_ordinal, 0 as is_included_column, 0 as is_descending_key;
create table sys.foreign_keys as select 0 as object_id, '' as name, 0 as parent_object_id where false;
create table sys.foreign_key_columns as select 0 as constraint_object_id, 0 as constraint_column_id,
  0 as parent_object_id, 0 as parent_column_id, 0 as referenced_object_id, 0 as referenced_column_id where false
"""
ORDERS = {"schema": "sh]op", "table": "orders"}
LOOSE = {"schema": "sh]op", "table": "loose"}


@pytest.fixture
def postgres(database_servers: DatabaseServers) -> Postgres:
    return database_servers.get("postgres-embedded", start_embedded)


@pytest.fixture
def sql(postgres: Postgres) -> Iterator[Callable[[str], list[Any]]]:
    """Runs SQL of Postgres behind the explorer's back; the shop is there."""

    def run(text: str) -> list[Any]:
        with postgres.connect() as connection:
            cursor = connection.execute(text.encode())
            return cursor.fetchall() if cursor.description else []

    run(SHOP)
    yield run
    run('drop schema sys cascade; drop schema "sh]op" cascade')


@pytest.fixture
async def shop(
    api: Api, database_servers: DatabaseServers, postgres: Postgres, sql: Callable[[str], list[Any]]
) -> httpx.AsyncClient:
    resource, _ = database_servers.get("mssql", lambda folder, processes: start_mssql(folder, processes, postgres))
    return await put_resource(api, "ms_sql_server", resource)


def row_of(page: Any, key: int) -> dict[str, Any]:
    """Of a page whose keys are the numbers from 1."""
    return {"key": {"id": key}, "version": page["versions"][key - 1]}


async def test_changes_take_effect_together_or_not_at_all(
    shop: httpx.AsyncClient, sql: Callable[[str], list[Any]]
) -> None:
    assert len(await all_pages(shop, **ORDERS, limit=4, sort=[{"column": "city", "descending": True}])) == 9
    page = await ask(shop, "rows", **ORDERS)
    changes: list[dict[str, Any]] = [
        {**ORDERS, "kind": "update", "values": {"city": "it's"}, "row": row_of(page, 2)},
        {**ORDERS, "kind": "insert", "values": {"id": 20, "city": "'; drop table orders; --"}},
        {**ORDERS, "kind": "delete", "row": row_of(page, 9)},
    ]
    tried = await ask(shop, "change", changes=changes, dry_run=True)
    assert [each["sql"] for each in tried["statements"]] == [
        "update [sh]]op].[orders] set [city] = @P1 where [id] = @P2",
        "insert into [sh]]op].[orders] ([id], [city]) values (@P1, @P2)",
        "delete from [sh]]op].[orders] where [id] = @P1",
    ]
    assert (await ask(shop, "rows", **ORDERS))["rows"] == page["rows"]
    assert (await ask(shop, "change", changes=changes))["applied"]
    found = sql('select id, city from "sh]op".orders where id in (2, 9, 20) order by id')
    assert found == [(2, "it's"), (20, "'; drop table orders; --")]
    stale = {**changes[0], "values": {"city": "late"}}
    fresh = {**ORDERS, "kind": "delete", "row": row_of(page, 1)}
    assert "Change 2" in await ask(shop, "change", changes=[fresh, stale], status=409)
    assert sql('select count(*) from "sh]op".orders where id = 1') == [(1,)]


async def test_null_and_values_that_moved_to_another_column_are_another_version(
    shop: httpx.AsyncClient, sql: Callable[[str], list[Any]]
) -> None:
    sql("""insert into "sh]op".loose values (7, null), (null, '7')""")
    page = await ask(shop, "rows", **LOOSE)
    assert len(set(page["versions"])) == 4


async def test_rows_that_are_alike_are_one_for_a_change(shop: httpx.AsyncClient) -> None:
    filters = [{"column": "a", "operator": "=", "value": 1}]
    page = await ask(shop, "rows", **LOOSE, filters=filters)
    change = {**LOOSE, "kind": "delete", "row": {"version": page["versions"][0]}}
    tried = await ask(shop, "change", changes=[change], dry_run=True)
    assert tried["statements"][0]["sql"].startswith("delete top (1) from [sh]]op].[loose] where lower(convert(")


async def test_all_of_a_file_comes_in_or_nothing(shop: httpx.AsyncClient, sql: Callable[[str], list[Any]]) -> None:
    async def imported(content: bytes, *, status: int = 200) -> Any:
        query = {"resource": PATH, **ORDERS}
        answer = await shop.post(f"{W}/databases/import_file", params=query, content=content)
        assert answer.status_code == status, answer.text
        return answer.json() if status == 200 else answer.text

    good = b"id,city,total\n" + b"".join(b"%d,Leer,\n" % n for n in range(100, 1100))
    told = await imported(good + b"1099,Emden,1\n", status=422)
    assert (told.startswith("Line 1002:"), "duplicate" in told, "Nothing was imported" in told) == (True, True, True)
    assert (await imported(good + b"many,x,\n", status=400)).startswith("Line 1002:")
    assert sql('select count(*) from "sh]op".orders') == [(9,)]
    assert (await imported(good))["rows"] == 1000
    assert sql('select count(*), count(total) from "sh]op".orders where id >= 100') == [(1000, 0)]


async def test_plans_are_shown_and_nothing_stays_of_what_ran(
    shop: httpx.AsyncClient, sql: Callable[[str], list[Any]]
) -> None:
    content = "-- @P1 n (int)\ndelete from [sh]]op].[orders] where [id] = @P1"
    planned = await ask(shop, "explain", content=content, args={"n": 1})
    assert (planned["form"], "ModifyTable" in planned["plan"]) == ("xml", True)
    ran = await ask(shop, "explain", content=content, args={"n": 1}, analyze=True)
    assert "ModifyTable" in ran["plan"]
    assert sql('select count(*) from "sh]op".orders') == [(9,)]
    assert len((await ask(shop, "rows", **ORDERS))["rows"]) == 9  # the setting does not stay
    assert "nothing" in await ask(shop, "explain", content="select * from [nothing]", analyze=True, status=422)
    assert len((await ask(shop, "rows", **ORDERS))["rows"]) == 9


async def test_tables_are_defined_by_steps(shop: httpx.AsyncClient, sql: Callable[[str], list[Any]]) -> None:
    columns = [{"name": "a", "type": "int", "nullable": False}, {"name": "b", "type": "nvarchar(20)"}]
    made = {"kind": "create_table", "schema": "sh]op", "table": "made", "columns": columns, "names": ["a"]}
    more = {**made, "kind": "add_column", "columns": [{"name": "c", "type": "int", "default": "0"}]}
    null = {"kind": "set_nullable", **ORDERS, "column": "city", "nullable": True}
    shown = await ask(shop, "define", steps=[made, more, null])
    assert shown["statements"] == [
        "create table [sh]]op].[made] ([a] int not null, [b] nvarchar(20) null, primary key ([a]))",
        "alter table [sh]]op].[made] add [c] int null default 0",
        "alter table [sh]]op].[orders] alter column [city] nvarchar(50) null",
    ]
    failed = {**made, "kind": "drop_column", "column": "none"}
    told = await ask(shop, "define", steps=[made, more, failed], dry_run=False, status=422)
    assert ("Step 3" in told, "Nothing was changed" in told) == (True, True)
    done = await ask(shop, "define", steps=[made, more], dry_run=False)
    assert (done["applied"], done["atomic"]) == (True, True)
    assert sql("select count(*) from information_schema.columns where table_name = 'made'") == [(3,)]
