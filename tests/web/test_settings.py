"""Settings: credentials of one's own, the workspace, and the instance."""

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from tests.end_to_end.running import Tidemill
from tests.web.axe import assert_accessible
from tests.web.conftest import fresh_page, picture, sign_in

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_token_is_narrow_shown_once_and_revoked(page: Page, tidemill: Tidemill) -> None:
    await page.get_by_role("link", name="Settings").click()
    await page.get_by_role("navigation", name="Settings").get_by_role("link", name="Tokens").click()
    await page.get_by_role("button", name="New token").click()
    form = page.get_by_role("dialog")
    await form.get_by_label("What it is for").fill("nightly import")
    await form.get_by_label("What", exact=True).select_option("some")
    await form.get_by_label("Only at these paths").fill("shop/*")
    await expect(form.get_by_text("“shop/*” is no path")).to_be_visible()
    await expect(form.get_by_role("button", name="Make it")).to_be_disabled()
    await form.get_by_label("Only at these paths").fill("f/shop/*")
    await form.get_by_label("Variables and secrets: read").check()
    await expect(form.get_by_text("variables:read:f/shop/*")).to_be_visible()
    await assert_accessible(page)
    await picture(page, "token-new")
    await form.get_by_role("button", name="Make it").click()
    token = await page.get_by_label("Token", exact=True).inner_text()
    await assert_accessible(page)
    await page.get_by_role("button", name="I have it").click()
    await expect(page.get_by_text(token)).to_have_count(0)
    own = {"Authorization": f"Bearer {token}"}
    allowed = httpx.get(f"{tidemill.api}/variables/get/f/shop/absent", headers=own)
    refused = httpx.get(f"{tidemill.api}/resources/list", headers=own)
    assert (allowed.status_code, refused.status_code) == (404, 403)
    row = page.get_by_role("region", name="Tokens").get_by_role("row").filter(has_text="nightly import")
    await expect(row).to_contain_text("in main")
    await picture(page, "tokens")
    await row.get_by_role("button", name="Revoke").click()
    await page.get_by_role("button", name="Revoke it").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)  # what is behind it is not seen before
    await expect(row).to_have_count(0)
    assert httpx.get(f"{tidemill.api}/users/whoami", headers=own).status_code == 401


async def test_access_key_opens_the_storages_until_it_is_revoked(page: Page, api: httpx.Client) -> None:
    await page.goto("/w/main/settings/access-keys")
    await page.get_by_role("button", name="New access key").first.click()
    await page.get_by_label("What it is for").fill("laptop")
    await page.get_by_role("button", name="Make it").click()
    shell = await page.get_by_label("For a shell", exact=True).inner_text()
    settings = dict(
        line.removeprefix("export ").split("=", 1) for line in shell.splitlines() if line.startswith("export")
    )
    await page.get_by_role("button", name="I have it").click()
    key = settings["AWS_ACCESS_KEY_ID"]
    row = page.get_by_role("row").filter(has_text=key)
    await expect(row).to_contain_text("read only")
    assert key in [each["access_key"] for each in api.get("access_keys/list").json()]
    await assert_accessible(page)
    await picture(page, "access-keys")
    await row.get_by_role("button", name="Revoke").click()
    await page.get_by_role("button", name="Revoke it").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)  # what is behind it is not seen before
    await expect(row).to_have_count(0)


async def test_password_that_is_too_short_is_told_of(page: Page) -> None:
    await page.goto("/w/main/settings")
    await page.wait_for_url("**/settings/account")
    await page.get_by_label("New password").fill("short")
    await page.get_by_label("Once more").fill("other")
    await expect(page.get_by_text("At least 8 characters.")).to_be_visible()
    await expect(page.get_by_text("It is not the same.")).to_be_visible()
    await expect(page.get_by_role("button", name="Change it")).to_be_disabled()
    await assert_accessible(page)
    await picture(page, "account")


async def test_workspace_is_made_named_archived_brought_back_and_deleted(page: Page, tidemill: Tidemill) -> None:
    await page.goto("/w/main/settings/workspaces")
    await page.get_by_role("button", name="New workspace").click()
    form = page.get_by_role("dialog")
    await form.get_by_label("Id").fill("not an id")
    await form.get_by_role("button", name="Make it").click()
    await expect(form.get_by_role("alert")).to_be_visible()
    await form.get_by_label("Id").fill("harbour")
    await form.get_by_role("button", name="Make it").click()
    row = page.get_by_role("region", name="Workspaces").get_by_role("row").filter(has_text="harbour")
    await expect(row).to_contain_text("active")
    await assert_accessible(page)
    await picture(page, "workspaces")
    await row.get_by_role("link", name="harbour").click()
    await page.wait_for_url("**/w/harbour")
    await page.goto("/w/harbour/settings/workspace")
    await page.get_by_label("Name").fill("The harbour")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_label("Workspace", exact=True).get_by_text("The harbour")).to_have_count(1)
    await assert_accessible(page)
    await picture(page, "workspace-settings")
    await page.get_by_role("button", name="Archive").click()
    archiving = page.get_by_role("dialog")
    await archiving.get_by_label("Type harbour to confirm").fill("harbor")
    await expect(archiving.get_by_role("button", name="Archive it")).to_be_disabled()
    await archiving.get_by_label("Type harbour to confirm").fill("harbour")
    await archiving.get_by_role("button", name="Archive it").click()
    await expect(page.get_by_role("heading", name="Welcome, admin")).to_be_visible()
    await page.goto("/w/main/settings/workspaces")
    await row.get_by_role("button", name="Bring back").click()
    await expect(row).to_contain_text("active")
    await row.get_by_role("button", name="Delete").click()
    await page.get_by_label("Type harbour to confirm").fill("harbour")
    await page.get_by_role("button", name="Delete it").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)  # what is behind it is not seen before
    await expect(row).to_have_count(0)
    headers = {"Authorization": f"Bearer {tidemill.token}"}
    assert httpx.get(f"{tidemill.url}/api/w/harbour/users/whoami", headers=headers).status_code == 404


async def test_handler_of_schedules_is_set_for_all_that_name_none(page: Page, api: httpx.Client) -> None:
    await page.goto("/w/main/settings/workspace")
    await page.get_by_label("When a run fails").select_option("script/f/demo/watch_scripts")
    await page.get_by_label("After failures", exact=True).fill("0")
    await page.get_by_role("button", name="Set").first.click()
    assert "schedule_handlers" not in api.get("workspaces/get_settings").json()
    await page.get_by_label("After failures", exact=True).fill("2")
    await page.get_by_role("button", name="Set").first.click()
    await expect(page.get_by_text("The handler was set.")).to_be_visible()
    body = {
        "path": "u/admin/handled",
        "schedule": "0 0 0 1 1 *",
        "timezone": "UTC",
        "script_path": "f/demo/watch_scripts",
    }
    api.post("schedules/create", json={**body, "is_flow": False, "args": {}, "enabled": False})
    made = api.get("schedules/get/u/admin/handled").json()
    assert (made["on_failure"], made["on_failure_times"]) == ("script/f/demo/watch_scripts", 2)
    api.delete("schedules/delete/u/admin/handled")
    await page.get_by_label("When a run fails").select_option("")
    await page.get_by_role("button", name="Set").first.click()
    await expect(page.get_by_label("When a run fails")).to_have_value("")


async def test_accounts_and_keys_are_the_superadmins(page: Page, browser: Browser, tidemill: Tidemill) -> None:
    await page.goto("/w/main/settings/accounts")
    await page.get_by_role("button", name="New account").click()
    await page.get_by_label("E-mail").fill(tidemill.email)
    await page.get_by_role("button", name="Make it").click()
    await expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("There is an account")
    await page.get_by_label("E-mail").fill("dora@tides.example")
    await page.get_by_role("button", name="Make it").click()
    told = await page.get_by_label("Sign-in data", exact=True).inner_text()
    await page.get_by_role("button", name="I have it").click()
    await page.get_by_role("button", name="Disable dora@tides.example").click()
    await expect(page.get_by_role("button", name="Enable dora@tides.example")).to_be_visible()
    await page.get_by_role("button", name="Enable dora@tides.example").click()
    await assert_accessible(page)
    await picture(page, "accounts")
    headers = {"Authorization": f"Bearer {tidemill.token}"}
    httpx.post(f"{tidemill.api}/workspaces/add_user", headers=headers, json={"email": "dora@tides.example"})
    async with fresh_page(browser, tidemill) as theirs:
        dora = Tidemill(
            **{**vars(tidemill), "email": "dora@tides.example", "password": told.split("Password: ")[1].strip()}
        )
        await sign_in(theirs, dora)
        await theirs.goto("/w/main/settings/accounts")
        await expect(theirs.get_by_role("heading", name="There is no such part of the settings")).to_be_visible()
        await expect(theirs.get_by_role("navigation", name="Settings").get_by_role("link")).to_have_count(3)
    await page.get_by_role("button", name="Delete dora@tides.example").click()
    await page.get_by_label("Type dora@tides.example to confirm").fill("dora@tides.example")
    await page.get_by_role("button", name="Delete it").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)  # what is behind it is not seen before
    await expect(page.get_by_text("dora@tides.example")).to_have_count(0)
    await page.goto("/w/main/settings/instance")
    await expect(page.get_by_text("The root key is here")).to_be_visible()
    await assert_accessible(page)
    await picture(page, "instance")


async def test_settings_fit_a_phone(phone: Page) -> None:
    for section in ("account", "tokens", "workspace", "accounts"):
        await phone.goto(f"/w/main/settings/{section}")
        await phone.get_by_role("heading", level=2).first.wait_for()
        await picture(phone, f"phone-settings-{section}")
