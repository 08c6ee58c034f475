"""Reads large values again before somebody needs them, a few at a time, and tells of those that are damaged."""

from typing import Final

import structlog

from tidemill.db.values import Damaged, Values

log = structlog.get_logger(__name__)

A_TIME: Final = 200


class Scrub:
    """Goes on where it ended the last time; having come around, it looks for what nobody noted."""

    def __init__(self, values: Values, *, limit: int = A_TIME) -> None:
        self._values = values
        self._limit = limit
        self._after = ""

    async def go_on(self) -> list[Damaged]:
        """Read some more; what is damaged among them.

        Raises:
            Unavailable: the object store does not answer now.
        """
        damaged, self._after = await self._values.check(after=self._after, limit=self._limit)
        for each in damaged:
            log.error("a large value is damaged; restore it from a backup", digest=each.digest, problem=each.problem)
        if not self._after and (adopted := await self._values.adopt()):
            log.warning(
                "values without a note were found in the object store; they are removed in a day", count=adopted
            )
        return damaged
