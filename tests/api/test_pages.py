"""The web interface as the server sends it: its files, its headers, and that it never stands in for the API."""

import re

import pytest

from tests.api.conftest import Api
from tidemill.server.routes.pages import ASSETS

LINK = re.compile(r'(?:href|src)="([^"]+)"')
NONCE = re.compile(r"'nonce-([^']+)'")
RUN = "01a21e90-1989-74f8-95b6-640405af15f0"
built = pytest.mark.skipif(not ASSETS, reason="the web interface is not built: run make web")


@pytest.mark.parametrize("address", ["/", "/sign-in", "/w/main", "/w/main/runs/x?y=z", "/w/a%2Fb"])
async def test_page_is_open_to_strangers_and_runs_nothing_but_its_own_files(api: Api, address: str) -> None:
    answer = await api.anonymous.get(address)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert not re.search(r"<script(?![^>]*src=)|<style| style=| on[a-z]+=", answer.text)
    assert "://" not in answer.text


async def test_frame_of_plots_has_no_origin_and_reaches_no_server(api: Api) -> None:
    answer = await api.anonymous.get("/assets/plot.html")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none'; script-src 'self';")
    assert "allow-same-origin" not in policy
    assert "connect-src" not in policy  # so that default-src decides
    assert "unsafe-eval" not in policy
    assert "frame-ancestors 'self'" in policy


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ("?workspace=main", f"/w/main/runs/{RUN}"),
        ("?workspace=a/..", f"/w/a%2F../runs/{RUN}"),
        ("?workspace=//example.com", f"/w/%2F%2Fexample.com/runs/{RUN}"),
        ("?workspace=", "/"),
        ("", "/"),
    ],
)
async def test_link_that_windmill_prints_leads_to_our_page(api: Api, query: str, page: str) -> None:
    answer = await api.anonymous.get(f"/run/{RUN}{query}", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, page)
    assert (await api.anonymous.get(f"/run/no-job{query}", follow_redirects=False)).status_code == 404


async def test_every_answer_has_a_nonce_of_its_own(api: Api) -> None:
    nonces = {NONCE.search((await api.anonymous.get("/")).headers["content-security-policy"])[1] for _ in range(3)}  # type: ignore[index]
    assert len(nonces) == 3


@built
async def test_page_names_its_nonce_and_no_other(api: Api) -> None:
    answer = await api.anonymous.get("/")
    nonce = NONCE.search(answer.headers["content-security-policy"])
    assert nonce
    assert f'content="{nonce[1]}"' in answer.text
    assert "__NONCE__" not in answer.text


@built
async def test_files_of_the_page_are_kept_for_ever_and_come_compressed(api: Api) -> None:
    links = set(LINK.findall((await api.anonymous.get("/")).text))
    assert any(link.endswith(".js") for link in links)
    assert all(link.startswith("/assets/") for link in links)
    for link in links:
        plain = await api.anonymous.get(link, headers={"Accept-Encoding": "identity"})
        small = await api.anonymous.get(link, headers={"Accept-Encoding": "gzip"})
        assert (plain.status_code, small.status_code) == (200, 200), link
        assert "immutable" in plain.headers["cache-control"]
        assert plain.headers["access-control-allow-origin"] == "*"  # frames without an origin load them
        assert plain.headers["vary"] == "Accept-Encoding"
        assert plain.content == small.content
        if link.endswith(".js"):
            assert small.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize(
    "path",
    [
        "/runs",
        "/index.html",
        "/assets/index.html",
        "/assets/../page.js",
        "/assets/nope.js",
        "/assets/",
        "/api",
        "/api/",
        "/api/x",
        "/api/w/main/runs",
    ],
)
async def test_unknown_pages_are_404_and_no_html(api: Api, path: str) -> None:
    answer = await api.anonymous.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/plain")
