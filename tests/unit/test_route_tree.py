"""The tree finds what looking through the routes one after another would find."""

import re
from collections.abc import Iterable
from itertools import product
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from tidemill.model.errors import ConfigurationError
from tidemill.server.policy import POLICIES
from tidemill.server.route_tree import RouteTree


async def handler(_request: Request) -> Response:
    return Response()


def routes(*templates: str) -> list[Route]:
    """Of "GET /a" each."""
    split = [template.split(" ") for template in templates]
    return [Route(path, handler, methods=[method]) for method, path in split]


AMBIGUOUS = routes(
    "POST /a/{x}",
    "GET /a/{rest:path}",
    "GET /a/b",
    "PUT /a/{x}/c",
    "GET /{x}/b/c",
    "GET /",
    "PATCH /a/{x}/c",
    "GET /a/",
)
DECLARED = routes(*POLICIES)


def one_after_another(routes: list[Route], scope: dict[str, Any]) -> tuple[Match, Any, dict[str, str]]:
    """As the framework looks."""
    found = [(*route.matches(scope), route) for route in routes]
    for wanted in (Match.FULL, Match.PARTIAL):
        for match, child, route in found:
            if match is wanted:
                return match, route, child["path_params"]
    return Match.NONE, None, {}


def in_tree(tree: RouteTree, scope: dict[str, Any]) -> tuple[Match, Any, dict[str, str]]:
    match, child = tree.matches(scope)
    return match, child.get("route"), child.get("path_params", {})


def check(routes: list[Route], paths: Iterable[str], methods: Iterable[str]) -> None:
    tree = RouteTree(routes)
    for path, method in product(paths, methods):
        scope = {"type": "http", "path": path, "method": method}
        assert in_tree(tree, scope) == one_after_another(routes, scope), (method, path)


def test_of_routes_that_all_fit_the_first_answers() -> None:
    paths = ["/".join(segments) for count in range(5) for segments in product(["", "a", "b", "c"], repeat=count)]
    check(AMBIGUOUS, paths, ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])


@pytest.mark.parametrize("value", ["", "x", "list", "a/b", "/", "%2F\0 .."])
def test_declared_routes_are_found(value: str) -> None:
    paths = {re.sub(r"{[^}]+}", value, route.path) for route in DECLARED}
    check(DECLARED, paths, ["GET", "POST"])


def test_a_line_break_is_a_character_of_a_name() -> None:
    scope = {"type": "http", "path": "/a/b\n/c\n", "method": "GET"}
    assert in_tree(RouteTree(AMBIGUOUS), scope) == (Match.FULL, AMBIGUOUS[1], {"rest": "b\n/c\n"})


def test_what_is_no_http_is_not_there() -> None:
    assert RouteTree(AMBIGUOUS).matches({"type": "websocket", "path": "/a/b"}) == (Match.NONE, {})


@pytest.mark.parametrize("template", ["/a/{x}.json", "/a/x{x}", "/{rest:path}/a", "/{x:int}"])
def test_templates_of_other_kinds_are_refused(template: str) -> None:
    with pytest.raises(ConfigurationError, match="placeholder"):
        RouteTree(routes(f"GET {template}"))
