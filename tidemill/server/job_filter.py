"""The filters of job lists, from the query of a request to what the database is asked."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import Query

from tidemill.db.jobs import Filter
from tidemill.db.pool import Json
from tidemill.db.scripts import parse_hash
from tidemill.model import jsontext
from tidemill.model.errors import BadRequest
from tidemill.server.moments import in_utc

_MOST_JSON_BYTES: Final = 64 * 1024
_STATUSES: Final = frozenset({"success", "failure", "canceled", "skipped"})
_NOT_COMPARABLE: Final = re.compile(rb"\\u0000|\d[eE][-+]?\d{4}|\d{255}")
"""What the comparison of JSON in Postgres cannot hold. The same in a job's values takes the job out of the list."""
_JSON: Final = "JSON that the value must contain, such as an object with some of its members."


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter, and in which part of the jobs it can find something: "", "queue" or "completed"."""

    filter: Filter
    part: str
    before_id: UUID | None


async def job_filter(
    *,
    order_desc: bool = True,
    created_by: str | None = None,
    label: str | None = None,
    worker: str | None = None,
    parent_job: UUID | None = None,
    script_path_exact: str | None = None,
    script_path_start: str | None = None,
    schedule_path: str | None = None,
    script_hash: str | None = None,
    created_before: datetime | None = None,
    created_after: datetime | None = None,
    created_before_queue: datetime | None = None,
    created_after_queue: datetime | None = None,
    started_before: datetime | None = None,
    started_after: datetime | None = None,
    completed_before: datetime | None = None,
    completed_after: datetime | None = None,
    running: bool | None = None,
    scheduled_for_before_now: bool | None = None,
    success: bool | None = None,
    status: Annotated[str | None, Query(description="success, failure, canceled or skipped.")] = None,
    is_skipped: bool | None = None,
    job_kinds: Annotated[str | None, Query(description="Kinds, separated by commas.")] = None,
    suspended: Annotated[bool | None, Query(description="Whether it is a flow that waits for answers.")] = None,
    args: Annotated[str | None, Query(description=_JSON)] = None,
    result: Annotated[str | None, Query(description=_JSON)] = None,
    tag: str | None = None,
    is_flow_step: bool | None = None,
    has_null_parent: bool | None = None,
    is_not_schedule: bool | None = None,
    concurrency_key: str | None = None,
    before_id: Annotated[UUID | None, Query(description="Our own: go on behind the job of this id.")] = None,
) -> Wanted:
    """Reads the filter of a job list.

    Raises:
        BadRequest: a value does not fit; the message names it.
    """
    statuses = _statuses(success, status, is_skipped)
    wanted = Filter(
        kinds=_list(job_kinds),
        path_exact=_plain("script_path_exact", script_path_exact),
        path_start=_plain("script_path_start", script_path_start),
        schedule_path=_plain("schedule_path", schedule_path),
        script_hash=None if script_hash is None else parse_hash(script_hash),
        created_by=_plain("created_by", created_by),
        created_before=in_utc(created_before or created_before_queue),
        created_after=in_utc(created_after or created_after_queue),
        started_before=in_utc(started_before),
        started_after=in_utc(started_after),
        completed_before=in_utc(completed_before),
        completed_after=in_utc(completed_after),
        parent_job=parent_job,
        has_parent=None if has_null_parent is None else not has_null_parent,
        is_flow_step=is_flow_step,
        is_scheduled=False if is_not_schedule else None,
        is_due=scheduled_for_before_now or None,
        running=running,
        statuses=statuses,
        suspended=suspended,
        tag=_plain("tag", tag),
        label=_plain("label", label),
        worker=_plain("worker", worker),
        concurrency_key=_plain("concurrency_key", concurrency_key),
        args=_json("args", args),
        result=_json("result", result),
        descending=order_desc,
    )
    return Wanted(wanted, _part(wanted), before_id)


def _part(wanted: Filter) -> str:
    if (
        wanted.suspended
        or wanted.running is not None
        or wanted.is_due is not None
        or wanted.concurrency_key is not None
    ):
        return "queue"
    of_ended = (wanted.statuses, wanted.completed_before, wanted.completed_after, wanted.result)
    return "completed" if any(each is not None for each in of_ended) else ""


def _statuses(success: bool | None, status: str | None, is_skipped: bool | None) -> list[str] | None:
    found = None if status is None else {status}
    if found is not None and not found <= _STATUSES:
        raise BadRequest(f"status must be one of {', '.join(sorted(_STATUSES))}.")
    if success is not None:
        wanted = {"success", "skipped"} if success else {"failure", "canceled"}
        found = wanted if found is None else found & wanted
    if is_skipped is not None:
        wanted = {"skipped"} if is_skipped else set(_STATUSES - {"skipped"})
        found = None if found is None and not is_skipped else (wanted if found is None else found & wanted)
    return None if found is None else sorted(found)


def _list(text: str | None) -> list[str] | None:
    if text is None or not text.strip():
        return None
    return [part.strip() for part in (_plain("job_kinds", text) or "").split(",")]


def _json(name: str, text: str | None) -> Json | None:
    if text is None:
        return None
    raw = text.encode("utf-8", "surrogatepass")
    jsontext.check(raw, max_bytes=_MOST_JSON_BYTES)
    if _NOT_COMPARABLE.search(raw):
        raise BadRequest(
            f"{name} cannot ask for the character NUL, for an exponent of over 3 digits, or for 255 digits in a row."
        )
    return Json(raw)


def _plain(name: str, text: str | None) -> str | None:
    """`text`, which Postgres can compare with: without NUL."""
    if text is not None and "\x00" in text:
        raise BadRequest(f"{name} holds the character NUL.")
    return text
