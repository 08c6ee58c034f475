"""Reading scripts: by path, by hash, as lists, as plain source; and what a source says about its arguments."""

from pathlib import PurePosixPath
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends, Path, Query
from msgspec import Raw
from starlette.requests import Request
from starlette.responses import Response

from tidemill.db import favorites, scripts
from tidemill.db.scripts import Filter, Script, parse_hash
from tidemill.engine import permit
from tidemill.engine.permit import Action, Item, ItemKind, Listing
from tidemill.model import jsontext
from tidemill.model.errors import BadRequest, NotFound
from tidemill.model.path import parse_path
from tidemill.server.deploy import signature_of
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.paging import PageNumber, PerPage, counted_page, visible_page
from tidemill.server.parts import Caller, InParts
from tidemill.server.script_wire import ScriptOut, script_out
from tidemill.server.scripts_seen import latest_version, version_by_hash
from tidemill.server.wire import ERRORS, TEXT, accepts, json_answer, json_body, returns, text_answer

router = APIRouter(tags=["script"], responses=ERRORS, route_class=LazyRoute)

_SCRIPTS: Final = Listing("scripts")
_MOST_PATHS: Final = 100_000
InHash = Annotated[str, Path(alias="hash")]


class Found(msgspec.Struct):
    """The source of a script, for a search in the browser."""

    path: str
    content: str


class Source(msgspec.Struct):
    """A script's source."""

    language: str
    content: str


class Inferred(msgspec.Struct):
    """What a source says about its arguments."""

    schema: Raw
    no_main_func: bool
    has_preprocessor: bool
    description: str


@router.get(
    "/api/w/{workspace}/scripts/get/p/{path:path}", response_class=Response, responses={200: returns(ScriptOut)}
)
async def get_by_path(parts: InParts, caller: Caller, path: str) -> Response:
    """The newest version of a script."""
    return json_answer(script_out(await latest_version(parts, caller, path)))


@router.get("/api/w/{workspace}/scripts/get/h/{hash}", response_class=Response, responses={200: returns(ScriptOut)})
async def get_by_hash(parts: InParts, caller: Caller, number: InHash) -> Response:
    """One version of a script."""
    return json_answer(script_out(await version_by_hash(parts, caller, number)))


@router.get("/api/w/{workspace}/scripts/exists/p/{path:path}", response_class=Response, responses={200: returns(bool)})
async def exists(parts: InParts, caller: Caller, path: str) -> Response:
    """Whether there is a script in use at the path (that the caller may know of)."""
    try:
        script = await latest_version(parts, caller, path)
    except NotFound:
        return json_answer(False)
    return json_answer(not script.archived)


@router.get("/api/w/{workspace}/scripts/raw/p/{path:path}", response_class=Response, responses={200: TEXT})
async def get_source(parts: InParts, caller: Caller, path: str) -> Response:
    """The source of a script; an ending such as `.py` may follow its path."""
    try:
        script = await latest_version(parts, caller, path)
    except NotFound:
        if not PurePosixPath(path).suffix:
            raise
        script = await latest_version(parts, caller, path.removesuffix(PurePosixPath(path).suffix))
    if script.archived:
        raise permit.not_found(Item(ItemKind.SCRIPT, parse_path(script.path)))
    return text_answer(script.content)


@router.get("/api/w/{workspace}/scripts/raw/h/{path}", response_class=Response, responses={200: TEXT})
async def get_source_by_hash(parts: InParts, caller: Caller, path: str) -> Response:
    """The source of one version; an ending such as `.py` may follow its hash."""
    script = await version_by_hash(parts, caller, path.partition(".")[0])
    return text_answer(script.content)


@router.get("/api/w/{workspace}/scripts/list", response_class=Response, responses={200: returns(list[ScriptOut])})
async def list_scripts(
    parts: InParts,
    caller: Caller,
    request: Request,
    *,
    page: PageNumber = 1,
    per_page: PerPage = 1000,
    order_desc: bool = True,
    created_by: str | None = None,
    path_start: str | None = None,
    path_exact: str | None = None,
    first_parent_hash: str | None = None,
    last_parent_hash: str | None = None,
    parent_hash: str | None = None,
    show_archived: Annotated[bool, Query(description="Show archived scripts instead.")] = False,
    include_without_main: Annotated[bool, Query(description="Also libraries without a main function.")] = False,
    is_template: bool | None = None,
    kinds: Annotated[str | None, Query(description="Kinds, separated by commas.")] = None,
    languages: Annotated[str | None, Query(description="Languages, separated by commas.")] = None,
    starred_only: bool = False,
    with_deployment_msg: bool = False,
    without_description: bool = False,
    dedicated_worker: bool | None = None,
    label: str | None = None,
) -> Response:
    """Scripts in use, the newest first, without their locks and schemas."""
    permit.require(caller, Action.LIST, _SCRIPTS)
    starred = await favorites.paths(parts.database.single, caller, ItemKind.SCRIPT)
    wanted = Filter(
        archived=show_archived,
        with_libraries=include_without_main,
        path_exact=_plain(path_exact),
        path_start=_plain(path_start),
        created_by=_plain(created_by),
        first_parent=_hash(first_parent_hash),
        last_parent=_hash(last_parent_hash),
        any_parent=_hash(parent_hash),
        kinds=_list(kinds),
        languages=_list(languages),
        label=_plain(label),
        template=is_template,
        dedicated=dedicated_worker,
        descending=order_desc,
        paths=sorted(starred) if starred_only else None,
    )
    number = counted_page(request, page, per_page)
    readable = permit.readable_owners(caller)
    async with parts.database.transaction(caller.workspace) as tx:

        async def fetch(after: Script | None, limit: int) -> list[Script]:
            return await scripts.page(tx, caller.workspace, wanted, readable=readable, after=after, limit=limit)

        def is_visible(script: Script) -> bool:
            item = Item(ItemKind.SCRIPT, parse_path(script.path), script.shares)
            return permit.decide(caller, Action.LIST, item).allowed

        found = await visible_page(fetch, is_visible, number=number, per_page=per_page)
    rows = [script_out(script, is_row=True) for script in found]
    for row in rows:
        row.starred = row.path in starred
        row.description = "" if without_description else row.description
        row.deployment_msg = row.deployment_msg if with_deployment_msg else msgspec.UNSET
    return json_answer(rows)


@router.get("/api/w/{workspace}/scripts/list_paths", response_class=Response, responses={200: returns(list[str])})
async def list_paths(parts: InParts, caller: Caller) -> Response:
    """The paths of all scripts in use, in order."""
    permit.require(caller, Action.LIST, _SCRIPTS)
    async with parts.database.transaction(caller.workspace) as tx:
        rows = await scripts.paths(tx, caller.workspace)
    found = []
    for row in rows:
        item = Item(ItemKind.SCRIPT, parse_path(row.path), msgspec.json.decode(row.extra_perms, type=dict[str, bool]))
        if permit.decide(caller, Action.LIST, item).allowed:
            found.append(row.path)
    return json_answer(found)


@router.get("/api/w/{workspace}/scripts/list_search", response_class=Response, responses={200: returns(list[Found])})
async def list_search(parts: InParts, caller: Caller) -> Response:
    """Path and source of the 1,000 newest scripts in use."""
    permit.require(caller, Action.LIST, _SCRIPTS)
    readable, wanted = permit.readable_owners(caller), Filter(with_libraries=True)
    async with parts.database.transaction(caller.workspace) as tx:
        rows = await scripts.page(tx, caller.workspace, wanted, readable=readable, after=None, limit=1000)
    visible = [
        row
        for row in rows
        if permit.decide(caller, Action.READ, Item(ItemKind.SCRIPT, parse_path(row.path), row.shares)).allowed
    ]
    return json_answer([Found(row.path, row.content) for row in visible])


@router.post(
    "/api/w/{workspace}/scripts/infer_schema",
    response_class=Response,
    responses={200: returns(Inferred)},
    openapi_extra=accepts(Source),
)
async def infer_schema(parts: InParts, caller: Caller, body: Annotated[Source, Depends(json_body(Source))]) -> Response:
    """The JSON schema of a source's arguments, by parsing only: nothing of it is run. Our own."""
    signature = await signature_of(parts, caller, body.language, body.content)
    schema = jsontext.dumps(signature.schema())  # type: ignore[arg-type]  # it is made of JSON values
    return json_answer(
        Inferred(Raw(schema), not signature.has_entry, signature.has_preprocessor, signature.description)
    )


def _hash(text: str | None) -> int | None:
    return None if text is None else parse_hash(text)


def _list(text: str | None) -> list[str] | None:
    return [part.strip() for part in (_plain(text) or "").split(",")] if text and text.strip() else None


def _plain(text: str | None) -> str | None:
    if text is not None and "\x00" in text:
        raise BadRequest("A filter holds the character NUL.")
    return text
