"""Workers and the queue: a job that nobody serves is told of, and canceled."""

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.web.axe import assert_accessible
from tests.web.conftest import picture

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_job_that_no_worker_serves_is_told_of_and_canceled(page: Page, api: httpx.Client) -> None:
    body = {"content": "echo 1", "language": "bash", "args": {}, "tag": "gpu"}
    job = api.post("jobs/run/preview", json=body)
    assert job.status_code == 201, job.text
    await page.get_by_role("link", name="Workers").click()
    told = page.get_by_text("a worker that serves “gpu”")
    await expect(told).to_be_visible()
    workers = page.get_by_role("region", name="Workers")
    await expect(workers.get_by_text("alive")).to_have_count(1)
    row = page.get_by_role("region", name="Queue").get_by_role("row").filter(has_text="gpu")
    await expect(row).to_contain_text("queued")
    await assert_accessible(page)
    await picture(page, "workers")
    await row.get_by_role("button", name="Cancel").click()
    await expect(row).to_have_count(0)
    await expect(told).to_have_count(0)
    ended = api.get(f"jobs_u/completed/get/{job.text}").json()
    assert (ended["canceled"], ended["success"]) == (True, False)


async def test_workers_fit_a_phone(phone: Page) -> None:
    await phone.goto("/w/main/workers")
    await phone.get_by_role("region", name="Workers").wait_for()
    await picture(phone, "phone-workers")
