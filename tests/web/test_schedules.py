"""Schedules: one is made from its form, runs, is switched off and deleted."""

import re

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.web.axe import assert_accessible
from tests.web.conftest import picture

pytestmark = pytest.mark.asyncio(loop_scope="session")

SOURCE = 'def main(source: str, days: int = 7):\n    """Import what is new."""\n    return [source, days]\n'


def deploy(api: httpx.Client, path: str, content: str) -> None:
    body = {"path": path, "summary": "", "description": "", "content": content, "language": "python3"}
    answer = api.post("scripts/create", json=body)
    assert answer.status_code == 201, answer.text


async def test_first_schedule_is_offered_where_there_is_none(page: Page, empty: str) -> None:
    await page.goto(f"/w/{empty}/schedules")
    await expect(page.get_by_role("heading", name="No schedule yet")).to_be_visible()


async def test_schedule_is_made_from_its_form_comes_and_is_switched_off(page: Page, api: httpx.Client) -> None:
    deploy(api, "u/admin/import_orders", SOURCE)
    await page.goto("/w/main/scripts/p/u/admin/import_orders")
    await page.get_by_role("link", name="Schedule", exact=True).click()
    upcoming = page.get_by_role("list", name="Next occurrences").get_by_role("listitem")
    await expect(upcoming).to_have_count(10)
    await page.get_by_label("Pattern").fill("0 99 2 * * *")
    await expect(page.get_by_text("minute").first).to_be_visible()
    await expect(page.get_by_label("Pattern")).to_have_attribute("aria-invalid", "true")
    await expect(upcoming).to_have_count(0)
    await page.get_by_label("Time zone").fill("Europe/Atlantis")
    await page.get_by_label("Pattern").fill("0 30 2 * * mon-fri")
    await expect(page.get_by_text("'Europe/Atlantis' is no time zone")).to_be_visible()
    await assert_accessible(page)
    await picture(page, "schedule-refused")
    await page.get_by_label("Time zone").fill("Europe/Paris")
    await expect(page.get_by_text("At 02:30, Monday through Friday")).to_be_visible()
    await expect(upcoming).to_have_count(10)
    await expect(upcoming.first).to_contain_text("02:30")
    await page.get_by_label("Repeat it").select_option("exponential")
    await page.get_by_label("Repeats at most").fill("many")
    await expect(page.get_by_text("It must be a whole number from 1 on.")).to_be_visible()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_label("source")).to_have_attribute("aria-invalid", "true")
    await page.get_by_label("source").fill("crm")
    await page.get_by_label("Repeats at most").fill("4")
    await page.get_by_label("On failure, run").select_option("script/f/demo/watch_scripts")
    await assert_accessible(page)
    await picture(page, "schedule-new")
    await page.get_by_role("button", name="Save").click()
    await page.wait_for_url("**/schedules/p/u/admin/import_orders")
    stored = api.get("schedules/get/u/admin/import_orders").json()
    assert stored["args"] == {"source": "crm"}
    assert (stored["schedule"], stored["timezone"]) == ("0 30 2 * * mon-fri", "Europe/Paris")
    assert stored["retry"] == {"exponential": {"attempts": 4, "seconds": 10, "multiplier": 1}}
    assert stored["on_failure"] == "script/f/demo/watch_scripts"
    await page.get_by_label("Pattern").fill("* * * * * *")
    await page.get_by_role("button", name="Save").click()
    past = page.get_by_role("list", name="Occurrences", exact=True)
    await expect(past.get_by_text("success").first).to_be_visible()
    await page.get_by_role("link", name="Schedules").click()
    row = page.get_by_role("list", name="Schedules").get_by_role("listitem").filter(has_text="import_orders")
    await expect(row.get_by_role("img")).to_have_accessible_name(re.compile(r"^0 of the last \d+ runs failed"))
    await row.get_by_role("switch").click()
    await expect(row.get_by_role("switch")).to_have_attribute("aria-checked", "false")
    await expect(row.get_by_role("switch")).to_be_enabled()
    assert api.get("schedules/get/u/admin/import_orders").json()["enabled"] is False
    await assert_accessible(page)
    await picture(page, "schedules")
    await row.get_by_role("link").click()
    await expect(page.get_by_text("It is switched off")).to_be_visible()
    await assert_accessible(page)
    await picture(page, "schedule")
    await page.get_by_role("button", name="Delete").click()
    await page.get_by_role("button", name="Delete it").click()
    await page.wait_for_url("**/schedules")
    assert api.get("schedules/exists/u/admin/import_orders").json() is False


async def test_change_of_somebody_else_is_not_written_over(page: Page, api: httpx.Client) -> None:
    deploy(api, "u/admin/plain", "def main():\n    return 1\n")
    body = {"path": "u/admin/plain", "schedule": "0 0 0 1 1 *", "timezone": "UTC", "script_path": "u/admin/plain"}
    api.post("schedules/create", json={**body, "args": {"id": 1}})
    await page.goto("/w/main/schedules/p/u/admin/plain")
    await page.get_by_label("Summary").fill("mine")
    api.post("schedules/update/u/admin/plain", json={"summary": "theirs"})
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("alert")).to_contain_text("version_mismatch")
    await page.get_by_role("button", name="Load what is stored").click()
    await expect(page.get_by_label("Summary")).to_have_value("theirs")
    assert api.get("schedules/get/u/admin/plain").json()["summary"] == "theirs"
    api.delete("schedules/delete/u/admin/plain")


async def test_form_of_a_schedule_fits_a_phone(phone: Page) -> None:
    await phone.goto("/w/main/schedules/new")
    await phone.get_by_role("list", name="Next occurrences").wait_for()
    await picture(phone, "phone-schedule-new")
    await phone.goto("/w/main/schedules")
    await picture(phone, "phone-schedules")
