"""Every route has a policy, and none but those in public_routes.txt is open to strangers (D00)."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import APIRouter
from starlette.routing import Route, WebSocketRoute

from tests.api.conftest import BASE_URL, Api, no_lifespan
from tidemill.db.queries import inline
from tidemill.engine.s3_faults import FAULTS
from tidemill.model.errors import ConfigurationError, TidemillError
from tidemill.server import policy
from tidemill.server.app import make_app
from tidemill.server.errors import STATUSES
from tidemill.server.guard import guard_routes
from tidemill.server.policy import POLICIES, Who
from tidemill.server.routes import ROUTERS

REVIEWED = {
    line
    for line in (Path(__file__).parent / "public_routes.txt").read_text().splitlines()
    if line and not line.startswith("#")
}
NAMES = ["health", "ready", "configs", "login", "openapi.json", "public", "version", "u", "w", "%2e%2e", "a%2Fhealth"]


def routes(api: Api) -> Iterator[tuple[str, str]]:
    """(method, path template) of all that the app answers to, but what is for S3 clients, who sign each request."""
    for key, each in POLICIES.items():
        method, _, path = key.partition(" ")
        if not each.signed:
            yield method, path


def address(template: str, name: str = "x") -> str:
    """A URL that fits the template."""
    filled = template.replace("{workspace}", "main").replace("{path:path}", f"u/dev/{name}")
    return re.sub(r"{[a-z_]+(:[a-z]+)?}", name, filled)


def test_the_public_routes_are_those_that_were_reviewed() -> None:
    assert {key for key, each in POLICIES.items() if each.who is Who.PUBLIC} == REVIEWED
    assert len(REVIEWED) <= 21


def test_public_routes_change_nothing_but_sign_in_and_answers_by_link() -> None:
    changing = {key.rpartition("/api/")[2] for key in REVIEWED if not key.startswith("GET ")}
    links = {f"w/{{workspace}}/jobs_u/{verb}/{{id}}/{{resume_id}}/{{signature}}" for verb in ("resume", "cancel")}
    assert changing == {"auth/login", *links, "w/{workspace}/jobs_u/flow/resume_suspended/{job_id}"}


async def test_links_that_nobody_signed_change_nothing(api: Api) -> None:
    for key in (key for key in REVIEWED if "/jobs_u/" in key):
        method, _, path = key.partition(" ")
        answer = await api.anonymous.request(method, address(path), json={})
        assert (answer.status_code, answer.headers["x-tidemill-error"]) == (403, "denied"), key


async def test_the_app_has_the_routes_of_the_table(api: Api) -> None:
    served = {f"{method} {route.path}" for router in ROUTERS for route in router.routes for method in methods(route)}
    assert served | {"GET /api/openapi.json"} == set(POLICIES)


def methods(route: object) -> set[str]:
    assert isinstance(route, Route)
    return set(route.methods or ()) - {"HEAD"}


@pytest.mark.parametrize(
    "token", ["", "garbage", "x" * 5000, "jwt_AAAA", "jwt_" + "A" * 70, "jwt_a.b.c", "eyJhbGciOiJub25lIn0.e30."]
)
async def test_strangers_get_401_everywhere_else(api: Api, token: str) -> None:
    stranger = await api.client(token)
    open_to_strangers = set()
    for method, path in routes(api):
        answer = await stranger.request(method, address(path), json={})
        if answer.status_code != 401:
            open_to_strangers.add(f"{method} {path}")
    assert open_to_strangers - {"POST /api/auth/login"} == REVIEWED - {"POST /api/auth/login"}


async def test_whoever_does_not_sign_is_refused_in_the_words_of_s3(api: Api) -> None:
    signed = [key.split(" ") for key, each in POLICIES.items() if each.signed]
    assert {path for _, path in signed} == {"/api/w/{workspace}/s3_proxy", "/api/w/{workspace}/s3_proxy/{key:path}"}
    for method, path in signed:
        for caller, code in ((api.anonymous, "AccessDenied"), (api.superadmin, "InvalidRequest")):
            answer = await caller.request(method, address(path), json={})
            assert f"<Code>{code}</Code>" in answer.text, (method, path)
            assert answer.status_code == FAULTS[code][0]


async def test_other_ways_to_show_garbage_are_no_better(api: Api) -> None:
    for headers, query in (
        ({"Cookie": "token=garbage"}, ""),
        ({}, "?token=garbage"),
        ({"Authorization": "Basic eA=="}, ""),
    ):
        for method, path in routes(api):
            if f"{method} {path}" not in REVIEWED:
                answer = await api.anonymous.request(method, address(path) + query, headers=headers, json={})
                assert answer.status_code == 401, (method, path, headers)


async def test_other_methods_get_401_too(api: Api) -> None:
    open_paths = {key.partition(" ")[2] for key in REVIEWED}
    known = set(POLICIES)
    for path in {path for _, path in routes(api)} - open_paths:
        for method in ("HEAD", "OPTIONS", "GET", "PUT", "PATCH", "TRACE", "FOO"):
            if f"{method} {path}" not in known:
                assert (await api.anonymous.request(method, address(path))).status_code == 401, (method, path)


async def test_an_expired_token_gets_401_everywhere(api: Api) -> None:
    await api.parts.database.single.execute(inline("update token set expires_at = now() - interval '1 second'"))
    for method, path in routes(api):
        if f"{method} {path}" not in REVIEWED:
            for caller in (api.superadmin, api.developer):
                assert (await caller.request(method, address(path), json={})).status_code == 401, (method, path)


@pytest.mark.parametrize("name", NAMES)
async def test_names_of_things_open_nothing(api: Api, name: str) -> None:
    """Paths that end like a public one: the table is matched by whole templates."""
    for method, path in routes(api):
        if "{" in path and f"{method} {path}" not in REVIEWED:
            answer = await api.anonymous.request(method, address(path, name), json={})
            assert answer.status_code in {401, 404}, (method, path, name)
            assert answer.status_code == 401 or "/" in name or "%" in name


@pytest.mark.parametrize(
    "path",
    [
        "//health",
        "/health/",
        "/api//version",
        "/api/w/main/%2e%2e/%2e%2e/version",
        "/API/version",
        "/health;x",
        "/health%00",
        "/.//health",
    ],
)
async def test_near_misses_of_public_paths_are_not_there(api: Api, path: str) -> None:
    assert (await api.anonymous.get(BASE_URL + path)).status_code in {400, 401, 404}


async def test_a_route_without_a_policy_stops_the_start(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(policy.POLICIES, "GET /api/users/whoami")
    with pytest.raises(ConfigurationError, match="GET /api/users/whoami has no policy"):
        make_app(api.parts, no_lifespan)


async def test_a_policy_without_a_route_stops_the_start(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(policy.POLICIES, "GET /api/nothing", policy.public())
    with pytest.raises(ConfigurationError, match="without a route: GET /api/nothing"):
        make_app(api.parts, no_lifespan)


async def test_a_websocket_cannot_be_slipped_in(api: Api) -> None:
    async def talk(_socket: object) -> None:
        """Never called."""

    router = APIRouter(routes=[WebSocketRoute("/ws", talk)])
    with pytest.raises(ConfigurationError, match="cannot be guarded"):
        guard_routes(router.routes, {}, api.parts)


async def test_answers_of_the_api_are_not_sniffed_and_never_html(api: Api) -> None:
    for caller in (api.anonymous, api.superadmin):
        for method, path in routes(api):
            if method == "GET" and path.startswith("/api/"):
                answer = await caller.get(address(path))
                assert answer.headers["x-content-type-options"] == "nosniff"
                assert "html" not in answer.headers.get("content-type", "")


def test_every_error_has_a_status() -> None:
    def codes(error: type[TidemillError]) -> set[str]:
        return {error.code}.union(*(codes(each) for each in error.__subclasses__()))

    assert codes(TidemillError) <= set(STATUSES)
