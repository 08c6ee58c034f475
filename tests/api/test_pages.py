"""The start page: its files, its headers, and that it never stands in for the API."""

import re

import pytest

from tests.api.conftest import Api

LINK = re.compile(r'(?:href|src)="(/static/[^"]+)"')


async def test_page_is_open_to_strangers_and_runs_nothing_but_its_own_files(api: Api) -> None:
    answer = await api.anonymous.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"<script(?![^>]*src=)|<style| style=| on[a-z]+=", answer.text)
    assert "://" not in answer.text


async def test_files_of_the_page_are_kept_for_ever_under_their_digest(api: Api) -> None:
    page = (await api.anonymous.get("/")).text
    links = set(LINK.findall(page))
    assert {link.rsplit("/", 1)[1] for link in links} == {"icon.svg", "page.css", "page.js"}
    for link in links:
        answer = await api.anonymous.get(link)
        assert answer.status_code == 200, link
        assert "immutable" in answer.headers["cache-control"]
        assert "http://" not in answer.text.replace("http://www.w3.org/2000/svg", "")


async def test_files_under_another_digest_are_not_kept(api: Api) -> None:
    answer = await api.anonymous.get("/static/0123456789abcdef/page.js")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"


async def test_unchanged_page_is_not_sent_again(api: Api) -> None:
    etag = (await api.anonymous.get("/")).headers["etag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}'):
        answer = await api.anonymous.get("/", headers={"If-None-Match": known})
        assert (answer.status_code, answer.content) == (304, b"")
    assert (await api.anonymous.get("/", headers={"If-None-Match": '"other"'})).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/runs",
        "/index.html",
        "/static/x/index.html",
        "/static/x/../page.js",
        "/static/x/nope.js",
        "/api",
        "/api/",
        "/api/x",
    ],
)
async def test_unknown_pages_are_404_and_no_html(api: Api, path: str) -> None:
    answer = await api.anonymous.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/plain")
