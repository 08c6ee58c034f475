"""Resources, variables and states: connect a database from its URL, keep a secret, restore what was."""

import re
from urllib.parse import quote

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.database_servers import DatabaseServers, start_embedded
from tests.web.axe import assert_accessible
from tests.web.conftest import picture

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_database_is_connected_from_its_url(
    page: Page, api: httpx.Client, database_servers: DatabaseServers
) -> None:
    server = database_servers.get("postgres-embedded", start_embedded)
    await page.get_by_role("link", name="Resources").first.click()
    await page.get_by_role("link", name="New resource").click()
    await assert_accessible(page)
    await picture(page, "resources-catalogue")
    await page.get_by_label("Connection URL").fill("gopher://nowhere")
    await page.get_by_role("button", name="Fill the form").click()
    await expect(page.get_by_role("alert")).to_contain_text("postgres")
    wrong = f"postgres://postgres:not-this@127.0.0.1:{server.port}/postgres?sslmode=disable"
    await page.get_by_label("Connection URL").fill(wrong)
    await page.get_by_role("button", name="Fill the form").click()
    await expect(page.get_by_label("host")).to_have_value("127.0.0.1")
    await page.get_by_role("button", name="Test").click()
    await expect(page.get_by_role("alert")).to_contain_text("password")
    await page.get_by_label(re.compile("^password")).fill(server.password)
    await page.get_by_role("button", name="Test").click()
    await expect(page.get_by_role("status")).to_contain_text("It answers")
    await page.get_by_label("Path").fill("warehouse")
    await assert_accessible(page)
    await picture(page, "resource-new")
    await page.get_by_role("button", name="Save").click()
    await page.wait_for_url("**/resources/p/u/admin/warehouse")
    value = api.get("resources/get_value/u/admin/warehouse").json()
    assert value["password"] == "$var:u/admin/warehouse_password"
    assert api.get("variables/get_value/u/admin/warehouse_password").json() == server.password
    await expect(page.get_by_label(re.compile("^password"))).to_have_value("$var:u/admin/warehouse_password")
    await page.goto("/w/main/variables/p/u/admin/warehouse_password")
    await page.get_by_role("tab", name="Used by").click()
    await page.get_by_role("list", name="Used by").get_by_role("link", name="u/admin/warehouse").click()
    await expect(page.get_by_role("link", name="Look into it")).to_be_visible()
    await page.get_by_role("button", name="Test").click()
    await expect(page.get_by_role("status")).to_contain_text("It answers")
    await picture(page, "resource")


async def test_two_changes_of_one_resource_are_put_together(page: Page, api: httpx.Client) -> None:
    precise = '{"a": 9007199254740993, "b": 1.10, "c": 1}'
    body = f'{{"path": "u/admin/exact", "resource_type": "any", "value": {precise}}}'
    assert api.post("resources/create", content=body).status_code == 201
    await page.goto("/w/main/resources/p/u/admin/exact")
    editor = page.get_by_label("Value as JSON")
    await expect(editor).to_contain_text("9007199254740993")
    api.post("resources/update_value/u/admin/exact", content='{"value": {"a": 9007199254740993, "b": 1.10, "c": 2}}')
    await editor.click()
    await page.keyboard.press("Control+A")
    await page.keyboard.type('{"a": 9007199254740993, "b": 1.20, "c": 3')
    await page.get_by_role("button", name="Save").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_role("button", name="1 to decide")).to_be_disabled()
    await assert_accessible(page)
    await picture(page, "conflict")
    await dialog.get_by_text("Theirs").click()
    await dialog.get_by_role("button", name="Save both").click()
    await expect(page.get_by_text("Saved as a new version.")).to_be_visible()
    stored = re.sub(r"\s", "", api.get("resources/get_value/u/admin/exact").text)
    assert stored == '{"a":9007199254740993,"b":1.20,"c":2}'
    await page.get_by_role("button", name=re.compile("update")).first.click()
    await expect(page.get_by_text("+ 1.20")).to_be_visible()


async def test_secret_is_kept_shared_deleted_and_restored(page: Page, api: httpx.Client) -> None:
    await page.get_by_role("link", name="Variables").click()
    await page.get_by_role("link", name="New variable").first.click()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Give it a name.")).to_be_visible()
    await page.get_by_label("Path").fill("api_key")
    await page.get_by_label("Value").fill("a secret\nof two lines")
    await assert_accessible(page)
    await page.get_by_role("button", name="Save").click()
    await page.wait_for_url("**/variables/p/u/admin/api_key")
    await expect(page.get_by_text("a secret")).to_have_count(0)
    await page.get_by_role("tab", name="Access").click()
    await page.get_by_label("Share with").fill("g/all")
    await page.get_by_role("button", name="Share").click()
    await expect(page.get_by_role("list", name="Shared with")).to_contain_text("g/all")
    await assert_accessible(page)
    await picture(page, "variable")
    await page.get_by_role("button", name="Delete").click()
    await page.get_by_role("button", name="Delete it").click()
    await page.wait_for_url("**/variables")
    assert api.get("variables/exists/u/admin/api_key").json() is False
    await picture(page, "variables")
    await page.goto("/w/main/variables/p/u/admin/api_key")
    await page.get_by_role("button", name="Restore").first.click()
    await page.get_by_role("button", name="Restore it").click()
    await page.get_by_role("button", name="Show").click()
    await expect(page.get_by_label("Value")).to_have_value("a secret\nof two lines")


async def test_lists_are_filtered_in_the_url(page: Page, api: httpx.Client) -> None:
    for name in ("one", "two"):
        state = {"path": f"u/admin/state_{name}", "resource_type": "state", "value": {"seen": 1}}
        api.post("resources/create", json=state)
    await page.goto("/w/main/states?q=state_t")
    found = page.get_by_role("listbox", name="States").get_by_role("option")
    await expect(found).to_have_count(1)
    await assert_accessible(page)
    await picture(page, "states")
    await found.click()
    await page.wait_for_url("**/states/p/u/admin/state_two")
    await expect(page.get_by_label("Value as JSON")).to_contain_text("seen")
    await picture(page, "state")
    await page.goto(f"/w/main/resources?q={quote('no such')}")
    await page.get_by_label("Filter").fill("")
    await assert_accessible(page)
    await picture(page, "resources")


async def test_forms_of_resources_fit_a_phone(phone: Page) -> None:
    await phone.goto("/w/main/resources/new?type=mongodb")
    await phone.get_by_label("Path").wait_for()
    await picture(phone, "phone-resource-new")
