"""Which names a command is about: `--include` and `--exclude`."""

from collections.abc import Sequence
from typing import Annotated

import typer

from tidemill.engine.glob_syntax import parse_glob
from tidemill.engine.globs import Glob

Include = Annotated[
    list[str] | None,
    typer.Option(help="Only names that match this glob (*.csv, 2026/**); one without a slash means the last part."),
]
Exclude = Annotated[list[str] | None, typer.Option(help="No names that match this glob; wins over --include.")]


class Filter:
    """Takes names that match one of `include` (all, where there is none) and none of `exclude`."""

    def __init__(self, include: Sequence[str] | None, exclude: Sequence[str] | None) -> None:
        """Raises BadRequest where one is no glob."""
        self._include = [_Pattern(text) for text in include or ()]
        self._exclude = [_Pattern(text) for text in exclude or ()]

    def takes(self, name: str) -> bool:
        """Whether the command is about this name, which is relative to its source."""
        if self._include and not any(pattern.matches(name) for pattern in self._include):
            return False
        return not any(pattern.matches(name) for pattern in self._exclude)


class _Pattern:
    def __init__(self, text: str) -> None:
        self._is_of_last_part = "/" not in text
        self._globs = [Glob(row) for row in parse_glob(text)]

    def matches(self, name: str) -> bool:
        told = name.rpartition("/")[2] if self._is_of_last_part else name
        return any(glob.matches(told) for glob in self._globs)
