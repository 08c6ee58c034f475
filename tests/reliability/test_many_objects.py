"""B05: a storage with 100,000 objects is listed page by page and folder by folder, in bounded memory.

How long a page takes is measured by `make bench` (`objects_local`).
"""

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.contracts.objects.bytes_of import put
from tests.processes import forget_peak, peak_bytes
from tidemill.stores.objects.local.store import LocalConfig, LocalStore
from tidemill.stores.objects.port import Folder, ObjectInfo

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif("TIDEMILL_SOAK" not in os.environ, reason="it takes a minute; make soak runs it"),
]

FOLDERS, EACH = 100, 1000
PAGE = 1000
MIB = 1024 * 1024
ALLOWED_BYTES = 50 * MIB


async def walk(store: LocalStore, prefix: str = "") -> Iterable[str]:
    """All keys below a prefix, by pages."""
    found: list[str] = []
    while page := await store.scan(prefix, after=found[-1] if found else "", limit=PAGE):
        found += [each.key for each in page]
    return found


def name_of(entry: ObjectInfo | Folder) -> str:
    return entry.prefix if isinstance(entry, Folder) else entry.key


async def test_a_hundred_thousand_objects_are_listed(tmp_path: Path) -> None:
    keys = [f"{folder:02}/{number:04}" for folder in range(FOLDERS) for number in range(EACH)]
    store = LocalStore(LocalConfig(tmp_path / "objects"))
    try:
        for some in (keys[start : start + 64] for start in range(0, len(keys), 64)):
            await asyncio.gather(*(put(store, key, b"x") for key in some))
        forget_peak(os.getpid())
        before = peak_bytes(os.getpid())
        assert await walk(store) == keys
        assert await walk(store, "57/") == keys[57 * EACH : 58 * EACH]
        folders = await store.scan_folder("", limit=PAGE)
        assert [name_of(each) for each in folders] == [f"{folder:02}/" for folder in range(FOLDERS)]
        assert peak_bytes(os.getpid()) - before <= ALLOWED_BYTES
    finally:
        await store.close()
