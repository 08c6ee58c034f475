"""An object that is looked at: which one a request names, what it is, and its first bytes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Query

from tidemill.model.object_address import Address, named
from tidemill.previews.kinds import HEAD_BYTES, Look, look
from tidemill.server.objects.ranged import RangedObject
from tidemill.server.parts import Caller, Parts

_RESOURCE: Final = "$res:"


@dataclass(frozen=True, slots=True)
class Seen:
    """The object while it is open, and what its first bytes tell."""

    object: RangedObject
    look: Look
    head: bytes


async def place_of(
    storage: Annotated[str, Query(description="A storage of the workspace; the default one without it.")] = "",
    s3_resource_path: Annotated[str, Query(description="A resource whose bucket is meant instead.")] = "",
) -> Address:
    """Where a request looks, without the key."""
    if s3_resource_path:
        return Address(resource=s3_resource_path.removeprefix(_RESOURCE))
    return Address(named(storage))


Place = Annotated[Address, Depends(place_of)]


@asynccontextmanager
async def looking(parts: Parts, caller: Caller, at: Address) -> AsyncIterator[Seen]:
    """The object with this address, which `caller` must be allowed to read."""
    async with parts.objects.ranged(caller, at) as found:
        head = await found.read(0, HEAD_BYTES)
        declared = found.info.attributes.content_type if found.info.attributes else ""
        yield Seen(found, look(at.key, content_type=declared, head=head), head)
