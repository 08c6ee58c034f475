"""The explorer on MariaDB and ClickHouse: what differs there from Postgres, which `test_databases.py` is about."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.api.conftest import Api
from tests.api.exploring import PATH, W, all_pages, ask, put_resource
from tests.database_servers import DatabaseServers, MariaDb, start_clickhouse
from tidemill.engine.egress import EVERYWHERE
from tidemill.stores.databases import open_database
from tidemill.stores.databases.port import SessionOptions, Statement

Run = Callable[[str], Any]

MYSQL_SHOP = """
drop database if exists `sh``op;`;
create database `sh``op;` character set utf8mb4 collate utf8mb4_general_ci;
use `sh``op;`;
create table customer (id bigint unsigned primary key auto_increment, name varchar(50) not null default 'o''clock',
  mood enum('stormy', 'calm', 'it''s'), share float, flags bit(10), long_text text, since timestamp(6) null,
  twice int generated always as (share * 2) stored, unique key by_name (name), key parts (long_text(5), mood))
  comment 'Who buys';
create table `order line` (shop varchar(10), number int, customer bigint unsigned, price decimal(30, 10),
  primary key (shop, number), constraint buys foreign key (customer) references customer (id));
create table loose (a int, b varchar(10), share float);
create table old (a int primary key) engine = MyISAM;
create view big as select * from customer where id > 5;
insert into customer (id, name, mood, share, flags, long_text, since)
  select seq, concat('Name ', seq), elt(1 + seq % 3, 'stormy', 'calm', null), if(seq % 4, seq / 3, null), seq,
    concat(repeat('x', 1200), seq % 2, seq), timestamp '2024-01-01 00:00:00.000001' + interval seq day from seq_1_to_9;
insert into `order line` select if(seq % 2, 'North', 'south'), seq, 1, seq / 7 from seq_1_to_11;
insert into loose values (1, 'x', 0.1), (1, 'x', 0.1), (1, 'x', 0.1), (2, null, null), (null, 'y', 3.3);
"""

CLICKHOUSE_SHOP = """
drop database if exists shop;
create database shop;
create table shop.visit (site LowCardinality(String), day Date, at DateTime64(3, 'Europe/Berlin'),
  mood Enum8('calm' = 1, 'a stormy' = 2), share Float32, tags Array(String),
  note Nullable(String) comment 'What is said',
  twice Float64 materialized share * 2, index on_note note type bloom_filter granularity 4)
  engine = MergeTree order by (site, day) comment 'Who came';
create view shop.north as select * from shop.visit where site = 'north';
insert into shop.visit select if(number % 2, 'north', 'south'), toDate('2024-01-01') + number % 3,
  toDateTime64('2024-07-01 12:00:00.125', 3, 'UTC') + number, number % 5 ? 'calm' : 'a stormy',
  number % 4 ? number / 3 : nan, [toString(number % 2)], number % 3 ? null : 'n' || toString(number) from numbers(12);
insert into shop.visit select * from shop.visit where site = 'north';
"""


@pytest.fixture
def mariadb(database_servers: DatabaseServers) -> MariaDb:
    return database_servers.get("mariadb", MariaDb)


@pytest.fixture
def on_mariadb(mariadb: MariaDb) -> Iterator[Run]:
    """Runs SQL behind the explorer's back; the shop is there."""
    import pymysql

    connection = pymysql.connect(
        host="127.0.0.1", port=mariadb.port, user="admin", password=mariadb.password, autocommit=True
    )

    def run(text: str) -> Any:
        with connection.cursor() as cursor:
            cursor.execute(text)
            return cursor.fetchall()

    for text in MYSQL_SHOP.strip().split(";\n"):
        run(text.removesuffix(";"))
    yield run
    connection.close()


@pytest.fixture
async def on_clickhouse(database_servers: DatabaseServers) -> AsyncIterator[dict[str, object]]:
    """The value of a resource; the shop is there."""
    resource = database_servers.get("clickhouse", start_clickhouse)
    database = open_database("clickhouse", resource, egress=EVERYWHERE)
    async with database.session(SessionOptions()) as session:
        for text in CLICKHOUSE_SHOP.strip().split(";\n"):
            await session.run(Statement(text=text.removesuffix(";")))
    yield resource
    await database.close()


@pytest.fixture
async def shop(api: Api, mariadb: MariaDb, on_mariadb: Run) -> httpx.AsyncClient:
    return await put_resource(api, "mysql", mariadb.resource)


@pytest.fixture
async def visits(api: Api, on_clickhouse: dict[str, object]) -> httpx.AsyncClient:
    return await put_resource(api, "clickhouse", on_clickhouse)


async def test_mysql_tells_tables_columns_keys_and_references(shop: httpx.AsyncClient) -> None:
    tables = (await ask(shop, "tables"))["tables"]
    assert {(each["name"], each["kind"], each["comment"]) for each in tables if each["schema"] == "sh`op;"} == {
        ("big", "view", ""), ("customer", "table", "Who buys"), ("loose", "table", ""), ("old", "table", ""),
        ("order line", "table", ""),
    }  # fmt: skip
    customer = await ask(shop, "table", schema="sh`op;", table="customer")
    by_name = {each["name"]: each for each in customer["columns"]}
    assert (customer["key"], by_name["id"]["default"], by_name["id"]["is_nullable"]) == (
        ["id"],
        "auto_increment",
        False,
    )
    assert by_name["name"]["default"] == "'o''clock'"
    assert by_name["mood"]["choices"] == ["stormy", "calm", "it's"]
    assert (by_name["mood"]["default"], by_name["twice"]["is_generated"]) == (None, True)
    assert [(each["name"], each["columns"], each["is_unique"]) for each in customer["indexes"]] == [
        ("PRIMARY", ["id"], True), ("by_name", ["name"], True), ("parts", ["long_text", "mood"], False),
    ]  # fmt: skip
    line = await ask(shop, "table", schema="sh`op;", table="order line")
    assert line["key"] == ["shop", "number"]
    assert line["foreign_keys"] == [
        {"name": "buys", "columns": ["customer"], "schema": "sh`op;", "table": "customer", "references": ["id"]}
    ]
    assert "MyISAM" in (await ask(shop, "table", schema="sh`op;", table="old"))["why_read_only"]
    assert "no table" in await ask(shop, "table", schema="sh`op;", table="nothing", status=404)


async def test_mysql_rows_are_on_one_page_each(shop: httpx.AsyncClient) -> None:
    """Also sorted by enums, single floats, long texts and bits, whose order differs from how they are shown."""
    sorts: list[list[Any]] = [
        [],
        [{"column": "mood"}],
        [{"column": "share", "descending": True}, {"column": "name"}],
        [{"column": "long_text"}],
        [{"column": "flags", "descending": True}],
        [{"column": "since"}],
    ]
    for sort in sorts:
        found = await all_pages(shop, schema="sh`op;", table="customer", sort=sort, limit=2)
        at_once = await ask(shop, "rows", schema="sh`op;", table="customer", sort=sort)
        assert found == at_once["rows"]
        assert sorted(row[0] for row in found) == list(range(1, 10))


async def test_mysql_rows_of_a_table_without_a_key_have_pages(shop: httpx.AsyncClient) -> None:
    found = await all_pages(shop, schema="sh`op;", table="loose", limit=1)
    assert sorted(map(str, found)) == sorted(
        map(str, [[1, "x", 0.1], [1, "x", 0.1], [1, "x", 0.1], [2, None, None], [None, "y", 3.3]])
    )


async def test_mysql_rows_are_filtered(shop: httpx.AsyncClient) -> None:
    cases: list[tuple[str, str, Any, list[int]]] = [
        ("id", ">=", 8, [8, 9]),
        ("name", "contains", "E 7", [7]),
        ("name", "begins", "name 8", [8]),
        ("mood", "=", "calm", [1, 4, 7]),
        ("mood", "is null", None, [2, 5, 8]),
        ("share", "=", 0.33333334, [1]),
        ("flags", "=", "AAM=", [3]),
        ("since", ">", "2024-01-09 00:00:00.000001 UTC", [9]),
        ("name", "=", "x' or 1=1 -- ", []),
    ]
    for column, operator, value, wanted in cases:
        filters = [{"column": column, "operator": operator, "value": value}]
        found = await ask(shop, "rows", schema="sh`op;", table="customer", filters=filters)
        assert [row[0] for row in found["rows"]] == wanted


async def test_mysql_changes_take_effect_together_or_not_at_all(shop: httpx.AsyncClient, on_mariadb: Run) -> None:
    page = await ask(shop, "rows", schema="sh`op;", table="customer")
    cells = dict(zip([each["name"] for each in page["columns"]], page["rows"][1], strict=True))
    table = {"schema": "sh`op;", "table": "customer"}
    update = {
        **table,
        "kind": "update",
        "values": {"name": "Ann", "flags": cells["flags"], "share": cells["share"], "since": cells["since"]},
        "row": {"key": {"id": 2}, "version": page["versions"][1]},
    }
    insert = {**table, "kind": "insert", "values": {"name": "x'; drop table customer; --"}}
    gone = {**table, "kind": "delete", "row": {"key": {"id": 9}, "version": page["versions"][8]}}
    tried = await ask(shop, "change", changes=[update, insert, gone], dry_run=True)
    assert not tried["applied"]
    assert [each["sql"].split()[0] for each in tried["statements"]] == ["update", "insert", "delete"]
    assert "Ann" not in tried["statements"][0]["sql"]
    done = await ask(shop, "change", changes=[update, insert, gone])
    assert done["applied"]
    found = on_mariadb("select name, flags + 0, share, id from customer where id in (2, 9) or id > 9 order by id")
    assert found[0][:2] == ("Ann", 2)
    assert [row[0] for row in found[1:]] == ["x'; drop table customer; --"]
    on_mariadb("update customer set name = 'ann' where id = 2")  # the same by the collation
    seen = await ask(shop, "rows", schema="sh`op;", table="customer")
    on_mariadb("update customer set name = 'ANN' where id = 2")
    later = {**gone, "row": {"key": {"id": 3}, "version": seen["versions"][2]}}
    stale = {**update, "row": {"key": {"id": 2}, "version": seen["versions"][1]}}
    assert "Change 2" in await ask(shop, "change", changes=[later, stale], status=409)
    assert on_mariadb("select count(*) from customer where id = 3") == ((1,),)


async def test_mysql_changes_one_of_rows_that_are_alike_and_none_of_what_cannot_be_undone(
    shop: httpx.AsyncClient, on_mariadb: Run
) -> None:
    page = await ask(
        shop, "rows", schema="sh`op;", table="loose", filters=[{"column": "a", "operator": "=", "value": 1}]
    )
    table = {"schema": "sh`op;", "table": "loose"}
    change = {**table, "kind": "update", "values": {"b": "z"}, "row": {"version": page["versions"][0]}}
    await ask(shop, "change", changes=[change])
    assert sorted(on_mariadb("select b from loose where a = 1")) == [("x",), ("x",), ("z",)]
    old = {"schema": "sh`op;", "table": "old", "kind": "insert", "values": {"a": 1}}
    assert "MyISAM" in await ask(shop, "change", changes=[old], status=400)
    view = {"schema": "sh`op;", "table": "big", "kind": "delete", "row": {"key": {"id": 6}, "version": "0"}}
    assert "view" in await ask(shop, "change", changes=[view], status=400)


async def test_mysql_plans_are_shown_and_nothing_is_written_by_them(shop: httpx.AsyncClient, on_mariadb: Run) -> None:
    content = "-- :least (bigint)\nselect * from `sh``op;`.customer where id >= :least"
    planned = await ask(shop, "explain", content=content, args={"least": 8})
    assert (planned["form"], list(planned["plan"])) == ("json", ["query_block"])
    ran = await ask(shop, "explain", content=content, args={"least": 8}, analyze=True)
    assert "r_total_time_ms" in str(ran["plan"])
    delete = "delete from `sh``op;`.old"
    on_mariadb("insert into old values (1)")
    assert "query_block" in (await ask(shop, "explain", content=delete))["plan"]
    assert "READ ONLY" in await ask(shop, "explain", content=delete, analyze=True, status=422)
    assert on_mariadb("select count(*) from old") == ((1,),)


async def test_mysql_columns_keep_what_a_change_does_not_name(shop: httpx.AsyncClient) -> None:
    where = {"schema": "sh`op;", "table": "customer"}
    steps = [
        {"kind": "change_type", **where, "column": "name", "type": "varchar(60)"},
        {"kind": "set_nullable", **where, "column": "mood", "nullable": False},
        {"kind": "change_type", **where, "column": "id", "type": "int unsigned"},
    ]
    done = await ask(shop, "define", steps=steps[:1], dry_run=False)
    assert (done["applied"], done["atomic"]) == (True, False)
    told = await ask(shop, "define", steps=[steps[0], *steps[2:]], dry_run=False, status=422)
    assert "The step before it has taken effect" in told  # the type of a foreign key's column stays
    null = await ask(shop, "define", steps=[steps[1]], dry_run=False, status=422)
    assert "Nothing was changed" in null  # there are nulls in it
    customer = await ask(shop, "table", **where)
    name = next(each for each in customer["columns"] if each["name"] == "name")
    assert (name["type"], name["is_nullable"], name["default"]) == ("varchar(60)", False, "'o''clock'")
    assert "generated" in await ask(
        shop, "define", steps=[{"kind": "change_type", **where, "column": "twice", "type": "int"}], status=400
    )


async def test_clickhouse_tells_tables_and_columns(visits: httpx.AsyncClient) -> None:
    found = await ask(visits, "tables")
    assert [(each["name"], each["kind"]) for each in found["tables"] if each["schema"] == "shop"] == [
        ("north", "view"), ("visit", "table"),
    ]  # fmt: skip
    visit = await ask(visits, "table", schema="shop", table="visit")
    by_name = {each["name"]: each for each in visit["columns"]}
    assert (visit["key"], visit["sorted_by"], visit["comment"]) == ([], ["site", "day"], "Who came")
    assert by_name["mood"]["choices"] == ["calm", "a stormy"]
    assert (by_name["note"]["is_nullable"], by_name["note"]["comment"]) == (True, "What is said")
    assert (by_name["twice"]["is_generated"], by_name["site"]["is_generated"]) == (True, False)
    assert [each["name"] for each in visit["indexes"]] == ["primary key", "on_note"]
    assert "exactly one row" in visit["why_read_only"]
    plan = await ask(visits, "explain", content="select * from shop.visit where site = 'north'")
    assert (plan["form"], "MergeTree" in str(plan["plan"])) == ("json", True)
    steps = [
        {"kind": "create_table", "schema": "shop", "table": "made", "names": ["a"],
         "columns": [{"name": "a", "type": "Int64", "nullable": False}, {"name": "b", "type": "Decimal(10, 2)"}]},
        {"kind": "set_nullable", "schema": "shop", "table": "visit", "column": "note", "nullable": False},
    ]  # fmt: skip
    shown = await ask(visits, "define", steps=steps)
    assert shown["statements"][1] == "alter table `shop`.`visit` modify column `note` String"
    await ask(visits, "define", steps=steps[:1], dry_run=False)
    made = await ask(visits, "table", schema="shop", table="made")
    assert [each["type"] for each in made["columns"]] == ["Int64", "Nullable(Decimal(10, 2))"]
    change = {"schema": "shop", "table": "visit", "kind": "insert", "values": {"site": "x"}}
    assert "transactions" in await ask(visits, "change", changes=[change], status=501)


async def test_clickhouse_rows_are_on_one_page_each(visits: httpx.AsyncClient) -> None:
    """Also those that are there twice, and with NaN, nulls and instants of a zone in what they are sorted by."""
    sorts: list[list[Any]] = [
        [],
        [{"column": "share"}],
        [{"column": "note", "descending": True}, {"column": "share", "descending": True}],
        [{"column": "at"}, {"column": "mood"}],
        [{"column": "tags", "descending": True}],
    ]
    for sort in sorts:
        found = await all_pages(visits, schema="shop", table="visit", sort=sort, limit=4)
        at_once = await ask(visits, "rows", schema="shop", table="visit", sort=sort)
        assert found == at_once["rows"]
        assert len(found) == 18


async def test_clickhouse_rows_are_filtered(visits: httpx.AsyncClient) -> None:
    cases: list[tuple[str, str, Any, int]] = [
        ("site", "=", "south", 6),
        ("mood", "=", "a stormy", 4),
        ("at", ">", "2024-07-01 12:00:09.125 UTC", 3),
        ("note", "contains", "N9", 2),
        ("note", "is not null", None, 6),
        ("day", "<=", "2024-01-01", 6),
        ("site", "begins", "nor", 12),
    ]
    for column, operator, value, wanted in cases:
        filters = [{"column": column, "operator": operator, "value": value}]
        assert len((await ask(visits, "rows", schema="shop", table="visit", filters=filters))["rows"]) == wanted


async def test_clickhouse_takes_all_of_a_file_or_nothing(visits: httpx.AsyncClient) -> None:
    """Also instants of a zone, and null only where it may be."""

    async def imported(content: str, *, status: int = 200, **query: Any) -> Any:
        given = {"resource": PATH, "schema": "shop", "table": "visit", **query}
        answer = await visits.post(f"{W}/databases/import_file", params=given, content=content.encode())
        assert answer.status_code == status, answer.text
        return answer.json() if status == 200 else answer.text

    async def rows(site: str) -> list[list[Any]]:
        filters = [{"column": "site", "operator": "=", "value": site}]
        found = await ask(visits, "rows", schema="shop", table="visit", filters=filters)
        return [row[:7] for row in found["rows"]]

    head = "site,day,at,mood,share,tags,note\n"
    good = 'east,2024-02-01,2024-07-01 10:00:00.125Z,calm,0.5,"[""a"",""b""]","tab\there"\n' * 3
    for wrong, told in (
        ("east,2024-02-01,2024-07-01 10:00:00.125Z,furious,0.5,[],x\n", "furious"),
        ("east,,2024-07-01 10:00:00.125Z,calm,0.5,[],x\n", "Line 5"),
        ("east,2024-02-01,soon,calm,0.5,[],x\n", "DateTime64"),
    ):
        refusal = await imported(head + good + wrong, status=422 if told != "DateTime64" else 400)
        assert (
            refusal.startswith("Line 5:"),
            told in refusal,
            ". Nothing was imported." in refusal.splitlines()[0],
        ) == (True,) * 3
    lines = '{"site": "east", "day": "2024-02-01"}\n{"site": "east"}\n'
    assert "Line 2" in await imported(lines, format="json", status=400)
    assert (await imported(head + good, dry_run=True)) == {"rows": 3, "applied": False}
    assert await rows("east") == []
    assert (await imported(head + good))["rows"] == 3
    cells = ["east", "2024-02-01", "2024-07-01 10:00:00.125 UTC", "calm", 0.5, ["a", "b"], "tab\there"]
    assert await rows("east") == [cells] * 3
    assert "view" in await imported(head, table="north", status=400)
