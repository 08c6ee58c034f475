"""Rows that a server gives in pages of its own size, in batches of ours."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final

from tidemill.model.column import Column, Row
from tidemill.model.errors import QueryFailed

Fetch = Callable[[], Awaitable[list[Any] | None]]
"""The next page; None after the last."""

_MANY_ROWS: Final = 2_000


class PagedRows:
    """A `Result` of a statement that has ended: nothing is lost by not reading on."""

    def __init__(
        self,
        columns: tuple[Column, ...],
        page: list[Any],
        *,
        fetch: Fetch,
        read: Callable[[Any], Row],
        affected: int | None = None,
    ) -> None:
        """`page` is the first one; `read` makes a row of what is in a page."""
        self.columns, self.affected = columns, affected
        self._page, self._fetch, self._read = page, fetch, read
        self._at = 0

    async def batches(self, rows: int) -> AsyncIterator[Sequence[Row]]:
        """See `Result.batches`."""
        held: list[Row] = []
        while self._at < len(self._page) or await self._turn():
            taken = self._page[self._at : self._at + rows - len(held)]
            self._at += len(taken)
            held += await self._read_all(taken)
            if len(held) == rows:
                yield held
                held = []
        if held:
            yield held

    async def _read_all(self, taken: list[Any]) -> list[Row]:
        """Many of them in a thread: others go on meanwhile."""
        try:
            if len(taken) < _MANY_ROWS:
                return [self._read(each) for each in taken]
            return await asyncio.to_thread(lambda: [self._read(each) for each in taken])
        except (ValueError, ArithmeticError, TypeError, LookupError, AttributeError) as error:
            raise QueryFailed(
                f"The database gives a value in a form that is not known ({type(error).__name__}: {error}): cast it to "
                "text."
            ) from error

    async def _turn(self) -> bool:
        """Go to the next page that has rows; whether there is one."""
        while (page := await self._fetch()) is not None:
            self._page, self._at = page, 0
            if page:
                return True
        self._page, self._at = [], 0
        return False
