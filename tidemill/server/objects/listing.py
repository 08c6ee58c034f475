"""Pages of the keys that a caller may list: what its rules hide is left out, and the paging stays bounded."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from tidemill.engine.object_rules import Access
from tidemill.model.errors import Denied
from tidemill.model.identity import Principal
from tidemill.server.objects.storage import Storage
from tidemill.stores.objects.port import PAGE, Folder, ObjectInfo, Told

MOST_PAGES: Final = 10
"""Pages of the store that one request reads at most to fill a page of its own."""

EntryT = TypeVar("EntryT", bound=ObjectInfo | Folder)


@dataclass(frozen=True, slots=True)
class Listing(Generic[EntryT]):
    """A page. Go on with `marker` as `after`, also where the page is short or empty; "" means that there are no more.

    `restricted` is whether something was left out of this page because the caller may not list it; `goes_on`, whether
    an entry behind the page was seen or told of (which says nothing of whether the caller may list it).
    """

    entries: list[EntryT]
    marker: str
    restricted: bool
    goes_on: bool = False


async def visible_page(
    fetch: Callable[[str, int], Awaitable[Sequence[EntryT]]],
    storage: Storage,
    caller: Principal,
    *,
    prefix: str,
    after: str,
    limit: int,
) -> Listing[EntryT]:
    """Up to `limit` entries behind `after` that `caller` may list. `fetch(after, limit)` gives those of the store.

    Raises:
        Denied: no key below `prefix` could be listed, whatever is there.
    """
    require_listable(storage, caller, prefix)
    sees_all = storage.lists_all(caller)
    found: list[EntryT] = []
    restricted = goes_on = False
    for _ in range(MOST_PAGES):
        asked = min(limit + 1, PAGE) if not restricted else PAGE
        with storage.named():
            page = await fetch(after, asked)
        goes_on = isinstance(page, Told)
        for entry in page:
            if len(found) == limit:
                return Listing(found, after, restricted)
            after = _place(entry)
            if sees_all or _is_visible(storage, caller, entry):
                found.append(entry)
            else:
                restricted = True
        if len(page) < asked:
            return Listing(found, "", restricted)
        if len(found) == limit:
            break
    return Listing(found, after, restricted, goes_on and sees_all)


def require_listable(storage: Storage, caller: Principal, prefix: str) -> None:
    """Raises Denied where no key below `prefix` could be listed, whatever is there."""
    if not storage.may_list_below(caller, prefix):
        mend = "An admin of the workspace can change the rules of the storage."
        raise Denied(f"{storage.label}: you may list nothing below {prefix[:200]!r}. {mend}")


def _place(entry: ObjectInfo | Folder) -> str:
    return entry.prefix if isinstance(entry, Folder) else entry.key


def _is_visible(storage: Storage, caller: Principal, entry: ObjectInfo | Folder) -> bool:
    if isinstance(entry, Folder):
        return storage.may_list_below(caller, entry.prefix)
    return storage.allows(caller, Access.LIST, entry.key)
