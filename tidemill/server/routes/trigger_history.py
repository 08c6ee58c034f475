"""What was changed about schedules, and by whom."""

from datetime import datetime
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Query
from msgspec import UNSET, UnsetType
from starlette.responses import Response

from tidemill.db import schedules
from tidemill.db.schedules import Change
from tidemill.engine import permit
from tidemill.engine.permit import Action, Item, ItemKind, Listing
from tidemill.model.path import parse_path
from tidemill.server.item_pages import InItemPage
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.parts import Caller, InParts
from tidemill.server.wire import ERRORS, json_answer, returns

router = APIRouter(tags=["triggers"], responses=ERRORS, route_class=LazyRoute)

_MOST_LOOKED_AT: Final = 20_000
_KIND: Final = "schedule"


class TriggerChange(msgspec.Struct, kw_only=True):
    """One change. `changes` is {field: {old, new}}, and absent for a delete."""

    id: int
    trigger_kind: str
    path: str
    operation: str
    source: str
    created_at: datetime
    username: str | None
    changes: msgspec.Raw | UnsetType = UNSET


@router.get(
    "/api/w/{workspace}/triggers_history/list", response_class=Response, responses={200: returns(list[TriggerChange])}
)
async def list_trigger_history(
    parts: InParts,
    caller: Caller,
    page: InItemPage,
    trigger_kind: Annotated[str | None, Query(description="Only 'schedule' has any.")] = None,
    path: str | None = None,
) -> Response:
    """Changes of schedules that the caller may see, or that are gone from where they may see, newest first."""
    permit.require(caller, Action.LIST, Listing("schedules"))
    if trigger_kind not in {None, _KIND}:
        return json_answer([])
    wanted = None if path is None else parse_path(path).text
    seen: list[Change] = []
    before: int | None = None
    async with parts.database.transaction(caller.workspace) as tx:
        while len(seen) < min(page.skip + page.limit, _MOST_LOOKED_AT):
            rows = await schedules.changes(tx, caller.workspace, path=wanted, before=before, limit=1000)
            for row in rows:
                there = await schedules.find(tx, caller.workspace, row.path)
                item = Item(ItemKind.SCHEDULE, parse_path(row.path)) if there is None else there.item
                if permit.decide(caller, Action.READ, item).allowed:
                    seen.append(row)
            if len(rows) < 1000:
                break
            before = rows[-1].id
    return json_answer([_on_wire(each) for each in seen[page.skip : page.skip + page.limit]])


def _on_wire(one: Change) -> TriggerChange:
    return TriggerChange(
        id=one.id,
        trigger_kind=_KIND,
        path=one.path,
        operation=one.operation,
        source="api" if one.job_id is None else "worker",
        created_at=one.at,
        username=one.actor,
        changes=UNSET if one.changes is None else msgspec.Raw(one.changes),
    )
