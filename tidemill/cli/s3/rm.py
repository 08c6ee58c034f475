"""`tidemill s3 rm`: removes objects."""

from typing import Annotated

import typer

from tidemill.cli.connection import Token, Url, Workspace
from tidemill.cli.output import DataDir, Json
from tidemill.cli.s3.endpoint import Endpoint
from tidemill.cli.s3.filters import Exclude, Filter, Include
from tidemill.cli.s3.items import objects_below, prefix_of
from tidemill.cli.s3.options import DryRun, Quiet, Recursive, on_endpoint
from tidemill.cli.s3.places import read_address
from tidemill.cli.s3.progress import meter
from tidemill.cli.s3.report import Report
from tidemill.cli.s3.transfers import Transfers
from tidemill.model.errors import BadRequest


def rm(
    address: Annotated[str, typer.Argument(help="s3://storage/key; with --recursive a folder.")],
    recursive: Recursive = False,
    include: Include = None,
    exclude: Exclude = None,
    dry_run: DryRun = False,
    sure: Annotated[bool, typer.Option("--yes", help="Also where it is the whole storage.")] = False,
    quiet: Quiet = False,
    url: Url = None,
    token: Token = None,
    workspace: Workspace = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Remove an object, or everything below a folder, for good; fine where there is none.

    Exit code 1 when something is still there.
    """
    at = read_address(address)
    if not recursive and (not at.key or at.key.endswith("/")):
        raise BadRequest(f"{at} is a folder: say --recursive.")
    if recursive and not at.key and not (sure or dry_run):
        raise BadRequest(f"{at} is the whole storage: say --yes.")
    report = Report(as_json, quiet=quiet, dry_run=dry_run)
    wanted = Filter(include, exclude)

    async def work(endpoint: Endpoint) -> None:
        with meter(shown=False) as progress:
            transfers = Transfers(endpoint, report, progress, lanes=1)
            if not recursive:
                await transfers.delete(at.at(""), [at.key])
                return
            below = prefix_of(at)
            store = await endpoint.store(at)
            await transfers.delete(below, [item.name async for item in objects_below(store, below.key, wanted)])

    on_endpoint(work, url=url, token=token, workspace=workspace, data_dir=data_dir)
    report.end()
