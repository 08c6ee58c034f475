"""Who touched which object, and what a job touched."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response

from tidemill.db import object_access
from tidemill.db.object_access import Access, Filter, Kind, Record
from tidemill.engine import permit
from tidemill.engine.permit import Action, Need, WorkspaceTarget
from tidemill.model.errors import BadRequest, TidemillError
from tidemill.model.identity import Principal
from tidemill.model.object_address import split_place
from tidemill.server.jobs_seen import require_job
from tidemill.server.paging import MAX_PER_PAGE
from tidemill.server.parts import Caller, InParts, Parts
from tidemill.server.watchful_route import WatchfulRoute
from tidemill.server.wire import ERRORS, json_answer, returns

router = APIRouter(tags=["storages"], responses=ERRORS, route_class=WatchfulRoute)

LARGEST_ID: Final = 2**63 - 1
CHUNK: Final = 1000
MOST_CHUNKS: Final = 10
"""Records that one request looks at for a caller who may see few of them: 10,000."""

IsOpen = Callable[[str], bool]


class ObjectAccess(msgspec.Struct):
    """An access: to an object, or of a job to a database or resource at its path.

    `size_bytes` is what was asked for or written; null where it is not known.
    """

    id: int
    at: datetime
    kind: Kind
    address: str
    access: Access
    actor: str
    job_id: UUID | None
    size_bytes: int | None


class Accesses(msgspec.Struct):
    """A page, newest first. Go on with `next` as `before_id`, also where the page is short; null: there are no more."""

    accesses: list[ObjectAccess]
    next: int | None


@router.get("/api/w/{workspace}/storage_access/list", response_class=Response, responses={200: returns(Accesses)})
async def list_accesses(
    *,
    parts: InParts,
    caller: Caller,
    address: Annotated[str | None, Query(description="One object, as in s3://<storage>/<key>.")] = None,
    prefix: Annotated[str | None, Query(description="What the address starts with.")] = None,
    job: Annotated[str | None, Query(description="What this job touched, databases and resources too.")] = None,
    actor: Annotated[str | None, Query(description="As in u/ann.")] = None,
    access: Access | None = None,
    after: Annotated[datetime | None, Query(description="Since this time.")] = None,
    before_id: Annotated[int | None, Query(ge=1, le=LARGEST_ID)] = None,
    per_page: Annotated[int, Query(ge=1, le=MAX_PER_PAGE)] = 100,
) -> Response:
    """Accesses to objects: to admins all, to others those of keys that they may read, their own, and of the job."""
    permit.require(caller, Action.LIST, WorkspaceTarget("job_helpers", Need.MEMBER))
    for name, text in (("address", address), ("prefix", prefix), ("actor", actor)):
        if text is not None and "\0" in text:
            raise BadRequest(f"{name} holds the character NUL, which no address has.")
    seen_job = None if job is None else await require_job(parts, caller, job)
    wanted = Filter(
        address=address,
        prefix=prefix,
        job_id=None if seen_job is None else seen_job.id,
        actor=actor,
        access=access,
        since=after,
    )
    await parts.objects.flush_log()
    found, following = await _visible(parts, caller, wanted, before=before_id, limit=per_page)
    return json_answer(Accesses([_told(record) for record in found], following))


async def _visible(
    parts: Parts, caller: Principal, wanted: Filter, *, before: int | None, limit: int
) -> tuple[list[Record], int | None]:
    """Up to `limit` records that `caller` may see, and where to go on."""
    sees_all = caller.is_admin or wanted.job_id is not None
    open_places: dict[str, IsOpen] = {}
    found: list[Record] = []
    for _ in range(MOST_CHUNKS):
        asked = limit - len(found) if sees_all else CHUNK
        async with parts.database.transaction(caller.workspace) as tx:
            records = await object_access.page(tx, caller.workspace, wanted, before=before, limit=asked)
        for record in records:
            before = record.id
            if sees_all or record.actor == caller.actor or await _is_open(parts, caller, record, open_places):
                found.append(record)
                if len(found) == limit:
                    return found, before
        if len(records) < asked:
            return found, None
    return found, before


async def _is_open(parts: Parts, caller: Principal, record: Record, known: dict[str, IsOpen]) -> bool:
    """Whether `caller` may read the object by the rules of today; `known` are the places asked before."""
    place, key = split_place(record.address)
    if place not in known:
        try:
            known[place] = await parts.objects.reader(caller, place)
        except TidemillError:  # the storage is gone, or nothing that the caller may know of
            known[place] = _nothing
    return known[place](key)


def _nothing(_key: str) -> bool:
    return False


def _told(record: Record) -> ObjectAccess:
    return ObjectAccess(
        record.id, record.at, record.kind, record.address, record.access, record.actor, record.job_id, record.size_bytes
    )
