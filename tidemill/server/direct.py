"""Calls handlers directly, where a request has nothing for the framework to resolve."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic.fields import FieldInfo
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tidemill.server.parts import parts_of, principal_of

Call = Callable[..., Awaitable[Any]]


class NotWithoutFramework(TypeError):
    """A handler asks for something that only the framework can give."""


class EasedRoute(APIRoute):
    """A route as any other (its document, its checks), but that a request without a query goes straight to the handler.

    The framework looks at each declared parameter of each request; a run request declares more than twenty, mostly
    sends none, and cost more there than everything else that the server did for it outside of the database. That is
    for handlers that answer with a `Response` and take texts from the path, what need not be in the query, and
    dependencies that are made of the request, or of parameters of the query alone. Others are as they were.
    """

    def __init__(self, path: str, endpoint: Call, **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        try:
            self.app = _direct(self.app, endpoint, _Values(self.dependant))
            self.is_direct = True
        except NotWithoutFramework:
            self.is_direct = False


class DirectRoute(EasedRoute):
    """One that must be direct.

    Raises:
        NotWithoutFramework: its handler asks for more.
    """

    def __init__(self, path: str, endpoint: Call, **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        if not self.is_direct:
            _Values(self.dependant)


def _direct(resolving: ASGIApp, endpoint: Call, values: "_Values") -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["query_string"]:
            await resolving(scope, receive, send)
            return
        request = Request(scope, receive, send)
        try:
            response = await endpoint(**await values.of(request))
        except Exception as error:
            handler = _handler_of(scope["app"].exception_handlers, error)
            if handler is None:
                raise
            response = await handler(request, error)
        await response(scope, receive, send)

    return app


def _handler_of(handlers: Mapping[Any, Call], error: Exception) -> Call | None:
    """What the framework would call, which needs not be asked for it."""
    return next((handlers[kind] for kind in type(error).__mro__ if kind in handlers and kind is not Exception), None)


_OF_SCOPE: Final[Mapping[Any, Callable[[Scope], object]]] = {
    parts_of: lambda scope: scope["state"]["parts"],
    principal_of: lambda scope: scope["state"]["principal"],
}
"""What nearly every handler asks for, as the guard has left it."""


class _Values:
    """What a handler is called with, by the names of its parameters; those of the query have their defaults.

    Raises:
        NotWithoutFramework: it asks for something that only the framework can give.
    """

    def __init__(self, handler: Dependant) -> None:
        self._request: Final = handler.request_param_name
        self._of_scope: Final[dict[str, Callable[[Scope], object]]] = {}
        self._from_path: Final = {each.name: each.alias for each in handler.path_params}
        self._from_request: Final[dict[str, Call]] = {}
        self._defaults: Final[dict[str, Call]] = {}
        for each in handler.dependencies:
            if each.call in _OF_SCOPE:
                self._of_scope[_name_of(each)] = _OF_SCOPE[each.call]
                continue
            kinds = self._from_request if each.request_param_name else self._defaults
            kinds[_name_of(each)] = _call_of(each)
        _require_waiting(handler)
        answer = inspect.signature(handler.call, eval_str=True).return_annotation if handler.call else None
        resolved = [*handler.header_params, *handler.cookie_params, *handler.body_params]
        injected = (
            handler.response_param_name,
            handler.background_tasks_param_name,
            handler.http_connection_param_name,
        )
        if (
            resolved
            or any(injected)
            or not (isinstance(answer, type) and issubclass(answer, Response))
            or any(each.field_info.annotation is not str or each.field_info.metadata for each in handler.path_params)
        ):
            raise NotWithoutFramework(f"The parameters of {handler.call} cannot be given without the framework.")

    async def of(self, request: Request) -> dict[str, Any]:
        """Those of a request without a query."""
        values: dict[str, Any] = {name: of(request.scope) for name, of in self._of_scope.items()}
        for name, alias in self._from_path.items():
            values[name] = request.path_params[alias]
        if self._request:
            values[self._request] = request
        for name, make in self._from_request.items():
            values[name] = await make(request)
        for name, make in self._defaults.items():
            values[name] = await make()
        return values


def _name_of(dependency: Dependant) -> str:
    assert dependency.name is not None
    return dependency.name


def _call_of(dependency: Dependant) -> Call:
    """What makes the value: of the request alone, or of nothing where no parameter of the query is sent."""
    others = [
        *dependency.dependencies,
        *dependency.path_params,
        *dependency.header_params,
        *dependency.cookie_params,
        *dependency.body_params,
    ]
    both = dependency.request_param_name and dependency.query_params
    if others or both or dependency.call is None or dependency.response_param_name:
        raise NotWithoutFramework(f"{dependency.call} cannot be called without the framework.")
    _require_waiting(dependency)
    return dependency.call


def _require_waiting(asking: Dependant) -> None:
    """That it can be waited for, and has defaults of its own for all that it reads of the query."""
    parameters = inspect.signature(asking.call).parameters if asking.call else {}
    has_defaults = all(
        not each.field_info.is_required() and not isinstance(parameters[each.name].default, FieldInfo)
        for each in asking.query_params
    )
    if not inspect.iscoroutinefunction(asking.call) or not has_defaults:
        raise NotWithoutFramework(f"{asking.call} cannot be called without the framework.")
