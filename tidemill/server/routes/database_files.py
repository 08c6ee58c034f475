"""Rows and documents of users' databases to files and back: CSV, JSON Lines, Parquet; streams, or stored objects."""

from collections.abc import AsyncIterator
from typing import Annotated, Final
from urllib.parse import quote

import msgspec
from fastapi import APIRouter, Depends, Query
from msgspec import Raw
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from tidemill.engine import permit
from tidemill.engine.pages import Page
from tidemill.engine.sql.annotations import Format
from tidemill.model.errors import BadRequest
from tidemill.queries.arguments import read_pointer
from tidemill.queries.explorer import explorer_of
from tidemill.queries.explorer.records import in_one_task, pieces_with, records_of
from tidemill.server.exploring import answers, plain
from tidemill.server.inline import InlineHost, inline_host
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.objects.fencing import require_lease
from tidemill.server.objects.incoming import body_of
from tidemill.server.parts import Caller, InParts, Parts
from tidemill.server.routes.databases import WireFilter, WireOrder, filters_of, order_of
from tidemill.server.wire import ERRORS, accepts, decode, json_answer, json_body, returns

router = APIRouter(tags=["databases"], responses=ERRORS, route_class=LazyRoute)

_W: Final = "/api/w/{workspace}"
_TYPES: Final = {
    Format.CSV: ("csv", "text/csv"),
    Format.JSON: ("jsonl", "application/x-ndjson"),
    Format.PARQUET: ("parquet", "application/vnd.apache.parquet"),
}
_FILE: Final = {"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {}}}}}


class ToExport(msgspec.Struct, kw_only=True):
    """Which rows go out, in which format. `to`: an `S3Object` of workspace storage; without one they are the answer."""

    resource: str
    schema: str
    table: str
    format: Format = Format.CSV
    filters: list[WireFilter] = []
    sort: list[WireOrder] = []
    query: Raw = msgspec.field(default_factory=lambda: Raw(b""))
    to: Raw = msgspec.field(default_factory=lambda: Raw(b""))


class Exported(msgspec.Struct):
    """Where the rows are now."""

    object: Raw


class ToImport(msgspec.Struct, kw_only=True):
    """An object of workspace storage whose records become rows. `columns`: of the file -> of the table."""

    resource: str
    schema: str
    table: str
    file: Raw = msgspec.field(name="from")
    format: Format = Format.CSV
    columns: dict[str, str] = {}
    dry_run: bool = False


class Imported(msgspec.Struct):
    """How many rows were inserted, or would have been."""

    rows: int
    applied: bool


@router.post(
    _W + "/databases/export",
    response_class=Response,
    responses={200: returns(Exported, "Where the rows are; without `to` the file itself.")},
    openapi_extra=accepts(ToExport),
)
async def export_rows(
    parts: InParts, caller: Caller, body: Annotated[ToExport, Depends(json_body(ToExport))]
) -> Response:
    """The rows of a table or the documents of a collection as a file. What fails later on breaks the answer off."""
    is_stored = bytes(body.to).strip() not in {b"", b"null"}
    if is_stored:
        permit.require_scope(caller, "job_helpers", "write")
    await require_lease(parts.database, caller)
    page = Page(filters=filters_of(body.filters), order=order_of(body.sort), query=bytes(body.query), is_canonical=True)
    ending, content_type = _TYPES[body.format]
    async with inline_host(parts, caller) as host:
        explorer = explorer_of(parts.queries, await host.resource(body.resource), host.identity)
        parts.access_log.note_other(caller, "database", plain(body.resource), "read")
        pieces = in_one_task(explorer.export(body.schema, body.table, page, form=body.format))
        first = await anext(pieces, b"")
        whole = pieces_with(first, pieces)
        if is_stored:
            to = read_pointer(bytes(body.to), name="to")
            written = await host.upload(whole, key=to.key, storage=to.storage, content_type=content_type)
            return json_answer(Exported(Raw(written)))
    name = quote(f"{body.table}.{ending}", safe="")
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
    return StreamingResponse(parts.inline_gate.counted(whole), headers=headers, media_type=content_type)


@router.post(_W + "/databases/import", **answers(Imported, ToImport))
async def import_object(
    parts: InParts, caller: Caller, body: Annotated[ToImport, Depends(json_body(ToImport))]
) -> Response:
    """Insert what an object holds, all of it or nothing."""
    permit.require_scope(caller, "job_helpers", "read")
    await require_lease(parts.database, caller)
    async with inline_host(parts, caller) as host:
        return await _imported(parts, caller, host, body, host.download(bytes(body.file)))


@router.post(
    _W + "/databases/import_file", response_class=Response, responses={200: returns(Imported)}, openapi_extra=_FILE
)
async def import_file(
    *,
    parts: InParts,
    caller: Caller,
    request: Request,
    resource: Annotated[str, Query()],
    schema: Annotated[str, Query()],
    table: Annotated[str, Query()],
    format: Format = Format.CSV,  # noqa: A002
    columns: Annotated[str, Query(description="A JSON object: columns of the file -> of the table.")] = "{}",
    dry_run: bool = False,
) -> Response:
    """Insert what the body holds, all of it or nothing."""
    for name, text in (("resource", resource), ("schema", schema), ("table", table), ("columns", columns)):
        if "\0" in text:
            raise BadRequest(f"{name} holds the character NUL.")
    await require_lease(parts.database, caller)
    asked = ToImport(
        resource=resource,
        schema=schema,
        table=table,
        file=Raw(b"null"),
        format=format,
        columns=decode(columns.encode(), dict[str, str]),
        dry_run=dry_run,
    )
    async with inline_host(parts, caller) as host:
        return await _imported(parts, caller, host, asked, body_of(request))


async def _imported(
    parts: Parts, caller: Caller, host: InlineHost, asked: ToImport, pieces: AsyncIterator[bytes]
) -> Response:
    explorer = explorer_of(parts.queries, await host.resource(asked.resource), host.identity)
    rows = await explorer.load(
        asked.schema,
        asked.table,
        records_of(pieces, asked.format),
        columns=asked.columns,
        is_trial=asked.dry_run,
    )
    if not asked.dry_run:
        parts.access_log.note_other(caller, "database", plain(asked.resource), "write")
    return json_answer(Imported(rows, applied=not asked.dry_run))
