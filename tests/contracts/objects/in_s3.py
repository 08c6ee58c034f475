"""Buckets of S3 join the suite: on Ceph, which is real and of 2021, and on ministack, which knows what came since."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tidemill.stores.objects.s3.config import S3Config
from tidemill.stores.objects.s3.store import S3Store


def bucket_on(server: str):
    """A factory of buckets on that server."""

    @asynccontextmanager
    async def bucket(request: pytest.FixtureRequest) -> AsyncIterator[Callable[[], S3Store]]:
        config = S3Config.of(request.getfixturevalue("object_servers").get(server).new_bucket())
        store = S3Store(config)
        learned = await store.learn()
        await store.close()
        yield lambda: S3Store(config, learned=learned)

    return bucket
