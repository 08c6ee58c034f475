"""`tidemill s3 ls`: lists storages, folders and objects."""

from typing import Annotated, Any

import typer

from tidemill.cli.connection import Token, Url, Workspace
from tidemill.cli.output import DataDir, Json, emit, show_table
from tidemill.cli.s3.endpoint import Endpoint
from tidemill.cli.s3.options import Recursive, on_endpoint
from tidemill.cli.s3.places import read_address
from tidemill.cli.s3.report import size_text
from tidemill.model.object_address import Address
from tidemill.stores.objects.port import PAGE, Folder, ObjectInfo


def ls(
    address: Annotated[str, typer.Argument(help="s3://storage/prefix, or nothing for all storages.")] = "",
    recursive: Recursive = False,
    human: Annotated[bool, typer.Option("--human", "-h", help="Sizes as 1.5 MiB.")] = False,
    url: Url = None,
    token: Token = None,
    workspace: Workspace = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List the storages of the workspace, or what keys there are with a prefix: a folder with a slash at its end.

    Only what one may list is there. Times are UTC.
    """
    at = read_address(address) if address else None

    async def work(endpoint: Endpoint) -> list[dict[str, Any]]:
        if at is None:
            return await endpoint.storages()
        return [_entry(each) for each in await _list(endpoint, at, recursive=recursive)]

    found = on_endpoint(work, url=url, token=token, workspace=workspace, data_dir=data_dir)
    if as_json:
        emit(found)
    elif at is None:
        show_table(("storage", "kind"), [(each["name"], each["kind"]) for each in found])
    else:
        show_table(("modified", "size", "key"), [_cells(each, human=human) for each in found])


async def _list(endpoint: Endpoint, at: Address, *, recursive: bool) -> list[ObjectInfo | Folder]:
    store = await endpoint.store(at)
    found: list[ObjectInfo | Folder] = []
    after = ""
    while True:
        page: list[ObjectInfo | Folder] = []
        page += await (store.scan if recursive else store.scan_folder)(at.key, after=after)
        found += page
        if len(page) < PAGE:
            return found
        last = page[-1]
        after = last.prefix if isinstance(last, Folder) else last.key


def _entry(each: ObjectInfo | Folder) -> dict[str, Any]:
    if isinstance(each, Folder):
        return {"prefix": each.prefix}
    return {
        "key": each.key,
        "size_bytes": each.size_bytes,
        "modified_at": each.modified_at.isoformat(),
        "etag": each.etag,
    }


def _cells(entry: dict[str, Any], *, human: bool) -> tuple[object, ...]:
    if "prefix" in entry:
        return None, None, entry["prefix"]
    size = entry["size_bytes"]
    return entry["modified_at"][:19].replace("T", " "), size_text(size) if human else size, entry["key"]
