"""Finds the route of a request by the segments of its path, however many routes there are."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Final

from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send

from tidemill.model.errors import ConfigurationError

FOUND: Final = "tidemill.found"
"""Where a scope has what was found for it already."""
_MOST_KNOWN: Final = 1000
_MOST_CHARS: Final = 300
"""Of a path for which it is remembered where it leads."""
_PLACEHOLDER: Final = re.compile(r"\{(\w+)(:path)?\}")


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A route, its place among all, and the names of what its path holds, from the left."""

    order: int
    route: Route
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Template:
    """A path of a route: its segments (None for any one), whether all the rest follows, the names of what is held."""

    segments: tuple[str | None, ...]
    takes_rest: bool
    names: tuple[str, ...]


@dataclass(slots=True)
class _Node:
    """What may follow after some segments: a certain one, any one; routes that end here, or take in all the rest."""

    certain: dict[str, "_Node"] = field(default_factory=dict)
    any: "_Node | None" = None
    ends: list[_Leaf] = field(default_factory=list)
    rests: list[_Leaf] = field(default_factory=list)

    def after(self, segment: str | None) -> "_Node":
        """The node behind a segment of a template; made where there was none."""
        if segment is None:
            self.any = self.any or _Node()
            return self.any
        found = self.certain.get(segment)
        if found is None:
            found = self.certain[segment] = _Node()
        return found

    def find(
        self, segments: Sequence[str], at: int = 0, values: tuple[str, ...] = ()
    ) -> Iterator[tuple[_Leaf, tuple[str, ...]]]:
        """All that fit the segments from `at` on, with what their placeholders stand for."""
        if at == len(segments):
            for leaf in self.ends:
                yield leaf, values
            return
        segment = segments[at]
        if (certain := self.certain.get(segment)) is not None:
            yield from certain.find(segments, at + 1, values)
        if self.any is not None and segment:
            yield from self.any.find(segments, at + 1, (*values, segment))
        for leaf in self.rests:
            yield leaf, (*values, "/".join(segments[at:]))


class RouteTree(BaseRoute):
    """All routes as one. Of those whose templates fit, the one declared first answers, if it takes the method.

    A segment of a template is a text, `{name}` for any one that is not empty, or `{name:path}` for all the rest.

    Raises:
        ConfigurationError: a template is none of these.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes: Final = list(routes)
        self._root: Final = _Node()
        self._known = lru_cache(maxsize=_MOST_KNOWN)(self._find)
        for order, route in enumerate(self.routes):
            template = _read(route.path)
            node = self._root
            for segment in template.segments:
                node = node.after(segment)
            (node.rests if template.takes_rest else node.ends).append(_Leaf(order, route, template.names))

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As of the route that answers; of one with another method if there is none, which then refuses."""
        if scope["type"] != "http":
            return Match.NONE, {}
        if FOUND in scope:
            match, child = scope[FOUND]
            return match, child
        path = scope["path"]
        match, leaf, values = (self._known if len(path) <= _MOST_CHARS else self._find)(scope["method"], path)
        return (match, _scope(leaf, values)) if leaf is not None else (match, {})

    def _find(self, method: str, path: str) -> "tuple[Match, _Leaf | None, tuple[str, ...]]":
        found = sorted(self._root.find(path.split("/")), key=lambda each: each[0].order)
        for leaf, values in found:
            if not leaf.route.methods or method in leaf.route.methods:
                return Match.FULL, leaf, values
        return (Match.PARTIAL, *found[0]) if found else (Match.NONE, None, ())

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand over to the route that was found."""
        await scope["route"].handle(scope, receive, send)


@cache
def _read(path: str) -> _Template:
    segments: list[str | None] = []
    names: list[str] = []
    takes_rest = False
    for segment in path.split("/"):
        placeholder = _PLACEHOLDER.fullmatch(segment)
        if takes_rest or (placeholder is None and "{" in segment):
            raise ConfigurationError(f"{path}: a placeholder is a whole segment, and of several only at the end.")
        if placeholder is None:
            segments.append(segment)
            continue
        names.append(placeholder[1])
        takes_rest = placeholder[2] is not None
        if not takes_rest:
            segments.append(None)
    return _Template(tuple(segments), takes_rest, tuple(names))


def _scope(leaf: _Leaf, values: tuple[str, ...]) -> Scope:
    return {
        "route": leaf.route,
        "endpoint": leaf.route.endpoint,
        "path_params": dict(zip(leaf.names, values, strict=True)),
    }
