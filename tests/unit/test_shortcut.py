"""A request that takes the shortcut is answered as the framework would answer it."""

from typing import Annotated

import httpx
import pytest
from fastapi import FastAPI, Header, Path
from fastapi.routing import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tidemill.model.errors import Denied
from tidemill.server.app import Shell
from tidemill.server.errors import on_error
from tidemill.server.lazy_route import LazyDirectRoute, LazyRoute
from tidemill.server.route_tree import RouteTree
from tidemill.server.shortcut import Shortcut

JOBS = "/api/w/{workspace}/jobs"


async def exact(request: Request) -> Response:
    return JSONResponse(["exact", request.method, dict(request.path_params), request.scope["route"].path])


async def by_path(request: Request, path: str) -> Response:
    return JSONResponse(["path", path, dict(request.path_params)])


async def by_hash(request: Request, number: Annotated[str, Path(alias="hash")]) -> Response:
    return JSONResponse(["hash", number, dict(request.path_params)])


async def usual(request: Request, agent: Annotated[str, Header(alias="user-agent")]) -> Response:
    """A header is read by the framework."""
    return JSONResponse(["usual", request.method, agent])


async def refused() -> Response:
    raise Denied("Not you.")


async def broken() -> Response:
    raise LookupError("a fault of ours")


ROUTES = {"run/preview": exact, "run/p/{path:path}": by_path, "run/h/{hash}": by_hash, "refused": refused,
          "broken": broken}  # fmt: skip


def made() -> tuple[FastAPI, RouteTree]:
    router = APIRouter(route_class=LazyDirectRoute)
    for words, handler in ROUTES.items():
        router.add_api_route(f"{JOBS}/{words}", handler, methods=["POST", "GET"])
    router.add_api_route(f"{JOBS}/eased", exact, methods=["POST"], route_class_override=LazyRoute)
    router.add_api_route(f"{JOBS}/usual", usual, methods=["POST"], route_class_override=LazyRoute)
    app = FastAPI(redirect_slashes=False)
    routes = RouteTree(route for route in router.routes if isinstance(route, Route))
    app.router.routes = [routes]
    app.add_exception_handler(Denied, on_error)
    return app, routes


async def answer(app: ASGIApp, method: str, url: str) -> tuple[int, str]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        found = await client.request(method, url)
        return found.status_code, found.text


@pytest.mark.parametrize(
    "url",
    [
        "main/jobs/run/preview", "main/jobs/run/preview?a=1", "main/jobs/run/preview/", "main/jobs/run/preview%0A",
        "/jobs/run/preview", "a%2Fb/jobs/run/preview", "main/jobs/run/p/f/a/b", "main/jobs/run/p/", "main/jobs/run/p",
        "main/jobs/run/p//x", "main/jobs/run/p/a%0Ab", "main/jobs/run/p/a%2Fb", "main/jobs/run/h/12ab",
        "main/jobs/run/h/a/b", "main/jobs/run/h/a%0A", "main/jobs/run/h/", "main/jobs/refused", "main/jobs/broken",
        "main", "main/jobs/run", "main/jobs/usual", "main/jobs/eased",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["POST", "GET", "PUT", "HEAD"])
async def test_the_answer_is_that_of_the_framework(method: str, url: str) -> None:
    app, routes = made()
    shortcut = Shell(Shortcut(app, routes), max_body_bytes=100)
    assert await answer(shortcut, method, f"/api/w/{url}") == await answer(app, method, f"/api/w/{url}")


@pytest.mark.parametrize(
    ("words", "goes_around"), [("refused", True), ("run/p/f/a/b", True), ("eased", True), ("usual", False)]
)
async def test_direct_routes_go_around_the_framework(
    words: str, goes_around: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, routes = made()
    shortcut = Shortcut(app, routes)
    asked: list[Scope] = []

    async def framework(scope: Scope, receive: Receive, send: Send) -> None:
        asked.append(scope)
        await app(scope, receive, send)

    monkeypatch.setattr(shortcut, "_app", framework)
    framework.exception_handlers = app.exception_handlers  # type: ignore[attr-defined]
    await answer(shortcut, "POST", f"/api/w/main/jobs/{words}")
    assert bool(asked) != goes_around
