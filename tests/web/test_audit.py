"""The audit log: narrowed by its filters, followed as it grows, read one by one, taken away as a file."""

import csv
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.web.axe import assert_accessible
from tests.web.conftest import picture

pytestmark = pytest.mark.asyncio(loop_scope="session")


def put(api: httpx.Client, name: str) -> None:
    """One more record."""
    body = {"path": f"u/admin/{name}", "value": "1", "is_secret": False, "description": "heard of"}
    answer = api.post("variables/create", json=body)
    assert answer.status_code == 201, answer.text


async def test_log_is_narrowed_followed_and_exported(page: Page, api: httpx.Client, tmp_path: Path) -> None:
    put(api, "audited_first")
    await page.get_by_role("link", name="Audit").click()
    records = page.get_by_role("listbox", name="Audit records").get_by_role("option")
    await expect(records.filter(has_text="u/admin/audited_first")).to_have_count(1)
    await page.get_by_label("Name begins with").fill("u/admin/audited")
    await page.get_by_label("Operation").fill("variables.*")
    await expect(records).to_have_count(1)
    put(api, "audited_second")
    await expect(records.first).to_contain_text("u/admin/audited_second")
    await records.first.click()
    beside = page.get_by_role("region", name="Audit record", exact=True)
    await expect(beside).to_contain_text("variables.create")
    await expect(beside.get_by_role("link", name="u/admin/audited_second")).to_be_visible()
    await assert_accessible(page)
    await picture(page, "audit")
    await page.reload()
    await expect(beside).to_contain_text("variables.create")
    await beside.get_by_role("button", name="Close").click()
    await expect(records).to_have_count(2)
    async with page.expect_download() as saving:
        await page.get_by_role("link", name="CSV").click()
    saved = tmp_path / "audit.csv"
    await (await saving.value).save_as(saved)
    rows = list(csv.DictReader(saved.read_text().splitlines()))
    assert [row["resource"] for row in rows] == ["u/admin/audited_second", "u/admin/audited_first"]


async def test_what_fits_nothing_and_what_is_not_there_is_told(page: Page) -> None:
    await page.goto("/w/main/audit?operation=variable*")
    await expect(page.get_by_role("heading", name="No record fits")).to_be_visible()
    await expect(page.get_by_text("variables.* is all of variables")).to_be_visible()
    await page.get_by_role("button", name="Clear").click()
    await expect(page.get_by_role("listbox").get_by_role("option").first).to_be_visible()
    await page.goto("/w/main/audit?id=999999999")
    await expect(page.get_by_role("alert")).to_contain_text("There is no audit record 999999999.")


async def test_audit_fits_a_phone(phone: Page) -> None:
    await phone.goto("/w/main/audit")
    await phone.get_by_role("listbox").get_by_role("option").first.wait_for()
    await picture(phone, "phone-audit")
