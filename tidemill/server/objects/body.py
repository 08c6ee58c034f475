"""The bytes of an object on their way to a caller: holds the store open until the last of them is gone."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Self

from tidemill.server.objects.storage import Storage


class Body:
    """Wraps the body of a `Reading`. No generator: one that was never started would let go of nothing."""

    def __init__(self, body: AsyncIterator[bytes], storage: Storage, release: Callable[[], Awaitable[None]]) -> None:
        self._body = body
        self._storage = storage
        self._release = release
        self._is_open = True

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            with self._storage.named():
                return await anext(self._body)
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """Let go of the store; fine to call again."""
        if not self._is_open:
            return
        self._is_open = False
        try:
            if (close := getattr(self._body, "aclose", None)) is not None:
                await close()
        finally:
            await self._release()
