"""Which sources of somebody's files a job imports in the place of what is deployed: `temp_script_refs` on the wire."""

import re
from typing import Final

import msgspec

from tidemill.db import local_sources
from tidemill.model.errors import BadRequest
from tidemill.model.identity import Principal
from tidemill.model.path import parse_path
from tidemill.server.parts import Parts

LOCAL_SOURCES: Final = "local_sources"
"""What the options of a job call them."""
_MOST: Final = 1000
_HASH: Final = re.compile(r"[0-9a-f]{64}")


async def options_for(parts: Parts, caller: Principal, refs: msgspec.Raw) -> dict[str, object]:
    """The options of a job with `refs`, path -> hash of a source; {} where there are none.

    Raises:
        BadRequest: they are no such thing, or the caller has not stored one of them.
    """
    try:
        found = msgspec.json.decode(refs, type=dict[str, str] | None) or {}
    except msgspec.ValidationError as error:
        raise BadRequest(f"temp_script_refs must be an object of hashes by their paths: {error}.") from error
    if not found:
        return {}
    if len(found) > _MOST or not all(_HASH.fullmatch(each) for each in found.values()):
        raise BadRequest(f"temp_script_refs must name at most {_MOST} sources by their SHA-256.")
    for path in found:
        parse_path(path)
    absent = await local_sources.absent(parts.database.single, caller, set(found.values()))
    if absent:
        path = next(path for path, digest in found.items() if digest in absent)
        raise BadRequest(f"The source of '{path}' is not stored, or not any more: send it to scripts/raw_temp/store.")
    return {LOCAL_SOURCES: found}
