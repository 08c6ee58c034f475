"""A flow as a whole: the logs and results of all jobs below it, and what one of its steps gave."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Path, Query
from msgspec import UNSET, UnsetType
from starlette.responses import Response

from tidemill.db import flow_runs
from tidemill.db.flow_runs import TreeRow
from tidemill.model.errors import NotFound
from tidemill.model.identity import Principal
from tidemill.server.flow_results import step_result
from tidemill.server.jobs_seen import require_job
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.live import texts
from tidemill.server.parts import Caller, InParts, Parts
from tidemill.server.wire import ERRORS, TEXT, raw_answer, returns, streamed_json, streamed_text

router = APIRouter(tags=["job"], responses=ERRORS, route_class=LazyRoute)

_MOST_RESULT_CHARS: Final = 100_000
_ANY: Final[dict[str, Any]] = {"description": "Any JSON value.", "content": {"application/json": {"schema": {}}}}
InId = Annotated[str, Path(alias="id")]


class Entry(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One job below a flow: where it stands in it. `sibling_index` counts those of the same step, from 1."""

    job_id: str
    label: str
    kind: str
    depth: int
    sibling_index: int
    sibling_count: int
    flow_step_id: str | UnsetType = UNSET
    step_path: str | UnsetType = UNSET
    parent_module_type: str | UnsetType = UNSET


class LogEntry(Entry, kw_only=True):
    """A job with its log."""

    logs: str


class ResultEntry(Entry, omit_defaults=True, kw_only=True):
    """A job with how it stands, and the beginning of its result."""

    status: str
    success: bool | UnsetType = UNSET
    started_at: datetime | UnsetType = UNSET
    duration_ms: int | UnsetType = UNSET
    result_prefix: str | UnsetType = UNSET
    result_length: int | UnsetType = UNSET


class Results(msgspec.Struct):
    """All jobs of a flow."""

    entries: list[ResultEntry]


@router.get(
    "/api/w/{workspace}/jobs/result_by_id/{flow_job_id}/{node_id}", response_class=Response, responses={200: _ANY}
)
async def get_result_by_id(parts: InParts, caller: Caller, flow_job_id: str, node_id: str) -> Response:
    """What the step of a flow, or of a level around it, gave; 404 while it has not ended."""
    seen = await require_job(parts, caller, flow_job_id)
    found = await step_result(parts, caller.workspace, seen.id, node_id, caller=caller)
    if found is None:
        raise NotFound(f"There is no result of a step '{node_id[:80]}' in flow {seen.id}.")
    return raw_answer(found)


@router.get("/api/w/{workspace}/jobs_u/get_flow_all_logs/{id}", response_class=Response, responses={200: TEXT})
async def get_all_logs(parts: InParts, caller: Caller, job: InId) -> Response:
    """The logs of all jobs below the flow, each behind a line that names it."""
    rows = await _tree(parts, caller, job)

    async def pieces() -> AsyncIterator[str]:
        async for row in rows:
            is_first = True
            async for part in texts(parts.logs, caller.workspace, row.id):
                yield f"===== {_label(row)} ({row.id}) =====\n{part.text}" if is_first else part.text
                is_first = False
            if not is_first:
                yield "\n"

    return await streamed_text(pieces())


@router.get(
    "/api/w/{workspace}/jobs_u/get_flow_all_logs_structured/{id}",
    response_class=Response,
    responses={200: returns(list[LogEntry])},
)
async def get_all_logs_structured(parts: InParts, caller: Caller, job: InId) -> Response:
    """The logs of all jobs below the flow, in pieces as they come."""
    rows = await _tree(parts, caller, job)

    async def pieces() -> AsyncIterator[bytes]:
        before = b"["
        async for row in rows:
            head, _, end = msgspec.json.encode(LogEntry(**_entry(row), logs="")).rpartition(b'"')
            yield before + head
            async for part in texts(parts.logs, caller.workspace, row.id):
                yield msgspec.json.encode(part.text)[1:-1]
            before = b'"' + end + b","
        yield before[:-1] + b"]"

    return await streamed_json(pieces())


@router.get(
    "/api/w/{workspace}/jobs_u/get_flow_all_results/{id}", response_class=Response, responses={200: returns(Results)}
)
async def get_all_results(
    parts: InParts,
    caller: Caller,
    job: InId,
    max_result_len: Annotated[int, Query(ge=0, le=_MOST_RESULT_CHARS, description="Characters of each result.")] = 2000,
    step: Annotated[str | None, Query(description="Only jobs of this step.")] = None,
) -> Response:
    """How all jobs below the flow stand, when they ran, and the beginning of what each gave.

    Of results in the object store no beginning is told.
    """
    rows = await _tree(parts, caller, job, most_chars=max_result_len)

    async def pieces() -> AsyncIterator[bytes]:
        before = b'{"entries":['
        async for row in rows:
            if step is None or row.flow_step_id == step:
                yield before + msgspec.json.encode(ResultEntry(**_entry(row), **_standing(row)))
                before = b","
        yield b"]}" if before == b"," else before + b"]}"

    return await streamed_json(pieces())


def _standing(row: TreeRow) -> dict[str, Any]:
    told: dict[str, Any] = {"status": row.status or row.state or "queued"}
    if row.started_at is not None:
        told["started_at"] = row.started_at
    if row.status is not None:
        told |= {"success": row.status in {"success", "skipped"}, "duration_ms": row.duration_ms or 0}
    if row.result_prefix is not None:
        told |= {"result_prefix": row.result_prefix, "result_length": row.result_chars or 0}
    return told


async def _tree(parts: Parts, caller: Principal, job: str, *, most_chars: int = 0) -> AsyncIterator[TreeRow]:
    seen = await require_job(parts, caller, job)
    return flow_runs.tree(parts.database.single, caller.workspace, seen.id, most_chars=most_chars)


def _entry(row: TreeRow) -> dict[str, Any]:
    """Where a job stands in the flow, as the members of an `Entry`."""
    where: dict[str, Any] = {}
    if row.flow_step_id is not None and row.depth:
        where = {"flow_step_id": row.flow_step_id, "step_path": "/".join(row.path)}
    return {
        "job_id": str(row.id),
        "label": _label(row),
        "kind": row.kind,
        "depth": row.depth,
        "sibling_index": row.sibling_index,
        "sibling_count": row.sibling_count,
        **where,
    }


def _label(row: TreeRow) -> str:
    if not row.depth:
        return row.script_path or "flow"
    path = "/".join(row.path)
    return f"{path} ({row.sibling_index} of {row.sibling_count})" if row.sibling_count > 1 else path
