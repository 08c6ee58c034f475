"""Memory joins the suite: what is opened again is the same store, for it ends with its process."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tidemill.stores.objects.memory import MemoryStore


@asynccontextmanager
async def bucket(request: pytest.FixtureRequest) -> AsyncIterator[Callable[[], MemoryStore]]:
    store = MemoryStore()
    yield lambda: store
