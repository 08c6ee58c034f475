"""What is inside of objects: pages and counts of tables, parts of texts, what an object is."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from tidemill.engine import permit
from tidemill.engine.permit import Action, Need, WorkspaceTarget
from tidemill.model.identity import Principal
from tidemill.model.object_address import Address
from tidemill.previews.table import Page
from tidemill.server.parts import Caller, InParts, Parts
from tidemill.server.previews.files import DEFAULT_BYTES, part_as_text
from tidemill.server.previews.looking import Place, Seen, looking
from tidemill.server.previews.questions import InPaging, InWanted, Paging, Wanted
from tidemill.server.previews.shapes import Described, RowCount, Table, WindmillFile, WindmillTable
from tidemill.server.watchful_route import WatchfulRoute
from tidemill.server.wire import ERRORS, json_answer, returns

router = APIRouter(tags=["job_helpers"], responses=ERRORS, route_class=WatchfulRoute)

_W: Final = "/api/w/{workspace}/job_helpers"
_CSV: Final[dict[str, Any]] = {
    "description": "All rows.",
    "content": {"text/csv": {"schema": {"type": "string"}}},
}

FileKey = Annotated[str, Query(description="The key of the object.")]


@router.get(f"{_W}/load_file_preview", response_class=Response, responses={200: returns(WindmillFile)})
async def load_file_preview(
    *,
    parts: InParts,
    caller: Caller,
    at: Place,
    file_key: FileKey,
    read_bytes_from: int = 0,
    read_bytes_length: int = DEFAULT_BYTES,
) -> Response:
    """A part of the object as text, if it is text. Its size and type are looked up, whatever the caller says."""
    _require_member(caller)
    async with looking(parts, caller, at.at(file_key)) as seen:
        return json_answer(await part_as_text(seen, read_bytes_from, read_bytes_length))


@router.get(f"{_W}/describe_object", response_class=Response, responses={200: returns(Described)})
async def describe_object(parts: InParts, caller: Caller, at: Place, file_key: FileKey) -> Response:
    """What the object is and how it can be shown."""
    _require_member(caller)
    async with looking(parts, caller, at.at(file_key)) as seen:
        return json_answer(Described.of(seen))


@router.get(
    f"{_W}/load_parquet_preview/{{path:path}}", response_class=Response, responses={200: returns(WindmillTable)}
)
async def load_parquet_preview(
    parts: InParts, caller: Caller, path: str, at: Place, wanted: InWanted, paging: InPaging
) -> Response:
    """Rows of a table, whatever its format is."""
    _require_member(caller)
    page, _ = await _page(parts, caller, at.at(path), wanted=wanted, paging=paging)
    return json_answer(WindmillTable.of(page))


@router.get(f"{_W}/load_csv_preview/{{path:path}}", response_class=Response, responses={200: returns(WindmillTable)})
async def load_csv_preview(
    parts: InParts, caller: Caller, path: str, at: Place, wanted: InWanted, paging: InPaging
) -> Response:
    """Rows of a table, whatever its format is."""
    return await load_parquet_preview(parts, caller, path, at, wanted, paging)


@router.get(f"{_W}/preview_table/{{path:path}}", response_class=Response, responses={200: returns(Table)})
async def preview_table(
    parts: InParts, caller: Caller, path: str, at: Place, wanted: InWanted, paging: InPaging
) -> Response:
    """Rows of a table with the types of its columns, whether there are more, and how its text was understood."""
    _require_member(caller)
    page, seen = await _page(parts, caller, at.at(path), wanted=wanted, paging=paging)
    return json_answer(Table.of(page, seen))


@router.get(f"{_W}/load_table_count/{{path:path}}", response_class=Response, responses={200: returns(RowCount)})
async def load_table_count(parts: InParts, caller: Caller, path: str, at: Place, wanted: InWanted) -> Response:
    """How many rows fit."""
    _require_member(caller)
    async with looking(parts, caller, at.at(path)) as seen:
        return json_answer(RowCount(await parts.readers.count(wanted.question(seen), seen.object)))


@router.get(f"{_W}/download_s3_parquet_file_as_csv", response_class=Response, responses={200: _CSV})
async def download_as_csv(parts: InParts, caller: Caller, at: Place, file_key: FileKey, wanted: InWanted) -> Response:
    """All rows of a table as CSV in UTF-8: nothing is null, `""` is an empty text."""
    _require_member(caller)
    pieces = _rows_as_csv(parts, caller, at.at(file_key), wanted)
    first = await anext(pieces, b"")  # what is wrong is told while there is still a status to tell it with
    name = file_key.rpartition("/")[2].rpartition(".")[0] or "table"
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}.csv",
        "Content-Security-Policy": "sandbox",
    }
    return StreamingResponse(_with_first(first, pieces), headers=headers, media_type="text/csv")


async def _page(parts: Parts, caller: Principal, at: Address, *, wanted: Wanted, paging: Paging) -> tuple[Page, Seen]:
    async with looking(parts, caller, at) as seen:
        return await parts.readers.page(paging.of(wanted.question(seen)), seen.object), seen


async def _rows_as_csv(parts: Parts, caller: Principal, at: Address, wanted: Wanted) -> AsyncGenerator[bytes]:
    async with (
        looking(parts, caller, at) as seen,
        aclosing(parts.readers.export(wanted.question(seen), seen.object)) as pieces,
    ):
        async for piece in pieces:
            yield piece


async def _with_first(first: bytes, pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    async with aclosing(pieces):
        yield first
        async for piece in pieces:
            yield piece


def _require_member(caller: Principal) -> None:
    """The rules of the storage decide the rest."""
    permit.require(caller, Action.READ, WorkspaceTarget("job_helpers", Need.MEMBER))
