"""Opens the store of large values and packed logs: the instance's bucket, or a folder."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tidemill.model.content import Content
from tidemill.settings import Settings
from tidemill.stores.objects.content import BucketContent, open_folder
from tidemill.wiring.instance_bucket import bucket_url, open_bucket


@asynccontextmanager
async def opened_content(settings: Settings) -> AsyncIterator[Content]:
    """The store that TIDEMILL_OBJECTS_URL names, during the block.

    Raises:
        StorageMisconfigured: there is no such kind of bucket, or nothing that opens it.
    """
    if bucket_url(settings) is None:
        yield open_folder(_folder(settings))
        return
    store = open_bucket(settings)
    try:
        yield BucketContent(store)
    finally:
        await store.close()


def _folder(settings: Settings) -> Path:
    if settings.objects_url:
        return Path(settings.objects_url.removeprefix("file://"))
    return settings.data_dir / "objects"
