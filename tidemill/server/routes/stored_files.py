"""Lists of objects as Windmill's clients ask for them: all keys by marker, or folder by folder."""

from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Query
from msgspec import UNSET, UnsetType
from starlette.responses import Response

from tidemill.model.errors import NotFound
from tidemill.model.identity import Principal
from tidemill.server.objects.asked import Place
from tidemill.server.objects.service import Objects
from tidemill.server.parts import Caller, InParts
from tidemill.server.routes.job_helpers import InPlace, Key
from tidemill.server.watchful_route import WatchfulRoute
from tidemill.server.wire import ERRORS, json_answer, returns
from tidemill.stores.objects.port import PAGE, Folder, ObjectInfo

router = APIRouter(tags=["helpers"], responses=ERRORS, route_class=WatchfulRoute)

_HELPERS: Final = "/api/w/{workspace}/job_helpers"
_MOST_SEARCHED: Final = 20
"""Pages that one request looks through for keys with a text in them."""

MaxKeys = Annotated[int, Query(ge=1, le=PAGE)]
Prefix = Annotated[str, Query(max_length=1024, description="What the keys start with.")]


class LargeFile(msgspec.Struct):
    """The key of an object."""

    s3: str


class StoredFiles(msgspec.Struct):
    """A page. Go on with `next_marker` as `marker`, also where the page is short; without one there are no more.

    `restricted_access`: something was left out that the caller may not list.
    """

    windmill_large_files: list[LargeFile]
    restricted_access: bool
    next_marker: str | UnsetType = UNSET


class StoredFolder(msgspec.Struct):
    """All keys that start with `prefix`; `name` is what is behind the prefix of the list."""

    prefix: str
    name: str


class StoredFile(msgspec.Struct):
    """An object; `name` is its key behind the prefix of the list."""

    key: str
    name: str
    size: int
    last_modified: str


class StoredPage(msgspec.Struct):
    """One page of a folder. Go on with `next_page_token`; without one there are no more."""

    folders: list[StoredFolder]
    files: list[StoredFile]
    restricted_access: bool
    next_page_token: str | UnsetType = UNSET


class FolderExists(msgspec.Struct):
    """Whether something is there, and whether it is a folder: keys that start with it and a slash."""

    exists: bool
    is_folder: bool


@router.get(f"{_HELPERS}/list_stored_files", response_class=Response, responses={200: returns(StoredFiles)})
async def list_files(
    parts: InParts,
    caller: Caller,
    place: InPlace,
    max_keys: MaxKeys,
    marker: Annotated[str, Query(max_length=4096)] = "",
    prefix: Prefix = "",
    search: Annotated[str, Query(max_length=1024, description="A text that the keys hold, case aside.")] = "",
) -> Response:
    """Keys below a prefix, at any depth."""
    found: list[str] = []
    restricted = False
    for _ in range(_MOST_SEARCHED if search else 1):
        asked = PAGE if search else max_keys
        page = await parts.objects.scan(caller, place.at(prefix), after=marker, limit=asked)
        marker, restricted = page.marker, restricted or page.restricted
        for entry in page.entries:
            if search.casefold() in entry.key.casefold():
                found.append(entry.key)
            if len(found) == max_keys:
                marker = entry.key if entry is not page.entries[-1] else marker
                break
        if len(found) == max_keys or not marker:
            break
    return json_answer(StoredFiles([LargeFile(key) for key in found], restricted, marker or UNSET))


@router.get(f"{_HELPERS}/list_stored_files_paged", response_class=Response, responses={200: returns(StoredPage)})
async def list_folder(
    parts: InParts,
    caller: Caller,
    place: InPlace,
    prefix: Prefix = "",
    max_keys: MaxKeys = 100,
    page_token: Annotated[str, Query(max_length=4096)] = "",
) -> Response:
    """What is directly below a prefix: folders and objects."""
    page = await parts.objects.scan_folder(caller, place.at(prefix), after=page_token, limit=max_keys)
    folders = [
        StoredFolder(each.prefix, each.prefix[len(prefix) :].rstrip("/"))
        for each in page.entries
        if isinstance(each, Folder)
    ]
    files = [_file(each, prefix) for each in page.entries if isinstance(each, ObjectInfo)]
    return json_answer(StoredPage(folders, files, page.restricted, page.marker or UNSET))


@router.get(f"{_HELPERS}/check_s3_folder_exists", response_class=Response, responses={200: returns(FolderExists)})
async def folder_exists(
    parts: InParts,
    caller: Caller,
    place: InPlace,
    file_key: Key,
    marker_file: Annotated[str, Query(description="A key in the folder that must be there for it to count.")] = "",
) -> Response:
    """Whether there is an object or a folder of this name."""
    folder = file_key if file_key.endswith("/") else f"{file_key}/"
    if marker_file:
        is_folder = await _is_there(parts.objects, caller, place, folder + marker_file)
    else:
        is_folder = bool((await parts.objects.scan(caller, place.at(folder), limit=1)).entries)
    is_object = not is_folder and await _is_there(parts.objects, caller, place, file_key)
    return json_answer(FolderExists(exists=is_folder or is_object, is_folder=is_folder))


def _file(info: ObjectInfo, prefix: str) -> StoredFile:
    return StoredFile(info.key, info.key[len(prefix) :], info.size_bytes, info.modified_at.isoformat())


async def _is_there(objects: Objects, caller: Principal, place: Place, key: str) -> bool:
    try:
        await objects.head(caller, place.at(key))
    except NotFound:
        return False
    return True
