"""The explorer of SQL databases: what is there, pages of rows, and changes that hit exactly one row or nothing."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.api.conftest import Api
from tests.api.exploring import PATH, W, ask, put_resource
from tests.database_servers import DatabaseServers, Postgres, start_embedded
from tidemill.db.queries import inline

SHOP = """
drop schema if exists "sh""op;" cascade; create schema "sh""op;"; set search_path to "sh""op;";
create type mood as enum ('calm', 'stormy');
create table customer (id bigint primary key, name text not null unique, note json, mood mood, since timestamptz);
comment on table customer is 'Who buys';
create table "order line" (shop int, number int, "a;b'c" numeric, customer bigint references customer (id),
  total numeric generated always as ("a;b'c" * 2) stored, primary key (shop, number));
create index on "order line" ((lower(customer::text)));
create table loose (a int, b text);
create view big as select * from customer where id > 5;
insert into customer select n, 'name ' || n, case when n % 2 = 0 then '{"n": 1.10}'::json end,
  (array['calm', 'stormy'])[1 + n % 2]::mood, timestamptz '2024-01-01 00:00:00.000001+00' + n * interval '1 day'
  from generate_series(1, 9) n;
insert into "order line" (shop, number, "a;b'c", customer)
  select n % 3, n, case when n % 4 <> 0 then n / 2 end, 1 from generate_series(1, 12) n;
insert into loose values (1, 'x'), (1, 'x'), (null, null);
"""
SCHEMA = 'sh"op;'


@pytest.fixture
def postgres(database_servers: DatabaseServers) -> Postgres:
    return database_servers.get("postgres-embedded", start_embedded)


@pytest.fixture
def sql(postgres: Postgres) -> Callable[[str], list[Any]]:
    """Runs SQL behind the explorer's back, in the schema of the shop."""

    def run(text: str) -> list[Any]:
        with postgres.connect() as connection:
            connection.execute(f'set search_path to "{SCHEMA.replace(chr(34), chr(34) * 2)}"'.encode())
            cursor = connection.execute(text.encode())
            return cursor.fetchall() if cursor.description else []

    return run


@pytest.fixture
async def shop(api: Api, postgres: Postgres) -> httpx.AsyncClient:
    """A developer with a shop at `f/data/shop`."""
    with postgres.connect() as connection:
        connection.execute(SHOP.encode())
    return await put_resource(api, "postgresql", postgres.resource)


async def rows(client: httpx.AsyncClient, table: str, *, status: int = 200, **body: Any) -> Any:
    return await ask(client, "rows", status=status, schema=SCHEMA, table=table, **body)


async def change(client: httpx.AsyncClient, *changes: dict[str, Any], status: int = 200, **body: Any) -> Any:
    complete = [{"schema": SCHEMA, **each} for each in changes]
    return await ask(client, "change", status=status, changes=complete, **body)


async def test_tables_and_views_are_listed_with_what_they_are(shop: httpx.AsyncClient) -> None:
    found = await ask(shop, "tables")
    kinds = {each["name"]: (each["kind"], each["comment"]) for each in found["tables"] if each["schema"] == SCHEMA}
    assert found["language"] == "postgresql"
    assert kinds == {
        "big": ("view", ""),
        "customer": ("table", "Who buys"),
        "loose": ("table", ""),
        "order line": ("table", ""),
    }


async def test_table_tells_columns_keys_indexes_and_references(shop: httpx.AsyncClient) -> None:
    customer = await ask(shop, "table", schema=SCHEMA, table="customer")
    assert customer["key"] == ["id"]
    by_name = {each["name"]: each for each in customer["columns"]}
    assert by_name["mood"]["choices"] == ["calm", "stormy"]
    assert by_name["since"]["type"] == "timestamp with time zone"
    assert (by_name["id"]["is_nullable"], by_name["note"]["is_nullable"]) == (False, True)
    line = await ask(shop, "table", schema=SCHEMA, table="order line")
    assert line["key"] == ["shop", "number"]
    assert line["foreign_keys"][0]["table"] == "customer"
    assert line["foreign_keys"][0]["references"] == ["id"]
    assert next(each for each in line["columns"] if each["name"] == "total")["is_generated"]
    assert len(line["indexes"]) == 2
    assert (await ask(shop, "table", schema=SCHEMA, table="loose"))["key"] == []


async def test_every_row_is_on_exactly_one_page_whatever_the_order(
    shop: httpx.AsyncClient, sql: Callable[[str], list[Any]]
) -> None:
    """Also where the sorted column has nulls and equal values."""
    for sort in (
        [],
        [{"column": "a;b'c"}],
        [{"column": "a;b'c", "descending": True}],
        [{"column": "customer"}, {"column": "a;b'c", "descending": True}, {"column": "number"}],
    ):
        seen: list[Any] = []
        after: list[Any] = []
        while True:
            page = await rows(shop, "order line", sort=sort, limit=5, after=after)
            seen += [tuple(row[:2]) for row in page["rows"]]
            if not page["has_more"]:
                break
            after = page["after"]
        by = ", ".join(f'"{each["column"]}"' + (" desc" if each.get("descending") else "") for each in sort)
        wanted = sql(f'select shop, number from "order line" order by {by + "," if by else ""} shop, number')
        assert seen == wanted, sort


async def test_table_without_a_key_has_pages_too(shop: httpx.AsyncClient) -> None:
    first = await rows(shop, "loose", limit=2)
    second = await rows(shop, "loose", limit=2, after=first["after"])
    assert [row[0] for row in first["rows"] + second["rows"]] == [1, 1, None]
    assert len({*first["row_names"], *second["row_names"]}) == 3
    assert not second["has_more"]


@pytest.mark.parametrize(
    ("column", "operator", "value", "wanted"),
    [
        ("id", "=", 3, [3]),
        ("id", "!=", 3, [1, 2, 4, 5, 6, 7, 8, 9]),
        ("id", ">=", 8, [8, 9]),
        ("id", "<", 2, [1]),
        ("name", "contains", "E 7", [7]),
        ("name", "contains", "%", []),
        ("name", "begins", "name 8", [8]),
        ("name", "=", "x' or 1=1 --", []),
        ("note", "is null", None, [1, 3, 5, 7, 9]),
        ("note", "is not null", None, [2, 4, 6, 8]),
        ("mood", "=", "calm", [2, 4, 6, 8]),
        ("since", ">", "2024-01-09 00:00:00 UTC", [8, 9]),
    ],
)
async def test_rows_are_filtered(
    shop: httpx.AsyncClient, column: str, operator: str, value: Any, wanted: list[int]
) -> None:
    filters = [{"column": column, "operator": operator, "value": value}]
    found = await rows(shop, "customer", filters=filters)
    assert [row[0] for row in found["rows"]] == wanted


async def test_unknown_columns_and_values_that_do_not_fit_are_named(shop: httpx.AsyncClient) -> None:
    assert "nope" in await rows(shop, "customer", status=400, sort=[{"column": "nope"}])
    hostile = 'id" desc; drop table customer; --'
    assert "no column" in await rows(shop, "customer", status=400, filters=[{"column": hostile, "operator": "is null"}])
    text = [{"column": "id", "operator": "=", "value": "many"}]
    assert "a1" in await rows(shop, "customer", status=400, filters=text)
    assert "after" in await rows(shop, "customer", status=400, after=[1, 2, 3])
    assert "limit" in await rows(shop, "customer", status=400, limit=100_000)
    assert "no table" in await rows(shop, "nothing", status=404)


async def test_changes_take_effect_together_and_say_what_they_did(
    shop: httpx.AsyncClient, sql: Callable[[str], list[Any]]
) -> None:
    page = await rows(shop, "customer")
    one, two = page["versions"][:2]
    done = await change(
        shop,
        {
            "kind": "update",
            "table": "customer",
            "values": {"name": "Ann", "note": {"n": 1.5}},
            "row": {"key": {"id": 1}, "version": one},
        },
        {"kind": "delete", "table": "customer", "row": {"key": {"id": 9}, "version": page["versions"][8]}},
        {"kind": "insert", "table": "customer", "values": {"id": 10, "name": "x'; drop table customer; --"}},
        {"kind": "update", "table": "customer", "values": {"note": None}, "row": {"key": {"id": 2}, "version": two}},
    )
    assert done["applied"]
    assert [each["sql"].split()[0] for each in done["statements"]] == ["update", "delete", "insert", "update"]
    assert "Ann" in done["statements"][0]["arguments"]
    assert "Ann" not in done["statements"][0]["sql"]
    found = sql("select id, name, note::text from customer where id in (1, 2, 9, 10) order by id")
    assert found == [(1, "Ann", '{"n":1.5}'), (2, "name 2", None), (10, "x'; drop table customer; --", None)]


async def test_nothing_changes_where_a_row_is_not_as_it_was_seen(
    shop: httpx.AsyncClient, sql: Callable[[str], list[Any]]
) -> None:
    seen = (await rows(shop, "customer"))["versions"]
    sql("update customer set note = '[]' where id = 2")
    first = {
        "kind": "update",
        "table": "customer",
        "values": {"name": "A"},
        "row": {"key": {"id": 1}, "version": seen[0]},
    }
    stale = {
        "kind": "update",
        "table": "customer",
        "values": {"name": "B"},
        "row": {"key": {"id": 2}, "version": seen[1]},
    }
    told = await change(shop, first, stale, status=409)
    assert "Change 2" in told
    assert "Nothing was changed" in told
    assert sql("select name from customer where id in (1, 2) order by id") == [("name 1",), ("name 2",)]


async def test_refusal_of_the_database_leaves_nothing_half_done(
    shop: httpx.AsyncClient, sql: Callable[[str], list[Any]]
) -> None:
    good = {"kind": "insert", "table": "customer", "values": {"id": 11, "name": "new"}}
    twice = {"kind": "insert", "table": "customer", "values": {"id": 12, "name": "name 1"}}
    assert "customer_name_key" in await change(shop, good, twice, status=422)
    assert sql("select count(*) from customer where id > 9") == [(0,)]


async def test_trial_is_judged_by_the_database_and_leaves_nothing(
    shop: httpx.AsyncClient, sql: Callable[[str], list[Any]]
) -> None:
    new = {"kind": "insert", "table": "customer", "values": {"id": 11, "name": "new"}}
    done = await change(shop, new, dry_run=True)
    assert not done["applied"]
    assert done["statements"][0]["sql"].startswith("insert into")
    assert sql("select count(*) from customer") == [(9,)]


async def test_one_of_two_like_rows_without_a_key_is_changed_alone(
    shop: httpx.AsyncClient, sql: Callable[[str], list[Any]]
) -> None:
    page = await rows(shop, "loose")
    row = {"row": page["row_names"][0], "version": page["versions"][0]}
    await change(shop, {"kind": "update", "table": "loose", "values": {"b": "changed"}, "row": row})
    assert sorted(sql("select b from loose where a = 1")) == [("changed",), ("x",)]


async def test_rows_of_two_columns_as_key_and_views(shop: httpx.AsyncClient, sql: Callable[[str], list[Any]]) -> None:
    page = await rows(shop, "order line", filters=[{"column": "number", "operator": "=", "value": 7}])
    row = {"key": {"shop": 1, "number": 7}, "version": page["versions"][0]}
    await change(shop, {"kind": "update", "table": "order line", "values": {"a;b'c": 12.50}, "row": row})
    assert sql('select total::text from "order line" where number = 7') == [("25.0",)]
    partial = {"key": {"shop": 1}, "version": "1"}
    told = await change(shop, {"kind": "delete", "table": "order line", "row": partial}, status=400)
    assert "shop, number" in told
    view = await rows(shop, "big")
    assert (len(view["rows"]), view["versions"]) == (4, None)
    assert "view" in await change(shop, {"kind": "delete", "table": "big", "row": {"key": {"id": 6}}}, status=400)


async def test_who_may_not_read_the_resource_sees_nothing(api: Api, shop: httpx.AsyncClient) -> None:
    own = {"path": "u/admin/own", "value": {"host": "localhost", "dbname": "x"}, "resource_type": "postgresql"}
    assert (await api.admin.post(f"{W}/resources/create", json=own)).is_success
    answer = await shop.post(f"{W}/databases/tables", json={"resource": "u/admin/own"})
    assert answer.status_code == 400
    assert "u/admin/own" in answer.text
    no_database = {"path": "f/data/text", "value": {}, "resource_type": "any"}
    assert (await api.admin.post(f"{W}/resources/create", json=no_database)).is_success
    assert (await shop.post(f"{W}/databases/tables", json={"resource": "f/data/text"})).status_code == 501


async def test_what_was_looked_at_and_changed_is_in_the_access_log(api: Api, shop: httpx.AsyncClient) -> None:
    await rows(shop, "customer")
    await change(shop, {"kind": "insert", "table": "customer", "values": {"id": 20, "name": "n"}})
    await api.parts.access_log.flush()
    async with api.parts.database.transaction("main") as tx:
        found = await tx.fetch_all(inline("select access, address from storage_access where kind = 'database'"))
    assert {(each["access"], each["address"]) for each in found} == {("read", PATH), ("write", PATH)}


async def test_plan_of_a_statement_and_of_how_it_ran_leave_nothing(
    shop: httpx.AsyncClient, sql: Callable[[str], list[Any]]
) -> None:
    content = f'''-- $1 least (bigint)
delete from "{SCHEMA.replace('"', '""')}".loose where a >= $1'''
    planned = await ask(shop, "explain", content=content, args={"least": 1})
    assert (planned["form"], planned["plan"][0]["Plan"]["Operation"]) == ("json", "Delete")
    ran = await ask(shop, "explain", content=content, args={"least": 1}, analyze=True)
    assert ran["plan"][0]["Plan"]["Plans"][0]["Actual Rows"] == 2
    assert sql("select count(*) from loose") == [(3,)]
    assert "nope" in await ask(shop, "explain", content="select nope", status=422)
    assert "one statement" in await ask(shop, "explain", content="select 1; select 2", status=400)
    assert "least" in await ask(shop, "explain", content=content, status=400)


async def test_tables_are_defined_as_shown_and_all_or_none(
    shop: httpx.AsyncClient, sql: Callable[[str], list[Any]]
) -> None:
    where = {"schema": SCHEMA, "table": "made"}
    steps: list[dict[str, Any]] = [
        {
            "kind": "create_table", **where, "names": ["id"],
            "columns": [
                {"name": "id", "type": "int", "nullable": False}, {"name": "n", "type": "text", "default": "'7'"},
            ],
        },
        {"kind": "add_column", **where, "columns": [{"name": "of", "type": "bigint"}]},
        {"kind": "change_type", **where, "column": "n", "type": "text[]", "using": "array[n]"},
        {"kind": "set_default", **where, "column": "n"},
    ]  # fmt: skip
    steps[2:] = [steps[3], steps[2]]
    shown = await ask(shop, "define", steps=steps)
    assert (len(shown["statements"]), shown["applied"], shown["atomic"]) == (4, False, True)
    assert sql("select to_regclass('made') is null") == [(True,)]
    failing = [*steps, {"kind": "add_index", **where, "names": ["nope"]}]
    told = await ask(shop, "define", steps=failing, dry_run=False, status=422)
    assert ("Step 5" in told, "Nothing was changed" in told) == (True, True)
    assert sql("select to_regclass('made') is null") == [(True,)]
    more: list[dict[str, Any]] = [
        {
            "kind": "add_foreign_key", **where, "names": ["of"], "name": "buyer",
            "references": {"schema": SCHEMA, "table": "customer", "columns": ["id"]},
        },
        {"kind": "add_index", **where, "names": ["of"], "unique": True},
        {"kind": "rename_column", **where, "column": "of", "to": "buyer"},
    ]  # fmt: skip
    assert (await ask(shop, "define", steps=steps + more, dry_run=False))["applied"]
    made = await ask(shop, "table", schema=SCHEMA, table="made")
    assert [(each["name"], each["type"], each["default"]) for each in made["columns"]] == [
        ("id", "integer", None), ("n", "text[]", None), ("buyer", "bigint", None),
    ]  # fmt: skip
    assert [each["name"] for each in made["indexes"]] == ["made_pkey", "made_of_idx"]
    assert made["foreign_keys"][0]["name"] == "buyer"
    ended = [
        {"kind": "drop_index", **where, "name": "made_of_idx"},
        {"kind": "drop_constraint", **where, "name": "buyer"},
        {"kind": "drop_table", **where},
    ]
    await ask(shop, "define", steps=ended, dry_run=False)
    assert sql("select to_regclass('made') is null") == [(True,)]
    smuggled = {"kind": "add_column", **where, "columns": [{"name": "x", "type": "int; drop table loose"}]}
    assert "one expression" in await ask(shop, "define", steps=[smuggled], status=400)


async def test_rows_of_partitions_without_a_key_are_not_taken_for_each_other(
    shop: httpx.AsyncClient, sql: Callable[[str], list[Any]]
) -> None:
    """The first row of each partition has the same ctid."""
    sql("create table parts (a int, b int) partition by list (a)")
    sql("create table part_1 partition of parts for values in (1)")
    sql("create table part_2 partition of parts for values in (2)")
    await change(shop, *({"kind": "insert", "table": "parts", "values": {"a": n}} for n in (1, 2)))
    assert len((await rows(shop, "parts"))["rows"]) == 2
    first = await rows(shop, "parts", limit=1)
    assert (first["has_more"], first["after"], first["versions"]) == (True, None, None)
    sql("update parts set b = a")
    sql("alter table parts add primary key (a, b)")
    first = await rows(shop, "parts", limit=1)
    second = await rows(shop, "parts", limit=1, after=first["after"])
    assert first["rows"] + second["rows"] == [[1, 1], [2, 2]]
