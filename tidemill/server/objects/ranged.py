"""One version of an object, of which parts are read."""

from tidemill.model.errors import Conflict, PreconditionFailed
from tidemill.server.objects.storage import Storage
from tidemill.stores.objects.port import ObjectInfo


class RangedObject:
    """Made by `Objects.ranged`, and good within its block. `read_bytes` counts what was read."""

    def __init__(self, storage: Storage, info: ObjectInfo) -> None:
        self._storage = storage
        self.info = info
        self.read_bytes = 0

    @property
    def size_bytes(self) -> int:
        """Of the object."""
        return self.info.size_bytes

    async def read(self, start: int, end: int) -> bytes:
        """The bytes from `start` up to `end` (exclusive; beyond the end of the object there are none).

        Raises:
            Conflict: the object was written since.
        """
        end = min(end, self.size_bytes)
        if start >= end:
            return b""
        try:
            with self._storage.named():
                store = self._storage.store
                reading = await store.get(self.info.key, start=start, end=end, etag=self.info.etag)
                data = b"".join([piece async for piece in reading.body])
        except PreconditionFailed as error:
            raise Conflict("The object was written while it was read; ask again.") from error
        self.read_bytes += len(data)
        return data
