"""Scripts: found in their list, edited with a draft that is kept, their versions compared and restored, their lock."""

import re
from typing import Any

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.web.axe import assert_accessible
from tests.web.conftest import picture

pytestmark = pytest.mark.asyncio(loop_scope="session")

FIRST = "def main(city: str = 'Leer'):\n    return city\n"
SECOND = "def main(city: str = 'Leer'):\n    return city.upper()\n"


def deploy(api: httpx.Client, path: str, content: str, **more: Any) -> str:
    body = {"path": path, "summary": "", "content": content, "language": "python3", "auto_parent": True, **more}
    answer = api.post("scripts/create", json=body)
    assert answer.status_code == 201, answer.text
    return answer.text


def newest(api: httpx.Client, path: str) -> dict[str, Any]:
    found: dict[str, Any] = api.get(f"scripts/get/p/{path}").json()
    return found


async def retype(page: Page, text: str) -> None:
    await page.get_by_label("Source of the script").click()
    await page.keyboard.press("Control+A")
    await page.keyboard.insert_text(text)


async def test_scripts_are_found_by_words_and_owner_in_the_url(page: Page, api: httpx.Client) -> None:
    deploy(api, "u/admin/tide_here", FIRST, summary="Tide of today")
    api.post("folders/create", json={"name": "harbour"})
    deploy(api, "f/harbour/tide_there", FIRST, summary="Tide of tomorrow")
    await page.goto("/w/main/scripts?owner=f/harbour&q=tide")
    rows = page.get_by_role("listbox", name="Scripts")
    await expect(page.get_by_text("Tide of tomorrow")).to_be_visible()
    await expect(page.get_by_text("Tide of today")).to_have_count(0)
    await page.get_by_label("Owner").select_option("")
    await expect(page.get_by_text("Tide of today")).to_be_visible()
    await expect(page).to_have_url(re.compile(r"/scripts\?q=tide$"))
    await assert_accessible(page)
    await picture(page, "scripts")
    await page.get_by_label("Filter").fill("no such script")
    await expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()
    await expect(rows).to_have_count(0)


async def test_versions_are_compared_and_restored_with_all_that_they_had(page: Page, api: httpx.Client) -> None:
    path = "u/admin/versioned"
    form = {"type": "object", "properties": {"city": {"type": "string", "maxLength": 2**60 + 1}}}
    more = {"description": "Says a city", "timeout": 77, "schema": form}
    old = deploy(api, path, FIRST, **more, deployment_message="as it was")
    deploy(api, path, SECOND, deployment_message="louder")
    await page.goto(f"/w/main/scripts/p/{path}")
    versions = page.get_by_role("list", name="Versions").get_by_role("listitem")
    await versions.first.get_by_role("button", name="What changed").click()
    difference = page.get_by_label("Differences of the source")
    await expect(difference).to_contain_text("city.upper()")
    await assert_accessible(page)
    await picture(page, "script-difference")
    await page.get_by_role("button", name="Close").click()
    await versions.nth(1).get_by_role("button", name="Restore").click()
    await page.get_by_role("button", name="Restore it").click()
    await expect(versions).to_have_count(3)
    await expect(versions.first).to_contain_text(f"As in version {old[:8]}")
    now = newest(api, path)
    assert (now["content"], now["description"], now["timeout"]) == (FIRST, "Says a city", 77)
    assert now["schema"] == form  # with every digit


async def test_restoring_over_a_version_that_is_not_seen_yet_is_refused(page: Page, api: httpx.Client) -> None:
    path = "u/admin/outrun_restore"
    deploy(api, path, FIRST)
    deploy(api, path, SECOND)
    await page.goto(f"/w/main/scripts/p/{path}")
    versions = page.get_by_role("list", name="Versions").get_by_role("listitem")
    await versions.nth(1).get_by_role("button", name="Restore").click()
    theirs = deploy(api, path, "def main():\n    return 3\n")
    await page.get_by_role("button", name="Restore it").click()
    await expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("not the newest any more")
    assert newest(api, path)["hash"] == theirs


async def test_older_version_is_edited_and_keeps_its_settings(page: Page, api: httpx.Client) -> None:
    path = "u/admin/from_older"
    deploy(api, path, FIRST, timeout=55)
    deploy(api, path, SECOND)
    await page.goto(f"/w/main/scripts/p/{path}")
    await page.get_by_role("link", name="Edit from here").click()
    await expect(page.get_by_label("Source of the script")).to_contain_text("return city")
    await expect(page.get_by_role("status").filter(has_text="It begins with version")).to_be_visible()
    await page.get_by_role("button", name="Deploy", exact=True).click()
    await page.get_by_role("dialog").get_by_role("button", name="Deploy").click()
    await page.wait_for_url(f"**/scripts/p/{path}")
    now = newest(api, path)
    assert (now["content"], now["timeout"]) == (FIRST, 55)


async def test_what_was_said_of_the_form_by_hand_stays(page: Page, api: httpx.Client) -> None:
    path = "u/admin/hinted"
    schema = {"type": "object", "properties": {"city": {"type": "string", "format": "textarea"}}}
    deploy(api, path, FIRST, schema=schema)
    await page.goto(f"/w/main/scripts/edit/{path}")
    await expect(page.locator("textarea#root_city")).to_be_visible()
    await retype(page, "def main(city: str = 'Emden', days: int = 3):\n    return city\n")
    await page.get_by_role("button", name="Deploy", exact=True).click()
    await page.get_by_role("dialog").get_by_role("button", name="Deploy", exact=True).click()
    await page.wait_for_url(f"**/scripts/p/{path}")
    properties = newest(api, path)["schema"]["properties"]
    assert (properties["city"]["default"], properties["city"]["format"]) == ("Emden", "textarea")
    assert properties["days"]["default"] == 3


async def test_draft_is_kept_and_does_not_write_over_what_others_deployed(page: Page, api: httpx.Client) -> None:
    path = "u/admin/drafted"
    deploy(api, path, FIRST)
    await page.goto(f"/w/main/scripts/edit/{path}")
    await retype(page, "def main():\n    return 'mine'\n")
    await page.get_by_role("link", name="Scripts", exact=True).click()
    await page.get_by_role("heading", name="Scripts").wait_for()
    theirs = deploy(api, path, SECOND)
    await page.goto(f"/w/main/scripts/edit/{path}")
    await expect(page.get_by_label("Source of the script")).to_contain_text("'mine'")
    await expect(page.get_by_role("status").filter(has_text="your draft")).to_contain_text(
        "Another version was deployed"
    )
    await assert_accessible(page)
    await picture(page, "script-draft")
    await page.get_by_role("button", name="Deploy", exact=True).click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Deploy", exact=True).click()
    await expect(dialog.get_by_role("alert")).to_contain_text("Somebody deployed another version meanwhile")
    assert newest(api, path)["hash"] == theirs
    await assert_accessible(page)
    await picture(page, "script-outrun")
    await dialog.get_by_role("button", name="Deploy mine all the same").click()
    await page.wait_for_url(f"**/scripts/p/{path}")
    assert "'mine'" in newest(api, path)["content"]
    await page.get_by_role("link", name="Edit", exact=True).click()
    await page.get_by_label("Source of the script").wait_for()
    await expect(page.get_by_text("This is your draft")).to_have_count(0)


async def test_draft_is_given_up_for_what_is_deployed(page: Page, api: httpx.Client) -> None:
    path = "u/admin/given_up"
    deploy(api, path, FIRST)
    await page.goto(f"/w/main/scripts/edit/{path}")
    await retype(page, "def main():\n    return 'mine'\n")
    await page.reload()
    await page.get_by_role("button", name="Back to what is deployed").click()
    await expect(page.get_by_label("Source of the script")).to_contain_text("return city")
    await page.reload()
    await expect(page.get_by_label("Source of the script")).to_contain_text("return city")
    await expect(page.get_by_text("This is your draft")).to_have_count(0)


async def test_lock_is_shown_and_its_failure_too(page: Page, api: httpx.Client) -> None:
    deploy(api, "u/admin/locked", FIRST, lock="# py: 3.11\nsix==1.17.0")
    await page.goto("/w/main/scripts/p/u/admin/locked")
    await expect(page.get_by_label("Lock", exact=True)).to_contain_text("six==1.17.0")
    await assert_accessible(page)
    await picture(page, "script-lock")
    deploy(api, "u/admin/unlocked", "# requirements:\n# six>2\n# six<1\n" + FIRST)
    await page.goto("/w/main/scripts/p/u/admin/unlocked")
    await expect(page.get_by_role("alert")).to_contain_text("Its packages could not be found")
    await picture(page, "script-lock-failed")
