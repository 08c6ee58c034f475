"""Remembers what a pure function gave for an object that is asked about again and again, and never changes."""

from collections.abc import Callable
from typing import Final, Generic, TypeVar

A = TypeVar("A")
R = TypeVar("R")

_MOST: Final = 64
"""Who calls is held by the caches of all routes: each is small."""


class ByIdentity(Generic[A, R]):
    """`function`, asked once for each of the last `most` objects. What it raises is not remembered.

    Objects are told apart by what they are and not by what they hold, which would take longer than many a function.
    """

    def __init__(self, function: Callable[[A], R], *, most: int = _MOST) -> None:
        self._function = function
        self._most = most
        self._kept: dict[int, tuple[A, R]] = {}

    def __call__(self, thing: A) -> R:
        """What the function gives."""
        kept = self._kept.get(id(thing))
        if kept is not None and kept[0] is thing:
            return kept[1]
        made = self._function(thing)
        if len(self._kept) >= self._most:
            del self._kept[next(iter(self._kept))]
        self._kept[id(thing)] = thing, made
        return made
