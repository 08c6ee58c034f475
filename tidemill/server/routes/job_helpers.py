"""Objects as the helpers of Windmill's clients reach them: put, get, remove, move, tell of them."""

from datetime import datetime
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends, Query
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response

from tidemill.server.objects.answers import DEFAULT_TYPE, object_answer
from tidemill.server.objects.asked import Place, place_asked
from tidemill.server.objects.incoming import announced_bytes, attributes_asked, body_of, made_key
from tidemill.server.parts import Caller, InParts
from tidemill.server.watchful_route import WatchfulRoute
from tidemill.server.wire import ERRORS, TEXT, json_answer, returns, text_answer
from tidemill.stores.objects.port import NO_ATTRIBUTES, Attributes

router = APIRouter(tags=["helpers"], responses=ERRORS, route_class=WatchfulRoute)

_HELPERS: Final = "/api/w/{workspace}/job_helpers"
InPlace = Annotated[Place, Depends(place_asked)]
Key = Annotated[str, Query(min_length=1, description="The key of the object.")]
BYTES: Final = {
    "description": "The bytes.",
    "content": {DEFAULT_TYPE: {"schema": {"type": "string", "format": "binary"}}},
}


class Uploaded(msgspec.Struct):
    """Where the object is now."""

    file_key: str


class FileMetadata(msgspec.Struct, kw_only=True):
    """An object without its bytes. `etag` and `metadata` are more than Windmill tells."""

    mime_type: str
    size_in_bytes: int
    last_modified: datetime
    etag: str | UnsetType = UNSET
    metadata: dict[str, str] | UnsetType = UNSET


@router.post(
    f"{_HELPERS}/upload_s3_file",
    response_class=Response,
    responses={200: returns(Uploaded)},
    openapi_extra={"requestBody": {"required": False, "content": BYTES["content"]}},
)
async def upload(
    request: Request,
    parts: InParts,
    caller: Caller,
    place: InPlace,
    attributes: Annotated[Attributes, Depends(attributes_asked)],
    file_key: Annotated[str, Query(description="Where to put it; without one a key is made.")] = "",
    file_extension: Annotated[str, Query(pattern=r"^[A-Za-z0-9.]{0,20}$", description="Of a key that is made.")] = "",
) -> Response:
    """Put the body, of any length, announced or not, into an object; it replaces one that is there."""
    key = file_key or made_key(file_extension)
    await parts.objects.put(
        caller, place.at(key), body_of(request), size_bytes=announced_bytes(request), attributes=attributes
    )
    return json_answer(Uploaded(key))


@router.get(f"{_HELPERS}/download_s3_file", response_class=Response, responses={200: BYTES, 206: BYTES})
@router.head(f"{_HELPERS}/download_s3_file", response_class=Response, include_in_schema=False)
async def download(request: Request, parts: InParts, caller: Caller, place: InPlace, file_key: Key) -> Response:
    """The object, or the part of it that `Range` names."""
    head = request.method == "HEAD"
    return await object_answer(parts.objects, caller, place.at(file_key), headers=request.headers, head=head)


@router.delete(f"{_HELPERS}/delete_s3_file", response_class=Response, responses={200: TEXT})
async def delete(parts: InParts, caller: Caller, place: InPlace, file_key: Key) -> Response:
    """Remove the object, for good; fine where there is none."""
    await parts.objects.delete(caller, place.at(file_key))
    return text_answer(f"{file_key} was removed")


@router.get(f"{_HELPERS}/move_s3_file", response_class=Response, responses={200: TEXT})
async def move(parts: InParts, caller: Caller, place: InPlace, src_file_key: Key, dest_file_key: Key) -> Response:
    """Move the object to another key of the same storage; it replaces one that is there."""
    await parts.objects.move(caller, place.at(src_file_key), place.at(dest_file_key))
    return text_answer(f"{src_file_key} was moved to {dest_file_key}")


@router.get(f"{_HELPERS}/test_connection", response_class=Response, responses={200: TEXT})
async def test_connection(parts: InParts, caller: Caller, place: InPlace) -> Response:
    """Whether the storage answers; a failure says what to mend."""
    return text_answer(f"{await parts.objects.reach(caller, place.at(''))} answers")


@router.get(f"{_HELPERS}/load_file_metadata", response_class=Response, responses={200: returns(FileMetadata)})
async def metadata(parts: InParts, caller: Caller, place: InPlace, file_key: Key) -> Response:
    """What there is to know of the object."""
    info = await parts.objects.head(caller, place.at(file_key))
    attributes = info.attributes or NO_ATTRIBUTES
    return json_answer(
        FileMetadata(
            mime_type=attributes.content_type or DEFAULT_TYPE,
            size_in_bytes=info.size_bytes,
            last_modified=info.modified_at,
            etag=info.etag or UNSET,
            metadata=dict(attributes.metadata) or UNSET,
        )
    )
