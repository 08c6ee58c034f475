"""Buckets of Google Cloud Storage join the suite, on fake-gcs-server."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tidemill.engine.egress import EVERYWHERE
from tidemill.stores.objects.gcs.store import GcsStore


@asynccontextmanager
async def bucket(request: pytest.FixtureRequest) -> AsyncIterator[Callable[[], GcsStore]]:
    value = request.getfixturevalue("object_servers").get("fake-gcs").new_bucket()
    yield lambda: GcsStore.open(value, egress=EVERYWHERE)
