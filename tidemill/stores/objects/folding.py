"""Listings and sums by folder, for stores that only list by prefix."""

from collections.abc import Awaitable, Iterable
from typing import Final, Protocol

from tidemill.stores.objects.port import PAGE, Folder, ObjectInfo, Usage

LAST: Final = "\U0010ffff"
"""No character sorts behind it, in code points as in UTF-8."""


class Scan(Protocol):
    """`ObjectStore.scan`."""

    def __call__(self, prefix: str, *, after: str = "", limit: int = PAGE) -> Awaitable[list[ObjectInfo]]: ...


def folder_of(key: str, prefix: str, delimiter: str) -> str | None:
    """The prefix that `key` is folded into in a listing of `prefix`; None where it stands for itself."""
    if not key.startswith(prefix):
        return None
    place = key.find(delimiter, len(prefix)) if delimiter else -1
    return None if place < 0 else key[: place + len(delimiter)]


def skipped_folder(after: str, prefix: str, delimiter: str) -> str | None:
    """`after` itself where it is the prefix of a folder of this listing, so that all its keys are left out."""
    return after if after and folder_of(after, prefix, delimiter) == after else None


async def scan_folder(
    scan: Scan, prefix: str, *, delimiter: str = "/", after: str = "", limit: int = PAGE
) -> list[ObjectInfo | Folder]:
    """`ObjectStore.scan_folder` by way of `scan`.

    A folder costs at most one page of keys that are not needed: the next page begins behind it.
    """
    found: list[ObjectInfo | Folder] = []
    folder = skipped_folder(after, prefix, delimiter)
    while True:
        page = await scan(prefix, after=after if folder is None else folder + LAST, limit=PAGE)
        for info in page:
            last, folder = folder, folder_of(info.key, prefix, delimiter)
            if folder is None:
                found.append(info)
            elif folder != last:
                found.append(Folder(folder))
            if len(found) == limit:
                return found
        if len(page) < PAGE:
            return found
        after = page[-1].key


def summed(sizes: Iterable[tuple[str, int]], prefix: str, *, depth: int, delimiter: str) -> list[Usage]:
    """`Counting.usage`, from each key below `prefix` and its size."""
    sums: dict[str, list[int]] = {}
    for key, size_bytes in sizes:
        each = sums.setdefault(_deep_folder_of(key, prefix, depth=depth, delimiter=delimiter), [0, 0])
        each[0] += 1
        each[1] += size_bytes
    return [Usage(prefix=folder, objects=objects, size_bytes=size) for folder, (objects, size) in sorted(sums.items())]


def _deep_folder_of(key: str, prefix: str, *, depth: int, delimiter: str) -> str:
    place = len(prefix)
    for _ in range(depth):
        found = key.find(delimiter, place)
        if found < 0:
            break
        place = found + len(delimiter)
    return key[:place]
