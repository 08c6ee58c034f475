"""Handlers that are called directly get what the framework would give them."""

from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Header, Path, Query
from fastapi.routing import APIRoute, APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tidemill.server.direct import DirectRoute, EasedRoute


async def agent_of(request: Request) -> str:
    return request.headers["user-agent"]


async def limits(*, most: Annotated[int, Query(ge=1)] = 3, name: str | None = None) -> tuple[int, str | None]:
    return most, name


async def handler(
    request: Request,
    number: Annotated[str, Path(alias="hash")],
    agent: Annotated[str, Depends(agent_of)],
    found: Annotated[tuple[int, str | None], Depends(limits)],
) -> Response:
    return JSONResponse([request.method, number, agent, *found])


async def answers(route_class: type[APIRoute], url: str) -> tuple[int, Any]:
    router = APIRouter(route_class=route_class)
    router.add_api_route("/run/{hash}", handler, methods=["POST"])
    app = FastAPI()
    app.include_router(router)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://x", headers={"user-agent": "tests"}) as client:
        answer = await client.post(url)
        return answer.status_code, answer.json()


@pytest.mark.parametrize("query", ["", "?most=5&name=x", "?most=0", "?unknown=1"])
async def test_a_direct_route_answers_as_any_other(query: str) -> None:
    assert await answers(DirectRoute, f"/run/ab%20c{query}") == await answers(APIRoute, f"/run/ab%20c{query}")


async def test_a_direct_route_without_a_query_gives_defaults() -> None:
    assert await answers(DirectRoute, "/run/abc") == (200, ["POST", "abc", "tests", 3, None])


async def of_header(agent: Annotated[str, Header()]) -> str:
    return agent


async def of_needed(most: int) -> int:
    return most


@pytest.mark.parametrize("dependency", [of_header, of_needed], ids=lambda each: str(each.__name__))
def test_what_only_the_framework_can_give_is_refused_at_once(dependency: Any) -> None:
    async def asking(found: Annotated[Any, Depends(dependency)]) -> None: ...

    with pytest.raises(TypeError, match="without the framework"):
        APIRouter(route_class=DirectRoute).add_api_route("/run", asking)


def test_parameters_of_the_handler_itself_are_refused_at_once() -> None:
    async def asking(most: int = 3) -> None: ...

    with pytest.raises(TypeError, match="without the framework"):
        APIRouter(route_class=DirectRoute).add_api_route("/run", asking)


async def of_query(
    most: Annotated[int, Query(ge=1)] = 3, names: Annotated[list[str] | None, Query()] = None
) -> Response:
    return JSONResponse([most, names])


@pytest.mark.parametrize("query", ["", "?most=5", "?most=0", "?names=a&names=b"])
async def test_what_need_not_be_in_the_query_has_its_default(query: str) -> None:
    found = []
    for route_class in (DirectRoute, APIRoute):
        app = FastAPI()
        router = APIRouter(route_class=route_class)
        router.add_api_route("/of", of_query)
        app.include_router(router)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
            answer = await client.get(f"/of{query}")
            found.append((answer.status_code, answer.text))
    assert found[0] == found[1]


async def plain(n: int = 1) -> dict[str, int]:
    return {"n": n}


def blocking() -> Response:
    return JSONResponse(1)


async def of_number(n: int) -> Response:
    return JSONResponse(n)


async def of_short(name: Annotated[str, Path(max_length=3)]) -> Response:
    return JSONResponse(name)


async def with_answer(response: Response) -> Response:
    return response


async def old_fashioned(most: int = Query(3)) -> Response:  # that is what this is about
    return JSONResponse(most)


@pytest.mark.parametrize(
    ("path", "asking"),
    [
        ("/", plain), ("/", blocking), ("/{n}", of_number), ("/", of_number), ("/{name}", of_short),
        ("/", with_answer), ("/", old_fashioned),
    ],
)  # fmt: skip
def test_what_only_the_framework_can_give_is_left_to_it(path: str, asking: Any) -> None:
    router = APIRouter(route_class=EasedRoute)
    router.add_api_route(path, asking)
    (route,) = router.routes
    assert isinstance(route, EasedRoute)
    assert not route.is_direct
