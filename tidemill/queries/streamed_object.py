"""Where the result of a script that streams goes: the object's key, and JSON Lines for what has no columns."""

import time
from collections.abc import AsyncIterable
from typing import Final

from tidemill.engine.script_head import Streamed
from tidemill.model.errors import Unsupported
from tidemill.model.ids import new_id
from tidemill.queries.port import Host, Query

DEFAULT_FOLDER: Final = "wmill_datalake"


def object_key(prefix: str, query: Query, host: Host, *, extension: str) -> str:
    """`<prefix>/<job>.<extension>`; without a prefix below the path of the script, or of whoever runs a preview."""
    name = query.job_id or str(new_id(time.time_ns() // 1_000_000))
    _, _, actor = host.identity.partition("/")
    folder = prefix.strip("/") or f"{DEFAULT_FOLDER}/{query.path.strip('/') or actor}/{name}"
    return f"{folder}/{name}.{extension}"


async def upload(lines: AsyncIterable[bytes], streamed: Streamed, query: Query, host: Host) -> bytes:
    """Write JSON Lines to the object; its pointer. If `lines` raises, nothing is left.

    Raises:
        Unsupported: another format is asked for.
    """
    if streamed.format != "json":
        raise Unsupported(f"{query.language} streams JSON Lines only: write format=json, or leave it out.")
    key = object_key(streamed.prefix, query, host, extension="json")
    return await host.upload(lines, key=key, storage=streamed.storage, content_type="application/x-ndjson")
