"""`tidemill`: one Tidemill for all browser tests; `page`: a fresh browser context that is signed in, or not."""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright, expect

from tests.end_to_end.running import SETTINGS, Tidemill, running
from tests.web.axe import SETTLED
from tidemill.server.routes.pages import ASSETS

SCREENSHOTS = Path(__file__).resolve().parents[2] / "web" / "screenshots"
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
"""Chromium as root, and without connections of its own."""
TIMEOUT_MS = 30_000
expect.set_options(timeout=TIMEOUT_MS)


def missing(reason: str) -> None:
    """Skip on a contributor's machine, fail where everything must be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def tidemill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tidemill]:
    """`tidemill up` with its web interface."""
    if not ASSETS:
        missing("the web interface is not built: run make web")
    with running(tmp_path_factory.mktemp("web") / "data", **SETTINGS) as started:
        yield started


@pytest.fixture(scope="session")
def api(tidemill: Tidemill) -> Iterator[httpx.Client]:
    """The workspace past the browser: what was stored, and what somebody else does meanwhile."""
    headers = {"Authorization": f"Bearer {tidemill.token}"}
    with httpx.Client(base_url=tidemill.api, headers=headers, timeout=TIMEOUT_MS / 1000) as client:
        yield client


@pytest.fixture(scope="session")
def empty(api: httpx.Client, tidemill: Tidemill) -> str:
    """A workspace in which nothing is, whatever other tests have made."""
    answer = api.post(f"{tidemill.url}/api/workspaces/create", json={"id": "void", "name": "Void"})
    assert answer.status_code in {201, 409}, answer.text
    return "void"  # behind "main" in the order of names, so that the start page leads there as before


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Headless Chromium."""
    chromium = shutil.which("chromium")
    if chromium is None:
        missing("Chromium is not on this machine (Debian: apt-get install chromium)")
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=chromium, args=QUIET)
        yield started
        await started.close()


class Faults:
    """What a page complained of: errors of scripts, what the content security policy refused, failed requests."""

    def __init__(self, page: Page) -> None:
        self.found: list[str] = []
        page.on("pageerror", lambda error: self.found.append(str(error)))
        page.on("console", self._heard)

    def _heard(self, message: ConsoleMessage) -> None:
        is_refusal = "the server responded with a status of 4" in message.text  # which the page shows
        is_query = "/run_inline/" in message.location.get("url", "")  # answers 500 where the database refuses it
        # Chromium itself marks text that is typed over a selection with a style, which the policy takes away again.
        is_typing = message.text.startswith("Applying inline style violates")
        if message.type == "error" and not (is_refusal or is_query or is_typing):
            self.found.append(message.text)


@asynccontextmanager
async def fresh_page(
    browser: Browser, tidemill: Tidemill, *, width: int = 1280, height: int = 800
) -> AsyncIterator[Page]:
    """A page in a context of its own that must not have complained at its end."""
    context: BrowserContext = await browser.new_context(
        base_url=tidemill.url, viewport={"width": width, "height": height}, reduced_motion="reduce"
    )
    context.set_default_timeout(TIMEOUT_MS)
    page = await context.new_page()
    faults = Faults(page)
    try:
        yield page
        assert faults.found == []
    finally:
        await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def stranger(browser: Browser, tidemill: Tidemill) -> AsyncIterator[Page]:
    """Nobody's page."""
    async with fresh_page(browser, tidemill) as page:
        yield page


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser, tidemill: Tidemill) -> AsyncIterator[Page]:
    """The admin's page."""
    async with fresh_page(browser, tidemill) as found:
        await go_in(found, tidemill)
        await found.get_by_role("navigation").wait_for()
        yield found


@pytest_asyncio.fixture(loop_scope="session")
async def phone(browser: Browser, tidemill: Tidemill) -> AsyncIterator[Page]:
    """The admin's page on a phone."""
    async with fresh_page(browser, tidemill, width=390, height=844) as found:
        await go_in(found, tidemill)
        await found.get_by_role("button", name="Menu").wait_for()
        yield found


async def go_in(page: Page, tidemill: Tidemill) -> None:
    """As who has signed in before: with a session, past the page that asks who it is."""
    login = {"email": tidemill.email, "password": tidemill.password}
    answer = await page.context.request.post("/api/auth/login", data=login)
    assert answer.ok, await answer.text()
    await page.goto("/")
    await page.wait_for_url(f"**/w/{tidemill.workspace}")


async def sign_in(page: Page, tidemill: Tidemill) -> None:
    """As its user does it."""
    await enter(page, tidemill)
    await page.get_by_role("navigation").wait_for()


async def enter(page: Page, tidemill: Tidemill) -> None:
    """Past the page that asks who it is."""
    await page.goto("/")
    await page.get_by_label("E-mail").fill(tidemill.email)
    await page.get_by_label("Password").fill(tidemill.password)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(f"**/w/{tidemill.workspace}")


async def picture(page: Page, name: str) -> None:
    """Screenshots in both colours, for people to look at; nothing may be clipped to the right."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
        await page.evaluate(SETTLED)
        await page.screenshot(path=SCREENSHOTS / f"{name}-{scheme}.png")
    await page.emulate_media(color_scheme="light", reduced_motion="reduce")
    too_wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert too_wide <= 0, f"{name} is {too_wide} pixels too wide"
