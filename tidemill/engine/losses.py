"""What becomes of a job whose worker was lost: the verdict of `engine/jobs.py` on the columns that the queue has."""

from enum import StrEnum

from tidemill.model.job import POISON_LOSSES, OnWorkerLoss


class LossVerdict(StrEnum):
    """What to do with a job that lost its worker."""

    RESTART = "restarted"
    FAIL = "failed"
    QUARANTINE = "quarantined"
    CANCEL = "canceled"


def after_worker_loss(*, on_worker_loss: str, earlier_losses: int, is_canceled: bool) -> LossVerdict:
    """The verdict after one more loss; `earlier_losses` are those within `POISON_WINDOW_S`."""
    if is_canceled:
        return LossVerdict.CANCEL
    if OnWorkerLoss(on_worker_loss) is OnWorkerLoss.FAIL:
        return LossVerdict.FAIL
    return LossVerdict.QUARANTINE if earlier_losses + 1 >= POISON_LOSSES else LossVerdict.RESTART
