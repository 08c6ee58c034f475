"""Which object the query of a request is about, in the words of Windmill's clients."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Query

from tidemill.model.errors import BadRequest
from tidemill.model.object_address import Address, named


@dataclass(frozen=True, slots=True)
class Place:
    """Where objects are: a storage of the workspace, or the bucket of a resource."""

    storage: str = ""
    resource: str = ""

    def at(self, key: str) -> Address:
        """The object `key` there."""
        return Address(self.storage, key, self.resource)


async def place_asked(
    storage: Annotated[str, Query(description="The name of a storage; nothing or _default_ for the default one.")] = "",
    s3_resource_path: Annotated[str, Query(description="A resource whose bucket is meant instead of a storage.")] = "",
    resource_type: Annotated[str, Query(description="Taken and not needed: the resource itself tells.")] = "",
) -> Place:
    """The place that a query names.

    Raises:
        BadRequest: it names two.
    """
    del resource_type
    resource = s3_resource_path.removeprefix("$res:").removeprefix("res://")
    if resource and named(storage):
        raise BadRequest("Name a storage or a resource (s3_resource_path), not both: they are different buckets.")
    return Place("" if resource else named(storage), resource)
