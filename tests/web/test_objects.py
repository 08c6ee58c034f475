"""The storage browser: upload, look into objects, share, move and remove them; what a script gets and gives."""

from pathlib import Path

import duckdb
import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from tests.web.axe import assert_accessible
from tests.web.conftest import picture

pytestmark = pytest.mark.asyncio(loop_scope="session")

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cf500f"
    "0003860180b6d5fe0c0000000049454e44ae426082"
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to upload: a table of either kind, a picture, a text, and more than goes at once."""
    folder = tmp_path_factory.mktemp("upload") / "reports"
    (folder / "more").mkdir(parents=True)
    rows = "select i as id, 'city ' || i as city, (i * 1.1)::decimal(12, 2) as level from range(5000) t(i)"
    duckdb.sql(f"copy ({rows}) to '{folder / 'levels.parquet'}'")
    duckdb.sql(f"copy ({rows} limit 500) to '{folder / 'levels.csv'}'")
    (folder / "dot.png").write_bytes(PNG)
    (folder / "more" / "notes.txt").write_text("höher als gestern\n" * 20)
    (folder / "large.bin").write_bytes(bytes(17 * 1024 * 1024))
    return folder


@pytest_asyncio.fixture(loop_scope="session")
async def reports(page: Page, files: Path, api: httpx.Client) -> Page:
    """The page of the folder, which the first test uploads by the browser."""
    await page.goto("/w/main/storages/_default_?prefix=u/admin/")
    if not api.get("job_helpers/check_s3_folder_exists", params={"file_key": "u/admin/reports"}).json()["exists"]:
        await page.get_by_test_id("folder-input").set_input_files(files)
        await expect(page.get_by_text("5 uploaded")).to_be_visible(timeout=60_000)
        await page.get_by_role("button", name="Clear").click()
    await page.goto("/w/main/storages/_default_?prefix=u/admin/reports/")
    await page.get_by_role("gridcell", name="levels.csv").last.wait_for()
    return page


async def test_objects_are_looked_into(reports: Page) -> None:
    page = reports
    await assert_accessible(page)
    await picture(page, "storage")
    for name, seen in (("levels.parquet", "city 3"), ("levels.csv", "city 3")):
        await page.get_by_role("gridcell", name=name).last.click()
        rows = page.get_by_role("region", name=f"Rows of {name}")
        await expect(rows.get_by_role("cell", name=seen, exact=True)).to_be_visible()
        await rows.get_by_role("button", name="id").click()
        await rows.get_by_role("button", name="id").click()
        last = "city 4999" if name.endswith("parquet") else "city 499"
        await expect(rows.get_by_role("cell", name=last, exact=True)).to_be_visible()
    await assert_accessible(page)
    await picture(page, "storage-table")
    await page.get_by_role("gridcell", name="dot.png").last.click()
    await expect(page.get_by_role("img", name="dot.png")).to_have_js_property("naturalWidth", 1)
    await page.get_by_role("link", name="Query with DuckDB").click()
    await expect(page.get_by_label("Source of the script")).to_contain_text("s3:///u/admin/reports/dot.png")


async def test_link_opens_for_anybody_until_it_is_taken_back(reports: Page, api: httpx.Client) -> None:
    page = reports
    await page.get_by_role("gridcell", name="levels.csv").last.click()
    await page.get_by_role("tab", name="Links").click()
    await page.get_by_role("button", name="Make a link").click()
    link = await page.get_by_label("The link", exact=True).input_value()
    assert httpx.get(link).text.startswith("id,city,level")
    await assert_accessible(page)
    await picture(page, "storage-links")
    await page.get_by_role("button", name="Take back").click()
    await expect(page.get_by_text("No link leads here now.")).to_be_visible()
    assert httpx.get(link).status_code in {403, 404}
    await page.get_by_role("tab", name="Access").click()
    await expect(page.get_by_role("list", name="Rights").get_by_label("may", exact=True)).to_have_count(4)
    await page.get_by_role("tab", name="Details").click()
    await expect(page.get_by_text("s3:///u/admin/reports/levels.csv", exact=True)).to_be_visible()


async def test_objects_are_moved_and_removed_together(reports: Page, api: httpx.Client) -> None:
    page = reports
    api.post("job_helpers/upload_s3_file", params={"file_key": "u/admin/taken/dot.png"}, content=b"mine")
    await page.get_by_label("Choose dot.png").check()
    await page.get_by_label("Choose more").check()
    await page.get_by_role("toolbar").get_by_role("button", name="Copy").click()
    await page.get_by_role("textbox", name="Folder").fill("u/admin/taken")
    await page.get_by_role("dialog").get_by_role("button", name="Copy", exact=True).click()
    await expect(page.get_by_role("dialog")).to_contain_text("1 of 2 done, 1 could not be")
    kept = api.get("job_helpers/download_s3_file", params={"file_key": "u/admin/taken/dot.png"})
    assert kept.content == b"mine"
    await page.get_by_role("dialog").get_by_role("button", name="Close").last.click()
    await page.get_by_label("Address").fill("nowhere")
    await expect(page.get_by_label("Address")).to_have_attribute("aria-invalid", "true")
    await page.get_by_label("Address").fill("s3:///u/admin/taken/")
    await page.keyboard.press("Enter")
    await page.get_by_label("Choose more").check()
    await page.get_by_label("Choose dot.png").check()
    await page.get_by_role("toolbar").get_by_role("button", name="Delete").click()
    remove = page.get_by_role("dialog").get_by_role("button", name="Delete")
    await expect(remove).to_be_disabled()
    await page.get_by_label("Type delete to confirm").fill("delete")
    await picture(page, "storage-delete")
    await remove.click()
    await expect(page.get_by_role("dialog")).to_contain_text("2 of 2 removed")
    listed = api.get("job_helpers/list_stored_files", params={"max_keys": 10, "prefix": "u/admin/taken/"}).json()
    assert listed["windmill_large_files"] == []


async def test_upload_asks_before_it_replaces(reports: Page, files: Path, api: httpx.Client) -> None:
    page = reports
    changed = files.parent / "dot.png"
    changed.write_bytes(PNG + b"more")
    await page.get_by_test_id("files-input").set_input_files(changed)
    await expect(page.get_by_text("There is one of that name.")).to_be_visible()
    await picture(page, "storage-upload")
    await page.get_by_role("button", name="Replace it").click()
    await expect(page.get_by_text("1 uploaded")).to_be_visible()
    stored = api.get("job_helpers/load_file_metadata", params={"file_key": "u/admin/reports/dot.png"}).json()
    assert stored["size_in_bytes"] == len(PNG) + 4


async def test_script_takes_an_object_and_its_result_shows_one(reports: Page, api: httpx.Client) -> None:
    page = reports
    source = "from wmill import S3Object\n\n\ndef main(report: S3Object) -> S3Object:\n    return report\n"
    script = {"path": "u/admin/looks", "summary": "", "description": "", "content": source, "language": "python3"}
    assert api.post("scripts/create", json=script).status_code == 201
    await page.goto("/w/main/scripts/p/u/admin/looks")
    await page.get_by_label("report").fill("levels.csv")
    await expect(page.get_by_text("An address is s3://")).to_be_visible()
    await page.get_by_role("button", name="Look for an object").click()
    for name in ("u/", "admin/", "reports/", "levels.csv"):
        await page.get_by_role("option", name=name, exact=True).click()
    await expect(page.get_by_label("report")).to_have_value("s3:///u/admin/reports/levels.csv")
    await page.get_by_role("button", name="Run", exact=True).click()
    rows = page.get_by_role("region", name="Rows of levels.csv")
    await expect(rows.get_by_role("cell", name="city 3", exact=True)).to_be_visible(timeout=60_000)
    await assert_accessible(page)


async def test_admin_adds_rules_and_removes_a_storage(page: Page, api: httpx.Client) -> None:
    await page.goto("/w/main/storages")
    await page.get_by_role("button", name="Add a storage").click()
    await page.get_by_label("Name").fill("No good")
    await page.get_by_role("button", name="Add it").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await page.get_by_label("Name").fill("lake")
    await page.get_by_role("button", name="Add it").click()
    await page.get_by_role("button", name="Rules of lake").click()
    await page.get_by_role("button", name="Add a rule").click()
    await page.get_by_label("Pattern 10").fill("open/**")
    await page.get_by_label("What holds for a key").fill("u/admin/report.csv")
    await expect(page.get_by_role("list", name="Rights").get_by_role("listitem").first).to_contain_text("read")
    await assert_accessible(page)
    await picture(page, "storage-rules")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("10 rules")).to_be_visible()
    lake = api.get("storages/list").json()[1]
    assert lake["rules"][-1] == {"pattern": "open/**", "allow": "read,list"}
    await page.get_by_role("button", name="Try out lake").click()
    await expect(page.get_by_role("list", name="Steps").get_by_label("fine").first).to_be_visible()
    await page.get_by_role("button", name="Close").click()
    await assert_accessible(page)
    await picture(page, "storages")
    await page.get_by_role("button", name="Remove lake").click()
    await page.get_by_label("Type lake to confirm").fill("lake")
    await page.get_by_role("button", name="Remove it").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)  # what is behind it is not seen before
    await expect(page.get_by_role("link", name="lake")).to_have_count(0)


async def test_storage_fits_a_phone(phone: Page, api: httpx.Client) -> None:
    api.post("job_helpers/upload_s3_file", params={"file_key": "u/admin/phone.csv"}, content=b"a,b\n1,2\n")
    await phone.goto("/w/main/storages/_default_?prefix=u/admin/")
    await phone.get_by_role("gridcell", name="phone.csv").last.wait_for()
    await picture(phone, "phone-storage")
    await phone.get_by_role("gridcell", name="phone.csv").last.click()
    await phone.get_by_role("region", name="Rows of phone.csv").wait_for()
    await picture(phone, "phone-storage-preview")
