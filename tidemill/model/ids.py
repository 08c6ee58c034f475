"""Ids of jobs: UUIDs of version 7, which sort by the time they were made (RFC 9562, section 6.2, method 1)."""

import secrets
import threading
from datetime import datetime, timedelta
from typing import Final, NewType
from uuid import UUID

JobId = NewType("JobId", UUID)

_COUNTER_BITS: Final = 42
_LAST_MS: Final = 2**48 - 1
_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class Sequence:
    """Makes ids that grow: each is greater than all that this object made before, even when the clock goes back.

    The 74 bits under the time are a counter of 42, which starts anew at random in its lower half for each
    millisecond, and 32 random bits.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ms = -1
        self._counter = 0

    def next(self, now_ms: int) -> UUID:
        """The next id at `now_ms`, milliseconds since 1970."""
        if not 0 <= now_ms <= _LAST_MS:
            raise ValueError(f"{now_ms} is not a time in milliseconds since 1970.")
        with self._lock:
            if now_ms > self._ms:
                self._ms, self._counter = now_ms, secrets.randbits(_COUNTER_BITS - 1)
            else:
                self._counter += 1
                if self._counter >> _COUNTER_BITS:
                    self._ms, self._counter = self._ms + 1, secrets.randbits(_COUNTER_BITS - 1)
            return _uuid(self._ms, self._counter)


_IDS: Final = Sequence()


def new_id(now_ms: int) -> UUID:
    """An id for now, in milliseconds since 1970; greater than every id that this process made before."""
    return _IDS.next(now_ms)


def new_job_id(now: datetime | int) -> JobId:
    """As `new_id`, for a job; `now` is an aware time or milliseconds since 1970."""
    return JobId(new_id(now if isinstance(now, int) else milliseconds(now)))


def milliseconds(time: datetime) -> int:
    """Whole milliseconds since 1970 of an aware time."""
    return (time - _EPOCH) // timedelta(milliseconds=1)


def id_time_ms(made: UUID) -> int:
    """When an id was made, in milliseconds since 1970; ValueError for a UUID of another version."""
    if made.version != 7:
        raise ValueError(f"{made} is not a UUID of version 7 and holds no time.")
    return made.int >> 80


def _uuid(ms: int, counter: int) -> UUID:
    """48 bits of time, the version, 12 bits of counter, the variant, 30 bits of counter, 32 random bits."""
    high, low = counter >> 30, counter & (2**30 - 1)
    return UUID(int=ms << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low << 32 | secrets.randbits(32))
