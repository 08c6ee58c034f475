"""Runs: many at a time, once more with other arguments, and results as plots, maps and documents."""

import base64
import json
import re

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from tests.end_to_end.running import Tidemill
from tests.web.axe import assert_accessible
from tests.web.conftest import picture, sign_in

pytestmark = pytest.mark.asyncio(loop_scope="session")

PDF = (
    b"%PDF-1.1\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n"
    b"trailer<</Root 1 0 R>>"
)
BARS = {
    "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
    "data": {"values": [{"port": "Leer", "ships": 4}, {"port": "Emden", "ships": 9}]},
    "mark": "bar",
    "encoding": {
        "x": {"field": "port", "type": "nominal"},
        "y": {"field": "ships", "type": "quantitative"},
        "tooltip": {"value": "a"},
    },
    "transform": [{"filter": "datum.ships > 1"}],
}
FIGURE = {"data": [{"type": "scatter", "x": [1, 2, 3], "y": [2, 1, 4]}], "layout": {"title": {"text": "Tides"}}}


def deploy(api: httpx.Client, path: str, content: str, language: str = "python3") -> None:
    body = {"path": path, "summary": "", "content": content, "language": language}
    answer = api.post("/scripts/create", json=body)
    assert answer.status_code == 201, answer.text


def ended(api: httpx.Client, path: str, args: object = None) -> str:
    """The id of a run that has ended."""
    answer = api.post(f"/jobs/run_wait_result/p/{path}", json=args or {})
    return answer.headers["X-Tidemill-Job"]


def preview(api: httpx.Client, value: object) -> str:
    """The id of a run whose result is `value`."""
    source = f"import json\n\ndef main():\n    return json.loads({json.dumps(json.dumps(value))})\n"
    body = {"language": "python3", "content": source, "args": {}}
    return api.post("/jobs/run_wait_result/preview", json=body).headers["X-Tidemill-Job"]


async def test_many_are_run_again_and_what_cannot_be_is_named(page: Page, api: httpx.Client) -> None:
    deploy(api, "u/admin/bulk", "def main(n: int):\n    return n\n")
    for n in range(3):
        ended(api, "u/admin/bulk", {"n": n})
    await page.goto("/w/main/runs?path=u/admin/bulk")
    rows = page.get_by_role("grid", name="Runs").get_by_role("row")
    await expect(rows).to_have_count(3)
    for index in range(3):
        await rows.nth(index).get_by_role("checkbox").check()
    toolbar = page.get_by_role("toolbar", name="Chosen runs")
    await expect(toolbar).to_contain_text("3 chosen")
    await assert_accessible(page)
    await picture(page, "runs-chosen")
    await toolbar.get_by_role("button", name="Run again").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Run them again").click()
    await expect(dialog.get_by_role("status")).to_contain_text("3 of 3 started.")
    await dialog.get_by_role("button", name="Close").first.click()
    await expect(rows).to_have_count(6)
    await expect(rows.first).to_contain_text("success")
    await rows.first.get_by_role("checkbox").check()
    await toolbar.get_by_role("button", name="Cancel").click()
    await dialog.get_by_role("button", name="Cancel them").click()
    await expect(dialog.get_by_role("list", name="Not done")).to_contain_text("It had ended already")
    await assert_accessible(page)


async def test_runs_are_chosen_by_keyboard(page: Page, api: httpx.Client) -> None:
    deploy(api, "u/admin/keyed", "def main():\n    return 1\n")
    ended(api, "u/admin/keyed")
    ended(api, "u/admin/keyed")
    await page.goto("/w/main/runs?path=u/admin/keyed")
    grid = page.get_by_role("grid", name="Runs")
    await grid.focus()
    await page.keyboard.press("Space")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Space")
    await expect(page.get_by_role("toolbar", name="Chosen runs")).to_contain_text("2 chosen")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("toolbar", name="Chosen runs")).to_have_count(0)
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile(r"/runs/[0-9a-f-]{36}$"))


async def test_filters_stay_in_the_address_and_bad_json_is_named(page: Page, api: httpx.Client) -> None:
    deploy(api, "u/admin/towns", "def main(city: str):\n    return city\n")
    ended(api, "u/admin/towns", {"city": "Leer"})
    ended(api, "u/admin/towns", {"city": "Emden"})
    await page.goto("/w/main/runs?path=u/admin/towns")
    rows = page.get_by_role("grid", name="Runs").get_by_role("row")
    await expect(rows).to_have_count(2)
    await page.get_by_role("button", name="More filters").click()
    await page.get_by_label("Arguments contain").fill('{"city": "Leer"}')
    await expect(rows).to_have_count(1)
    await page.reload()
    await expect(rows).to_have_count(1)
    await page.get_by_label("Arguments contain").fill('{"city": ')
    await expect(page.get_by_text("Write JSON, such as")).to_be_visible()
    await assert_accessible(page)
    await picture(page, "runs-filters")


async def test_run_is_started_again_with_other_arguments(page: Page, api: httpx.Client) -> None:
    deploy(
        api,
        "u/admin/greeting",
        "def main(name: str, times: int = 1):\n    return {'said': [f'Hello {name}'] * times}\n",
    )
    job = ended(api, "u/admin/greeting", {"name": "Ada", "times": 1})
    await page.goto(f"/w/main/runs/{job}")
    await page.get_by_role("button", name="With other arguments").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("name").fill("Grace")
    await assert_accessible(page)
    await picture(page, "run-other-arguments")
    await dialog.get_by_role("button", name="As JSON").click()
    await dialog.get_by_label("Arguments as JSON").click()
    await page.keyboard.press("Control+A")
    await page.keyboard.type("[1]")
    await dialog.get_by_role("button", name="Run", exact=True).click()
    await expect(dialog.get_by_role("alert")).to_contain_text("The arguments are an object")
    await dialog.get_by_label("Arguments as JSON").click()
    await page.keyboard.press("Control+A")
    await page.keyboard.type('{"name": "Grace", "times": 2}')
    await dialog.get_by_role("button", name="Run", exact=True).click()
    await expect(page).not_to_have_url(re.compile(job))
    await expect(page.get_by_label("Result as JSON").first).to_contain_text("Hello Grace")
    first = page.url
    await page.get_by_role("button", name="Run again", exact=True).click()
    await expect(page).not_to_have_url(first)
    await expect(page.get_by_label("Result as JSON").first).to_contain_text("Hello Grace")


async def test_attempts_and_objects_of_a_run_are_shown(page: Page, api: httpx.Client) -> None:
    source = (
        "import os, wmill\n\ndef main():\n"
        "    wmill.write_s3_file({'s3': 'touched/by_run.txt'}, b'x')\n"
        "    if os.environ.get('TIDEMILL_ATTEMPT', '1') == '1' and not wmill.get_state():\n"
        "        wmill.set_state({'seen': True})\n"
        "        raise RuntimeError('not yet')\n"
        "    return 'done'\n"
    )
    body = {"path": "u/admin/stubborn", "summary": "", "content": source, "language": "python3"}
    assert api.post("/scripts/create", json=body).status_code == 201
    retry = json.dumps({"constant": {"attempts": 2, "seconds": 0}})
    answer = api.post("/jobs/run_wait_result/p/u/admin/stubborn", params={"retry": retry}, json={})
    assert answer.status_code == 200, answer.text
    await page.goto(f"/run/{answer.headers['X-Tidemill-Job']}?workspace=main")  # as windmill-cli prints it
    await expect(page.get_by_text("RuntimeError not yet")).to_be_visible()
    await expect(page.get_by_role("heading", name="Earlier attempts (1)")).to_be_visible()
    await expect(page.get_by_role("link", name="s3:///touched/by_run.txt").first).to_be_visible()
    await assert_accessible(page)
    await picture(page, "run-attempts")


@pytest.mark.parametrize(("name", "spec", "drawn"), [("vega", BARS, "Emden"), ("plotly", FIGURE, "Tides")])
async def test_specifications_become_plots(page: Page, api: httpx.Client, name: str, spec: object, drawn: str) -> None:
    await page.goto(f"/w/main/runs/{preview(api, spec)}")
    frame = page.frame_locator("iframe[title=Plot]")
    await expect(frame.get_by_text(drawn).first).to_be_visible()  # its library is large
    async with page.expect_download() as download:
        await page.get_by_role("button", name="SVG").click()
    assert b"<svg" in (await (await download.value).path()).read_bytes()
    await assert_accessible(page)
    await picture(page, f"result-{name}")


async def test_plot_that_cannot_be_drawn_says_why(page: Page, api: httpx.Client) -> None:
    bad = {"$schema": "https://vega.github.io/schema/vega-lite/v6.json", "data": {"values": []}}
    await page.goto(f"/w/main/runs/{preview(api, bad)}")
    await expect(page.get_by_role("alert")).to_contain_text("This Vega specification cannot be drawn")


@pytest.mark.parametrize(
    "evil",
    [
        {**BARS, "transform": [{"filter": "fetch('/api/users/whoami')"}]},
        {**BARS, "data": {"url": "/api/users/whoami"}},
        {"data": [], "layout": {"title": {"text": "<a href='javascript:parent.document.title=1'>x</a>"}}},
    ],
)
async def test_plots_reach_nothing(browser: Browser, tidemill: Tidemill, api: httpx.Client, evil: object) -> None:
    """C20: what a result says runs nowhere and asks no server, ours included."""
    context = await browser.new_context(base_url=tidemill.url)  # refusals are complained of, as they should be
    page = await context.new_page()
    await sign_in(page, tidemill)
    await page.goto(f"/w/main/runs/{preview(api, evil)}")
    handle = await page.locator("iframe[title=Plot]").element_handle()
    assert handle is not None
    frame = await handle.content_frame()
    assert frame is not None
    answers: list[str] = []
    page.on("response", lambda answer: answers.append(answer.url) if answer.frame == frame else None)
    ended = page.get_by_role("button", name="SVG").or_(page.get_by_text("cannot be drawn"))
    await expect(ended.first).to_be_visible()
    await frame.wait_for_load_state("networkidle")
    assert await frame.evaluate("self.origin") == "null"
    assert [url for url in answers if "/api/" in url] == []
    assert await page.title() != "1"
    await context.close()


async def test_map_shows_its_markers_and_moves_by_keyboard(page: Page, api: httpx.Client) -> None:
    markers = [
        {"lat": 53.23, "lon": 7.45, "title": "Leer"},
        {"lat": 53.55, "lon": 9.99, "title": "Hamburg", "radius": 9},
    ]
    await page.goto(f"/w/main/runs/{preview(api, {'map': {'markers': markers}})}")
    world = page.get_by_role("application", name=re.compile("Map with 2 markers"))
    await expect(world.locator("circle")).to_have_count(2)
    before = await world.locator("circle").first.get_attribute("cx")
    await world.focus()
    await page.keyboard.press("ArrowRight")
    await expect(world.locator("circle").first).not_to_have_attribute("cx", before or "")
    await assert_accessible(page)
    await picture(page, "result-map")


async def test_document_is_shown_and_a_broken_one_named(page: Page, api: httpx.Client) -> None:
    await page.goto(f"/w/main/runs/{preview(api, {'pdf': base64.b64encode(PDF).decode()})}")
    await expect(page.locator("iframe[title='Result as PDF']")).to_be_visible()
    await page.goto(f"/w/main/runs/{preview(api, {'pdf': '%%%'})}")
    await expect(page.get_by_role("alert")).to_contain_text("base64")


async def test_large_result_shows_its_first_rows_until_all_is_asked_for(page: Page, api: httpx.Client) -> None:
    source = "def main():\n    return [{'n': n, 'text': 'x' * 90} for n in range(60_000)]\n"
    body = {"language": "python3", "content": source, "args": {}}
    job = api.post("/jobs/run_wait_result/preview", json=body).headers["X-Tidemill-Job"]
    await page.goto(f"/w/main/runs/{job}")
    await expect(page.get_by_text("This result is larger than")).to_be_visible()
    await expect(page.get_by_role("region", name="Result as a table")).to_be_visible()
    await page.get_by_role("button", name="Load all of it").click()
    await expect(page.get_by_text("60,000 rows")).to_be_visible()


async def test_runs_fit_a_phone(phone: Page) -> None:
    await phone.goto("/w/main/runs")
    await phone.get_by_role("grid", name="Runs").wait_for()
    await assert_accessible(phone)
    await picture(phone, "runs-phone")
