"""Handlers that are called directly get what the framework would give them."""

from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Header, Path, Query
from fastapi.routing import APIRoute, APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tidemill.server.direct import DirectRoute


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
