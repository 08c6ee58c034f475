"""Databases in the browser: rows are looked at and changed, statements tried, on a real Postgres."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.database_servers import DatabaseServers, Postgres, start_embedded
from tests.document_servers import start_secantus
from tests.key_servers import start_redis
from tests.web.axe import assert_accessible
from tests.web.conftest import picture

pytestmark = pytest.mark.asyncio(loop_scope="session")

TABLE = """
drop schema if exists shop cascade;
create schema shop;
create table shop.orders (
  id bigint primary key, city text not null, total numeric(12, 2), open boolean not null default true,
  note jsonb, seen timestamptz default now(), twice numeric generated always as (total * 2) stored);
comment on table shop.orders is 'What was ordered';
insert into shop.orders (id, city, total)
  select 9007199254740000 + i, (array['Leer', 'Emden', 'Bremen'])[i % 3 + 1], i * 1.10 from generate_series(1, 1000) i;
create view shop.large as select * from shop.orders where total > 500;
"""
PAGE = "/w/main/databases/p/u/admin/shop?schema=shop&table=orders"


@pytest.fixture(scope="module")
def server(api: httpx.Client, database_servers: DatabaseServers) -> Iterator[Postgres]:
    """A Postgres with a shop, and a resource that leads to it."""
    found = database_servers.get("postgres-embedded", start_embedded)
    with found.connect() as connection:
        connection.execute(TABLE)
    resource = {"path": "u/admin/shop", "resource_type": "postgresql", "value": found.resource}
    assert api.post("resources/create", json=resource, params={"update_if_exists": True}).status_code == 201
    yield found
    with found.connect() as connection:
        connection.execute("drop schema shop cascade")


def total_of(server: Postgres, key: int) -> object:
    """As the database has it."""
    with server.connect() as connection:
        row = connection.execute("select total::text from shop.orders where id = %s", [key]).fetchone()
    return None if row is None else row[0]


async def test_rows_are_changed_together_after_a_look_at_the_sql(page: Page, server: Postgres) -> None:
    await page.get_by_role("link", name="Databases").click()
    await page.get_by_role("listbox", name="Databases").get_by_text("u/admin/shop").click()
    await page.get_by_role("navigation", name="Tables").get_by_role("button", name="orders").click()
    rows = page.get_by_role("region", name="Rows of orders")
    await rows.get_by_role("button", name="total").click()
    await rows.get_by_role("button", name="total").click()
    await expect(rows.get_by_role("cell", name="9007199254741000")).to_be_visible()
    await assert_accessible(page)
    await picture(page, "database")
    await rows.get_by_role("cell", name="1100.00", exact=True).dblclick()
    await page.get_by_label("total", exact=True).fill("1100.05")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Undo").click()
    await expect(rows.get_by_role("cell", name="1100.00", exact=True)).to_be_visible()
    await rows.get_by_role("button", name="Change the row").first.click()
    await page.get_by_role("dialog").get_by_label("total").fill("1100.07")
    await page.get_by_role("dialog").get_by_label("null").nth(5).check()
    await assert_accessible(page)
    await picture(page, "database-row")
    await page.get_by_role("button", name="Queue it").click()
    await rows.get_by_role("button", name="Remove the row").nth(1).click()
    await page.get_by_role("button", name="New row").click()
    await page.get_by_role("dialog").get_by_label("id").fill("1")
    await page.get_by_role("dialog").get_by_label("city").fill("'; drop table shop.orders; --")
    await page.get_by_role("button", name="Queue it").click()
    await page.get_by_role("button", name="Look at 3 changes").click()
    statements = page.get_by_role("list", name="Statements")
    await expect(statements).to_contain_text("delete from")
    await expect(statements).to_contain_text("1100.07")
    assert total_of(server, 9007199254741000) == "1100.00"
    await assert_accessible(page)
    await picture(page, "database-review")
    await page.get_by_role("button", name="Apply").click()
    await expect(page.get_by_text("3 changes are applied.")).to_be_visible()
    await expect(rows.get_by_role("cell", name="1100.07", exact=True)).to_be_visible()
    found = [total_of(server, key) for key in (9007199254741000, 9007199254740999, 1)]
    assert found == ["1100.07", None, None]


async def test_row_that_somebody_else_changed_is_not_written_over(page: Page, server: Postgres) -> None:
    await page.goto(PAGE)
    rows = page.get_by_role("region", name="Rows of orders")
    second = rows.get_by_role("row").filter(has_text="9007199254740002")
    await second.get_by_role("cell", name="2.20", exact=True).dblclick()
    await page.get_by_label("total", exact=True).fill("3")
    await page.keyboard.press("Enter")
    with server.connect() as connection:
        connection.execute("update shop.orders set total = 7 where id = 9007199254740002")
    await page.get_by_role("button", name="Look at 1 change").click()
    await expect(page.get_by_role("alert")).to_contain_text("conflict")
    await expect(page.get_by_role("button", name="Apply")).to_be_disabled()
    await page.get_by_role("button", name="Not yet").click()
    await page.get_by_role("button", name="Discard").click()
    assert total_of(server, 9007199254740002) == "7.00"


async def test_rows_are_filtered_in_the_address(page: Page, server: Postgres) -> None:
    await page.goto(PAGE)
    await page.get_by_label("Column").select_option("id")
    await page.get_by_label("Comparison").select_option("=")
    await page.get_by_label("Value", exact=True).fill("nine")
    await page.get_by_role("button", name="Filter").click()
    await expect(page.get_by_role("alert")).to_contain_text("no bigint")
    await page.get_by_role("button", name="Without id =").click()
    await page.get_by_label("Value", exact=True).fill("9007199254740993")
    await page.get_by_role("button", name="Filter").click()
    await expect(page.get_by_text("1 row", exact=True)).to_be_visible()
    await page.reload()
    await expect(page.get_by_text("1 row", exact=True)).to_be_visible()
    await page.get_by_role("tab", name="Structure").click()
    await expect(page.get_by_role("region", name="Structure")).to_contain_text("What was ordered")
    await assert_accessible(page)
    await picture(page, "database-structure")


async def test_console_completes_runs_and_plans(page: Page, server: Postgres) -> None:
    await page.goto("/w/main/databases/p/u/admin/shop?view=console")
    editor = page.get_by_label("Statements")
    await editor.click()
    await page.keyboard.press("Control+A")
    await page.keyboard.type("select city, sum(total) from shop.ord")
    await page.locator(".cm-tooltip-autocomplete").get_by_role("option", name="orders").first.click()
    await page.keyboard.type(" group by city order by city")
    await page.get_by_role("button", name="Plan", exact=True).click()
    await expect(page.get_by_role("region", name="Plan")).to_contain_text("Seq Scan orders")
    await editor.press("Escape")
    await editor.press("Control+Enter")
    result = page.get_by_role("region", name="Result as a table")
    await expect(result.get_by_role("cell", name="Emden")).to_be_visible()
    await assert_accessible(page)
    await picture(page, "database-console")
    await editor.press("Control+A")
    await page.keyboard.type("selec 1")
    await editor.press("Control+Enter")
    await expect(page.get_by_role("alert")).to_contain_text("syntax error")


async def test_documents_are_changed_as_json(page: Page, api: httpx.Client, database_servers: DatabaseServers) -> None:
    server = database_servers.get("secantus", start_secantus)
    value = server.resource(db="shop")
    resource = {"path": "u/admin/documents", "resource_type": "mongodb", "value": value}
    assert api.post("resources/create", json=resource).status_code == 201
    content = "# database u/admin/documents\ncollection: orders\ninsert: [{_id: 1, city: Leer, total: 1.5}]\n"
    made = api.post("jobs/run_inline/preview", json={"language": "mongodb", "content": content, "args": {}})
    assert made.status_code in {200, 201}, made.text
    await page.goto("/w/main/databases/p/u/admin/documents")
    await page.get_by_role("button", name="orders").click()
    await page.get_by_role("button", name="Change the row").click()
    editor = page.get_by_label("Document", exact=True)
    await expect(editor).to_contain_text("$numberDouble")
    await editor.click()
    await page.keyboard.press("Control+A")
    await page.keyboard.insert_text('{"_id": {"$numberInt": "1"}, "city": "Emden", "total": {"$numberDouble": "2.0"}}')
    await page.get_by_role("button", name="Queue it").click()
    await page.get_by_role("button", name="Look at 1 change").click()
    await page.get_by_role("button", name="Apply").click()
    rows = page.get_by_role("region", name="Rows of orders")
    await expect(rows.get_by_role("cell", name="Emden")).to_be_visible()
    await assert_accessible(page)
    await picture(page, "database-documents")


async def test_keys_open_as_tables_of_their_own(
    page: Page, api: httpx.Client, database_servers: DatabaseServers
) -> None:
    server = database_servers.get("redis", start_redis)
    server.ask("HSET", "order:1", "city", "Leer", "total", "9007199254740993")
    resource = {"path": "u/admin/keys", "resource_type": "redis", "value": server.resource()}
    assert api.post("resources/create", json=resource).status_code == 201
    await page.goto("/w/main/databases/p/u/admin/keys")
    await page.get_by_role("button", name="keys").click()
    await page.get_by_role("button", name="order:1").click()
    rows = page.get_by_role("region", name="Rows of order:1")
    await rows.get_by_role("cell", name="Leer").dblclick()
    await page.get_by_label("value", exact=True).fill("Emden")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Look at 1 change").click()
    await page.get_by_role("button", name="Apply").click()
    await expect(page.get_by_text("1 change is applied.")).to_be_visible()
    assert server.ask("HGET", "order:1", "city") == b"Emden"
    await picture(page, "database-keys")


async def test_database_fits_a_phone(phone: Page, server: Postgres) -> None:
    await phone.goto("/w/main/databases/p/u/admin/shop")
    await phone.get_by_role("button", name="orders").wait_for()
    await picture(phone, "phone-database")
    await phone.get_by_role("button", name="orders").click()
    await phone.get_by_role("region", name="Rows of orders").wait_for()
    await picture(phone, "phone-database-rows")
