"""`tidemill s3 sync`: makes one side like the other, moving only what differs."""

from pathlib import Path
from typing import Annotated

import typer

from tidemill.cli.connection import Token, Url, Workspace
from tidemill.cli.output import DataDir, Json
from tidemill.cli.s3.differences import Differences, differences
from tidemill.cli.s3.endpoint import Endpoint
from tidemill.cli.s3.filters import Exclude, Filter, Include
from tidemill.cli.s3.items import folder, items_of
from tidemill.cli.s3.options import PARALLEL, DryRun, Parallel, Quiet, on_endpoint
from tidemill.cli.s3.places import Local, Pipe, Side, read_place
from tidemill.cli.s3.progress import meter
from tidemill.cli.s3.report import Report
from tidemill.cli.s3.transfers import Transfers, plan
from tidemill.model.errors import BadRequest


def sync(
    source: Annotated[str, typer.Argument(help="A folder: s3://storage/prefix/, s3:///, or a path.")],
    target: Annotated[str, typer.Argument(help="The same.")],
    *,
    delete: Annotated[bool, typer.Option("--delete", help="Remove from the target what the source lacks.")] = False,
    checksum: Annotated[
        bool, typer.Option("--checksum", help="Compare by ETag (MD5) instead of by time; reads files of equal size.")
    ] = False,
    include: Include = None,
    exclude: Exclude = None,
    dry_run: DryRun = False,
    parallel: Parallel = PARALLEL,
    quiet: Quiet = False,
    url: Url = None,
    token: Token = None,
    workspace: Workspace = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Copy what is new or differs: in size, or written later at the source than at the target.

    --include and --exclude bound --delete too: what they leave out is neither copied nor removed. Where something could
    not be copied, nothing is removed.
    """
    sides = _side(source), _side(target)
    if all(isinstance(side, Local) for side in sides):
        raise BadRequest("One of the two must be an address (s3://storage/prefix/).")
    report = Report(as_json, quiet=quiet, dry_run=dry_run)
    wanted = Filter(include, exclude)

    async def work(endpoint: Endpoint) -> None:
        found = await _compare(endpoint, *sides, wanted=wanted, checksum=checksum)
        report.unchanged = found.unchanged
        planned = plan(*sides, found.missing, report)
        with meter(shown=report.is_watched) as progress:
            transfers = Transfers(endpoint, report, progress, lanes=parallel)
            progress.expect(len(planned), sum(each.item.size_bytes for each in planned))
            await transfers.carry_out(planned)
            if delete and not report.failed:
                await transfers.delete(sides[1], found.extra)

    on_endpoint(work, url=url, token=token, workspace=workspace, data_dir=data_dir)
    report.end()


async def _compare(endpoint: Endpoint, source: Side, target: Side, *, wanted: Filter, checksum: bool) -> Differences:
    is_new = isinstance(target, Local) and not target.path.exists()
    marks = not (isinstance(source, Local) or isinstance(target, Local))
    there = {} if is_new else {item.name: item async for item in items_of(endpoint, target, wanted, marks=marks)}
    here = [item async for item in items_of(endpoint, source, wanted, marks=marks)]
    folders = (_files(source), _files(target))
    return differences(here, there, checksum_in=folders if checksum else None)


def _files(side: Side) -> Path | None:
    return side.path if isinstance(side, Local) else None


def _side(text: str) -> Side:
    place = read_place(text)
    if isinstance(place, Pipe):
        raise BadRequest("sync goes from folder to folder: - is no folder.")
    return folder(place)
