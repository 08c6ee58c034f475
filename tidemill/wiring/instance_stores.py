"""Where the instance keeps the storages that need no set-up: in folders of its own, or below a prefix of its bucket."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tidemill.engine.egress import EVERYWHERE
from tidemill.model.errors import Unavailable
from tidemill.settings import Settings
from tidemill.stores.objects import open_store
from tidemill.stores.objects.port import PAGE, ObjectStore
from tidemill.wiring import local_stores
from tidemill.wiring.instance_bucket import bucket_url, open_bucket


class InstanceStores(Protocol):
    """The storages that the instance keeps itself."""

    def open(self, workspace: str, name: str) -> ObjectStore:
        """The store of one of them."""
        ...

    async def erase(self, workspace: str) -> None:
        """Remove all that is kept for a workspace."""
        ...

    async def keep_up(self) -> None:
        """Remove what crashes left."""
        ...

    def verify(self) -> AsyncIterator[str]:
        """What is wrong with what is kept, a sentence each; reads every byte."""
        ...


def instance_stores(settings: Settings) -> InstanceStores:
    """As the settings say: in the bucket of TIDEMILL_OBJECTS_URL, or on disk."""
    if bucket_url(settings) is None:
        return Folders(settings.storage_folder)
    return Bucket(settings)


@dataclass(frozen=True, slots=True)
class Folders:
    """A folder for each: `<folder>/<workspace>/<storage>`."""

    folder: Path

    def open(self, workspace: str, name: str) -> ObjectStore:
        """See `InstanceStores.open`."""
        return open_store("local", {"root_path": str(self.folder / workspace / name)}, egress=EVERYWHERE)

    async def erase(self, workspace: str) -> None:
        """See `InstanceStores.erase`."""
        try:
            await asyncio.to_thread(shutil.rmtree, self.folder / workspace)
        except FileNotFoundError:
            return
        except OSError as error:
            raise Unavailable(f"The objects of the workspace '{workspace}' cannot be removed: {error}") from error

    async def keep_up(self) -> None:
        """See `InstanceStores.keep_up`."""
        await local_stores.keep_up(await self._places())

    async def verify(self) -> AsyncIterator[str]:
        """See `InstanceStores.verify`."""
        async for problem in local_stores.verify(await self._places()):
            yield problem

    async def _places(self) -> list[Path]:
        """The stores that are there."""
        return await asyncio.to_thread(lambda: sorted(each for each in self.folder.glob("*/*") if each.is_dir()))


@dataclass(frozen=True, slots=True)
class Bucket:
    """Prefixes of the instance's bucket: `<prefix>/workspaces/<workspace>/<storage>/`."""

    settings: Settings

    def open(self, workspace: str, name: str) -> ObjectStore:
        """See `InstanceStores.open`.

        Raises:
            StorageMisconfigured: there is no such kind of bucket, or nothing that opens it.
        """
        return open_bucket(self.settings, f"workspaces/{workspace}/{name}")

    async def erase(self, workspace: str) -> None:
        """See `InstanceStores.erase`."""
        store = open_bucket(self.settings, f"workspaces/{workspace}")
        try:
            while page := await store.scan("", limit=PAGE):
                failed = await store.delete_many([each.key for each in page])
                for error in failed.values():
                    raise error
        finally:
            await store.close()

    async def keep_up(self) -> None:
        """See `InstanceStores.keep_up`: a bucket leaves nothing behind."""

    async def verify(self) -> AsyncIterator[str]:
        """See `InstanceStores.verify`: the provider verifies what it keeps."""
        nothing: tuple[str, ...] = ()
        for problem in nothing:
            yield problem
