"""Pages of listings as servers give them, and batches of keys: what all backends over HTTP do with them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tidemill.model.errors import InvalidKey
from tidemill.stores.objects.checks import check_key
from tidemill.stores.objects.port import Folder, ObjectInfo


@dataclass(frozen=True, slots=True)
class Page:
    """A page; `token` goes on from there, "" at the end."""

    objects: list[ObjectInfo]
    folders: list[Folder]
    token: str


def name_of(entry: ObjectInfo | Folder) -> str:
    """Key, or prefix of a folder: what listings are ordered by."""
    return entry.prefix if isinstance(entry, Folder) else entry.key


def is_after(entry: ObjectInfo | Folder, after: str) -> bool:
    """Whether an entry comes behind that place, or is a folder that it lies in."""
    name = name_of(entry)
    return name > after or (isinstance(entry, Folder) and name != after and after.startswith(name))


def in_order(listing: Page) -> list[ObjectInfo | Folder]:
    """Objects and folders in one, in byte order (as code points have it)."""
    return sorted([*listing.objects, *listing.folders], key=name_of)


def below(listing: Page, root: str) -> Page:
    """With names that are told from below `root`, which all of them begin with."""
    if not root:
        return listing
    return Page(
        [replace(info, key=info.key.removeprefix(root)) for info in listing.objects],
        [Folder(folder.prefix.removeprefix(root)) for folder in listing.folders],
        listing.token,
    )


def sort_out(keys: Sequence[str]) -> tuple[dict[str, Exception], list[str]]:
    """What is wrong with those that are no keys, and the others."""
    failed: dict[str, Exception] = {}
    for key in keys:
        try:
            check_key(key)
        except InvalidKey as error:
            failed[key] = error
    return failed, [key for key in dict.fromkeys(keys) if key not in failed]
