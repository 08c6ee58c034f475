"""`tidemill s3 explain`: why somebody may do something with an object, or may not."""

import sys
from typing import Annotated, Any

import typer

from tidemill.cli.connection import Token, Url, Workspace
from tidemill.cli.output import DataDir, Json, emit, write_line
from tidemill.cli.s3.endpoint import Endpoint
from tidemill.cli.s3.options import on_endpoint
from tidemill.cli.s3.places import read_address
from tidemill.engine.object_rules import Access


def explain(
    address: Annotated[str, typer.Argument(help="s3://storage/key; the object need not be there.")],
    action: Annotated[list[Access] | None, typer.Option(help="What for; may be given again. All, unless said.")] = None,
    user: Annotated[str | None, typer.Option(help="Username of another member; for admins.")] = None,
    url: Url = None,
    token: Token = None,
    workspace: Workspace = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Say which rule of the storage decides, and how. Exit code 1 where something that was asked for is not allowed."""
    at = read_address(address)

    async def work(endpoint: Endpoint) -> list[dict[str, Any]]:
        return [
            {"action": each.value, **await endpoint.explain(at, action=each, username=user)}
            for each in action or list(Access)
        ]

    found = on_endpoint(work, url=url, token=token, workspace=workspace, data_dir=data_dir)
    if as_json:
        emit(found)
    else:
        for each in found:
            write_line(f"{each['action']}: {'yes' if each['allowed'] else 'no'}. {each['reason']}")
    sys.exit(0 if not action or all(each["allowed"] for each in found) else 1)
