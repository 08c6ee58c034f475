"""`tidemill s3 presign`: an address under which anybody reaches an object for a while."""

import re
from typing import Annotated, Final

import typer

from tidemill.cli.connection import Token, Url, Workspace
from tidemill.cli.output import DataDir, Json, emit, write_line
from tidemill.cli.s3.endpoint import Endpoint
from tidemill.cli.s3.options import on_endpoint
from tidemill.cli.s3.places import read_address
from tidemill.engine.sigv4 import MAX_EXPIRES_S
from tidemill.model.errors import BadRequest

_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def presign(
    address: Annotated[str, typer.Argument(help="s3://storage/key")],
    expires: Annotated[str, typer.Option(help="For how long: 30m, 12h, 7d (the most).")] = "1h",
    put: Annotated[bool, typer.Option("--put", help="To upload it with PUT, instead of to read it.")] = False,
    url: Url = None,
    token: Token = None,
    workspace: Workspace = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Print an address that reads the object without a token, whether it is there yet or not.

    It acts as you, under the rules of the storage, and dies with your token.
    """
    at, expires_s = read_address(address), _seconds(expires)

    async def work(endpoint: Endpoint) -> str:
        store = await endpoint.store(at)
        return await store.sign("PUT" if put else "GET", at.key, expires_s=expires_s)

    signed = on_endpoint(work, url=url, token=token, workspace=workspace, data_dir=data_dir)
    if as_json:
        emit({"url": signed, "method": "PUT" if put else "GET", "expires_s": expires_s})
    else:
        write_line(signed)


def _seconds(text: str) -> int:
    found = re.fullmatch(r"(\d{1,9})([smhd]?)", text)
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    if not 1 <= seconds <= MAX_EXPIRES_S:
        raise BadRequest(f"--expires {text!r} is not a time of at most 7 days, such as 30m, 12h or 7d.")
    return seconds
