"""Leads requests of direct routes to their guards at once.

The framework does on the way what only other routes need, and that cost a small query more than looking up who calls.
What a handler raises that is no error of ours is answered by `Shell`.
"""

from starlette.applications import Starlette
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from tidemill.server.lazy_route import LazyRoute
from tidemill.server.route_tree import FOUND, RouteTree


class Shortcut:
    """An app around `app`, whose direct routes it serves itself where nothing is asked of the framework."""

    def __init__(self, app: Starlette, routes: RouteTree) -> None:
        self._app, self._routes = app, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["query_string"] or scope.get("root_path"):
            await self._app(scope, receive, send)
            return
        match, found = scope[FOUND] = self._routes.matches(scope)
        route = found.get("route")
        if match is not Match.FULL or not isinstance(route, LazyRoute) or not route.is_direct:
            await self._app(scope, receive, send)
            return
        scope.update(found, app=self._app)
        await route.app(scope, receive, send)
