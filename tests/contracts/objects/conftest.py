"""`store` is open on a fresh, empty bucket, for each backend; `reopen` closes it and opens another on the same."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.contracts.objects.buckets import BUCKETS, SHORTCOMINGS, OpenStore
from tidemill.stores.objects.port import ObjectStore


@pytest.fixture(params=list(BUCKETS))
async def open_store(request: pytest.FixtureRequest) -> AsyncIterator[OpenStore]:
    """Opens another store object on the test's bucket; all are closed in the end."""
    if reason := SHORTCOMINGS.get((request.param, request.node.originalname)):
        request.applymarker(pytest.mark.xfail(strict=True, reason=reason))
    opened: list[ObjectStore] = []
    async with BUCKETS[request.param](request) as open_one:

        def open_and_remember() -> ObjectStore:
            opened.append(open_one())
            return opened[-1]

        try:
            yield open_and_remember
        finally:
            for store in opened:
                await store.close()


@pytest.fixture
def store(open_store: OpenStore) -> ObjectStore:
    return open_store()


@pytest.fixture
def reopen(open_store: OpenStore) -> Callable[[ObjectStore], Awaitable[ObjectStore]]:
    """As a restart does: what the old store object knew is gone."""

    async def close_and_open(store: ObjectStore) -> ObjectStore:
        await store.close()
        return open_store()

    return close_and_open
