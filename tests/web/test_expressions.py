"""Expressions of flows are completed as they are typed, with what names stood for in an earlier run."""

import httpx
import pytest
from playwright.async_api import Locator, Page, expect

from tests.web.axe import assert_accessible
from tests.web.conftest import picture
from tests.web.test_flows import SCHEMA, deploy, orders

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def options(page: Page) -> list[str]:
    """What is offered, without what is said of it."""
    return await page.get_by_role("listbox").get_by_role("option").locator("code").all_text_contents()


async def write(box: Locator, text: str) -> None:
    await box.fill("")
    await box.press_sequentially(text)


async def test_expression_is_completed_by_keyboard_and_mouse(page: Page, api: httpx.Client) -> None:
    path = "u/admin/completed"
    deploy(api, path, orders(), schema=SCHEMA)
    variable = {"path": "u/admin/completed_key", "value": "v", "is_secret": False, "description": ""}
    assert api.post("variables/create", json=variable).status_code == 201
    answer = api.post(f"jobs/run_wait_result/f/{path}", json={"shops": ["Leer", "Emden"]})
    assert answer.status_code == 200, answer.text
    await page.goto(f"/w/main/flows/edit/{path}")
    graph = page.get_by_role("group", name="Graph of the flow")
    await graph.get_by_role("button", name="Step sum: Add up").click()
    await page.get_by_role("tab", name="Arguments").click()
    box = page.get_by_role("textbox", name="counts")

    await write(box, "re")
    await expect(page.get_by_role("listbox")).to_be_visible()
    assert (await options(page))[0] == "results"
    await box.press("Enter")
    await expect(box).to_have_value("results")
    await box.press_sequentially(".")
    assert await options(page) == ["each", "read"]
    await assert_accessible(page)
    await box.press("ArrowDown")
    await box.press("ArrowUp")
    await box.press("Enter")
    await box.press_sequentially("[1].")
    await expect(page.get_by_role("option", name='shop "Emden"')).to_be_visible()
    await assert_accessible(page)
    await picture(page, "flow-editor-completion")
    await page.get_by_role("option", name="orders 5").click()
    await expect(box).to_have_value("results.each[1].orders")
    await expect(box).to_be_focused()

    await write(box, "flow_input.")
    await expect(page.get_by_role("option", name="shops a list of 2")).to_be_visible()
    await box.press("Escape")
    await expect(page.get_by_role("listbox")).to_have_count(0)
    await expect(box).to_be_visible()
    await box.press("Control+ ")
    await expect(page.get_by_role("listbox")).to_be_visible()
    await box.press("Tab")
    await expect(page.get_by_role("listbox")).to_have_count(0)
    await expect(box).not_to_be_focused()

    await write(box, "vari")
    await box.press("Enter")
    await expect(box).to_have_value("variable('")
    await box.press_sequentially("completed")
    await expect(page.get_by_role("option", name="u/admin/completed_key")).to_be_visible()
    await box.press("Enter")
    await expect(box).to_have_value("variable('u/admin/completed_key')")


async def test_names_of_an_iteration_have_samples(page: Page, api: httpx.Client) -> None:
    path = "u/admin/sampled"
    deploy(api, path, orders(), schema=SCHEMA)
    answer = api.post(f"jobs/run_wait_result/f/{path}", json={"shops": ["Leer", "Emden"]})
    assert answer.status_code == 200, answer.text
    await page.goto(f"/w/main/flows/edit/{path}")
    graph = page.get_by_role("group", name="Graph of the flow")
    await graph.get_by_role("button", name="Step count: Count orders").click()
    await page.get_by_role("tab", name="Arguments").click()
    await page.get_by_role("button", name="Pick for shop").click()
    picker = page.get_by_role("group", name="What can be named here")
    await expect(picker.get_by_role("button", name='flow_input.iter.value "Emden"')).to_be_visible()
    await expect(picker.get_by_role("button", name="flow_input.iter.index 1")).to_be_visible()
    await expect(picker.get_by_role("button", name="params its inputs that are fixed")).to_be_visible()
    await assert_accessible(page)
    box = page.get_by_role("textbox", name="shop", exact=True)
    await write(box, "flow_input.iter.")
    await expect(page.get_by_role("option", name='value "Emden"')).to_be_visible()
    assert await options(page) == ["value", "index"]
    await graph.get_by_role("button", name="Step each: For each shop").click()
    await page.get_by_role("tab", name="Settings").click()
    await page.get_by_role("switch", name="Stop after all of it").click()
    await page.get_by_role("button", name="Pick for Stop after all of it if").click()
    await expect(picker.get_by_role("button", name="all_iters a list of 2")).to_be_visible()
    await write(page.get_by_role("textbox", name="Stop after all of it if"), "all_iters[0].")
    assert await options(page) == ["shop", "orders"]
