"""Routes that are looked into late answer as any other, and none hides a fault."""

import json
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from typing import Annotated, Any

import httpx
import pytest
from fastapi import FastAPI, Query
from fastapi.routing import APIRoute, APIRouter
from starlette.responses import JSONResponse, Response

from tidemill.server.app import _routed, make_document
from tidemill.server.lazy_route import Later, LazyRoute
from tidemill.server.policy import POLICIES
from tidemill.server.routes import ROUTERS, s3_proxy


class Numbers:
    """Counts how often a schema was made of it."""

    def __init__(self) -> None:
        self.asked = 0

    def schema(self) -> dict[str, str]:
        self.asked += 1
        return {"type": "integer"}


async def handler(name: str, most: Annotated[int, Query(ge=1)] = 3) -> Response:
    """Answers with what it got."""
    return JSONResponse([name, most])


def app(route_class: type[APIRoute], numbers: Numbers | None = None) -> FastAPI:
    schema: Any = {"type": "integer"} if numbers is None else Later(numbers.schema)
    router = APIRouter(route_class=route_class, tags=["numbers"])
    content = {"application/json": {"schema": schema}}
    router.add_api_route(
        "/of/{name}",
        handler,
        methods=["POST"],
        response_class=Response,
        responses={200: {"description": "A number.", "content": content}},
        openapi_extra={"requestBody": {"content": content}},
    )
    app = FastAPI()
    app.router.routes += router.routes
    return app


@pytest.mark.parametrize(
    ("method", "url"), [("POST", "/of/a%20b?most=2"), ("POST", "/of/a?most=0"), ("POST", "/of/"), ("GET", "/of/a")]
)
async def test_a_lazy_route_answers_as_any_other(method: str, url: str) -> None:
    answers = []
    for route_class in (APIRoute, LazyRoute):
        transport = httpx.ASGITransport(app(route_class))
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            answer = await client.request(method, url)
            answers.append((answer.status_code, answer.text, answer.headers))
    assert answers[0] == answers[1]


def test_the_document_is_the_same() -> None:
    assert app(LazyRoute, Numbers()).openapi() == app(APIRoute).openapi()


def test_it_is_looked_into_once_for_all_copies_and_not_before() -> None:
    numbers = Numbers()
    (route,) = (each for each in app(LazyRoute, numbers).routes if isinstance(each, LazyRoute))
    copies = [copy(route), copy(route)]
    assert (numbers.asked, copies[0].methods) == (0, {"POST"})
    assert copies[0].whole() is copies[1].whole()
    assert copies[0].dependant.call is handler
    assert numbers.asked == 2  # of the body and of the answer


@pytest.mark.parametrize("router", [each for each in ROUTERS if each is not s3_proxy.router])
def test_every_declared_route_waits_and_is_sound(router: APIRouter) -> None:
    for route in router.routes:
        assert isinstance(route, LazyRoute), f"{route} is to be declared with route_class=LazyRoute"
        assert route.whole().path == route.path


def test_who_asks_for_the_document_at_once_gets_the_whole_of_it() -> None:
    application = _routed(POLICIES)
    with ThreadPoolExecutor(4) as threads:
        told = set(threads.map(lambda _: json.dumps(application.openapi()), range(4)))
    assert told == {json.dumps(make_document())}
