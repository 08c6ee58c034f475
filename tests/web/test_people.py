"""Members, groups and folders: somebody comes, is given rights, loses them and goes."""

import re

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.end_to_end.running import Tidemill
from tests.web.axe import assert_accessible
from tests.web.conftest import fresh_page, picture

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def ann(api: httpx.Client, tidemill: Tidemill) -> str:
    """The username of a developer with an account."""
    headers = {"Authorization": f"Bearer {tidemill.token}"}
    account = {"email": "ann@tides.example", "name": "Ann Lee", "password": "a-long-enough-password"}
    httpx.post(f"{tidemill.url}/api/users/create", json=account, headers=headers)
    api.post("workspaces/add_user", json={"email": account["email"], "role": "developer", "username": "ann"})
    assert api.get("users/exists/ann").json() is True
    return "ann"


async def test_member_comes_with_a_password_shown_once_and_goes(
    page: Page, browser: Browser, api: httpx.Client, tidemill: Tidemill
) -> None:
    await page.get_by_role("link", name="Members").click()
    await page.get_by_role("button", name="Add a member").click()
    form = page.get_by_role("dialog")
    await form.get_by_label("E-mail").fill("cara@tides.example")
    await form.get_by_label("operator").check()
    await form.get_by_role("button", name="Add", exact=True).click()
    await expect(form.get_by_role("status")).to_contain_text("There is no account cara@tides.example yet.")
    await assert_accessible(page)
    await picture(page, "member-new")
    await form.get_by_label("Name of the person").fill("Cara Voss")
    await form.get_by_role("button", name="Make the account and add it").click()
    told = await page.get_by_label("Sign-in data", exact=True).inner_text()
    password = told.split("Password: ")[1].strip()
    await page.get_by_role("button", name="I have it").click()
    assert api.get("users/get/cara").json()["operator"] is True
    async with fresh_page(browser, tidemill) as theirs:
        await theirs.goto("/sign-in")
        await theirs.get_by_label("E-mail").fill("cara@tides.example")
        await theirs.get_by_label("Password").fill(password)
        await theirs.get_by_role("button", name="Sign in").click()
        await theirs.get_by_role("link", name="Members").click()
        await theirs.get_by_role("option", name=re.compile("Cara Voss")).click()
        beside = theirs.get_by_role("region", name="Member cara")
        await expect(beside.get_by_label("admin")).to_be_disabled()
        await expect(theirs.get_by_role("button", name=re.compile("Add a member|Remove|Disable"))).to_have_count(0)
    await page.get_by_role("option", name=re.compile("Cara Voss")).click()
    await expect(page.get_by_role("region", name="Member cara")).to_be_visible()
    await page.get_by_label("developer").click()
    await expect(page.get_by_label("developer")).to_be_checked()
    await page.get_by_role("button", name="Disable").click()
    await expect(page.get_by_role("button", name="Enable again")).to_be_visible()
    found = api.get("users/get/cara").json()
    assert (found["operator"], found["disabled"]) == (False, True)
    await page.get_by_role("button", name="Remove", exact=True).click()
    removal = page.get_by_role("dialog")
    await expect(removal.get_by_role("button", name="Remove", exact=True)).to_be_disabled()
    await removal.get_by_label("Type cara to confirm").fill("cara")
    await removal.get_by_role("button", name="Remove", exact=True).click()
    await page.wait_for_url("**/members")
    assert api.get("users/exists/cara").json() is False


async def test_last_admin_is_not_demoted(page: Page) -> None:
    await page.goto("/w/main/members/admin")
    beside = page.get_by_role("region", name="Member admin")
    await beside.get_by_label("operator").click()
    await expect(page.get_by_text("last admin").first).to_be_visible()
    await expect(beside.get_by_label("admin", exact=False).first).to_be_checked()
    await page.goto("/w/main/members/nobody")
    await expect(page.get_by_role("alert")).to_contain_text("There is no member nobody")


async def test_group_is_made_filled_and_deleted(page: Page, api: httpx.Client, ann: str) -> None:
    await page.goto("/w/main/groups")
    await page.get_by_role("button", name="New group").click()
    form = page.get_by_role("dialog")
    await form.get_by_label("Name").fill("no such/name")
    await form.get_by_role("button", name="Make it").click()
    await expect(form.get_by_role("alert")).to_contain_text("name")
    await form.get_by_label("Name").fill("tide_watch")
    await form.get_by_label("What it is for").fill("Looks at the water")
    await form.get_by_role("button", name="Make it").click()
    beside = page.get_by_role("region", name="Group tide_watch")
    await beside.get_by_label("Member to add").fill("nobody")
    await beside.get_by_role("button", name="Add").first.click()
    await expect(page.get_by_text("There is nobody “nobody” to add.")).to_be_visible()
    await beside.get_by_label("Member to add").fill(ann)
    await beside.get_by_role("button", name="Add").first.click()
    await expect(beside.get_by_role("list", name="Members of the group").get_by_role("listitem")).to_have_count(1)
    await beside.get_by_label("Manager to add").fill(f"u/{ann}")
    await beside.get_by_role("button", name="Add").last.click()
    await expect(beside.get_by_role("list", name="Managers of the group")).to_contain_text("u/ann")
    await assert_accessible(page)
    await picture(page, "group")
    found = api.get("groups/get/tide_watch").json()
    assert (found["members"], found["extra_perms"]["u/ann"]) == (["ann"], True)
    await beside.get_by_role("button", name="Take ann out").click()
    await expect(beside.get_by_text("Nobody yet.")).to_be_visible()
    await beside.get_by_role("button", name="Delete the group").click()
    await page.get_by_label("Type tide_watch to confirm").fill("tide_watch")
    await page.get_by_role("button", name="Delete it").click()
    await page.wait_for_url("**/groups")
    assert api.get("groups/get/tide_watch").status_code == 404


async def test_folder_is_opened_to_whom_its_rights_say(page: Page, api: httpx.Client, ann: str) -> None:
    await page.get_by_role("link", name="Folders").click()
    await page.get_by_role("button", name="New folder").click()
    await page.get_by_role("dialog").get_by_label("Name").fill("harbour")
    await page.get_by_role("dialog").get_by_role("button", name="Make it").click()
    beside = page.get_by_role("region", name="Folder harbour")
    await expect(beside).to_be_visible()
    body = {"path": "f/harbour/depth", "value": "4", "is_secret": False, "description": ""}
    api.post("variables/create", json=body)
    await page.reload()
    await expect(beside.get_by_role("list", name="Contents")).to_contain_text("1 variable")
    await beside.get_by_label("Who").fill("u/nobody")
    await beside.get_by_role("button", name="Add").click()
    await expect(page.get_by_text("There is nobody “u/nobody” to give a right to.")).to_be_visible()
    await beside.get_by_label("Who").fill(ann)
    await beside.get_by_role("button", name="Add").click()
    right = beside.get_by_label("Right of u/ann", exact=True)
    for wanted in ("writer", "owner", "reader"):
        await right.select_option(wanted)
        await expect(right).to_have_value(wanted)
        await expect(right).to_be_enabled()
        folder = api.get("folders/get/harbour").json()
        kept = (
            "owner"
            if ann in str(folder["owners"])
            else {True: "writer", False: "reader"}[folder["extra_perms"]["u/ann"]]
        )
        assert kept == wanted
    await assert_accessible(page)
    await picture(page, "folder")
    await page.goto("/w/main/variables/p/f/harbour/depth")
    await page.get_by_role("tab", name="Access").click()
    await expect(page.get_by_text("may read", exact=True)).to_be_visible()
    await page.get_by_label("Share with").fill("g/all")
    await page.get_by_role("button", name="Share").click()
    shared = page.get_by_role("list", name="Shared with")
    await shared.get_by_label("What g/all may do").select_option("write")
    await expect(shared.get_by_label("What g/all may do")).to_have_value("write")
    await page.goto("/w/main/folders/harbour")
    await beside.get_by_role("button", name="Take the right of u/ann away").click()
    await expect(right).to_have_count(0)
    await beside.get_by_role("button", name="Delete the folder").click()
    await expect(page.get_by_role("dialog")).to_contain_text("The 1 item in it")
    await page.get_by_label("Type harbour to confirm").fill("harbour")
    await page.get_by_role("button", name="Delete it").click()
    await page.wait_for_url("**/folders")
    assert api.get("folders/get/harbour").status_code == 404
    api.delete("variables/delete/f/harbour/depth")


async def test_people_and_folders_fit_a_phone(phone: Page, ann: str) -> None:
    for place, name in (
        ("members", "members"),
        (f"members/{ann}", "member"),
        ("groups", "groups"),
        ("folders", "folders"),
    ):
        await phone.goto(f"/w/main/{place}")
        await phone.get_by_role("heading").first.wait_for()
        await phone.get_by_role("listbox").or_(phone.get_by_role("region", name=f"Member {ann}")).first.wait_for()
        await picture(phone, f"phone-{name}")


@pytest.mark.parametrize("kind", ["script", "flow"])
async def test_where_and_as_whom_it_runs_is_asked_and_kept(page: Page, api: httpx.Client, ann: str, kind: str) -> None:
    path, theirs = f"u/admin/{kind}_of_somebody", f"u/{ann}"
    body = {"value": {"modules": []}} if kind == "flow" else {"language": "python3", "content": "def main(): pass\n"}
    told = {"tag": "kept", "on_behalf_of": theirs, "preserve_on_behalf_of": True}
    answer = api.post(f"{kind}s/create", json={"path": path, "summary": "", **body, **told})
    assert answer.status_code == 201, answer.text
    dialog = page.get_by_role("dialog")
    tag, person = dialog.get_by_label("Tag"), dialog.get_by_label("Runs as")
    before = ("kept", theirs)
    for after in (before, ("", ""), ("other", "u/admin")):
        await page.goto(f"/w/main/{kind}s/edit/{path}")
        await page.get_by_role("button", name="Deploy", exact=True).click()
        await expect(person.get_by_role("option", name="u/admin, which is you")).to_be_attached()
        assert (await tag.input_value(), await person.input_value()) == before
        if before == after:
            await assert_accessible(page)
            await picture(page, f"deploy-{kind}")
        await tag.fill(after[0])
        await person.select_option(after[1])
        await dialog.get_by_role("button", name="Deploy").click()
        await page.wait_for_url(lambda url: "/edit/" not in url)
        now = api.get(f"scripts/get/p/{path}" if kind == "script" else f"flows/get/{path}").json()
        assert (now.get("tag") or "", now.get("on_behalf_of") or "") == after
        before = after
