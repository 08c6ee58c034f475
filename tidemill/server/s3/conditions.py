"""Conditions of requests: on what is read and on what is written."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from tidemill.engine.s3_faults import S3Fault
from tidemill.stores.objects.port import ALWAYS, CREATE, Condition, ObjectInfo


def check_read(info: ObjectInfo, headers: Mapping[str, str], *, prefix: str = "") -> None:
    """Whether the object is as `If-Match` and its like want it; `prefix` as in `x-amz-copy-source-`.

    Raises:
        S3Fault: PreconditionFailed, or (reads only) NotModified.
    """
    unchanged = S3Fault("PreconditionFailed" if prefix else "NotModified", etag=info.etag)
    if (wanted := headers.get(f"{prefix}if-match")) is not None:
        if not _has(info, wanted):
            raise S3Fault("PreconditionFailed")
    elif (moment := _date(headers.get(f"{prefix}if-unmodified-since"))) and _modified(info) > moment:
        raise S3Fault("PreconditionFailed")
    if (unwanted := headers.get(f"{prefix}if-none-match")) is not None:
        if _has(info, unwanted):
            raise unchanged
    elif (moment := _date(headers.get(f"{prefix}if-modified-since"))) and _modified(info) <= moment:
        raise unchanged


def write_condition(headers: Mapping[str, str]) -> Condition:
    """What must hold for a write.

    Raises:
        S3Fault: it asks for more than "nothing is there" or "this ETag is".
    """
    match, none_match = headers.get("if-match"), headers.get("if-none-match")
    if match is not None and none_match is not None:
        raise S3Fault("InvalidArgument", "If-Match and If-None-Match cannot go together.")
    if none_match is not None:
        if none_match.strip() != "*":
            raise S3Fault("NotImplemented", "A write takes If-None-Match: * only.")
        return CREATE
    if match is not None:
        etag = match.strip().strip('"')
        if not etag or etag == "*" or "," in etag:
            raise S3Fault("NotImplemented", "A write takes one ETag in If-Match.")
        return Condition(etag=etag)
    return ALWAYS


def require_no_condition(headers: Mapping[str, str]) -> None:
    """Of a write that waits for the end of a statement, when the object may be another.

    Raises:
        S3Fault: there is one.
    """
    if write_condition(headers) != ALWAYS:
        raise S3Fault("NotImplemented", "What waits for a statement is written without conditions.")


def _has(info: ObjectInfo, tags: str) -> bool:
    if tags.strip() == "*":
        return True
    return info.etag in {tag.strip().removeprefix("W/").strip('"') for tag in tags.split(",")}


def _modified(info: ObjectInfo) -> datetime:
    """In whole seconds, as the header told it."""
    return info.modified_at - timedelta(microseconds=info.modified_at.microsecond)


def _date(text: str | None) -> datetime | None:
    """What is no date is no condition."""
    if text is None:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
