"""What a target lacks to be like its source."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from tidemill.cli.s3.items import Item
from tidemill.cli.s3.sums import etag_of

_TOLERANCE: Final = timedelta(seconds=1)
"""Object stores tell whole seconds."""

Folders = tuple[Path | None, Path | None]
"""Where the files of source and target are; None for a side with ETags."""


@dataclass(frozen=True, slots=True)
class Differences:
    """`missing`: of the source, to be copied. `extra`: names that only the target has."""

    missing: list[Item]
    extra: list[str]
    unchanged: int


def differences(source: Iterable[Item], target: Mapping[str, Item], *, checksum_in: Folders | None) -> Differences:
    """Compare by size and time; by size and ETag where `checksum_in` tells where files are."""
    missing, names = [], set()
    for item in source:
        names.add(item.name)
        there = target.get(item.name)
        if there is None or not _is_same(item, there, checksum_in):
            missing.append(item)
    return Differences(missing, [name for name in target if name not in names], len(names) - len(missing))


def _is_same(item: Item, there: Item, folders: Folders | None) -> bool:
    if item.size_bytes != there.size_bytes:
        return False
    if folders is None:
        return item.modified_at < there.modified_at + _TOLERANCE
    return _etag(item, folders[0]) == _etag(there, folders[1])


def _etag(item: Item, folder: Path | None) -> str:
    return item.etag if folder is None else etag_of(folder / item.name, item.size_bytes)
