"""Puts the server together: routes, guards, error answers, limits."""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from copy import copy
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import tidemill
from tidemill.model.errors import BadRequest, Denied, NotFound, TidemillError, TooLarge
from tidemill.server import auth
from tidemill.server.arguments import MULTIPART
from tidemill.server.document import Documented
from tidemill.server.errors import answer, on_error
from tidemill.server.guard import guard_routes
from tidemill.server.parts import Parts
from tidemill.server.policy import POLICIES, Policy, Who
from tidemill.server.route_tree import RouteTree
from tidemill.server.routes import ROUTERS
from tidemill.server.s3.gateway import Gateway
from tidemill.server.shortcut import Shortcut

Lifespan = Callable[[], AbstractAsyncContextManager[None]]

_STREAMED: Final = re.compile(
    r"/api/w/[^/]+/(s3_proxy(/.*)?|job_helpers/upload_s3_file|object_uploads/part/.*)", re.DOTALL
)
"""Paths whose bodies are never held in memory, so that they may be as large as they like."""
_FORMS: Final = re.compile(r"/api/w/[^/]+/jobs/run(_wait_result|_and_stream)?/[ph]/.*", re.DOTALL)
"""Paths that take forms with files, which are not held either; what is held of a form is bounded where it is read."""
_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)


def make_app(parts: Parts, lifespan: Lifespan, *, policies: Mapping[str, Policy] = POLICIES) -> ASGIApp:
    """The whole server. `lifespan` is entered before the first request and left after the last.

    `policies` are those of `server/policy.py` but in tests of what would come of others.

    Raises:
        ConfigurationError: a route has no policy.
    """

    @asynccontextmanager
    async def around(_app: FastAPI) -> AsyncIterator[None]:
        async with lifespan():
            yield

    app = _routed(policies)
    app.router.lifespan_context = around
    app.state.parts = parts
    app.state.gateway = Gateway(parts)
    app.add_route("/api/openapi.json", app.answer_with_document)
    routes = RouteTree(guard_routes(app.routes, policies, parts))
    app.router.routes = [routes]
    app.add_exception_handler(TidemillError, on_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    return Shell(Shortcut(app, routes), max_body_bytes=parts.options.max_value_bytes)


def _routed(policies: Mapping[str, Policy]) -> Documented:
    """The application with its routes, and nothing alive behind them."""
    app = Documented(
        title="Tidemill",
        version=tidemill.__version__,
        summary="Runs scripts and flows as jobs and keeps the data that they work on.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.policies = policies
    for router in ROUTERS:
        for route in router.routes:
            app.router.routes.append(copy(route))  # guards are put in front of it, for this app only
    return app


def make_document() -> dict[str, object]:
    """The OpenAPI document, without a server: the types of the web interface are made from it."""
    return _routed(POLICIES).openapi()


async def _on_invalid(_request: Request, error: Exception) -> Response:
    """A path or query parameter does not fit its type."""
    assert isinstance(error, RequestValidationError)
    faults = [f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in error.errors()]
    return answer(BadRequest(f"The request does not fit: {'; '.join(faults)[:500]}."))


class MethodNotAllowed(TidemillError):
    """The path is there, under another method."""

    code = "method_not_allowed"


async def _on_http(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: unknown paths and methods, broken forms."""
    assert isinstance(error, HTTPException)
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            return answer(NotFound(f"There is nothing at {request.url.path[:200]!r}."))
        case HTTPStatus.METHOD_NOT_ALLOWED:
            if (refusal := await _refusal_of_stranger(request)) is not None:
                return refusal
            response = answer(MethodNotAllowed(f"{request.method} is not for {request.url.path[:200]!r}."))
            response.headers["Allow"] = (error.headers or {}).get("Allow", "")
            return response
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return answer(TooLarge(str(error.detail)))
        case HTTPStatus.FORBIDDEN:
            return answer(Denied(str(error.detail)))
        case _:
            return answer(BadRequest(str(error.detail)))


async def _refusal_of_stranger(request: Request) -> Response | None:
    """What somebody without a credential is told instead of the methods of a route that is not public."""
    path = getattr(request.scope.get("route"), "path", "")
    policies: Mapping[str, Policy] = request.app.state.policies
    if any(policy.who is Who.PUBLIC for key, policy in policies.items() if key.partition(" ")[2] == path):
        return None
    parts: Parts = request.app.state.parts
    workspace = request.path_params.get("workspace", "")
    try:
        await auth.authenticate(parts.database, parts.job_secret, auth.shown_by(request), workspace=workspace)
    except TidemillError as error:
        return answer(error)
    return None


def _is_streamed(scope: Scope) -> bool:
    """Whether the body is never held in memory."""
    if _STREAMED.fullmatch(scope["path"]):
        return True
    # As the reader of arguments decides: by the method, and the first header of the name.
    kind: bytes = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    is_form = kind.partition(b";")[0].strip().lower() == MULTIPART.encode()
    return is_form and scope["method"] == "POST" and _FORMS.fullmatch(scope["path"]) is not None


def _announced(scope: Scope) -> int | None:
    """How many bytes the body has, of which no more come then (`wiring/protocol.py`); None where that is not told."""
    is_in_pieces = False
    for name, value in scope["headers"]:
        if name == b"content-length":  # blanks behind the digits reach us
            return int(value) if value.strip().isdigit() else None
        is_in_pieces = is_in_pieces or name == b"transfer-encoding"
    return None if is_in_pieces else 0


class Shell:
    """Around everything: bounds bodies, adds what all answers have, answers for faults of our own."""

    def __init__(self, app: ASGIApp, *, max_body_bytes: int) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def with_headers(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        announced = _announced(scope)
        is_bounded = announced is None and not _is_streamed(scope)
        if announced is not None and announced > self._max_body_bytes and not _is_streamed(scope):
            await answer(self._too_large())(scope, receive, with_headers)
            return
        if "\0" in scope["path"] or b"%00" in scope["query_string"]:
            await answer(BadRequest("The URL holds the character NUL (%00)."))(scope, receive, with_headers)
            return
        try:
            await self._app(scope, self._bounded(receive) if is_bounded else receive, with_headers)
        except Exception:
            if not has_begun:
                ours = PlainTextResponse("Internal Server Error", HTTPStatus.INTERNAL_SERVER_ERROR)
                await ours(scope, receive, with_headers)
            raise

    def _bounded(self, receive: Receive) -> Receive:
        """For a body of which it is not told how long it is."""
        taken = 0

        async def bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._max_body_bytes:
                raise self._too_large()
            return message

        return bounded

    def _too_large(self) -> TooLarge:
        return TooLarge(
            f"The body has more than {self._max_body_bytes} bytes (TIDEMILL_MAX_VALUE_BYTES); "
            "put large data into workspace storage and send a pointer to it."
        )
