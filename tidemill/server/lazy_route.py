"""Routes that the framework looks into when they are first called, or when the document is made of them.

What it makes of a handler (a model of each parameter, the document's part) takes milliseconds for each of hundreds of
routes: at the start all would wait for what few calls need.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Final, Self

from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from tidemill.server.direct import DirectRoute, EasedRoute

Call = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Later:
    """Stands in the options of a route for a part of the document that `make` makes when it is asked for."""

    make: Callable[[], object]


class LazyRoute(APIRoute):
    """A route as any other, but that what its handler asks for is found out at first use, once for all copies.

    Faults of a definition show no earlier than that; a test looks into every route.
    """

    whole_class: ClassVar[type[EasedRoute]] = EasedRoute

    def __init__(  # does not call the framework's: that is what waits
        self, path: str, endpoint: Call, *, methods: Iterable[str] | None = None, **options: Any
    ) -> None:
        self.path = path
        self.endpoint = endpoint
        self.methods = {method.upper() for method in methods or ("GET",)}
        self.whole: Final = cache(lambda: self.whole_class(path, endpoint, methods=self.methods, **made(options)))
        self.app = self._call

    def __copy__(self) -> Self:
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        return made

    def __getattr__(self, name: str) -> Any:
        """What is not known yet."""
        if name.startswith("__") or name == "whole":
            raise AttributeError(name)
        return getattr(self.whole(), name)

    @property
    def is_direct(self) -> bool:
        """Whether a request without a query needs nothing of the framework."""
        return self.whole().is_direct

    async def _call(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.whole().app(scope, receive, send)


class LazyDirectRoute(LazyRoute):
    """One that must be direct."""

    whole_class = DirectRoute


def made(options: Any) -> Any:
    """`options` with everything in it that was put off."""
    match options:
        case Later(make):
            return make()
        case dict():
            return {key: made(value) for key, value in options.items()}
        case _:
            return options
