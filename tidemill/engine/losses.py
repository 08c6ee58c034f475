"""What becomes of a job whose worker was lost."""

from enum import StrEnum
from typing import Final

MAX_LOSSES: Final = 3
"""So many lost workers within 72 hours put a job into quarantine."""


class LossVerdict(StrEnum):
    """What to do with a job that lost its worker."""

    RESTART = "restarted"
    FAIL = "failed"
    QUARANTINE = "quarantined"
    CANCEL = "canceled"


def after_worker_loss(*, on_worker_loss: str, earlier_losses: int, is_canceled: bool) -> LossVerdict:
    """The verdict on a job after one more loss; `earlier_losses` are those of the last 72 hours."""
    if is_canceled:
        return LossVerdict.CANCEL
    if on_worker_loss == "fail":
        return LossVerdict.FAIL
    return LossVerdict.QUARANTINE if earlier_losses + 1 >= MAX_LOSSES else LossVerdict.RESTART
