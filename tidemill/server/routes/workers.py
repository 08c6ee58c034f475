"""Workers, as clients ask about them before they send work."""

import json
from datetime import datetime
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response

from tidemill.db import instance_settings, workers
from tidemill.engine import permit
from tidemill.engine.permit import Action, InstanceTarget, Need, WorkspaceTarget
from tidemill.model.errors import BadRequest
from tidemill.model.job import STANDARD_TAGS
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.paging import InPage
from tidemill.server.parts import Caller, InParts, Parts
from tidemill.server.wire import ERRORS, json_answer, returns

router = APIRouter(tags=["worker"], responses=ERRORS, route_class=LazyRoute)

MOST_TAGS: Final = 100
_ANY = InstanceTarget("workers", domain="workers", superadmin=False)


class WorkerPing(msgspec.Struct, omit_defaults=True):
    """A worker; `last_ping` is seconds ago, `memory_usage` is in bytes."""

    worker: str
    worker_instance: str
    started_at: datetime
    ip: str
    jobs_executed: int
    worker_group: str
    wm_version: str
    last_ping: float
    custom_tags: tuple[str, ...]
    job_isolation: str
    memory_usage: int | None = None
    draining: bool = False


class WorkerGroup(msgspec.Struct):
    """Settings of a group of workers."""

    name: str
    config: dict[str, msgspec.Raw]


@router.get("/api/configs/list_worker_groups", response_class=Response, responses={200: returns(list[WorkerGroup])})
async def list_worker_groups(caller: Caller) -> Response:
    """None: a worker is told all that it needs when it is started."""
    permit.require(caller, Action.LIST, _ANY)
    return json_answer(list[WorkerGroup]())


@router.get("/api/workers/list", response_class=Response, responses={200: returns(list[WorkerPing])})
async def list_workers(
    parts: InParts,
    caller: Caller,
    page: InPage,
    ping_since: Annotated[int, Query(ge=1, le=31_536_000, description="Seconds.")] = 300,
) -> Response:
    """The workers that showed themselves lately. On which host they are is for superadmins."""
    permit.require(caller, Action.LIST, _ANY)
    found = await workers.page(parts.database.single, seen_within_s=ping_since, limit=page.limit, skip=page.skip)
    return json_answer([_ping(worker, with_host=caller.superadmin) for worker in found])


@router.get("/api/workers/exists_workers_with_tags", response_class=Response, responses={200: returns(dict[str, bool])})
async def exists_workers_with_tags(
    parts: InParts, caller: Caller, tags: Annotated[str, Query(description="Separated by commas.")]
) -> Response:
    """Tag -> whether a worker serves it now."""
    permit.require(caller, Action.READ, _ANY)
    wanted = [tag.strip() for tag in tags.split(",") if tag.strip()]
    if len(wanted) > MOST_TAGS:
        raise BadRequest(f"At most {MOST_TAGS} tags can be asked for at a time.")
    served = await workers.served(parts.database.single, wanted)
    return json_answer({tag: tag in served for tag in wanted})


@router.get("/api/workers/queue_counts", response_class=Response, responses={200: returns(dict[str, int])})
async def queue_counts(parts: InParts, caller: Caller) -> Response:
    """Tag -> how many due jobs of all workspaces wait."""
    permit.require(caller, Action.READ, InstanceTarget("workers", domain="workers"))
    return json_answer(await workers.waiting(parts.database.single))


@router.get("/api/workers/get_default_tags", response_class=Response, responses={200: returns(list[str])})
async def get_default_tags(caller: Caller) -> Response:
    """The tags that a worker serves where nothing else was said."""
    permit.require(caller, Action.READ, _ANY)
    return json_answer(list(STANDARD_TAGS))


@router.get("/api/workers/custom_tags", response_class=Response, responses={200: returns(list[str])})
async def get_custom_tags(parts: InParts, caller: Caller) -> Response:
    """The tags that superadmins named for scripts to choose from."""
    permit.require(caller, Action.READ, _ANY)
    return json_answer(await _custom_tags(parts))


@router.get("/api/w/{workspace}/workers/custom_tags", response_class=Response, responses={200: returns(list[str])})
async def get_custom_tags_for_workspace(workspace: str, parts: InParts, caller: Caller) -> Response:
    """The same, for who has a token of the workspace only."""
    permit.require(caller, Action.READ, WorkspaceTarget("workers", Need.MEMBER))
    return json_answer(await _custom_tags(parts))


async def _custom_tags(parts: Parts) -> list[str]:
    found = await instance_settings.find(parts.database.single, "custom_tags")
    tags: list[str] = json.loads(found) if found else []
    return tags


def _ping(worker: workers.Worker, *, with_host: bool) -> WorkerPing:
    return WorkerPing(
        worker=worker.name,
        worker_instance=worker.host if with_host else "",
        started_at=worker.started_at,
        ip="",
        jobs_executed=worker.jobs_executed,
        worker_group=worker.worker_group,
        wm_version=worker.version,
        last_ping=worker.last_ping_s,
        custom_tags=worker.tags,
        job_isolation="bubblewrap" if worker.isolated else "none",
        memory_usage=worker.memory_bytes,
        draining=worker.draining,
    )
