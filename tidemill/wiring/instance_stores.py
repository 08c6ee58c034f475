"""Where the instance keeps the storages that need no set-up: in folders of its own, or below a prefix of its bucket."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from tidemill.engine.egress import EVERYWHERE
from tidemill.model.errors import StorageMisconfigured, Unavailable
from tidemill.settings import Settings
from tidemill.stores.objects import open_store
from tidemill.stores.objects.port import PAGE, ObjectStore
from tidemill.wiring import local_stores


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
    url = urlsplit(settings.objects_url)
    if url.scheme in {"", "file"}:
        return Folders(settings.storage_folder)
    value: dict[str, object] = {
        "bucket": url.netloc,
        "region": settings.aws_region,
        "endPoint": settings.aws_endpoint_url,
        "pathStyle": settings.aws_endpoint_url != "",
        "accessKey": settings.aws_access_key_id,
        "secretKey": settings.aws_secret_access_key,
        "token": settings.aws_session_token,
    }
    return Bucket(url.scheme, value, url.path.strip("/"))


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
    """Prefixes of one bucket: `<prefix>/workspaces/<workspace>/<storage>/`. `value` is that of a resource `s3`."""

    scheme: str
    value: dict[str, object]
    prefix: str

    def open(self, workspace: str, name: str) -> ObjectStore:
        """See `InstanceStores.open`.

        Raises:
            StorageMisconfigured: there is no such kind of bucket here, or no key for it.
        """
        return self._open(f"{workspace}/{name}")

    async def erase(self, workspace: str) -> None:
        """See `InstanceStores.erase`."""
        store = self._open(workspace)
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

    def _open(self, place: str) -> ObjectStore:
        if self.scheme != "s3":
            raise StorageMisconfigured(
                f"Storages that Tidemill keeps itself cannot be in {self.scheme}:// (TIDEMILL_OBJECTS_URL): let an "
                "admin set a storage by a resource in the settings of the workspace."
            )
        if not self.value["accessKey"]:
            raise StorageMisconfigured(
                "Storages that Tidemill keeps itself are in the bucket of TIDEMILL_OBJECTS_URL, which needs "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: set them, or let an admin set a storage by a resource."
            )
        whole = "/".join(part for part in (self.prefix, "workspaces", place) if part)
        return open_store("s3", {**self.value, "prefix": whole}, egress=EVERYWHERE)
