"""Uploads in parts that can be gone on with after a break: begun, filled in any order, completed or given up.

They are those of the S3 endpoint too: an upload that was begun there can be completed here.
"""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from tidemill.server.objects.incoming import announced_bytes, attributes_asked, body_of, made_key
from tidemill.server.parts import Caller, InParts
from tidemill.server.routes.job_helpers import InPlace, Key
from tidemill.server.watchful_route import WatchfulRoute
from tidemill.server.wire import ERRORS, TEXT, accepts, json_answer, json_body, returns, text_answer
from tidemill.stores.objects.port import ALWAYS, CREATE, MIN_PART_BYTES, Attributes

router = APIRouter(tags=["uploads"], responses=ERRORS, route_class=WatchfulRoute)

_UPLOADS: Final = "/api/w/{workspace}/object_uploads"
SUGGESTED_PART_BYTES: Final = 16 * 1024 * 1024

InAttributes = Annotated[Attributes, Depends(attributes_asked)]


class Started(msgspec.Struct):
    """An upload. Every part but the last must have `min_part_bytes`; `part_bytes` is a good size."""

    id: UUID
    file_key: str
    part_bytes: int = SUGGESTED_PART_BYTES
    min_part_bytes: int = MIN_PART_BYTES


class PartInfo(msgspec.Struct):
    """A part that is there."""

    number: int
    size_bytes: int
    etag: str


class Chosen(msgspec.Struct):
    """A part of the object to make; its etag guards against one that was stored in between."""

    number: int
    etag: str


class Completion(msgspec.Struct):
    """Which parts make the object, in this order: all, unless said. `create_only`: only where there is none yet."""

    parts: list[Chosen] | None = None
    create_only: bool = False


class Completed(msgspec.Struct):
    """The object that was made."""

    file_key: str
    size_bytes: int
    etag: str


class UnderWay(msgspec.Struct):
    """An upload that was not completed yet."""

    id: UUID
    file_key: str
    started_by: str
    started_at: datetime


class Settled(msgspec.Struct):
    """An object that is there now; the default storage is ""."""

    storage: str
    file_key: str


@router.post(f"{_UPLOADS}/start", response_class=Response, status_code=201, responses={201: returns(Started)})
async def start(
    parts: InParts,
    caller: Caller,
    place: InPlace,
    attributes: InAttributes,
    file_key: Annotated[str, Query(description="Where to put it; without one a key is made.")] = "",
    file_extension: Annotated[str, Query(pattern=r"^[A-Za-z0-9.]{0,20}$", description="Of a key that is made.")] = "",
) -> Response:
    """Begin an upload."""
    key = file_key or made_key(file_extension)
    upload = await parts.objects.uploads.start(caller, place.at(key), attributes=attributes)
    return json_answer(Started(upload, key), status=201)


@router.put(
    f"{_UPLOADS}/part/{{id}}/{{number}}",
    response_class=Response,
    responses={200: returns(PartInfo)},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def put_part(
    request: Request,
    parts: InParts,
    caller: Caller,
    place: InPlace,
    id: UUID,  # noqa: A002
    number: int,
    file_key: Key,
) -> Response:
    """Store the body as part `number`, from 1; once more replaces it."""
    part = await parts.objects.uploads.put_part(
        caller, place.at(file_key), id, number, body_of(request), size_bytes=announced_bytes(request)
    )
    return json_answer(PartInfo(part.number, part.size_bytes, part.etag))


@router.get(f"{_UPLOADS}/parts/{{id}}", response_class=Response, responses={200: returns(list[PartInfo])})
async def list_parts(
    parts: InParts,
    caller: Caller,
    place: InPlace,
    id: UUID,  # noqa: A002
    file_key: Key,
    after: Annotated[int, Query(ge=0, description="The number of the last one of the page before.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
) -> Response:
    """The parts that are there, by number: what is missing is left to send."""
    found = await parts.objects.uploads.parts(caller, place.at(file_key), id, after=after, limit=limit)
    return json_answer([PartInfo(each.number, each.size_bytes, each.etag) for each in found])


@router.post(
    f"{_UPLOADS}/complete/{{id}}",
    response_class=Response,
    responses={200: returns(Completed)},
    openapi_extra=accepts(Completion, required=False),
)
async def complete(
    parts: InParts,
    caller: Caller,
    place: InPlace,
    id: UUID,  # noqa: A002
    file_key: Key,
    body: Annotated[Completion, Depends(json_body(Completion))],
) -> Response:
    """Make the object. Asking again after a lost answer gives the same one."""
    chosen = None if body.parts is None else [(each.number, each.etag) for each in body.parts]
    condition = CREATE if body.create_only else ALWAYS
    info = await parts.objects.uploads.complete(caller, place.at(file_key), id, chosen, condition=condition)
    return json_answer(Completed(file_key, info.size_bytes, info.etag))


@router.delete(f"{_UPLOADS}/abort/{{id}}", response_class=Response, responses={200: TEXT})
async def abort(
    parts: InParts,
    caller: Caller,
    place: InPlace,
    id: UUID,  # noqa: A002
    file_key: Key,
) -> Response:
    """Give an upload up; its parts are removed."""
    await parts.objects.uploads.abort(caller, place.at(file_key), id)
    return text_answer(f"upload {id} was given up")


@router.post(f"{_UPLOADS}/settle/{{id}}", response_class=Response, responses={200: returns(list[Settled])})
async def settle(
    parts: InParts,
    caller: Caller,
    id: UUID,  # noqa: A002
    keep: Annotated[bool, Query(description="Make objects of them; else they are removed.")],
) -> Response:
    """End the wait of what the statement `id` of the calling job has written over the S3 endpoint."""
    found = await parts.objects.uploads.settle(caller, id, keep=keep)
    return json_answer([Settled(each.storage, each.key) for each in found])


@router.get(f"{_UPLOADS}/list", response_class=Response, responses={200: returns(list[UnderWay])})
async def list_uploads(
    parts: InParts,
    caller: Caller,
    place: InPlace,
    prefix: Annotated[str, Query(max_length=1024, description="What the keys start with.")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """Uploads under way of which the caller may write the keys: those that nobody goes on with end after 7 days."""
    found = await parts.objects.uploads.page(caller, place.at(prefix), limit=limit)
    return json_answer([UnderWay(each.id, each.key, each.started_by, each.started_at) for each in found])
