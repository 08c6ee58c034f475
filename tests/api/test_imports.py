"""What is fetched from a running Windmill: a small one that answers as its public API does."""

import io
import tarfile
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web

from tests.api.conftest import Api, audited

W = "/api/w/main"
FILES = {"f/shop/report.py": "def main():\n    return 1\n", "f/shop/report.script.json": '{"summary": "Report"}'}


def tar_of(files: dict[str, str]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return made.getvalue()


async def tarball(request: web.Request) -> web.Response:
    if request.headers["Authorization"] != "Bearer good":
        return web.Response(status=401, text="Unauthorized")
    if request.match_info["workspace"] == "page":
        return web.Response(text="<!doctype html>", content_type="text/html")
    if request.match_info["workspace"] != "shop":
        return web.Response(status=404, text="no rows returned")
    assert request.query["plain_secret"] == "true"
    return web.Response(body=tar_of(FILES), content_type="application/octet-stream")


@pytest_asyncio.fixture
async def windmill() -> AsyncIterator[str]:
    """Its address."""
    app = web.Application()
    app.router.add_get("/api/w/{workspace}/workspaces/tarball", tarball)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}"
    await runner.cleanup()


async def test_archive_comes_as_it_is_and_is_recorded(api: Api, windmill: str) -> None:
    body = {"url": f"{windmill}/", "workspace": "shop", "token": "good"}
    answer = await api.admin.post(f"{W}/imports/windmill", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.content == tar_of(FILES)
    assert answer.headers["content-type"] == "application/x-tar"
    (record,) = await audited(api, "imports.windmill")
    assert "good" not in str(record)
    assert (await api.developer.post(f"{W}/imports/windmill", json=body)).status_code == 403


@pytest.mark.parametrize(
    ("change", "status", "told"),
    [
        ({"token": "bad"}, 403, "does not take the token"),
        ({"workspace": "absent"}, 404, "has no workspace 'absent'"),
        ({"workspace": "page"}, 424, "is it a Windmill?"),
        ({"url": "ftp://elsewhere"}, 400, "The address of a Windmill"),
        ({"url": "nowhere"}, 400, "The address of a Windmill"),
        ({"url": "http://user:secret@127.0.0.1"}, 400, "The address of a Windmill"),
        ({"url": "http://127.0.0.1:9"}, 424, "cannot be reached"),
        ({"url": "http://169.254.169.254"}, 424, "169.254.169.254"),
    ],
    ids=str,
)
async def test_what_cannot_be_fetched_is_told(
    api: Api, windmill: str, change: dict[str, str], status: int, told: str
) -> None:
    body = {"url": windmill, "workspace": "shop", "token": "good", **change}
    answer = await api.admin.post(f"{W}/imports/windmill", json=body)
    assert (answer.status_code, told in answer.text) == (status, True), answer.text
