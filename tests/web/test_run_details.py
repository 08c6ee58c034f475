"""A run's page: the step that is looked at is in its address, it is canceled in one place, what it touched is named."""

import re

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.web.axe import assert_accessible
from tests.web.conftest import picture

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_step_of_a_flow_run_is_in_the_address_and_there_is_one_cancel(page: Page, api: httpx.Client) -> None:
    first = {"type": "rawscript", "language": "bash", "content": "echo began", "input_transforms": {}}
    waits = {"type": "rawscript", "language": "bash", "content": "sleep 600", "input_transforms": {}}
    value = {"modules": [{"id": "a", "value": first}, {"id": "b", "value": waits}]}
    body = {"path": "u/admin/waits_long", "summary": "", "value": value}
    assert api.post("flows/create", json=body).status_code == 201
    job = api.post("jobs/run/f/u/admin/waits_long", json={}).text
    await page.goto(f"/w/main/runs/{job}?step=nowhere")
    await page.get_by_role("heading", name="Arguments").wait_for()
    await expect(page.get_by_role("button", name="Cancel")).to_have_count(1)
    graph = page.get_by_role("group", name="Graph of the run")
    await expect(page.get_by_role("log")).to_have_count(0)
    await graph.get_by_role("button", name=re.compile("^Step a.*succeeded")).click()
    await expect(page).to_have_url(re.compile(r"\?step=a$"))
    await page.reload()
    await expect(page.get_by_role("log")).to_contain_text("began")
    await assert_accessible(page)
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.get_by_text("canceled").first).to_be_visible()


async def test_resources_that_a_run_read_are_named(page: Page, api: httpx.Client) -> None:
    resource = {"path": "u/admin/touched_db", "value": {"host": "h"}, "resource_type": "postgresql"}
    assert api.post("resources/create", json=resource).status_code == 201
    source = "import wmill\n\ndef main(path: str):\n    return wmill.get_resource(path)['host']\n"
    for path in ("u/admin/touched_db", "u/admin/no_such_resource"):
        body = {"content": source, "language": "python3", "args": {"path": path}}
        job = api.post("jobs/run/preview", json=body).text
        await page.goto(f"/w/main/runs/{job}")
        await expect(page.get_by_text(re.compile("^(success|failure)$")).first).to_be_visible()
        touched = page.get_by_role("link", name="resource u/admin/touched_db")
        await expect(touched).to_have_count(1 if path.endswith("touched_db") else 0)
    await page.go_back()
    await page.get_by_role("link", name="resource u/admin/touched_db").wait_for()
    await assert_accessible(page)
    await picture(page, "run-touched")


WORKFLOW = """
from wmill import sleep, step, task, wait_for_approval, workflow

@task
async def double(x: int):
    return 2 * x

@workflow
async def main(x: int):
    began = await step("began", lambda: x)
    done = await double(began)
    await sleep(1)
    answer = await wait_for_approval(key="manager", form={"properties": {"note": {"type": "string"}}})
    return [done, answer["value"]]
"""


async def test_a_workflow_in_code_shows_what_it_has_come_to_and_asks_as_it_goes_on(
    page: Page, api: httpx.Client
) -> None:
    job = api.post("jobs/run/preview", json={"content": WORKFLOW, "language": "python3", "args": {"x": 4}}).text
    await page.goto(f"/w/main/runs/{job}")
    bars = page.get_by_role("list", name="Timeline")
    for text in ("began", "double", "sleep", "manager"):
        await bars.get_by_text(text, exact=True).wait_for()
    task = bars.get_by_role("link", name="Task double")
    await task.wait_for()
    await expect(bars.get_by_role("img", name="Approval")).to_have_count(1)
    asked = page.get_by_role("region", name="Approval")
    await asked.get_by_label("note").fill("fine")
    await picture(page, "run-workflow")
    await assert_accessible(page)
    await asked.get_by_role("button", name="Approve", exact=True).click()
    await expect(page.get_by_text("success").first).to_be_visible()
    await expect(asked).to_have_count(0)
    await expect(page.get_by_text("fine")).to_be_visible()
    await task.click()
    await expect(page.get_by_role("link", name="What started it")).to_be_visible()


def says(step_id: str, text: str) -> dict[str, object]:
    value = {"type": "rawscript", "language": "bash", "content": f"echo {text}", "input_transforms": {}}
    return {"id": step_id, "value": value}


async def test_a_flow_inside_of_a_flow_is_opened_in_its_place_and_begun_again_there(
    page: Page, api: httpx.Client
) -> None:
    inside = {"path": "u/admin/inside", "summary": "", "value": {"modules": [says("x", "began"), says("y", "went on")]}}
    assert api.post("flows/create", json=inside).status_code == 201
    around = {"modules": [{"id": "in", "value": {"type": "flow", "path": "u/admin/inside", "input_transforms": {}}}]}
    job = api.post("jobs/run/preview_flow", json={"value": around, "args": {}}).text
    await page.goto(f"/w/main/runs/{job}")
    graph = page.get_by_role("group", name="Graph of the run")
    await graph.get_by_role("button", name=re.compile("^Step in.*succeeded")).click()
    opened = page.get_by_role("region", name=re.compile("^Inside of"))
    await opened.get_by_role("button", name=re.compile("^Step y.*succeeded")).click()
    await expect(page.get_by_role("log")).to_contain_text("went on")
    await picture(page, "run-flow-inside")
    await assert_accessible(page)
    await page.get_by_role("button", name="Run again from here").last.click()
    await page.wait_for_url(lambda url: job not in url)
    again = page.url.rsplit("/", 1)[1]
    await expect(page.get_by_text("success").first).to_be_visible()
    jobs = api.get(f"jobs_u/get_flow_all_results/{again}").json()["entries"]
    assert [each["flow_step_id"] for each in jobs[1:]] == ["in", "y"]
