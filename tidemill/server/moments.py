"""Moments as requests give them."""

from datetime import UTC, datetime

from tidemill.model.errors import BadRequest


def in_utc(moment: datetime | None) -> datetime | None:
    """`moment` in UTC, which one without a zone is taken to be in.

    Raises:
        BadRequest: there it is in no year from 1 to 9999. Kept as it is, it could not be read again.
    """
    if moment is None or moment.tzinfo is None:
        return None if moment is None else moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise BadRequest(f"{moment.isoformat()} is in no year from 1 to 9999 of UTC.") from error
