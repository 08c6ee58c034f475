"""Opens the stores of workspaces: those that the instance keeps itself, folders of the host, buckets of resources."""

import asyncio
import shutil
from pathlib import Path

from tidemill.stores.objects import open_store
from tidemill.stores.objects.port import ObjectStore


class Stores:
    """`Opener` with local folders below `folder`: `<folder>/<workspace>/<storage>`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def instance(self, workspace: str, name: str) -> ObjectStore:
        """See `Opener.instance`."""
        return open_store("local", {"path": str(self._folder / workspace / name)})

    async def folder(self, path: str, workspace: str, name: str) -> ObjectStore:
        """See `Opener.folder`."""
        return open_store("local", {"path": str(Path(path) / workspace / name)})

    async def bucket(self, kind: str, value: dict[str, object]) -> ObjectStore:
        """See `Opener.bucket`."""
        return open_store(kind, value)

    async def erase(self, workspace: str) -> None:
        """See `Opener.erase`."""
        await asyncio.to_thread(shutil.rmtree, self._folder / workspace, ignore_errors=True)
