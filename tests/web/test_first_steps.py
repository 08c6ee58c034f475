"""The first minutes of a newcomer: sign in, run the example, look at the run."""

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from tests.end_to_end.running import Tidemill
from tests.web.axe import assert_accessible
from tests.web.conftest import fresh_page, picture, sign_in

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="session")
def wharf(api: httpx.Client, tidemill: Tidemill) -> Iterator[httpx.Client]:
    """The API of a workspace in which these tests are the first to do something."""
    made = api.post(f"{tidemill.url}/api/workspaces/create", json={"id": "wharf", "name": "Wharf"})
    assert made.status_code == 201, made.text
    with httpx.Client(base_url=f"{tidemill.url}/api/w/wharf", headers=api.headers, timeout=api.timeout) as client:
        yield client


async def test_stranger_is_asked_to_sign_in_and_led_back(stranger: Page, tidemill: Tidemill) -> None:
    await stranger.goto("/w/main/runs")
    await stranger.wait_for_url("**/sign-in**")
    await assert_accessible(stranger)
    await picture(stranger, "sign-in")
    await stranger.get_by_label("E-mail").fill(tidemill.email)
    await stranger.get_by_label("Password").fill("wrong")
    await stranger.get_by_role("button", name="Sign in").click()
    await expect(stranger.get_by_role("alert")).not_to_be_empty()
    await stranger.get_by_label("Password").fill(tidemill.password)
    await stranger.get_by_role("button", name="Sign in").click()
    await stranger.wait_for_url("**/w/main/runs")


@pytest.mark.parametrize(
    "elsewhere", ["https://example.com/", "//example.com/", "/\\example.com", "javascript:alert(1)"]
)
async def test_sign_in_leads_nowhere_else(stranger: Page, tidemill: Tidemill, elsewhere: str) -> None:
    await stranger.goto(f"/sign-in?next={elsewhere}")
    await stranger.get_by_label("E-mail").fill(tidemill.email)
    await stranger.get_by_label("Password").fill(tidemill.password)
    await stranger.get_by_role("button", name="Sign in").click()
    await stranger.wait_for_url(f"{tidemill.url}/w/main")


@pytest.mark.usefixtures("wharf")
async def test_example_runs_from_its_form_and_its_run_is_kept(page: Page) -> None:
    await page.goto("/w/wharf")
    await page.get_by_role("link", name="Open the example").wait_for()
    await assert_accessible(page)
    await picture(page, "home-new")
    await page.get_by_role("link", name="Open the example").click()
    await page.get_by_label("city").fill("Leer")
    await page.get_by_label("days").fill("3")
    await picture(page, "editor")
    await page.get_by_role("button", name="Test").click()
    await expect(page.get_by_role("log")).to_contain_text("reading day 3 of 3")
    await expect(page.get_by_role("region", name="Result as a table").get_by_role("cell", name="Leer")).to_have_count(3)
    await assert_accessible(page)
    await picture(page, "editor-result")
    await page.get_by_role("button", name="Deploy").click()
    await page.get_by_label("What has changed").fill("first version")
    await page.get_by_role("dialog").get_by_role("button", name="Deploy").click()
    await page.wait_for_url("**/scripts/p/u/admin/tides")
    await page.get_by_role("heading", name="Versions").wait_for()
    await page.get_by_label("days").fill("2")
    await page.get_by_role("button", name="Run", exact=True).click()
    await expect(page.get_by_text("2 rows")).to_be_visible()
    await assert_accessible(page)
    await picture(page, "script")
    await page.get_by_role("link", name="Open the run").click()
    await page.wait_for_url("**/runs/*")
    await expect(page.get_by_role("log")).to_contain_text("reading day 2 of 2")
    await assert_accessible(page)
    await picture(page, "run")


async def test_script_becomes_a_flow_that_a_schedule_runs(page: Page, wharf: httpx.Client) -> None:
    source = "def main(city: str = 'Leer'):\n    print(city)\n    return city\n"
    body = {"path": "u/admin/levels", "summary": "", "content": source, "language": "python3"}
    assert wharf.post("scripts/create", json=body).status_code == 201
    await page.goto("/w/wharf/scripts/p/u/admin/levels")
    await page.get_by_role("link", name="Make a flow").click()
    await page.get_by_role("button", name="Step a: levels").click()
    await page.get_by_role("tab", name="Arguments").click()
    await expect(page.get_by_role("textbox", name="city")).to_have_value("flow_input.city")
    await page.get_by_role("button", name="Add a step at the end").click()
    await page.get_by_role("menuitem", name="Bash").click()
    await page.get_by_role("tab", name="Arguments").click()
    await page.get_by_role("region", name="Argument x").get_by_text("Expression").click()
    await page.get_by_role("textbox", name="x").fill("results.a")
    await page.get_by_role("button", name="Deploy").click()
    await page.get_by_role("dialog").get_by_role("button", name="Deploy").click()
    await page.wait_for_url("**/flows/p/u/admin/levels_flow")
    await page.get_by_role("link", name="Schedule", exact=True).click()
    await page.get_by_label("Pattern").fill("* * * * * *")
    await page.get_by_role("button", name="Save").click()
    await page.wait_for_url("**/schedules/p/u/admin/levels_flow")
    await page.get_by_role("list", name="Occurrences", exact=True).get_by_text("success").first.wait_for()
    wharf.post("schedules/setenabled/u/admin/levels_flow", json={"enabled": False})  # the last run is to have ended
    await page.get_by_role("link", name="Flows").click()
    await page.get_by_role("link", name="Last run: success").click()
    graph = page.get_by_role("group", name="Graph of the run")
    await expect(graph.get_by_role("button", name=re.compile("^Step b.*succeeded"))).to_be_visible()
    await assert_accessible(page)
    await picture(page, "scheduled-flow")
    await page.get_by_role("link", name="Open the flow").click()
    await page.get_by_role("tab", name="Schedules").click()
    await expect(page.get_by_role("list", name="Schedules")).to_contain_text("u/admin/levels_flow")
    wharf.delete("schedules/delete/u/admin/levels_flow")
    await page.get_by_role("link", name="Home").click()
    await expect(page.get_by_text("u/admin/levels").first).to_be_visible()
    await assert_accessible(page)
    await picture(page, "home")


async def test_fault_in_a_script_is_shown_where_it_is_written(page: Page) -> None:
    await page.goto("/w/main/scripts/new")
    await page.get_by_label("name").wait_for()
    await page.get_by_label("Source of the script").click()
    await page.keyboard.press("Control+A")
    await page.keyboard.type("def main(x: int:\n")
    await expect(page.get_by_role("alert")).to_contain_text(re.compile("line 1", re.IGNORECASE))


async def test_runs_are_filtered_in_the_url(page: Page) -> None:
    await page.goto("/w/main/runs?path=u/nobody")
    await expect(page.get_by_role("heading", name="No run matches")).to_be_visible()
    await page.get_by_label("Path begins with").fill("")
    await page.wait_for_url("**/runs")
    await assert_accessible(page)
    await picture(page, "runs")


async def test_everything_is_found_by_keyboard(page: Page) -> None:
    await page.keyboard.press("Control+k")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.keyboard.type("watch")
    await expect(page.get_by_role("option", name="watch_scripts")).to_be_visible()
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/scripts/p/f/demo/watch_scripts")


async def test_unknown_script_says_so(page: Page) -> None:
    await page.goto("/w/main/scripts/p/u/admin/nothing_here")
    await expect(page.get_by_role("alert")).to_contain_text("not_found")


async def test_phone_shows_everything_in_its_width(phone: Page) -> None:
    await picture(phone, "phone-home")
    await phone.get_by_role("button", name="Menu").click()
    await phone.get_by_role("link", name="Runs").click()
    await phone.wait_for_url("**/runs")
    await picture(phone, "phone-runs")


async def test_who_signs_out_is_out(browser: Browser, tidemill: Tidemill) -> None:
    async with fresh_page(browser, tidemill) as page:
        await sign_in(page, tidemill)
        await page.get_by_role("button", name="Sign out").click()
        await page.wait_for_url("**/sign-in**")
        await page.goto("/w/main")
        await page.wait_for_url("**/sign-in**")
