"""Forms from the schema of a script: each kind of value has its own way in, and arrives as it was meant."""

import base64
import re
from typing import Any

import httpx
import pytest
from playwright.async_api import FilePayload, Page, expect

from tests.web.axe import assert_accessible
from tests.web.conftest import picture

pytestmark = pytest.mark.asyncio(loop_scope="session")

SOURCE = "def main(**given):\n    return given\n"
NAMES = {
    "when": {"type": "string", "format": "cron"},
    "query": {"type": "string", "format": "sql"},
    "secret": {"type": "string", "password": True},
    "note": {"type": "string", "format": "textarea"},
    "kind": {"type": "string", "enum": ["ebb", "flood"]},
    "at": {"type": "string", "format": "date-time"},
    "anything": {"type": "object"},
    "harbour": {"type": "object", "properties": {"name": {"type": "string"}, "piers": {"type": "integer"}}},
    "shops": {"type": "array", "items": {"type": "string"}},
    "files": {"type": "array", "items": {"type": "string", "contentEncoding": "base64"}},
    "objects": {"type": "array", "items": {"type": "object", "format": "resource-s3_object"}},
    "database": {"type": "object", "format": "resource-postgresql"},
}


def deploy(api: httpx.Client, path: str, *names: str) -> None:
    schema = {"type": "object", "properties": {name: NAMES[name] for name in names}, "order": list(names)}
    body = {"path": path, "summary": "", "content": SOURCE, "language": "python3", "schema": schema}
    answer = api.post("scripts/create", json=body)
    assert answer.status_code == 201, answer.text


async def run(page: Page, api: httpx.Client) -> Any:
    """What the script was given."""
    await page.get_by_role("button", name="Run", exact=True).click()
    link = page.get_by_role("link", name="Open the run")
    await link.wait_for()
    job = str(await link.get_attribute("href")).rsplit("/", 1)[-1]
    return api.get(f"jobs_u/get/{job}").json()["args"]


async def test_each_kind_of_value_is_entered_and_arrives(page: Page, api: httpx.Client) -> None:
    value = {"host": "127.0.0.1", "dbname": "x"}
    api.post("resources/create", json={"path": "u/admin/form_db", "value": value, "resource_type": "postgresql"})
    names = ("when", "query", "secret", "note", "kind", "at", "anything", "harbour", "shops", "database")
    deploy(api, "u/admin/form_kinds", *names)
    await page.goto("/w/main/scripts/p/u/admin/form_kinds")
    await page.get_by_role("textbox", name="when").fill("0 30 7 * * mon")
    await expect(page.get_by_text("At 07:30, only on Monday")).to_be_visible()
    await expect(page.get_by_role("list", name="Next moments of when").get_by_role("listitem")).to_have_count(3)
    await page.get_by_role("textbox", name="query").click()
    await page.keyboard.insert_text("select 1")
    await page.get_by_label("secret").fill("hush")
    await expect(page.get_by_label("secret")).to_have_attribute("type", "password")
    await page.get_by_label("note").fill("one\ntwo")
    await page.get_by_label("kind").select_option("flood")
    await page.get_by_label("at", exact=True).fill("2026-03-01T10:00:00")
    await page.get_by_label("anything").fill('{"a": [1]}')
    await page.get_by_label("name").fill("Leer")
    await page.get_by_label("piers").fill("4")
    await page.get_by_role("button", name="Add to shops").click()
    await page.get_by_label("shops 1", exact=True).fill("Emden")
    await page.get_by_label("database").select_option("$res:u/admin/form_db")
    await assert_accessible(page)
    await picture(page, "form")
    given = await run(page, api)
    assert given.pop("at").startswith("2026-03-01T")
    assert given == {
        "when": "0 30 7 * * mon",
        "query": "select 1",
        "secret": "hush",
        "note": "one\ntwo",
        "kind": "flood",
        "anything": {"a": [1]},
        "harbour": {"name": "Leer", "piers": 4},
        "shops": ["Emden"],
        "database": "$res:u/admin/form_db",
    }


async def test_what_cannot_be_read_is_not_run(page: Page, api: httpx.Client) -> None:
    deploy(api, "u/admin/form_faults", "when", "anything")
    await page.goto("/w/main/scripts/p/u/admin/form_faults")
    await page.get_by_role("textbox", name="when").fill("now and then")
    await expect(page.get_by_role("textbox", name="when")).to_have_attribute("aria-invalid", "true")
    await page.get_by_role("button", name="Run", exact=True).click()
    await expect(page.get_by_role("textbox", name="when")).to_be_focused()
    await page.get_by_role("textbox", name="when").fill("")
    await page.get_by_label("anything").fill('{"a": 1')
    await page.get_by_role("button", name="Run", exact=True).click()
    await expect(page.get_by_label("anything")).to_be_focused()
    await expect(page.get_by_role("heading", name="Run it")).to_be_visible()
    assert api.get("jobs/list", params={"script_path_exact": "u/admin/form_faults"}).json() == []
    await page.get_by_label("anything").fill('{"a": 1}')
    assert await run(page, api) == {"anything": {"a": 1}}


async def test_files_are_given_as_base64_and_as_objects(page: Page, api: httpx.Client) -> None:
    deploy(api, "u/admin/form_files", "files", "objects")
    await page.goto("/w/main/scripts/p/u/admin/form_files")
    one: FilePayload = {"name": "one.txt", "mimeType": "text/plain", "buffer": b"one"}
    two: FilePayload = {"name": "two.bin", "mimeType": "application/octet-stream", "buffer": bytes(range(256))}
    await page.get_by_test_id("root_files-files").set_input_files([one, two])
    await expect(page.get_by_text("two.bin")).to_be_visible()
    await page.get_by_role("button", name="Remove one.txt").click()
    await page.get_by_test_id("root_objects-files").set_input_files([one, two])
    await expect(page.get_by_label("objects 2", exact=True)).to_have_value(re.compile(r"two\.bin$"))
    await page.get_by_role("button", name="Add an address").click()
    await page.get_by_label("objects 3", exact=True).fill("nowhere")
    await expect(page.get_by_text("An address is s3://")).to_be_visible()
    await page.get_by_role("button", name="Run", exact=True).click()
    await expect(page.get_by_label("objects 3", exact=True)).to_be_focused()
    await page.get_by_role("button", name="Remove objects 3").click()
    await assert_accessible(page)
    await picture(page, "form-files")
    given = await run(page, api)
    assert given["files"] == [base64.b64encode(bytes(range(256))).decode()]
    assert [each["s3"].rsplit("/", 1)[-1] for each in given["objects"]] == ["one.txt", "two.bin"]
