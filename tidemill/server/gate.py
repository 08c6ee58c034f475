"""How many inline queries a server runs at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tidemill.model.errors import TooManyRequests

RETRY_AFTER_S: Final = 1


class Gate:
    """Lets `most` in at a time. Who comes then is refused at once: waiting requests would pile up in the server."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._inside = 0

    @contextmanager
    def passed(self) -> Iterator[None]:
        """For the time of a query.

        Raises:
            TooManyRequests: the server runs as many as it may.
        """
        if self._inside >= self._most:
            raise TooManyRequests(
                f"This server runs {self._most} inline queries already (TIDEMILL_INLINE_QUERIES): send it again later, "
                "or run it as a job, which waits for its turn.",
                retry_after_s=RETRY_AFTER_S,
            )
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
