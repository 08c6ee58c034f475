"""Flows: listed, run and watched, written in the graph, tested, deployed, restored."""

import re
from typing import Any

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.web.axe import assert_accessible
from tests.web.conftest import picture

pytestmark = pytest.mark.asyncio(loop_scope="session")


def step(step_id: str, content: str, *, summary: str = "", **inputs: str) -> dict[str, Any]:
    transforms = {name: {"type": "javascript", "expr": expression} for name, expression in inputs.items()}
    value = {"type": "rawscript", "language": "python3", "content": content, "input_transforms": transforms}
    return {"id": step_id, "summary": summary, "value": value}


READ = 'def main(shops: list[str]):\n    print(f"{len(shops)} shops")\n    return shops\n'
COUNT = """
def main(shop: str, fail: bool = False):
    print(shop)
    assert not (fail and shop == "Emden"), shop
    return {"shop": shop, "orders": len(shop)}
"""
SUM = "def main(counts: list[dict]):\n    return sum(each['orders'] for each in counts)\n"
TELL = "def main(total: int):\n    return f'{total} orders'\n"
SCHEMA = {
    "type": "object",
    "properties": {
        "shops": {"type": "array", "items": {"type": "string"}, "default": ["Leer", "Emden", "Bremen"]},
        "fail": {"type": "boolean", "default": False, "description": "Let one of them fail."},
    },
    "required": ["shops"],
    "order": ["shops", "fail"],
}


def orders() -> dict[str, Any]:
    each = step("count", COUNT, summary="Count orders", shop="flow_input.iter.value", fail="flow_input.fail")
    loop = {"type": "forloopflow", "iterator": {"type": "javascript", "expr": "results.read"}, "modules": [each]}
    many = {"summary": "Many", "expr": "results.sum > 12", "modules": [step("loud", TELL, total="results.sum")]}
    few = [step("quiet", TELL, summary="Tell quietly", total="results.sum")]
    return {
        "modules": [
            step("read", READ, summary="Read the shops", shops="flow_input.shops"),
            {"id": "each", "summary": "For each shop", "value": loop},
            step("sum", SUM, summary="Add up", counts="results.each"),
            {"id": "which", "value": {"type": "branchone", "branches": [many], "default": few}},
        ]
    }


def deploy(api: httpx.Client, path: str, value: dict[str, Any], **more: Any) -> None:
    answer = api.post("flows/create", json={"path": path, "summary": "", "value": value, **more})
    assert answer.status_code == 201, answer.text


async def test_first_flow_is_offered_where_there_is_none(page: Page, empty: str) -> None:
    await page.goto(f"/w/{empty}/flows")
    await expect(page.get_by_role("heading", name="No flow yet")).to_be_visible()
    await assert_accessible(page)


async def test_flow_is_found_run_and_watched(page: Page, api: httpx.Client) -> None:
    deploy(api, "u/admin/orders", orders(), schema=SCHEMA, summary="Count the orders of all shops")
    await page.get_by_role("link", name="Flows").click()
    await page.get_by_role("list", name="Flows").get_by_role("link", name="Count the orders").click()
    graph = page.get_by_role("group", name="Graph of the flow")
    await graph.get_by_role("button", name="Step count: Count orders").click()
    await expect(page.get_by_label("Step count", exact=True)).to_contain_text("def main(shop")
    await assert_accessible(page)
    await picture(page, "flow")
    await page.get_by_role("button", name="Run", exact=True).click()
    running = page.get_by_role("group", name="Graph of the run")
    await expect(running.get_by_role("button", name=re.compile("^Step which.*succeeded"))).to_be_visible()
    await running.get_by_role("button", name=re.compile("^Step each")).click()
    await page.get_by_role("button", name="Iteration 2, succeeded").click()
    await running.get_by_role("button", name=re.compile("^Step count.*succeeded")).click()
    await expect(page.get_by_role("log")).to_contain_text("Emden")
    await expect(
        page.get_by_role("list", name="Timeline").get_by_role("listitem").filter(has_text="count").first
    ).to_be_visible()
    await assert_accessible(page)
    await picture(page, "flow-run")
    await page.get_by_role("link", name="Edit").click()
    await graph.get_by_role("button", name="Step read: Read the shops").click()
    for _ in range(3):
        await page.keyboard.press("ArrowDown")
    await page.get_by_role("tab", name="Arguments").click()
    await page.get_by_role("button", name="Pick for counts").click()
    picker = page.get_by_role("group", name="What can be named here")
    await picker.get_by_role("button", name="What is in results.each", exact=True).click()
    await picker.get_by_role("button", name="What is in results.each[1]").click()
    await expect(picker.get_by_role("button", name='shop "Emden"')).to_be_visible()
    await assert_accessible(page)
    await picture(page, "flow-editor")
    await page.get_by_role("tab", name="Settings").click()
    await page.get_by_role("switch", name="Repeat when it fails").click()
    await page.get_by_role("switch", name="Wait for approvals after it").click()
    await assert_accessible(page)
    await picture(page, "flow-editor-settings")
    await page.get_by_role("button", name="Undo").click()
    await page.get_by_role("button", name="Undo").click()
    await expect(page.get_by_text("as deployed")).to_be_visible()
    await graph.get_by_role("button", name=re.compile("^Step sum")).drag_to(
        graph.get_by_role("button", name="Add a step before read")
    )
    await expect(page.get_by_role("region", name="Warnings")).to_contain_text("'each' is not there yet")
    await page.get_by_role("button", name="Undo").click()
    await page.goto("/w/main/flows/p/u/admin/orders")
    await page.get_by_role("tab", name="Versions").click()
    value = {**orders(), "same_worker": True}
    body = {"path": "u/admin/orders", "summary": "Together", "value": value, "schema": SCHEMA}
    assert api.post("flows/update/u/admin/orders", json=body).status_code == 200
    await page.reload()
    await page.get_by_role("tab", name="Versions").click()
    versions = page.get_by_role("list", name="Versions").get_by_role("listitem")
    await expect(versions).to_have_count(2)
    await versions.first.get_by_role("button", name="What changed").click()
    await expect(page.get_by_label("Differences as YAML")).to_contain_text("same_worker: true")
    await assert_accessible(page)
    await picture(page, "flow-versions")
    await page.get_by_role("button", name="Close").click()
    await versions.nth(1).get_by_role("button", name="Restore").click()
    await page.get_by_role("button", name="Restore it").click()
    await expect(versions).to_have_count(3)
    assert "same_worker" not in api.get("flows/get/u/admin/orders").json()["value"]


async def test_flow_is_written_in_the_graph_tested_and_deployed(page: Page, api: httpx.Client) -> None:
    await page.goto("/w/main/flows")
    await page.get_by_role("link", name="New flow").first.click()
    await page.get_by_role("button", name="Add an argument").click()
    await page.get_by_label("Name", exact=True).fill("names")
    await page.keyboard.press("Enter")
    await page.get_by_label("Kind").select_option("texts")
    await page.get_by_role("button", name="Add a step at the end").click()
    await assert_accessible(page)
    await picture(page, "flow-editor-add")
    await page.get_by_role("menuitem", name="Python").click()
    source = page.get_by_label("Source of step a")
    await source.click()
    await page.keyboard.press("Control+A")
    await page.keyboard.insert_text(
        "def main(x: list[str]):\n    return [{'name': each, 'size': len(each)} for each in x]\n"
    )
    await page.get_by_role("tab", name="Arguments").click()
    await page.get_by_role("region", name="Argument x").get_by_text("Expression").click()
    await page.get_by_role("button", name="Pick for x").click()
    await page.get_by_role("button", name="names", exact=True).click()
    await expect(page.get_by_role("textbox", name="x")).to_have_value("flow_input.names")
    await assert_accessible(page)
    await picture(page, "flow-editor-pick")
    graph = page.get_by_role("group", name="Graph of the flow")
    await graph.get_by_role("button", name="Add a step at the end").click()
    await page.get_by_role("menuitem", name="For each").click()
    await page.get_by_label("Goes through", exact=True).fill("results.nothing")
    await expect(page.get_by_role("region", name="Warnings")).to_contain_text("There is no step 'nothing'")
    await page.get_by_label("Goes through", exact=True).fill("results.a")
    await expect(page.get_by_role("region", name="Warnings")).to_have_count(0)
    await graph.get_by_role("button", name="Add a step at the end of b").click()
    await page.get_by_role("menuitem", name="Bash").click()
    await page.get_by_role("button", name="Test", exact=True).click()
    await page.get_by_role("button", name="Add to names").click()
    await page.get_by_label("names 1", exact=True).fill("Ada")
    await page.get_by_role("button", name="Run the test").click()
    await expect(graph.get_by_role("button", name=re.compile("^Step c:.*succeeded"))).to_be_visible()
    await assert_accessible(page)
    await picture(page, "flow-editor-test")
    await page.get_by_text("Edit", exact=True).click()
    await page.get_by_role("tab", name="Arguments").click()
    await page.get_by_role("region", name="Argument x").get_by_text("Expression").click()
    await page.get_by_role("button", name="Pick for x").click()
    picker = page.get_by_role("group", name="What can be named here")
    await picker.get_by_role("button", name="What is in results.a", exact=True).click()
    await picker.get_by_role("button", name="What is in results.a[0]").click()
    await picker.get_by_role("button", name=re.compile("^size")).click()
    await expect(page.get_by_role("textbox", name="x")).to_have_value("results.a[0].size")
    await page.get_by_role("tab", name="Try it").click()
    await page.get_by_role("button", name="Test up to here").click()
    await expect(page.get_by_role("heading", name="Test up to step c")).to_be_visible()
    await page.get_by_text("Edit", exact=True).click()
    await page.get_by_role("button", name="Copy", exact=True).click()
    await expect(graph.get_by_role("button", name=re.compile("^Step d:"))).to_be_visible()
    await page.keyboard.press("Control+z")
    await expect(graph.get_by_role("button", name=re.compile("^Step d:"))).to_have_count(0)
    await graph.get_by_role("button", name=re.compile("^Step c:")).click()
    await page.get_by_role("button", name="Move", exact=True).click()
    await graph.get_by_role("button", name="Move it here: before a").click()
    await page.get_by_role("button", name="Undo").click()
    await page.reload()
    await expect(page.get_by_text("This is your draft of")).to_be_visible()
    await expect(graph.get_by_role("button", name=re.compile("^Step c:"))).to_be_visible()
    await page.keyboard.press("Control+s")
    await page.get_by_role("dialog").get_by_label("Path", exact=True).fill("sizes of names")
    await page.get_by_role("dialog").get_by_role("button", name="Deploy").click()
    await expect(page.get_by_text("A name has letters, digits")).to_be_visible()
    await page.get_by_role("dialog").get_by_label("Path", exact=True).fill("sizes")
    await page.get_by_role("dialog").get_by_label("Summary").fill("Sizes of names")
    await page.get_by_role("dialog").get_by_role("button", name="Deploy").click()
    await page.wait_for_url("**/flows/p/u/admin/sizes")
    stored = api.get("flows/get/u/admin/sizes").json()
    assert [each["id"] for each in stored["value"]["modules"]] == ["a", "b"]
    inner = stored["value"]["modules"][1]["value"]["modules"][0]["value"]
    assert inner["input_transforms"] == {"x": {"type": "javascript", "expr": "results.a[0].size"}}
    assert stored["schema"]["properties"] == {"names": {"type": "array", "items": {"type": "string"}}}
    await page.goto("/w/main/flows/new")
    await expect(page.get_by_text("This is your draft of")).to_have_count(0)


async def test_flow_is_written_as_yaml_with_faults_at_their_lines(page: Page, api: httpx.Client) -> None:
    deploy(api, "u/admin/written", {"modules": [step("a", TELL, total="9007199254740993")]}, schema=None)
    await page.goto("/w/main/flows/edit/u/admin/written")
    await page.get_by_text("YAML", exact=True).click()
    editor = page.get_by_label("The flow as YAML")
    await expect(editor).to_contain_text("id: a")
    await editor.click()
    await page.keyboard.press("Control+A")
    good = "summary: Written\nvalue:\n  modules:\n    - id: a\n      value: {type: identity}\n"
    await page.keyboard.insert_text(good + "    - id: a\n      value: {type: identity}\n")
    faults = page.get_by_role("list", name="Faults and warnings").get_by_role("listitem")
    await expect(faults).to_have_text(["Line 6The id a is taken twice."])
    await expect(page.get_by_role("button", name="Deploy")).to_be_disabled()
    await assert_accessible(page)
    await picture(page, "flow-yaml")
    await editor.click()
    await page.keyboard.press("Control+A")
    await page.keyboard.insert_text(good + "      skip_if: {expr: results.none}\n")
    await expect(faults).to_have_text(["Line 6There is no step 'none': its result is undefined."])
    await page.get_by_role("button", name="Undo").click()
    await expect(editor).to_contain_text("rawscript")
    await page.get_by_role("button", name="Redo").click()
    await page.get_by_text("Graph", exact=True).click()
    await expect(page.get_by_role("heading", name="Written", exact=True)).to_be_visible()
    api.post("flows/update/u/admin/written", json={"summary": "Theirs", "value": {"modules": []}})
    await page.get_by_role("button", name="Deploy").click()
    await page.get_by_role("dialog").get_by_role("button", name="Deploy", exact=True).click()
    await expect(page.get_by_role("alert")).to_contain_text("Somebody deployed another version meanwhile")
    await page.get_by_role("button", name="Deploy mine all the same").click()
    await page.wait_for_url("**/flows/p/u/admin/written")
    assert api.get("flows/get/u/admin/written").json()["summary"] == "Written"


ASKS = {
    **step("ask", "def main():\n    return {'description': 'A refund of 120 €'}\n", summary="Refund?"),
    "suspend": {
        "required_events": 1,
        "resume_form": {"schema": {"type": "object", "properties": {"amount": {"type": "number"}}}},
    },
}
PAY = step("pay", "def main(amount: float):\n    return amount\n", amount="resume.amount")


async def test_flow_that_asks_is_answered_on_its_run_and_started_again(page: Page, api: httpx.Client) -> None:
    answer = api.post("jobs/run/preview_flow", json={"value": {"modules": [ASKS, PAY]}, "args": {}})
    await page.goto(f"/w/main/runs/{answer.text}")
    asked = page.get_by_role("region", name="Approval")
    await expect(asked).to_contain_text("A refund of 120 €")
    await expect(page.get_by_role("button", name=re.compile("^Step ask.*waits for an answer"))).to_be_visible()
    await assert_accessible(page)
    await picture(page, "flow-asks")
    await asked.get_by_label("amount").fill("120")
    await asked.get_by_role("button", name="Approve", exact=True).click()
    await expect(page.get_by_role("button", name=re.compile("^Step pay.*succeeded"))).to_be_visible()
    await expect(asked).to_have_count(0)
    await page.get_by_role("button", name=re.compile("^Step pay")).click()
    await page.get_by_role("button", name="Run again from here").click()
    await page.wait_for_url(lambda url: answer.text not in url)
    await expect(page.get_by_role("button", name=re.compile("^Step ask.*succeeded"))).to_be_visible()
    await page.get_by_role("tab", name="Logs of all steps").click()
    await picture(page, "flow-again")


async def test_stranger_answers_by_a_link_once(stranger: Page, api: httpx.Client) -> None:
    job = api.post("jobs/run/preview_flow", json={"value": {"modules": [ASKS, PAY]}, "args": {}}).text
    with api.stream("GET", f"jobs_u/flow_changes_sse/{job}") as events:
        for _ in events.iter_lines():
            if "suspend" in (found := api.get(f"jobs_u/get/{job}").json()):
                break
    asks = found["flow_status"]["modules"][0]["job"]
    link = api.get(f"jobs/resume_urls/{asks}/7", params={"approver": "Grace"}).json()["approvalPage"]
    await stranger.goto(link)
    await expect(stranger.get_by_role("heading", name="Refund?")).to_be_visible()
    await expect(stranger.get_by_text("A refund of 120 €")).to_be_visible()
    await assert_accessible(stranger)
    await picture(stranger, "approval")
    await stranger.get_by_label("amount").fill("80")
    await stranger.get_by_role("button", name="Approve", exact=True).click()
    await expect(stranger.get_by_role("status")).to_contain_text("Approved")
    await stranger.goto(link.replace("approver=Grace", "approver=Mallory"))
    await expect(stranger.get_by_role("alert")).to_be_visible()


async def test_failed_iteration_is_shown_and_begun_again(page: Page, api: httpx.Client) -> None:
    args = {"shops": ["Leer", "Emden", "Bremen"], "fail": True}
    job = api.post("jobs/run/preview_flow", json={"value": orders(), "args": args}).text
    await page.goto(f"/w/main/runs/{job}")
    await expect(page.get_by_role("button", name=re.compile("^Step count.*failed"))).to_be_visible()
    await page.get_by_role("button", name=re.compile("^Step each")).click()
    await expect(page.get_by_role("button", name="Iteration 2, failed")).to_have_attribute("aria-pressed", "true")
    await page.get_by_label("Iteration to begin at").fill("2")
    await assert_accessible(page)
    await picture(page, "flow-failed")
    await page.get_by_role("button", name="From iteration").click()
    await page.wait_for_url(lambda url: job not in url)
    await expect(page.get_by_role("button", name=re.compile("^Step count.*failed"))).to_be_visible()


async def test_flows_fit_a_phone(phone: Page, api: httpx.Client) -> None:
    deploy(api, "u/admin/pocket", orders(), schema=SCHEMA, summary="Count the orders of all shops")
    await phone.goto("/w/main/flows")
    await phone.get_by_role("list", name="Flows").wait_for()
    await picture(phone, "phone-flows")
    await phone.goto("/w/main/flows/p/u/admin/pocket")
    await phone.get_by_role("group", name="Graph of the flow").wait_for()
    await picture(phone, "phone-flow")
    await phone.goto("/w/main/flows/edit/u/admin/pocket")
    await phone.get_by_role("button", name="Step count: Count orders").click()
    await picture(phone, "phone-flow-editor")


async def test_flow_is_archived_from_the_list_and_brought_back(page: Page, api: httpx.Client) -> None:
    deploy(api, "u/admin/old", {"modules": [step("a", TELL, total="1")]}, summary="Old one")
    await page.goto("/w/main/flows?q=old")
    flows = page.get_by_role("list", name="Flows").get_by_role("listitem")
    await page.get_by_role("button", name="More on u/admin/old").click()
    await assert_accessible(page)
    await picture(page, "flows")
    await page.get_by_role("menuitem", name="Archive").click()
    await page.get_by_role("button", name="Archive it").click()
    await expect(page.get_by_role("heading", name="No flow matches")).to_be_visible()
    await page.get_by_label("Archived ones").check()
    await flows.get_by_role("button", name="Bring back").click()
    await page.get_by_label("Archived ones").uncheck()
    await expect(flows).to_have_count(1)
    assert api.get("flows/get/u/admin/old").json()["archived"] is False


async def test_draft_is_of_one_flow_and_keys_change_it(page: Page, api: httpx.Client) -> None:
    deploy(api, "u/admin/keys", {"modules": [step("a", TELL, total="1"), step("b", TELL, total="results.a")]})
    await page.goto("/w/main/flows/edit/u/admin/keys")
    graph = page.get_by_role("group", name="Graph of the flow")
    steps = graph.get_by_role("button", name=re.compile("^Step "))
    await steps.first.click()
    await page.keyboard.press("Alt+ArrowDown")
    await expect(steps).to_have_text([re.compile("^Step b"), re.compile("^Step a")])
    await page.get_by_label("Id of the step").fill("b")
    await expect(page.get_by_text("Another step has this id.")).to_be_visible()
    await page.get_by_label("Id of the step").fill("first")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Step b: Python").click()
    await page.get_by_role("tab", name="Arguments").click()
    await expect(page.get_by_role("textbox", name="total")).to_have_value("results.first")
    await page.get_by_role("button", name="Step b: Python").focus()
    await page.keyboard.press("Delete")
    await expect(steps).to_have_count(1)
    await page.get_by_role("button", name="If the flow fails").click()
    await expect(steps).to_have_text([re.compile("^Step first"), re.compile("^Step failure")])
    await graph.get_by_role("button", name="Input").click()
    await page.get_by_label("Preprocessor").check()
    await graph.get_by_role("button", name="Step preprocessor").click()
    await expect(page.get_by_role("tab", name="Arguments")).to_have_count(0)
    await page.goto("/w/main/flows/new")
    await expect(page.get_by_text("This is your draft of")).to_have_count(0)
    await page.goto("/w/main/flows/edit/u/admin/keys")
    await expect(steps).to_have_count(3)
    await expect(page.get_by_role("region", name="Warnings")).to_have_count(0)
    await page.get_by_role("button", name="Back to what is deployed").click()
    await expect(steps).to_have_text([re.compile("^Step a"), re.compile("^Step b")])


async def test_flow_that_is_not_there_says_so(page: Page) -> None:
    await page.goto("/w/main/flows/p/u/admin/nothing")
    await expect(page.get_by_role("alert")).to_contain_text("not_found")
    await page.goto("/w/main/flows/edit/u/admin/nothing")
    await expect(page.get_by_role("alert")).to_contain_text("not_found")


async def test_flow_whose_packages_cannot_be_pinned_says_so(page: Page, api: httpx.Client) -> None:
    deploy(api, "u/admin/unpinned", {"modules": [step("broken", "def main(:\n")]})
    await page.goto("/w/main/flows/p/u/admin/unpinned")
    told = page.get_by_role("alert")
    await expect(told).to_contain_text("step 'broken'")
    await assert_accessible(page)
    await picture(page, "flow-unpinned")
    await told.get_by_role("link", name="The job").click()
    await expect(page.get_by_text("LockFailed").first).to_be_visible()


async def test_flow_waits_for_newer_calls_where_its_settings_say_so(page: Page, api: httpx.Client) -> None:
    body = {"path": "u/admin/debounced_here", "summary": "", "value": {"modules": [PAY]}}
    assert api.post("flows/create", json=body).status_code == 201
    await page.goto("/w/main/flows/edit/u/admin/debounced_here")
    await page.get_by_role("tab", name="Settings of the flow").click()
    await page.get_by_role("switch", name="Wait for newer calls").click()
    await page.get_by_label("Wait (seconds)").fill("7")
    await page.get_by_label("Lists to put together").press_sequentially("items, more")
    await assert_accessible(page)
    await picture(page, "flow-debounce")
    await page.keyboard.press("Control+s")
    await page.get_by_role("dialog").get_by_role("button", name="Deploy").click()
    await page.wait_for_url(lambda url: "/edit/" not in url)
    value = api.get("flows/get/u/admin/debounced_here").json()["value"]
    assert (value["debounce_delay_s"], value["debounce_args_to_accumulate"]) == (7, ["items", "more"])
