"""Options that the commands of `tidemill s3` share, and how each of them runs."""

import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import typer

from tidemill.cli.connection import find_server
from tidemill.cli.event_loop import run
from tidemill.cli.output import stderr
from tidemill.cli.s3.endpoint import Endpoint

Recursive = Annotated[bool, typer.Option("--recursive", "-r", help="Everything below it.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
Parallel = Annotated[int, typer.Option(min=1, max=64, help="Requests with bytes that are under way at once.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No bar and no lines, only what fails.")]

PARALLEL: Final = 8
_INTERRUPTED: Final = 130

T = TypeVar("T")


def on_endpoint(
    work: Callable[[Endpoint], Coroutine[Any, Any, T]],
    *,
    url: str | None,
    token: str | None,
    workspace: str | None,
    data_dir: Path | None,
) -> T:
    """What `work` gives, on the endpoint of the server that the options name. Ctrl-C ends with 130."""
    server = find_server(url=url, token=token, workspace=workspace, data_dir=data_dir)

    async def main() -> T:
        async with Endpoint(server) as endpoint:
            return await work(endpoint)

    try:
        return run(main())
    except KeyboardInterrupt:
        stderr.print("interrupted; the same command goes on with uploads in parts where they were")
        sys.exit(_INTERRUPTED)
