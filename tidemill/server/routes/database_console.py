"""The console of the explorer: runs a script on a user's database, and keeps what was run for whoever ran it."""

import time
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends, Path, Query
from msgspec import Raw
from starlette.requests import Request
from starlette.responses import Response

from tidemill.db import identity, query_history
from tidemill.db.query_history import Ran
from tidemill.engine import permit
from tidemill.engine.permit import Action, Need, WorkspaceTarget
from tidemill.model import jsontext
from tidemill.model.errors import BadRequest, NotFound, error_of
from tidemill.model.identity import Principal
from tidemill.queries.arguments import DATABASE
from tidemill.server.errors import CODE_HEADER
from tidemill.server.exploring import answers, explorer_for, plain
from tidemill.server.inline import INLINE_PREFIX, answer_inline
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.parts import Caller, InParts, Parts
from tidemill.server.wire import ERRORS, TEXT, json_answer, json_body, returns, text_answer

router = APIRouter(tags=["databases"], responses=ERRORS, route_class=LazyRoute)

_W: Final = "/api/w/{workspace}"
_LARGEST_ID: Final = 2**63 - 1


class ToRun(msgspec.Struct, kw_only=True):
    """A script in the language of the database, with its arguments, which are not kept."""

    resource: str
    content: str
    args: dict[str, Raw] = {}


class RanScript(msgspec.Struct, kw_only=True):
    """`id` is of the entry in the history; `rows` is null where the result is no list."""

    id: int
    result: Raw
    rows: int | None
    duration_ms: int


class HistoryPage(msgspec.Struct):
    """Entries, the newest first. Go on with `next` as `before`; null: there are no more."""

    entries: list[Ran]
    next: int | None


@router.post(_W + "/databases/run", **answers(RanScript, ToRun))
async def run_in_console(
    parts: InParts, caller: Caller, request: Request, body: Annotated[ToRun, Depends(json_body(ToRun))]
) -> Response:
    """Run a script while the request waits; it is in the history, whether it succeeds or fails."""
    permit.require(caller, Action.PREVIEW, WorkspaceTarget("jobs", Need.DEVELOPER))
    resource = plain(body.resource)
    async with explorer_for(parts, caller, resource) as explorer:
        language = explorer.language
    args = {name: bytes(raw) for name, raw in body.args.items()} | {DATABASE: jsontext.dumps(f"$res:{resource}")}
    begun = time.monotonic()
    answer = await answer_inline(
        parts, caller, request, language=language, content=body.content, path="", args=jsontext.build_object(args)
    )
    duration_ms = round((time.monotonic() - begun) * 1000)
    raw = bytes(answer.body)
    error = None if answer.status_code == 200 else raw.decode().removeprefix(INLINE_PREFIX) or "The caller has gone."
    rows = _rows(raw) if error is None else None
    async with parts.database.transaction(caller.workspace) as tx:
        await identity.hold_attempt(tx, caller)
        entry = await query_history.add(
            tx,
            caller,
            resource=resource,
            language=language,
            content=body.content,
            duration_ms=duration_ms,
            rows=rows,
            error=error,
        )
    if error is not None:
        raise error_of(answer.headers.get(CODE_HEADER, ""), error)
    return json_answer(RanScript(id=entry, result=Raw(raw), rows=rows, duration_ms=duration_ms))


def _rows(raw: bytes) -> int | None:
    return len(msgspec.json.decode(raw, type=list[Raw])) if raw.startswith(b"[") else None


@router.get(_W + "/databases/history", response_class=Response, responses={200: returns(HistoryPage)})
async def list_history(
    parts: InParts,
    caller: Caller,
    resource: Annotated[str | None, Query(description="Only what ran on this one.")] = None,
    text: Annotated[str | None, Query(description="Only what holds this text.")] = None,
    before: Annotated[int | None, Query(ge=1, le=_LARGEST_ID)] = None,
    per_page: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """What the caller ran in the console."""
    permit.require_scope(caller, "resources", "read", path=resource)
    _refuse_nul(resource=resource, text=text)
    found = await query_history.page(
        parts.database.single, caller, resource=resource, text=text, before=before, limit=per_page
    )
    return json_answer(HistoryPage(list(found), found[-1].id if len(found) == per_page else None))


@router.delete(_W + "/databases/history/{id}", response_class=Response, responses={200: TEXT})
async def forget_entry(
    parts: InParts, caller: Caller, number: Annotated[int, Path(alias="id", ge=1, le=_LARGEST_ID)]
) -> Response:
    """Forget one entry of the caller's."""
    permit.require_scope(caller, "resources", "write")
    if not await _forget(parts, caller, entry=number, resource=None):
        raise NotFound(f"There is no entry {number} in your history.")
    return text_answer(f"entry {number} was forgotten")


@router.delete(_W + "/databases/history", response_class=Response, responses={200: TEXT})
async def forget_history(parts: InParts, caller: Caller, resource: str | None = None) -> Response:
    """Forget all that the caller ran, on one resource or anywhere."""
    permit.require_scope(caller, "resources", "write", path=resource)
    _refuse_nul(resource=resource)
    removed = await _forget(parts, caller, entry=None, resource=resource)
    return text_answer(f"{removed} entries were forgotten")


def _refuse_nul(**texts: str | None) -> None:
    for name, text in texts.items():
        if text is not None and "\0" in text:
            raise BadRequest(f"{name} holds the character NUL, which nothing that ran has.")


async def _forget(parts: Parts, caller: Principal, *, entry: int | None, resource: str | None) -> int:
    async with parts.database.transaction(caller.workspace) as tx:
        await identity.hold_attempt(tx, caller)
        return await query_history.remove(tx, caller, entry=entry, resource=resource)
