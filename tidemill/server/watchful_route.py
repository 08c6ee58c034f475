"""Routes whose answers name what of the query means nothing to them: a filter that is misspelt filters nothing."""

from collections.abc import Iterator
from functools import cached_property
from typing import Final
from urllib.parse import parse_qsl, quote

from fastapi.dependencies.models import Dependant
from starlette.types import Message, Receive, Scope, Send

from tidemill.server.lazy_route import LazyRoute

PASSED_OVER: Final = "x-tidemill-passed-over"
_ALWAYS: Final = frozenset({"token"})
"""What every request may hold: who asks."""
_MOST: Final = 10


class WatchfulRoute(LazyRoute):
    """Such a route. It refuses nothing: published clients send what older servers knew."""

    async def _call(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = {name for name, _ in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)}
        unknown = sorted(given - self._known)[:_MOST] if given else []
        if not unknown:
            await super()._call(scope, receive, send)
            return
        told = ", ".join(quote(name[:60], safe="") for name in unknown).encode()

        async def with_names(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (PASSED_OVER.encode(), told)]
            await send(message)

        await super()._call(scope, receive, with_names)

    @cached_property
    def _known(self) -> frozenset[str]:
        return _ALWAYS | set(_query_of(self.whole().dependant))


def _query_of(handler: Dependant) -> Iterator[str]:
    """The names that a handler and all that it depends on read of the query."""
    yield from (each.alias for each in handler.query_params)
    for each in handler.dependencies:
        yield from _query_of(each)
