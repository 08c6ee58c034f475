"""Favourites: a star on scripts, flows and resources, and what it leads to."""

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.web.axe import assert_accessible
from tests.web.conftest import picture

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_star_brings_an_item_home_and_is_taken_again(page: Page, api: httpx.Client) -> None:
    script = {
        "path": "u/admin/starry",
        "content": "def main(): ...\n",
        "language": "python3",
        "summary": "Starry script",
    }
    assert api.post("scripts/create", json=script).status_code == 201
    flow = {"path": "u/admin/starry_flow", "summary": "Starry flow", "value": {"modules": []}}
    assert api.post("flows/create", json=flow).status_code == 201
    resource = {"path": "u/admin/starry_resource", "value": {}, "resource_type": "any"}
    assert api.post("resources/create", json=resource).status_code == 201
    await page.goto("/w/main")
    await expect(page.get_by_role("heading", name="Last runs")).to_be_visible()
    await expect(page.get_by_role("list", name="Favourites")).to_have_count(0)
    for address in ("scripts/p/u/admin/starry", "flows/p/u/admin/starry_flow", "resources/p/u/admin/starry_resource"):
        await page.goto(f"/w/main/{address}")
        star = page.get_by_role("button", name="Make it a favourite")
        await expect(star).to_be_enabled()  # once it is known what is a favourite
        await star.focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("button", name="Take it from your favourites", pressed=True)).to_be_visible()
        await assert_accessible(page)
    await page.get_by_role("link", name="Home", exact=True).click()
    items = page.get_by_role("list", name="Favourites").get_by_role("listitem")
    await expect(items).to_have_count(3)
    await assert_accessible(page)
    await picture(page, "home-favourites")
    await items.filter(has_text="Starry script").get_by_role("link").click()
    await page.get_by_role("button", name="Take it from your favourites").click()
    await expect(page.get_by_role("button", name="Make it a favourite", pressed=False)).to_be_visible()
    await page.get_by_role("link", name="Home", exact=True).click()
    await expect(items).to_have_count(2)
    for kind, path in (("flow", "u/admin/starry_flow"), ("resource", "u/admin/starry_resource")):
        assert api.post("favorites/unstar", json={"path": path, "favorite_kind": kind}).status_code == 200
