"""Many objects at once, and from one storage to another: copy, and remove with news of how far it is."""

from collections.abc import AsyncIterator
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends
from starlette.responses import Response, StreamingResponse

from tidemill.model.errors import BadRequest, TidemillError
from tidemill.model.identity import Principal
from tidemill.model.object_address import Address, named
from tidemill.server.objects.asked import Place
from tidemill.server.objects.service import Objects
from tidemill.server.parts import Caller, InParts
from tidemill.server.routes.job_helpers import InPlace
from tidemill.server.watchful_route import WatchfulRoute
from tidemill.server.wire import ERRORS, accepts, json_answer, json_body, returns
from tidemill.stores.objects.port import ALWAYS, CREATE, PAGE

router = APIRouter(tags=["helpers"], responses=ERRORS, route_class=WatchfulRoute)

_HELPERS: Final = "/api/w/{workspace}/job_helpers"
MOST_KEYS: Final = 100_000
_MOST_TOLD: Final = 100
"""Failures that one piece of news names."""


class ToCopy(msgspec.Struct):
    """From where to where; `create_only`: only where there is nothing yet."""

    src_file_key: str
    dest_file_key: str
    src_storage: str = ""
    dest_storage: str = ""
    create_only: bool = False


class Copied(msgspec.Struct):
    """The object that was made."""

    file_key: str
    size_in_bytes: int
    etag: str


class ToDelete(msgspec.Struct):
    """Keys, or a prefix: everything below it."""

    file_keys: list[str] | None = None
    prefix: str | None = None


class Failure(msgspec.Struct):
    """An object that is still there, and why."""

    file_key: str
    code: str
    message: str


class Progress(msgspec.Struct):
    """How far it is. `failures` are new ones, at most 100 at a time; `failed` counts all. The last one is `done`."""

    deleted: int
    failed: int
    failures: list[Failure]
    done: bool = False


NEWS: Final = {
    "description": "A line of JSON for each piece of news.",
    "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
}


@router.post(
    f"{_HELPERS}/copy_s3_file",
    response_class=Response,
    responses={200: returns(Copied)},
    openapi_extra=accepts(ToCopy),
)
async def copy(parts: InParts, caller: Caller, body: Annotated[ToCopy, Depends(json_body(ToCopy))]) -> Response:
    """Copy an object, also to another storage, without bringing its bytes to the caller."""
    source = Address(named(body.src_storage), body.src_file_key)
    target = Address(named(body.dest_storage), body.dest_file_key)
    info = await parts.objects.copy(caller, source, target, condition=CREATE if body.create_only else ALWAYS)
    return json_answer(Copied(target.key, info.size_bytes, info.etag))


@router.post(
    f"{_HELPERS}/delete_s3_files", response_class=Response, responses={200: NEWS}, openapi_extra=accepts(ToDelete)
)
async def delete_many(
    parts: InParts, caller: Caller, place: InPlace, body: Annotated[ToDelete, Depends(json_body(ToDelete))]
) -> Response:
    """Remove objects, a thousand at a time. Breaking off leaves what was not removed yet."""
    if (body.file_keys is None) == (body.prefix is None):
        raise BadRequest("Say which objects: file_keys, or a prefix.")
    keys = body.file_keys
    if keys is not None and len(keys) > MOST_KEYS:
        raise BadRequest(f"At most {MOST_KEYS} keys go into one request, not {len(keys)}: send more requests.")
    pages = _pages(keys) if keys is not None else _below(parts.objects, caller, place, body.prefix or "")
    batches = _delete(parts.objects, caller, place, pages)
    first = await anext(batches)  # what is wrong with the whole request is told by its status
    return StreamingResponse(_news(first, batches), media_type="application/x-ndjson")


async def _pages(keys: list[str]) -> AsyncIterator[list[str]]:
    for start in range(0, len(keys), PAGE):
        yield keys[start : start + PAGE]


async def _below(objects: Objects, caller: Principal, place: Place, prefix: str) -> AsyncIterator[list[str]]:
    """All keys below a prefix that the caller may list."""
    after = ""
    while True:
        page = await objects.scan(caller, place.at(prefix), after=after)
        if page.entries:
            yield [each.key for each in page.entries]
        if not page.marker:
            return
        after = page.marker


async def _delete(
    objects: Objects, caller: Principal, place: Place, pages: AsyncIterator[list[str]]
) -> AsyncIterator[Progress]:
    deleted = failed = 0
    async for page in pages:
        failures = [
            Failure(key, getattr(error, "code", "internal"), str(error))
            for key, error in (await objects.delete_many(caller, place.at(""), page)).items()
        ]
        deleted, failed = deleted + len(page) - len(failures), failed + len(failures)
        yield Progress(deleted, failed, failures[:_MOST_TOLD])
    yield Progress(deleted, failed, [], done=True)


async def _news(first: Progress, batches: AsyncIterator[Progress]) -> AsyncIterator[bytes]:
    last = first
    yield _line(first)
    try:
        async for last in batches:
            yield _line(last)
    except TidemillError as error:  # the status is out already: the last line says what ended it
        yield _line(Progress(last.deleted, last.failed, [Failure("", error.code, str(error))]))


def _line(news: Progress) -> bytes:
    return msgspec.json.encode(news) + b"\n"
