"""What the routes of the explorer share: the database of a resource, for whoever asks."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from starlette.responses import Response

from tidemill.model.identity import Principal
from tidemill.queries.explorer import explorer_of
from tidemill.queries.explorer.port import Explorer
from tidemill.server.inline import inline_host
from tidemill.server.objects.fencing import require_lease
from tidemill.server.parts import Parts
from tidemill.server.wire import accepts, returns


class WhichDatabase(msgspec.Struct):
    """A database: the path of its resource."""

    resource: str


def answers(wanted: Any, asked: type) -> dict[str, Any]:
    """What a route says of its body and its answer."""
    return {"response_class": Response, "responses": {200: returns(wanted)}, "openapi_extra": accepts(asked)}


@asynccontextmanager
async def explorer_for(parts: Parts, caller: Principal, resource: str) -> AsyncIterator[Explorer]:
    """The database of a resource. At the end of the block its reading is on record.

    Raises:
        InterpolationFailed: it is not there, or the caller may not read it.
        LeaseLost: the caller is a job that was given to another attempt.
    """
    await require_lease(parts.database, caller)
    async with inline_host(parts, caller) as host:
        yield explorer_of(parts.queries, await host.resource(resource), host.identity)


def plain(resource: str) -> str:
    """The path that a resource is named by."""
    return resource.removeprefix("$res:")
