"""What is done to a database in the browser beside its rows: definitions, files, history, plans, on real servers."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.database_servers import DatabaseServers, Postgres, start_embedded
from tests.document_servers import start_secantus
from tests.key_servers import start_cluster, start_redis
from tests.web.axe import assert_accessible
from tests.web.conftest import picture

pytestmark = pytest.mark.asyncio(loop_scope="session")

TABLES = """
drop schema if exists port cascade;
create schema port;
create table port.ships (id bigint primary key, name text not null, tons numeric(10, 2), flag text default 'DE');
insert into port.ships select i, 'Ship ' || i, i * 1.10 from generate_series(1, 50) i;
"""
DATABASE = "/w/main/databases/p/u/admin/port"
SHIPS = f"{DATABASE}?schema=port&table=ships"


@pytest.fixture
def server(api: httpx.Client, database_servers: DatabaseServers) -> Iterator[Postgres]:
    """A Postgres with a port, and a resource that leads to it."""
    found = database_servers.get("postgres-embedded", start_embedded)
    with found.connect() as connection:
        connection.execute(TABLES)
    resource = {"path": "u/admin/port", "resource_type": "postgresql", "value": found.resource}
    assert api.post("resources/create", json=resource, params={"update_if_exists": True}).status_code == 201
    yield found
    with found.connect() as connection:
        connection.execute("drop schema port cascade")


def one(server: Postgres, query: str) -> object:
    """As the database has it."""
    with server.connect() as connection:
        row = connection.execute(query.encode()).fetchone()
    return None if row is None else row[0]


async def test_what_was_run_is_found_and_run_again(page: Page, server: Postgres) -> None:
    await page.goto(f"{DATABASE}?view=console")
    editor = page.get_by_label("Statements")
    for text in ("select count(*) as ships from port.ships", "selec 1"):
        await editor.click()
        await page.keyboard.press("Control+A")
        await page.keyboard.insert_text(text)
        await editor.press("Control+Enter")
        await page.get_by_text("1 row,").or_(page.get_by_role("alert")).first.wait_for()
    await expect(page.get_by_role("alert")).to_contain_text("syntax error")
    await page.get_by_role("button", name="History").click()
    history = page.get_by_role("complementary", name="History")
    await expect(history.get_by_role("listitem")).to_have_count(2)
    await expect(history.get_by_role("listitem").first).to_contain_text("syntax error")
    await history.get_by_label("Search the history").fill("count(*)")
    await expect(history.get_by_role("listitem")).to_have_count(1)
    await history.get_by_role("button", name="Run again").click()
    await expect(page.get_by_role("region", name="Result as a table").get_by_role("cell", name="50")).to_be_visible()
    await expect(editor).to_contain_text("port.ships")
    await assert_accessible(page)
    await picture(page, "database-history")
    await history.get_by_label("Search the history").fill("no such words")
    await expect(history).to_contain_text("Nothing with these words")
    await history.get_by_role("button", name="Forget all").click()
    await page.get_by_role("dialog").get_by_role("button", name="Forget").click()
    await history.get_by_label("Search the history").fill("")
    await expect(history).to_contain_text("Nothing was run yet")


async def test_plans_are_shown_as_steps_and_what_was_measured_is_taken_back(page: Page, server: Postgres) -> None:
    await page.goto(f"{DATABASE}?view=console")
    editor = page.get_by_label("Statements")
    await editor.click()
    await page.keyboard.press("Control+A")
    await page.keyboard.insert_text("delete from port.ships where id > 10")
    await page.get_by_role("button", name="Plan", exact=True).click()
    plan = page.get_by_role("region", name="Plan")
    await expect(plan).to_contain_text("ModifyTable")
    await expect(plan).to_contain_text("cost")
    await page.get_by_role("button", name="Plan and measure").click()
    await expect(plan).to_contain_text("ms")
    assert one(server, "select count(*) from port.ships") == 50
    await assert_accessible(page)
    await picture(page, "database-plan")
    await page.get_by_role("button", name="Show as it was given").click()
    await expect(page.get_by_label("Plan", exact=True).last).to_contain_text("Node Type")
    await editor.click()
    await page.keyboard.press("Control+A")
    await page.keyboard.insert_text("select 1; select 2")
    await page.get_by_role("button", name="Plan", exact=True).click()
    await expect(page.get_by_role("alert")).to_contain_text("one statement")


SHOWPLAN = """<ShowPlanXML xmlns="http://schemas.microsoft.com/sqlserver/2004/07/showplan"><BatchSequence><Batch>
<RelOp PhysicalOp="Sort" LogicalOp="Sort" EstimateRows="7" EstimatedTotalSubtreeCost="0.5">
  <RunTimeInformation><RunTimeCountersPerThread ActualRows="5" ActualElapsedms="9"/></RunTimeInformation>
  <RelOp PhysicalOp="Table Scan" LogicalOp="Table Scan" EstimateRows="7" EstimatedTotalSubtreeCost="0.25">
    <RunTimeInformation><RunTimeCountersPerThread ActualRows="2" ActualElapsedms="3"/>
      <RunTimeCountersPerThread ActualRows="3" ActualElapsedms="5"/></RunTimeInformation>
    <Object Table="[ships]"/></RelOp></RelOp></Batch></BatchSequence></ShowPlanXML>"""
"""As SQL Server writes what was run on two threads; the stand-in for its protocol has no such plans."""


async def test_measured_plans_of_sql_server_tell_what_each_step_took(page: Page, server: Postgres) -> None:
    await page.goto(f"{DATABASE}?view=console")
    answer = {"form": "xml", "plan": SHOWPLAN, "sql": "select 1"}
    await page.route("**/databases/explain", lambda route: route.fulfill(json=answer))
    await page.get_by_label("Statements").click()
    await page.keyboard.press("Control+A")
    await page.keyboard.insert_text("select 1")
    await page.get_by_role("button", name="Plan and measure").click()
    plan = page.get_by_role("region", name="Plan")
    await expect(plan).to_contain_text("Table Scan [ships]")
    for told in ("5 rows", "9 ms", "5 ms"):
        await expect(plan).to_contain_text(told)


async def test_table_is_made_changed_and_dropped_after_a_look_at_the_sql(page: Page, server: Postgres) -> None:
    await page.goto(SHIPS)
    await page.get_by_role("button", name="New table").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Schema").fill("port")
    await dialog.get_by_label("Name", exact=True).fill("berths")
    await expect(dialog.get_by_role("button", name="Look at the statement")).to_be_disabled()  # it lacks a type
    await dialog.get_by_label("Type of column 1").fill("bigint")
    await dialog.get_by_role("button", name="Add a column").click()
    await dialog.get_by_label("Name of column 2").fill("quay")
    await dialog.get_by_label("Type of column 2").fill("text; drop table port.ships")
    await dialog.get_by_role("button", name="Look at the statement").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("one expression")
    await dialog.get_by_role("button", name="Not yet").click()
    await dialog.get_by_label("Type of column 2").fill("text")
    await assert_accessible(page)
    await picture(page, "database-new-table")
    await dialog.get_by_role("button", name="Look at the statement").click()
    await expect(dialog.get_by_role("list", name="Statements")).to_contain_text('create table "port"."berths"')
    assert one(server, "select to_regclass('port.berths')") is None
    await dialog.get_by_role("button", name="Apply").click()
    structure = page.get_by_role("region", name="Structure")
    await structure.get_by_role("button", name="Change the column quay").click()
    await dialog.get_by_label("Name", exact=True).fill("quay_name")
    await dialog.get_by_label("May be null").uncheck()
    await dialog.get_by_role("button", name="Look at the statement").click()
    await expect(dialog.get_by_role("listitem")).to_have_count(2)
    await assert_accessible(page)
    await picture(page, "database-define")
    await dialog.get_by_role("button", name="Apply").click()
    await expect(structure).to_contain_text("quay_name")
    await structure.get_by_role("button", name="Add an index").click()
    await dialog.get_by_label("quay_name").check()
    await dialog.get_by_label("Unique").check()
    await dialog.get_by_role("button", name="Look at the statement").click()
    await dialog.get_by_role("button", name="Apply").click()
    await expect(structure).to_contain_text("berths_quay_name_idx")
    await assert_accessible(page)
    await structure.get_by_role("button", name="Drop", exact=True).click()
    await expect(dialog.get_by_role("button", name="Apply")).to_be_disabled()
    await dialog.get_by_label("Type berths to confirm").fill("berths")
    await picture(page, "database-drop")
    await dialog.get_by_role("button", name="Apply").click()
    await expect(page.get_by_text("Pick a table")).to_be_visible()
    assert one(server, "select to_regclass('port.berths')") is None


async def test_file_is_looked_at_tried_and_imported_as_a_whole(page: Page, server: Postgres, tmp_path: Path) -> None:
    good, bad = tmp_path / "more.csv", tmp_path / "bad.csv"
    good.write_text('ID,Title,tons\n100,"Ship, new",1.50\n101,Other,\n')
    bad.write_text("id,name,tons\n102,One,2\n103,Two,much\n")
    await page.goto(SHIPS)
    await page.get_by_role("button", name="Import").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("File", exact=True).set_input_files(bad)
    await dialog.get_by_role("button", name="Import", exact=True).click()
    await expect(dialog.get_by_role("alert")).to_contain_text("Line 3")
    await expect(dialog.get_by_role("alert")).to_contain_text("tons")
    assert one(server, "select count(*) from port.ships") == 50
    await dialog.get_by_label("File", exact=True).set_input_files(good)
    start = dialog.get_by_role("region", name="How the file begins")
    await expect(start.get_by_role("cell", name="Ship, new")).to_be_visible()
    await expect(start.get_by_label("Column for ID")).to_have_value("id")
    await start.get_by_label("Column for Title").select_option("name")
    await dialog.get_by_role("button", name="Try it").click()
    await expect(dialog.get_by_role("status")).to_contain_text("All 2 rows fit")
    assert one(server, "select count(*) from port.ships") == 50
    await assert_accessible(page)
    await picture(page, "database-import")
    await dialog.get_by_role("button", name="Import", exact=True).click()
    await expect(page.get_by_text("2 rows are imported.")).to_be_visible()
    await expect(page.get_by_text("52 rows", exact=True)).to_be_visible()
    assert one(server, "select name from port.ships where id = 100") == "Ship, new"
    assert one(server, "select flag from port.ships where id = 101") == "DE"


async def test_rows_that_match_are_exported(page: Page, server: Postgres, api: httpx.Client) -> None:
    await page.goto(f"{SHIPS}&sort=-id&where={quote(json.dumps(json.dumps([['id', '<=', '2']])))}")
    await page.get_by_text("2 rows", exact=True).wait_for()
    await page.get_by_role("button", name="Export").click()
    dialog = page.get_by_role("dialog")
    await assert_accessible(page)
    await picture(page, "database-export")
    async with page.expect_download() as begun:
        await dialog.get_by_role("button", name="Export").click()
    download = await begun.value
    assert download.suggested_filename == "ships.csv"
    text = Path(await download.path()).read_text()
    assert text.splitlines() == ["id,name,tons,flag", "2,Ship 2,2.20,DE", "1,Ship 1,1.10,DE"]
    await page.get_by_role("button", name="Export").click()
    await dialog.get_by_label("Format").select_option("parquet")
    await dialog.get_by_label("Where to").select_option("storage")
    await dialog.get_by_label("Key").fill("x" * 2000)
    await dialog.get_by_role("button", name="Export").click()
    await expect(dialog.get_by_role("alert")).to_be_visible()
    await dialog.get_by_label("Key").fill("exports/ships")
    await dialog.get_by_role("button", name="Export").click()
    await expect(page.get_by_text("exports/ships.parquet is written.")).to_be_visible()
    found = api.get("job_helpers/list_stored_files", params={"max_keys": 100, "prefix": "exports/"})
    assert "exports/ships.parquet" in found.text


async def test_collections_are_defined_and_filtered_in_mongodbs_words(
    page: Page, api: httpx.Client, database_servers: DatabaseServers
) -> None:
    server = database_servers.get("secantus", start_secantus)
    resource = {"path": "u/admin/harbour", "resource_type": "mongodb", "value": server.resource(db="harbour")}
    assert api.post("resources/create", json=resource, params={"update_if_exists": True}).status_code == 201
    content = "# database u/admin/harbour\ncollection: pilots\ninsert: [{_id: 1, name: Ann}, {_id: 2, name: Bo}]\n"
    made = api.post("jobs/run_inline/preview", json={"language": "mongodb", "content": content, "args": {}})
    assert made.status_code in {200, 201}, made.text
    await page.goto("/w/main/databases/p/u/admin/harbour?schema=harbour&table=pilots")
    rows = page.get_by_role("region", name="Rows of pilots")
    await rows.get_by_role("cell", name="Ann").wait_for()
    await page.get_by_label("Filter of MongoDB").fill("{name: Bo")
    await expect(page.get_by_role("button", name="Find")).to_be_disabled()
    await page.get_by_label("Filter of MongoDB").fill('{"name": {"$in": ["Bo"]}}')
    await page.get_by_role("button", name="Find").click()
    await expect(page.get_by_text("1 row", exact=True)).to_be_visible()
    await page.get_by_role("tab", name="Structure").click()
    await page.get_by_role("button", name="Set the validator").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Validator").fill('{"$jsonSchema": {"required": ["name"]}}')
    await dialog.get_by_role("button", name="Look at the statement").click()
    await expect(dialog.get_by_role("list", name="Statements")).to_contain_text("collMod")
    await dialog.get_by_role("button", name="Apply").click()
    await expect(page.get_by_label("Options", exact=True)).to_contain_text("$jsonSchema")
    await assert_accessible(page)
    await picture(page, "database-collection")
    await page.get_by_role("button", name="New collection").click()
    await dialog.get_by_label("Name", exact=True).fill("tugs")
    await dialog.get_by_role("button", name="Look at the statement").click()
    await dialog.get_by_role("button", name="Apply").click()
    await expect(page.get_by_role("navigation", name="Tables").get_by_role("button", name="tugs")).to_be_visible()


async def test_keys_are_found_by_a_pattern_and_made(
    page: Page, api: httpx.Client, database_servers: DatabaseServers
) -> None:
    server = database_servers.get("redis", start_redis)
    server.ask("SET", "tide:high", "12:00")
    server.ask("HSET", "tide:info", "place", "Leer")
    server.ask("EXPIRE", "tide:info", "5000")
    server.ask("SET", "other", "1")
    resource = {"path": "u/admin/tides", "resource_type": "redis", "value": server.resource()}
    assert api.post("resources/create", json=resource, params={"update_if_exists": True}).status_code == 201
    await page.goto("/w/main/databases/p/u/admin/tides?table=keys")
    await page.get_by_label("Pattern of keys").fill("tide:*")
    await page.get_by_role("button", name="Find").click()
    rows = page.get_by_role("region", name="Rows of keys")
    await expect(rows.get_by_role("button", name="tide:info")).to_be_visible()
    await expect(rows.get_by_role("button", name="other")).to_have_count(0)
    await expect(rows.get_by_role("columnheader", name="ttl_ms")).to_be_visible()
    await page.get_by_role("button", name="New row").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("key").fill("tide:low")
    await dialog.get_by_label("value").fill("06:00")
    await dialog.get_by_label("ttl_ms").fill("-5")
    await picture(page, "database-new-key")
    await dialog.get_by_role("button", name="Queue it").click()
    await page.get_by_role("button", name="Look at 1 change").click()
    await expect(page.get_by_role("alert")).to_contain_text("milliseconds")
    await page.get_by_role("button", name="Not yet").click()
    await page.get_by_role("button", name="Undo").click()
    await page.get_by_role("button", name="New row").click()
    await dialog.get_by_label("key").fill("tide:low")
    await dialog.get_by_label("value").fill("06:00")
    await dialog.get_by_label("ttl_ms").fill("900000")
    await dialog.get_by_role("button", name="Queue it").click()
    await page.get_by_role("button", name="Look at 1 change").click()
    await page.get_by_role("button", name="Apply").click()
    await expect(page.get_by_text("1 change is applied.")).to_be_visible()
    assert server.ask("GET", "tide:low") == b"06:00"
    await picture(page, "database-tides")


async def test_keys_go_to_a_file_and_come_back(
    page: Page, api: httpx.Client, database_servers: DatabaseServers, tmp_path: Path
) -> None:
    server = database_servers.get("redis", start_redis)
    server.ask("FLUSHALL")
    server.ask("SET", b"raw", b"\xff\x00", "PX", 900_000)
    server.ask("HSET", "ship:1", "name", "Anna, of here", "tons", "1.50")
    resource = {"path": "u/admin/kept", "resource_type": "redis", "value": server.resource()}
    assert api.post("resources/create", json=resource).status_code == 201
    await page.goto("/w/main/databases/p/u/admin/kept?table=keys")
    await page.get_by_role("button", name="Export").click()
    async with page.expect_download() as begun:
        await page.get_by_role("dialog").get_by_role("button", name="Export").click()
    file = tmp_path / "keys.csv"
    await (await begun.value).save_as(file)
    server.ask("FLUSHALL")
    await page.get_by_role("button", name="Import").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("File", exact=True).set_input_files(file)
    await expect(dialog.get_by_role("region", name="How the file begins")).to_contain_text("Anna, of here")
    await dialog.get_by_role("button", name="Import", exact=True).click()
    await expect(page.get_by_text("2 rows are imported.")).to_be_visible()
    assert server.ask("GET", "raw") == b"\xff\x00"
    assert server.ask("PTTL", "raw") > 0
    assert server.ask("HGET", "ship:1", "tons") == b"1.50"
    await page.goto("/w/main/databases/p/u/admin/kept?schema=key&table=ship:1")
    await expect(page.get_by_role("button", name="Export")).to_be_visible()
    await expect(page.get_by_role("button", name="Import")).to_have_count(0)


async def test_keys_of_several_slots_are_changed_slot_by_slot_after_it_was_said(
    page: Page, api: httpx.Client, database_servers: DatabaseServers
) -> None:
    nodes = database_servers.get("redis-cluster", start_cluster)
    for each in nodes:
        each.ask("FLUSHALL")
    resource = {"path": "u/admin/cluster", "resource_type": "redis", "value": nodes[0].resource()}
    assert api.post("resources/create", json=resource).status_code == 201
    await page.goto("/w/main/databases/p/u/admin/cluster?schema=&table=keys")
    for name in ("north", "south"):
        await page.get_by_role("button", name="New row").click()
        await page.get_by_role("dialog").get_by_label("key").fill(name)
        await page.get_by_role("dialog").get_by_label("value").fill("harbour")
        await page.get_by_role("button", name="Queue it").click()
    await page.get_by_role("button", name="Look at 2 changes").click()
    await expect(page.get_by_role("dialog")).to_contain_text("in 2 slots of the cluster")
    await expect(page.get_by_role("list", name="Statements")).to_contain_text("Part 2")
    await assert_accessible(page)
    await picture(page, "database-cluster-review")
    await page.get_by_role("button", name="Apply").click()
    await expect(page.get_by_text("2 changes are applied.")).to_be_visible()
    assert sum(each.ask("DBSIZE") for each in nodes) == 2


async def test_tools_fit_a_phone(phone: Page, server: Postgres, tmp_path: Path) -> None:
    file = tmp_path / "more.csv"
    file.write_text("id,name,tons\n100,A ship with quite a long name that goes on and on,1.50\n")
    await phone.goto(SHIPS)
    await phone.get_by_role("button", name="Import").click()
    await phone.get_by_role("dialog").get_by_label("File", exact=True).set_input_files(file)
    await phone.get_by_role("region", name="How the file begins").wait_for()
    await picture(phone, "phone-database-import")
    await phone.goto(f"{SHIPS}&view=structure")
    await phone.get_by_role("button", name="Change the column name").click()
    await phone.get_by_role("dialog").wait_for()
    await picture(phone, "phone-database-column")
    await phone.goto(f"{DATABASE}?view=console")
    await phone.get_by_role("button", name="History").click()
    await phone.get_by_role("complementary", name="History").wait_for()
    await picture(phone, "phone-database-history")
