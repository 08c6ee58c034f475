"""What there is to transfer on either side: files below a folder, objects below a prefix."""

import os
import stat
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tidemill.cli.s3.endpoint import Endpoint
from tidemill.cli.s3.filters import Filter
from tidemill.cli.s3.places import Local, Side, local_errors
from tidemill.model.errors import BadRequest
from tidemill.model.object_address import Address
from tidemill.stores.objects.port import PAGE, ObjectStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A file or an object. `name` is relative, with slashes; `etag` is "" for a file."""

    name: str
    size_bytes: int
    modified_at: datetime
    etag: str = ""

    @property
    def is_mark(self) -> bool:
        """Whether it is one of the empty objects by which some tools mark folders: no file can be like it."""
        return self.name.endswith("/") and not self.size_bytes


def folder(place: Side) -> Side:
    """As the place that all names of a recursive command are below."""
    return place if isinstance(place, Local) else prefix_of(place)


def prefix_of(at: Address) -> Address:
    """As a folder: the key is empty, or ends with a slash."""
    return at if not at.key or at.key.endswith("/") else at.at(f"{at.key}/")


async def items_of(endpoint: Endpoint, side: Side, wanted: Filter, *, marks: bool) -> AsyncIterator[Item]:
    """The wanted files or objects below a folder, those that mark folders only with `marks`."""
    if isinstance(side, Local):
        for item in files_below(side.path, wanted):
            yield item
        return
    async for item in objects_below(await endpoint.store(side), side.key, wanted):
        if item.name and (marks or not item.is_mark):
            yield item


def files_below(folder: Path, wanted: Filter) -> Iterator[Item]:
    """The wanted files below a folder, links to files too; neither links to folders nor pipes and the like.

    Raises:
        BadRequest: there is no such folder, or something in it cannot be read.
    """
    if not folder.is_dir():
        raise BadRequest(f"{folder} is no folder.")

    def give_up(error: OSError) -> None:
        raise error

    with local_errors(folder):
        for place, folders, names in os.walk(folder, onerror=give_up):
            folders.sort()
            for name in sorted(names):
                path = Path(place, name)
                relative = path.relative_to(folder).as_posix()
                if wanted.takes(relative) and stat.S_ISREG((found := path.stat()).st_mode):
                    yield item_of(relative, found)


def item_of(name: str, found: os.stat_result) -> Item:
    """A file by what its file system tells."""
    return Item(name=name, size_bytes=found.st_size, modified_at=datetime.fromtimestamp(found.st_mtime, UTC))


async def objects_below(store: ObjectStore, prefix: str, wanted: Filter) -> AsyncIterator[Item]:
    """The wanted objects below a prefix that one may list, in the order of their keys; the one named "" marks it."""
    after = ""
    while True:
        page = await store.scan(prefix, after=after)
        for each in page:
            name = each.key[len(prefix) :]
            if wanted.takes(name):
                yield Item(
                    name=name,
                    size_bytes=each.size_bytes,
                    modified_at=each.modified_at,
                    etag=each.etag,
                )
        if len(page) < PAGE:
            return
        after = page[-1].key
