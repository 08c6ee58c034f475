"""The local folder joins the suite, and is scrubbed after each test: whatever happened, nothing is damaged or left."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tidemill.stores.objects.local.store import LocalConfig, LocalStore


@asynccontextmanager
async def bucket(request: pytest.FixtureRequest) -> AsyncIterator[Callable[[], LocalStore]]:
    root: Path = request.getfixturevalue("tmp_path") / "objects"
    yield lambda: LocalStore(LocalConfig(root))
    await check_folder(root)


async def check_folder(root: Path) -> None:
    """I11: every object has its bytes and every file its object, though none is an hour old."""
    store = LocalStore(LocalConfig(root))
    findings = [finding async for finding in store.scrub()]
    garbage = await store.collect_garbage(age_s=0)
    await store.close()
    assert findings == []
    assert garbage.blobs == 0
