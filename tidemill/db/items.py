"""What all that lives at a path has in common: its target for `engine/permit.py`, and pages of what is visible."""

from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

import msgspec

from tidemill.engine import permit
from tidemill.engine.permit import Action, Item, ItemKind
from tidemill.model.errors import VersionMismatch
from tidemill.model.identity import Principal
from tidemill.model.path import parse_path

CHUNK: Final = 500
"""How many rows are read at once to fill a page."""


class AtPath(Protocol):
    """A row of something at a path."""

    @property
    def path(self) -> str: ...
    @property
    def item(self) -> Item: ...


RowT = TypeVar("RowT", bound=AtPath)


def item_of(kind: ItemKind, path: str, extra_perms: bytes) -> Item:
    """The target of a stored row; `extra_perms` is the JSON object of its shares."""
    return Item(kind, parse_path(path), msgspec.json.decode(extra_perms, type=dict[str, bool]))


def reader_filter(caller: Principal) -> dict[str, object]:
    """The parameters `everything`, `owners` and `keys` of a list's query: at most what `caller` may read."""
    readable = permit.readable_owners(caller)
    return {
        "everything": readable.everything,
        "owners": list(readable.owner_keys),
        "keys": list(readable.permission_keys),
    }


async def visible_page(
    read_after: Callable[[str], Awaitable[list[RowT]]],
    caller: Principal,
    *,
    skip: int,
    limit: int,
    action: Action = Action.READ,
    fits: Callable[[RowT], bool] = lambda _: True,
) -> list[RowT]:
    """`limit` rows that fit and that `caller` may read (or do `action` to), after the first `skip` such rows.

    `read_after(path)` gives at most `CHUNK` rows behind that path in order of path; fewer mean that there are no more.
    """
    found: list[RowT] = []
    after = ""
    while True:
        rows = await read_after(after)
        seen = [row for row in rows if permit.decide(caller, action, row.item).allowed and fits(row)]
        found += seen[skip:]
        skip = max(0, skip - len(seen))
        if len(found) >= limit or len(rows) < CHUNK:
            return found[:limit]
        after = rows[-1].path


def version_mismatch(item: Item, *, current: int) -> VersionMismatch:
    """The error for a version that a writer expected and that is not the `current` one (0: there is none)."""
    there = f"has the version {current}" if current else "is not there"
    return VersionMismatch(
        f"The {item.kind} at '{item.path}' {there}, not what If-Match or If-None-Match asks for: read it again.",
        current=current,
    )
