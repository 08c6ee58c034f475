"""Containers of Azure Blob Storage join the suite, on Azurite."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tidemill.engine.egress import EVERYWHERE
from tidemill.stores.objects.azure.store import AzureStore


@asynccontextmanager
async def bucket(request: pytest.FixtureRequest) -> AsyncIterator[Callable[[], AzureStore]]:
    value = request.getfixturevalue("object_servers").get("azurite").new_bucket()
    yield lambda: AzureStore.open(value, egress=EVERYWHERE)
