"""Where the result of a script that streams goes: the object's key, and the formats of what has no columns."""

import uuid
from collections.abc import AsyncIterable

from tidemill.engine.script_head import Streamed
from tidemill.model.errors import Unsupported
from tidemill.queries.port import Host, Query

DEFAULT_FOLDER = "wmill_datalake"


async def upload(lines: AsyncIterable[bytes], streamed: Streamed, query: Query, host: Host) -> bytes:
    """Write JSON Lines to the object; its pointer. If `lines` raises, nothing is left.

    Raises:
        Unsupported: another format is asked for.
    """
    if streamed.format != "json":
        raise Unsupported(f"{query.language} streams JSON Lines only: write format=json, or leave it out.")
    name = query.job_id or str(uuid.uuid4())
    prefix = streamed.prefix.strip("/") or f"{DEFAULT_FOLDER}/{query.path or 'inline'}/{name}"
    key = f"{prefix}/{name}.json"
    return await host.upload(lines, key=key, storage=streamed.storage, content_type="application/x-ndjson")
