"""A workspace of Windmill is imported: from an archive, and from the folder that its command line wrote."""

import io
import json
import re
import tarfile
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.web.axe import assert_accessible
from tests.web.conftest import picture

pytestmark = pytest.mark.asyncio(loop_scope="session")

FLOW = {"modules": [{"id": "a", "value": {"type": "script", "path": "f/imported/report", "input_transforms": {}}}]}
ARCHIVE = {
    "f/imported/folder.meta.json": {
        "summary": "From Windmill",
        "owners": ["u/somebody"],
        "extra_perms": {"g/all": False},
    },
    "f/imported/report.py": "def main(days: int = 7):\n    return days\n",
    "f/imported/report.script.json": {
        "summary": "Report",
        "description": "",
        "kind": "script",
        "lock": "",
        "tag": "theirs",
        "on_behalf_of_email": "somebody@example.org",
    },
    "f/imported/all.flow.json": {
        "summary": "All of it",
        "value": FLOW,
        "schema": {"type": "object", "properties": {}},
        "tag": "theirs",
        "on_behalf_of": "u/somebody",
    },
    "f/imported/nightly.schedule.json": {
        "schedule": "0 0 2 * * *",
        "timezone": "UTC",
        "script_path": "f/imported/report",
        "is_flow": False,
        "args": {"days": 3},
        "enabled": True,
    },
    "f/imported/key.variable.json": {"value": "a secret of ours", "is_secret": True, "description": "of the shop"},
    "f/imported/db.resource.json": {"value": {"host": "db", "big": 2**60 + 1}, "resource_type": "any"},
    "f/imported/later.script.json": {"summary": "Its source is lost"},
    "f/imported/front.app.json": {"summary": "An app", "value": {}},
}


def packed(files: dict[str, object]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as tar:
        for name, content in files.items():
            text = (content if isinstance(content, str) else json.dumps(content)).encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text))
    return made.getvalue()


async def choose(page: Page, name: str, body: bytes) -> None:
    given = {"name": name, "mimeType": "application/octet-stream", "buffer": body}
    await page.get_by_test_id("archive-input").set_input_files(given)


async def test_archive_is_looked_at_imported_and_imported_again(page: Page, api: httpx.Client) -> None:
    await page.goto("/w/main/import")
    await choose(page, "notes.zip", b"not an archive")
    await expect(page.get_by_role("alert")).to_contain_text("neither a zip nor a tar archive")
    await choose(page, "empty.tgz", packed({"README.md": "nothing"}))
    await expect(page.get_by_role("alert")).to_contain_text("wmill sync pull")
    await picture(page, "import")
    await choose(page, "shop.tgz", packed(ARCHIVE))
    await expect(page.get_by_role("status")).to_contain_text("6 of 7 will be imported.")
    scripts = page.get_by_role("region", name="scripts")
    await expect(scripts.get_by_role("row").filter(has_text="later")).to_contain_text(
        "Its source is not in the archive."
    )
    await expect(page.get_by_role("region", name="Left out")).to_contain_text("Apps are not part of Tidemill.")
    await assert_accessible(page)
    await picture(page, "import-review")
    await page.get_by_role("button", name="Import", exact=True).click()
    await expect(page.get_by_role("status")).to_have_text("6 imported")
    await picture(page, "import-done")
    assert api.get("scripts/get/p/f/imported/report").json()["content"] == ARCHIVE["f/imported/report.py"]
    assert api.get("flows/get/f/imported/all").json()["value"] == FLOW
    for place in ("scripts/get/p/f/imported/report", "flows/get/f/imported/all"):
        found = api.get(place).json()
        assert (found["tag"], found.get("on_behalf_of")) == ("theirs", None)
    assert api.get("variables/get_value/f/imported/key").json() == "a secret of ours"
    assert api.get("resources/get_value/f/imported/db").json() == {"host": "db", "big": 2**60 + 1}
    schedule = api.get("schedules/get/f/imported/nightly").json()
    assert (schedule["args"], schedule["enabled"]) == ({"days": 3}, False)
    folder = api.get("folders/get/imported").json()
    assert (folder["owners"], folder["extra_perms"]) == (["u/admin"], {"g/all": False})
    changed = {**ARCHIVE, "f/imported/report.py": "def main():\n    return 'newer'\n"}
    await page.get_by_role("button", name="Choose another").click()
    await choose(page, "shop.tgz", packed(changed))
    await expect(page.get_by_role("status")).to_contain_text("0 of 7 will be imported.")
    await page.get_by_label("Import script f/imported/report").check()
    await page.get_by_role("button", name="Import", exact=True).click()
    await expect(page.get_by_role("status")).to_have_text("1 imported")
    assert "newer" in api.get("scripts/get/p/f/imported/report").json()["content"]


async def test_folder_of_the_command_line_is_imported(page: Page, api: httpx.Client, tmp_path: Path) -> None:
    flow = tmp_path / "repo" / "f" / "pulled" / "greet.flow"
    flow.mkdir(parents=True)
    (tmp_path / "repo" / "wmill.yaml").write_text("defaultTs: bun\n")
    (flow / "flow.yaml").write_text(
        "summary: Greet\nvalue:\n  modules:\n    - id: a\n      value:\n        type: rawscript\n"
        "        language: bash\n        content: '!inline a.inline_script.sh'\n        input_transforms: {}\n"
    )
    (flow / "a.inline_script.sh").write_text("echo hello\n")
    await page.get_by_role("heading", name="Welcome, admin").wait_for()
    await page.keyboard.press("Control+k")
    await page.get_by_role("option", name="Import from Windmill").click()
    await page.get_by_test_id("folder-input").set_input_files(tmp_path / "repo")
    await page.get_by_role("button", name="Import", exact=True).click()
    await expect(page.get_by_role("status")).to_have_text("2 imported")
    value = api.get("flows/get/f/pulled/greet").json()["value"]
    assert value["modules"][0]["value"]["content"] == "echo hello\n"


async def test_windmill_that_does_not_answer_is_told_of(page: Page) -> None:
    await page.goto("/w/main/import")
    await page.get_by_label("Its address").fill("http://127.0.0.1:9")
    await page.get_by_label("Workspace there").fill("shop")
    await page.get_by_label("Token of an admin there").fill("secret")
    await page.get_by_role("button", name="Look into it").click()
    told = page.get_by_role("alert")
    await expect(told).to_contain_text(re.compile("127.0.0.1|closed"))
    await assert_accessible(page)


async def test_import_fits_a_phone(phone: Page) -> None:
    await phone.goto("/w/main/import")
    await choose(phone, "shop.tgz", packed(ARCHIVE))
    await phone.get_by_role("status").wait_for()
    await picture(phone, "phone-import")
