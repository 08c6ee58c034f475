"""How much lies below a prefix, by the next folder; and how much a storage holds, as it was last counted."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

import structlog

from tidemill.db import storages
from tidemill.db.pool import Database
from tidemill.engine.object_rules import Access
from tidemill.model.errors import NotFound, StorageDenied, StorageMisconfigured, Unavailable
from tidemill.model.identity import Principal, Role
from tidemill.model.object_address import DEFAULT, Address, named
from tidemill.server.objects.listing import require_listable
from tidemill.server.objects.service import Objects
from tidemill.server.objects.storage import Storage
from tidemill.stores.objects.port import PAGE, Counting, Usage

log = structlog.get_logger(__name__)

MOST_PAGES: Final = 200
"""Pages of a store that does not count by itself that one request reads at most: 200,000 objects."""
MOST_FOLDERS: Final = 1000
_NO_ANSWER: Final = (NotFound, StorageDenied, StorageMisconfigured, Unavailable)


@dataclass(slots=True)
class Amount:
    """Bytes and objects."""

    size_bytes: int = 0
    objects: int = 0

    def add(self, size_bytes: int) -> None:
        """One more object."""
        self.size_bytes += size_bytes
        self.objects += 1


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted below a prefix. `folders`: prefix that ends with `/` -> what is below it; at most 1000 of them.

    `complete` is False where counting was cut short: there is more.
    """

    total: Amount = field(default_factory=Amount)
    folders: dict[str, Amount] = field(default_factory=dict)
    complete: bool = True


async def count(objects: Objects, caller: Principal, at: Address, *, most_pages: int = MOST_PAGES) -> Counted:
    """What lies below the key of `at`, of what `caller` may list.

    Raises:
        Denied: no key below it could be listed.
    """
    async with objects.storage(caller, at) as storage:
        require_listable(storage, caller, at.key)
        if isinstance(storage.store, Counting) and storage.lists_all(caller):
            with storage.named():
                return _told(await storage.store.usage(at.key), at.key)
        return await _count_by_listing(storage, caller, at.key, most_pages=most_pages)


def _told(usage: list[Usage], prefix: str) -> Counted:
    total = Amount(sum(each.size_bytes for each in usage), sum(each.objects for each in usage))
    folders = [each for each in usage if each.prefix != prefix]
    return Counted(total, {each.prefix: Amount(each.size_bytes, each.objects) for each in folders[:MOST_FOLDERS]})


async def _count_by_listing(storage: Storage, caller: Principal, prefix: str, *, most_pages: int) -> Counted:
    total = Amount()
    folders: defaultdict[str, Amount] = defaultdict(Amount)
    after = ""
    for _ in range(most_pages):
        with storage.named():
            page = await storage.store.scan(prefix, after=after, limit=PAGE)
        for entry in page:
            if storage.allows(caller, Access.LIST, entry.key):
                total.add(entry.size_bytes)
                name, slash, _ = entry.key[len(prefix) :].partition("/")
                if slash and (len(folders) < MOST_FOLDERS or prefix + name + slash in folders):
                    folders[prefix + name + slash].add(entry.size_bytes)
        if len(page) < PAGE:
            return Counted(total, dict(folders))
        after = page[-1].key
    return Counted(total, dict(folders), complete=False)


async def refresh(database: Database, objects: Objects, workspace: str) -> None:
    """Count every storage of the workspace again. One that does not answer keeps what was counted before."""
    names = {DEFAULT, *(each.name for each in await storages.all_of(database.single, workspace))}
    counter = Principal(email="storage usage", workspace=workspace, role=Role.ADMIN)
    for name in sorted(names):
        try:
            found = await count(objects, counter, Address(named(name)))
        except _NO_ANSWER as error:
            log.warning("a storage was not counted", workspace=workspace, storage=name, error=str(error))
            continue
        await storages.put_usage(
            database.single,
            workspace,
            name,
            size_bytes=found.total.size_bytes,
            objects=found.total.objects,
            complete=found.complete,
        )
