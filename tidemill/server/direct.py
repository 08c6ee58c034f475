"""Calls the handlers of hot routes directly, where a request has nothing for the framework to resolve."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from tidemill.server.lazy_route import LazyRoute
from tidemill.server.parts import parts_of, principal_of

Call = Callable[..., Awaitable[Any]]


class DirectRoute(APIRoute):
    """A route as any other (its document, its checks), but that a request without a query goes straight to the handler.

    The framework looks at each declared parameter of each request; a run request declares more than twenty, mostly
    sends none, and cost more there than everything else that the server did for it outside of the database. Handlers
    take texts from the path, and dependencies that are made of the request, or of parameters of the query alone.
    """

    def __init__(self, path: str, endpoint: Call, **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        resolving, values = self.app, _Values(self.dependant)

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

        self.app = app


class LazyDirectRoute(LazyRoute):
    """The same, looked into when it is first called."""

    whole_class = DirectRoute


def _handler_of(handlers: Mapping[Any, Call], error: Exception) -> Call | None:
    """What the framework would call, which needs not be asked for it."""
    return next((handlers[kind] for kind in type(error).__mro__ if kind in handlers and kind is not Exception), None)


_OF_SCOPE: Final[Mapping[Any, Callable[[Scope], object]]] = {
    parts_of: lambda scope: scope["state"]["parts"],
    principal_of: lambda scope: scope["state"]["principal"],
}
"""What nearly every handler asks for, as the guard has left it."""


class _Values:
    """What a handler is called with, by the names of its parameters.

    Raises:
        TypeError: it asks for something that only the framework can give.
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
        resolved = [*handler.query_params, *handler.header_params, *handler.cookie_params, *handler.body_params]
        if resolved or any(each.field_info.annotation is not str for each in handler.path_params):
            raise TypeError(f"The parameters of {handler.call} cannot be given without the framework.")

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
    needed = [each.name for each in dependency.query_params if each.field_info.is_required()]
    if others or needed or (dependency.request_param_name and dependency.query_params) or dependency.call is None:
        raise TypeError(f"{dependency.call} cannot be called without the framework.")
    return dependency.call
