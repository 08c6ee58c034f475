"""`tidemill s3 cp`: copies objects and files."""

from typing import Annotated

import typer

from tidemill.cli.connection import Token, Url, Workspace
from tidemill.cli.output import DataDir, Json
from tidemill.cli.s3.endpoint import Endpoint
from tidemill.cli.s3.filters import Exclude, Filter, Include
from tidemill.cli.s3.items import Item, folder, item_of, items_of
from tidemill.cli.s3.options import PARALLEL, DryRun, Parallel, Quiet, Recursive, on_endpoint
from tidemill.cli.s3.places import Local, Pipe, Place, Side, local_errors, read_place, target_of
from tidemill.cli.s3.progress import meter
from tidemill.cli.s3.report import Report
from tidemill.cli.s3.transfers import Transfer, Transfers, plan
from tidemill.model.errors import BadRequest
from tidemill.model.object_address import Address


def cp(
    source: Annotated[str, typer.Argument(help="s3://storage/key, s3:///key, a path, or - for standard input.")],
    target: Annotated[str, typer.Argument(help="The same; - is standard output. With a slash at its end a folder.")],
    *,
    recursive: Recursive = False,
    include: Include = None,
    exclude: Exclude = None,
    content_type: Annotated[str, typer.Option(help="Content type of what is uploaded; guessed otherwise.")] = "",
    dry_run: DryRun = False,
    parallel: Parallel = PARALLEL,
    quiet: Quiet = False,
    url: Url = None,
    token: Token = None,
    workspace: Workspace = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Copy objects and files: up, down, or from one storage to another, which no byte leaves the server for.

    Large files go in parts, several at once; the same command again goes on where it was broken off. A download is in
    place when it is whole. Exit code 1 when something failed; the others are done nevertheless.
    """
    places = read_place(source), read_place(target)
    report = Report(as_json, quiet=quiet, dry_run=dry_run)
    wanted = Filter(include, exclude)

    async def work(endpoint: Endpoint) -> None:
        with meter(shown=report.is_watched) as progress:
            transfers = Transfers(endpoint, report, progress, lanes=parallel, content_type=content_type)
            match places:
                case (Pipe(), _) | (_, Pipe()):
                    await _pipe(transfers, *places)
                case (Address() | Local() as source_side, Address() | Local() as target_side) if recursive:
                    source_side, target_side = folder(source_side), folder(target_side)
                    marks = isinstance(target_side, Address)
                    found = [item async for item in items_of(endpoint, source_side, wanted, marks=marks)]
                    planned = plan(source_side, target_side, found, report)
                    progress.expect(len(planned), sum(each.item.size_bytes for each in planned))
                    await transfers.carry_out(planned)
                case source_side, target_side:
                    await _one(endpoint, transfers, source_side, target_side)

    on_endpoint(work, url=url, token=token, workspace=workspace, data_dir=data_dir)
    if not any(isinstance(place, Pipe) for place in places):
        report.end()


async def _pipe(transfers: Transfers, source: Place, target: Place) -> None:
    """Standard input into an object, or an object to standard output."""
    match source, target:
        case Pipe(), Address():
            if not target.key or target.key.endswith("/"):
                raise BadRequest(f"Say the whole key: standard input has no name to put below {target}.")
            await transfers.uploader.pipe(target)
        case Address(), Pipe():
            await transfers.downloader.pipe(source)
        case _:
            raise BadRequest("One of the two must be the address of an object (s3://…) where the other is -.")


async def _one(endpoint: Endpoint, transfers: Transfers, source: Side, target: Side) -> None:
    """A single object or file, whose errors are those of the command."""
    if isinstance(source, Local) and isinstance(target, Local):
        raise BadRequest("One of the two must be the address of an object (s3://storage/key).")
    item = await _item_of(endpoint, source)
    whole = target_of(item.name, target)
    place = whole.path if isinstance(whole, Local) else whole
    transfer = Transfer(source.path if isinstance(source, Local) else source, place, item)
    await transfers.alone(transfer)


async def _item_of(endpoint: Endpoint, source: Side) -> Item:
    """What a single source is; its name is the last part of its path or key.

    Raises:
        BadRequest: it is a folder.
        NotFound: there is no such object.
    """
    if isinstance(source, Local):
        with local_errors(source.path):
            found = source.path.stat()
        if source.path.is_dir():
            raise BadRequest(f"{source.path} is a folder: say --recursive.")
        return item_of(source.path.name, found)
    if not source.key or source.key.endswith("/"):
        raise BadRequest(f"{source} is a folder: say --recursive.")
    info = await (await endpoint.store(source)).head(source.key)
    name = source.key.rpartition("/")[2]
    return Item(name=name, size_bytes=info.size_bytes, modified_at=info.modified_at, etag=info.etag)
